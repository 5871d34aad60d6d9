"""`zhuomu bench kills`: a kiosk killed at random moments, again and again: what is lost, doubled, broken."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from bench.centre import Centre, centre
from bench.machine import machine, versions
from bench.processes import NotThere
from bench.stage import DEVICE, THINGS_MAX
from edge.evidence import check

NO_PORT = 1
READY_S = 120.0
END_S = 300.0
LIFE_S = (0.0, 1.5)  # from "ready" to the kill; EARLY of the kills come before that, while the process starts
EARLY, EARLY_S = 0.15, 0.2
SURPLUS = 0.8  # things a kill: some lives file several, some none


class NotFiled(RuntimeError):
    """Not everything was filed in the end; `str()` says how much."""


class Victim:
    """A kiosk in `folder` that is started and killed."""

    def __init__(self, folder: Path, things: int, every_s: float, port: int) -> None:
        self.folder = folder
        command = [sys.executable, "-m", "bench.stage", *map(str, (folder, things, every_s, time.time(), port))]
        self._heard: list[tuple[int, str]] = []
        self._log = (folder.parent / "kiosk.log").open("ab")
        self._mother = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log)

    def close(self) -> None:
        """End the process that makes the others."""
        assert self._mother.stdin is not None and self._mother.stdout is not None
        self._mother.stdin.close()
        self._mother.wait(READY_S)
        self._mother.stdout.close()
        self._log.close()

    def live(self, seconds: float, early: bool) -> None:
        """Start it; SIGKILL so many seconds after it said that it is ready, or with `early` after its birth."""
        pid = self._begin()
        try:
            if not early:
                self._hear("ready", pid)
            time.sleep(seconds)
        finally:
            _kill(pid)

    def until(self, things: int, drained: bool) -> None:
        """Let it live until it has filed so many, and has a receipt for each. Raises NotFiled."""
        pid = self._begin()
        deadline = time.monotonic() + END_S
        try:
            while self.filed() < things or (drained and self.rows("select 1 from outbox limit 1")):
                if time.monotonic() > deadline or not _lives(pid):
                    raise NotFiled(f"{self.filed()} of {things} things are filed in the end: {self._last_words()}")
                time.sleep(0.2)
        finally:
            _kill(pid)

    def _begin(self) -> int:
        assert self._mother.stdin is not None
        self._mother.stdin.write(b".")
        self._mother.stdin.flush()
        return self._hear("born")

    def _hear(self, what: str, of: int = 0) -> int:
        """A line of that sort, of that process or of any. A child may be ready before its mother says that it is born,
        and an early victim's last words come late: what was heard meanwhile is remembered."""
        assert self._mother.stdout is not None
        while True:
            found = next((pid for pid, word in self._heard if word == what and of in (0, pid)), None)
            if found is not None:
                self._heard.remove((found, what))
                return found
            line = self._mother.stdout.readline().decode()
            if not line:
                break
            pid, _, word = line.strip().partition(" ")
            self._heard.append((int(pid), word))
        raise NotFiled(f"the kiosk's process does not start: {self._last_words()}")

    def _last_words(self) -> str:
        return (self.folder.parent / "kiosk.log").read_text(encoding="utf-8").strip()[-500:]

    def filed(self) -> int:
        """Candidates that its own log of filed cases knows."""
        return len(self.rows("select 1 from filed"))

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Read the database of a kiosk, whether or not it runs; nothing where there is none yet."""
        try:
            with closing(sqlite3.connect(f"file:{self.folder}/{DEVICE}.db?mode=ro", uri=True)) as db:
                return db.execute(sql).fetchall()
        except sqlite3.OperationalError:
            return []


def _kill(pid: int) -> None:
    """And wait until it is gone: the next one must find nobody in its files."""
    if _lives(pid):
        os.kill(pid, signal.SIGKILL)
    while _lives(pid):
        time.sleep(0.001)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def measure(kills: int, seed: int, with_centre: bool = True) -> dict[str, Any]:
    """Raises NotFiled, NotThere. `with_centre`: a broker and a gateway take what the kiosk sends meanwhile."""
    rng = random.Random(seed)
    things = min(THINGS_MAX, max(4, round(SURPLUS * kills)))
    with TemporaryDirectory() as name:
        home = Path(name)
        (home / "kiosk").mkdir()
        with centre(home / "centre") if with_centre else nullcontext() as made:
            victim = Victim(home / "kiosk", things, 1.0, made.mqtt_port if made else NO_PORT)
            began, early = time.monotonic(), 0
            with closing(victim):
                for _ in range(kills):
                    soon = rng.random() < EARLY
                    early += soon
                    victim.live(rng.uniform(0.0, EARLY_S) if soon else rng.uniform(*LIFE_S), soon)
                victim.until(things, drained=made is not None)
            told = _judged(victim, things)
            if made is not None:
                told |= _at_the_centre(made, things)
    return {"kills": kills, "early": early, "seed": seed, "seconds": round(time.monotonic() - began, 1), **told}


def _judged(victim: Victim, things: int) -> dict[str, Any]:
    """What lies in the kiosk's folder. A thing is known by its box."""
    filed = victim.rows("select f.spot_id, s.body from filed f left join spot s on s.spot_id = f.spot_id")
    boxes = Counter(tuple(round(v) for v in json.loads(body)["box"]) for _, body in filed if body)
    report = check.verify(victim.folder)
    return {
        "things": things,
        "lost": things - len(boxes),
        "doubled": len(filed) - len(boxes),
        "left_in_outbox": victim.rows("select count(*) from outbox")[0][0],
        "database": str(victim.rows("pragma integrity_check")[0][0]),
        "chain": {
            "records": report.records,
            "faults": [f"record {fault.record}: {fault.what}" for fault in report.faults],
            "healed": [note for note in report.notes if "heal" in note.lower()],
        },
    }


def _at_the_centre(made: Centre, things: int) -> dict[str, Any]:
    """What the gateway has, once the kiosk's outbox is empty."""
    rows = made.candidates(THINGS_MAX * 2)
    ids = {row["candidate_id"] for row in rows}
    summary = made.summary()
    return {
        "centre": {
            "candidates": len(rows),
            "lost": things - len(ids),
            "doubled": len(rows) - len(ids),
            "dead_letters": summary["dead_letters"],
        }
    }


def kills(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    count: Annotated[int, typer.Option("--kills", min=1, max=10_000)] = 200,
    seed: Annotated[int, typer.Option(help="Of the moments.")] = 1,
) -> None:
    """SIGKILL at random moments: what is lost, doubled, broken. 随机强杀测试。"""
    report: dict[str, Any] = {"machine": machine(), "versions": versions("zhuomu")}
    try:
        report["kills"] = measure(count, seed)
    except (NotThere, NotFiled) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from error
    if as_json:
        typer.echo(json.dumps(report, ensure_ascii=False))
    else:
        Console().print(table(report["kills"]))


def table(told: dict[str, Any]) -> Table:
    """For people."""
    out = Table("what", "figure")
    out.add_row("killed", f"{told['kills']} times in {told['seconds']} s, {told['early']} of them while it started")
    out.add_row("things", f"{told['things']}, lost {told['lost']}, doubled {told['doubled']}")
    out.add_row("database", told["database"])
    out.add_row("evidence chain", f"{told['chain']['records']} records, faults {told['chain']['faults'] or 'none'}")
    if "centre" in told:
        row = told["centre"]
        out.add_row("at the centre", f"{row['candidates']}, lost {row['lost']}, doubled {row['doubled']}")
    return out
