"""`zhuomu bench handsets`: a city's handsets in step, cold and after a broker's death, beside the floor."""

import json
import logging
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import structlog
import typer
from rich.console import Console
from rich.table import Table

from bench.handsets import certificates, crowd, orders
from bench.handsets.absent import DEVICE, ORDERS, absent
from bench.handsets.crowd import FILES_MAX, Way
from bench.handsets.processes import Centre
from bench.machine import machine, versions
from bench.processes import NotThere, mosquitto
from edge.link import Broker

COUNTS, QUICK = "1400,14000", "60,300"
TLS, QUICK_TLS = 1400, 100
PACKAGES = ("zhuomu", "paho-mqtt", "SQLAlchemy", "msgspec", "cryptography")
NOTE = "each a crew of its own; cold: all ask at once, empty books; storm: broker SIGKILLed, away 2 s, 0-2 s jitter"


def handsets(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Few handsets, once each: under five minutes.")] = False,
    counts: Annotated[str, typer.Option(help=f"How many handsets, as 200,1400; none: {COUNTS}, quick {QUICK}.")] = "",
    orders_each: Annotated[int, typer.Option(min=1, max=500, help="Open orders of each.")] = 20,
    repeats: Annotated[int, typer.Option(min=0, max=50, help="Of floor and cold sync; 0: 3, quick 1.")] = 0,
    tls: Annotated[
        int, typer.Option(min=-1, help="Handsets of the storm with certificates; 0 none, -1 as usual.")
    ] = -1,
) -> None:
    """Cold sync, broker storm, floor, TLS with certificates, a week offline. 处置通同步性能。"""
    try:
        numbers = _numbers(counts or (QUICK if quick else COUNTS))
        logging.disable(logging.ERROR)
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
        storm_tls = (QUICK_TLS if quick else TLS) if tls < 0 else tls
        _room_for(max(*numbers, storm_tls))
        report = measured(numbers, orders_each, repeats or (1 if quick else 3), storm_tls)
    except (NotThere, OSError, ValueError) as error:
        sys.stderr.write(f"error: {error}\n")
        raise typer.Exit(2) from error
    if as_json:
        sys.stdout.write(json.dumps(report, ensure_ascii=False) + "\n")
    else:
        Console().print(table(report))


def measured(numbers: Sequence[int], orders_each: int, repeats: int, tls: int) -> dict[str, Any]:
    """The whole report; each number of handsets has a centre of its own."""
    report: dict[str, Any] = {"machine": machine(), "versions": versions(*PACKAGES) | {"mosquitto": _mosquitto()}}
    report |= {"note": NOTE, "orders_each": orders_each, "repeats": repeats}
    report |= {name: {} for name in ("cold_sync_s", "storm_s", "floor_s", "ratio", "detail")}
    for number in numbers:
        row = _in_folder(lambda folder, n=number: one(folder, n, orders_each, repeats))  # type: ignore[misc]
        report["detail"][str(number)] = row
        report["cold_sync_s"][str(number)] = cold_s = _median(row["cold"])
        report["floor_s"][str(number)] = floor_s = _median(row["floor"])
        report["storm_s"][str(number)] = row["storm"]["s"]
        report["ratio"][str(number)] = round(cold_s / floor_s, 2) if cold_s and floor_s else None
    report["tls"] = _in_folder(lambda folder: with_tls(folder, tls, orders_each)) if tls else None
    report["week_offline"] = _in_folder(a_week)
    return report


def one(folder: Path, number: int, orders_each: int, repeats: int) -> dict[str, Any]:
    """Floor and cold sync in turn, then the storm."""
    devices = [f"h-{i}" for i in range(number)]
    centre = _centre(folder, devices, orders_each)
    row: dict[str, Any] = {"books": "memory" if number > FILES_MAX else "file", "floor": [], "cold": []}
    try:
        way = Way(centre.broker)
        for i in range(repeats):
            row["floor"].append(crowd.floor(centre, devices, way))
            there, told = crowd.cold(centre, folder / f"phones-{i}", devices, way)
            row["cold"].append(told)
            if i == repeats - 1:
                row["storm"] = crowd.storm(centre, there)
            there.loop.close()
        row["gateway"] = {name: n for name, n in centre.counters().items() if name.startswith("sync_")}
    finally:
        centre.stop()
    return row


def with_tls(folder: Path, number: int, orders_each: int) -> dict[str, Any]:
    """A shift's start, all at once: plain, then with TLS and a certificate for each handset."""
    devices = [f"h-{i}" for i in range(number)]
    authority = certificates.make(folder / "certificates", devices)
    centre = _centre(folder, devices, orders_each, authority.listener())
    told: dict[str, Any] = {"handsets": number}
    try:
        for name, way in {"plain": Way(centre.broker), "tls": Way(Broker(port=centre.tls_port), authority)}.items():
            least = crowd.floor(centre, devices, way)
            there, row = crowd.cold(centre, folder / f"phones-{name}", devices, way)
            there.loop.close()
            told[name] = {"floor": least, "cold": row}
    finally:
        centre.stop()
    return told


def a_week(folder: Path) -> dict[str, Any]:
    """See bench.handsets.absent."""
    centre = _centre(folder, [DEVICE], ORDERS)
    try:
        return absent(centre, folder / "phones")
    finally:
        centre.stop()


def table(report: dict[str, Any]) -> Table:
    """The report for a terminal."""
    title = "{cpu}, {cores} cores, load {load_1min}".format(**report["machine"])
    out = Table("handsets", "cold s", "storm s", "floor s", "cold / floor", "CPU s of the last cold sync", title=title)
    for number, row in report["detail"].items():
        cells = [str(report[key][number]) for key in ("cold_sync_s", "storm_s", "floor_s", "ratio")]
        out.add_row(number, *cells, str(row["cold"][-1]["cpu_s"]))
    if report["tls"]:
        for name in ("plain", "tls"):
            row = report["tls"][name]
            out.add_row(f"{report['tls']['handsets']} {name}", str(row["cold"]["s"]), "", str(row["floor"]["s"]))
    week = report["week_offline"]
    out.add_row("1, a week offline", str(week["current_s"]), "", "", "", f"photos out after {week['photos_s']} s")
    return out


def _centre(folder: Path, devices: Sequence[str], orders_each: int, tls: str = "") -> Centre:
    orders.write(folder / "gateway", devices, orders_each)
    centre = Centre(folder, tls)
    try:
        centre.start_broker()
        centre.start_gateway()
    except NotThere:
        centre.stop()
        raise
    return centre


def _in_folder(work: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    folder = Path(tempfile.mkdtemp(prefix="zhuomu-handsets-"))
    try:
        return work(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _numbers(text: str) -> list[int]:
    try:
        numbers = [int(word) for word in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or min(numbers) < 1:
        raise ValueError(f"--counts '{text}': give numbers of handsets, as 200,1400")
    return numbers


def _room_for(number: int) -> None:
    """Files and sockets: as many as the system allows. Raises ValueError."""
    need = number * (4 if number <= FILES_MAX else 1) + 500
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < need:
        raise ValueError(f"{number} handsets need {need} open files, the limit is {most}; raise it (ulimit -n)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _median(rows: Sequence[dict[str, Any]]) -> float | None:
    times = [row["s"] for row in rows]
    return None if None in times else round(median(times), 3)


def _mosquitto() -> str | None:
    told = subprocess.run([mosquitto(), "-h"], capture_output=True, text=True, check=False).stdout
    return told.splitlines()[0].removeprefix("mosquitto version ") if told else None
