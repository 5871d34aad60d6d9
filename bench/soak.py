"""`zhuomu bench soak`: a kiosk that watches sample streams for so long; do its memory, handles and threads grow?"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from bench.machine import machine, versions
from bench.procfs import Sample, sample
from bench.rtsp import NoServer, serving
from bench.slope import slope
from edge.sim.clip import write_clip

EVERY_S = 1.0
READY_S = 240.0
END_S = 60.0
CLIP_S, FPS = 12.0, 5
WARM_SHARE = 0.25  # of the time is left out at the beginning: networks, pools and caches fill
_RULES = """version = "soak"
[[rule]]
name = "bikes"
case_class = "bike"
class_code = "04-10"
labels = ["bicycle", "motorbike"]
dwell_s = 5.0
"""


class SoakFailed(RuntimeError):
    """The kiosk ended or did not start; `str()` is one line."""


def measure(seconds: float, cameras: int = 2, leak_kib_s: int = 0, clip: Path | None = None) -> dict[str, Any]:
    """`leak_kib_s`: a kiosk that leaks so much on purpose, to see that the measure finds it. Half of the cameras are
    RTSP streams where a local server can run, the others files. Raises SoakFailed."""
    with ExitStack() as parts:
        home = Path(parts.enter_context(TemporaryDirectory()))
        recording = clip or write_clip(home / "street.mp4", CLIP_S, fps=FPS, width=640, height=360, gop_s=1.0)
        try:
            url, no_rtsp = parts.enter_context(serving({"street": recording}))["street"], ""
        except NoServer as error:
            url, no_rtsp = "", str(error)
        sources = [url if url and i % 2 == 0 else str(recording) for i in range(cameras)]
        samples = _watch(home, sources, seconds, leak_kib_s)
    return {"seconds": seconds, "cameras": cameras, "no_rtsp": no_rtsp, "leak_kib_s": leak_kib_s, **judged(samples)}


def judged(samples: list[Sample]) -> dict[str, Any]:
    """After the warm-up. Growth is that of the mean of the last tenth over the mean of the first."""
    rest = [s for s in samples if s.at_s >= samples[0].at_s + WARM_SHARE * (samples[-1].at_s - samples[0].at_s)]
    found = slope([s.at_s for s in rest], [s.rss_mib for s in rest])
    return {
        "samples": len(rest),
        "rss_mib": {"first": round(rest[0].rss_mib, 1), "last": round(rest[-1].rss_mib, 1)},
        "rss_mib_per_hour": {
            "slope": round(found.per_hour, 2),
            "error": round(found.error_per_hour, 2),
            "low_95": round(found.low, 2),
            "high_95": round(found.high, 2),
        },
        "handles": _grown([s.handles for s in rest]),
        "threads": _grown([s.threads for s in rest]),
    }


def _grown(values: list[int]) -> dict[str, int]:
    """Least of the first tenth and of the last: what is open for a moment alone does not count."""
    part = max(1, len(values) // 10)
    first, last = min(values[:part]), min(values[-part:])
    return {"first": first, "last": last, "grown": last - first, "most": max(values)}


def _watch(home: Path, sources: list[str], seconds: float, leak_kib_s: int) -> list[Sample]:
    (home / "rules.toml").write_text(_RULES, encoding="utf-8")
    lines = ['device = "kiosk-soak"', f'data = "{home}/data"', f'rules = "{home}/rules.toml"', "free_bytes_min = 0"]
    lines += ["[broker]", "port = 1", "[gate]", 'mode = "on"']
    for number, source in enumerate(sources):
        lines += ["[[camera]]", f'name = "cam-{number}"', f'source = "{source}"']
    (home / "kiosk.toml").write_text("\n".join([*lines, ""]), encoding="utf-8")
    command = [sys.executable, "-m", "bench.soak_kiosk", str(home / "kiosk.toml"), str(leak_kib_s)]
    with (home / "kiosk.err").open("wb") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors)
        try:
            assert process.stdout is not None
            if not process.stdout.readline():
                raise SoakFailed(f"the kiosk did not start: {_last(home)}")
            return _sampled(process, seconds, home)
        finally:
            process.terminate()
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()


def _sampled(process: subprocess.Popen[bytes], seconds: float, home: Path) -> list[Sample]:
    found: list[Sample] = []
    began = time.monotonic()
    every_s = min(EVERY_S, seconds / 40)
    while (now := time.monotonic()) < began + seconds:
        if process.poll() is not None:
            raise SoakFailed(f"the kiosk ended by itself after {now - began:.0f} s: {_last(home)}")
        found.append(sample(process.pid, now - began))
        time.sleep(every_s)
    return found


def _last(home: Path) -> str:
    return " ".join((home / "kiosk.err").read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:])


def soak(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    minutes: Annotated[float, typer.Option(min=0.1, max=100_000)] = 20.0,
    cameras: Annotated[int, typer.Option(min=1, max=32)] = 4,
    leak_kib_s: Annotated[int, typer.Option(min=0, help="Leak so much on purpose: does the measure find it?")] = 0,
) -> None:
    """Memory, file handles and threads of a kiosk over time. 岗亭长时间运行：内存与句柄。"""
    report: dict[str, Any] = {"machine": machine(), "versions": versions("zhuomu", "av", "openvino")}
    try:
        report["soak"] = measure(60.0 * minutes, cameras, leak_kib_s)
    except SoakFailed as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from error
    if as_json:
        typer.echo(json.dumps(report, ensure_ascii=False))
    else:
        Console().print(table(report["soak"]))


def table(told: dict[str, Any]) -> Table:
    """For people."""
    out = Table("what", "first", "last", "growth")
    rss, grows = told["rss_mib"], told["rss_mib_per_hour"]
    words = f"{grows['slope']} ± {grows['error']} MiB/h, 95 %: {grows['low_95']} to {grows['high_95']}"
    out.add_row("resident memory, MiB", str(rss["first"]), str(rss["last"]), words)
    for what in ("handles", "threads"):
        out.add_row(what, *(str(told[what][name]) for name in ("first", "last", "grown")))
    return out
