"""`zhuomu bench backlog`: a week without a network, then its candidates drain while new ones and verdicts come."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from bench.centre import Centre, centre
from bench.machine import machine, versions
from bench.processes import NotThere
from bench.procfs import sample
from edge.link import Broker, Link, Outbox
from edge.link.window import Pace
from edge.wire import Candidate, Place, Refusal, Verdict

DEVICE = "kiosk-bench"
WEEK = timedelta(days=7)
CHUNK = 500
LIVE_EVERY_S = 1.0  # a candidate and a verdict are made so often while the old ones drain
STALL_S = 120.0  # without any receipt: something is broken
UNPACED = 1e6


@dataclass
class Watch:
    """When each message was put and receipted (monotonic seconds), and the order of the receipts."""

    put_s: dict[int, float] = field(default_factory=dict)
    came_s: dict[int, float] = field(default_factory=dict)
    old: set[int] = field(default_factory=set)
    live: dict[str, list[int]] = field(default_factory=lambda: {"candidate": [], "verdict": []})

    def receipted(self, seqs: list[int], now_s: float) -> None:
        """Called on the link's thread."""
        for seq in seqs:
            self.came_s.setdefault(seq, now_s)


class WatchedOutbox(Outbox):
    """Tells of each answer, before it is stored: the gateway refuses a verdict for which it has no check."""

    told: Callable[[list[int]], None]

    def receipted(self, epoch: str, seqs: list[int]) -> int:
        """As Outbox does."""
        self.told(seqs)
        return super().receipted(epoch, seqs)

    def refused(self, epoch: str, refusals: list[Refusal]) -> int:
        """As Outbox does."""
        self.told([refusal.seq for refusal in refusals])
        return super().refused(epoch, refusals)


def a_candidate(number: int, at: datetime) -> Candidate:
    """Of a real one's size; each is a thing of its own, some 100 m from the next."""
    place = Place(
        lat=30.0 + number % 1000 / 100, lon=110.0 + number // 1000 / 100, error_major_m=1.0, error_minor_m=0.5
    )
    return Candidate(
        device=DEVICE,
        epoch="00000000",
        seq=1,
        candidate_id=f"{DEVICE}.{number}",
        camera="cam-1",
        place_id=f"place-{number}",
        case_class="bike",
        label="bicycle",
        class_code="04-10",
        rule="bikes",
        rule_version="1",
        zone="pavement",
        score=0.9,
        box=(number % 100_000.0, number // 100_000.0, number % 100_000.0 + 1.0, number // 100_000.0 + 1.0),
        frame_width=100_001,
        frame_height=1000,
        first_seen=at - timedelta(minutes=5),
        last_seen=at,
        dwell_s=300.0,
        place=place,
        model="street",
        model_sha256="0" * 64,
    )


def a_verdict(number: int, at: datetime) -> Verdict:
    """An answer to a check that nobody has asked for: the gateway says so, which is as quick as a receipt."""
    return Verdict(
        device=DEVICE,
        epoch="00000000",
        seq=1,
        verify_id=f"v-{number}",
        incident_id=f"i-{number}",
        camera="cam-1",
        verdict="cannot_see",
        at=at,
        looks=[],
    )


def measure(count: int, factor: float = 1.0) -> dict[str, Any]:
    """`factor`: of the gateway's flood limit and the link's pace; 1 is what is shipped. Raises NotThere."""
    with TemporaryDirectory() as folder:
        home = Path(folder)
        watch = Watch()
        outbox = WatchedOutbox(home / "kiosk.db", DEVICE)
        outbox.told = lambda seqs: watch.receipted(seqs, time.monotonic())
        filled_s = _fill(outbox, watch, count)
        with centre(home / "centre", rate_factor=factor) as made:
            link = Link(outbox, Broker(port=made.mqtt_port), "kiosk", handlers={}, pace=Pace(factor))
            before = sample(os.getpid(), 0.0)
            began_s = time.monotonic()
            link.start()
            peak = _drain(link, watch, count)
            told = _told(watch, began_s, link)
            told["gateway"] = _at_the_gateway(made, len(watch.put_s))
            link.stop()
        outbox.close()
    told["rss_mib"] = {"before": round(before.rss_mib, 1), "peak_during": round(peak, 1)}
    return {"candidates": count, "rate_factor": factor, "filled_s": round(filled_s, 1), **told}


def _fill(outbox: Outbox, watch: Watch, count: int) -> float:
    """A week's candidates into the outbox, oldest first."""
    began, now = time.monotonic(), datetime.now(UTC)
    for first in range(0, count, CHUNK):
        numbers = range(first, min(count, first + CHUNK))
        seqs = outbox.put(*(a_candidate(n, now - WEEK * (1 - n / count)) for n in numbers))
        watch.old.update(seqs)
        watch.put_s |= dict.fromkeys(seqs, time.monotonic())
    return time.monotonic() - began


def _drain(link: Link, watch: Watch, count: int) -> float:
    """Until nothing is left, with new messages all the while; the largest resident memory seen, MiB."""
    peak, number, seen, seen_s = 0.0, count, -1, time.monotonic()
    while not watch.old <= watch.came_s.keys():
        number += 1
        for what, message in (
            ("candidate", a_candidate(number, datetime.now(UTC))),
            ("verdict", a_verdict(number, datetime.now(UTC))),
        ):
            now_s = time.monotonic()
            (seq,) = link.send(message)
            watch.put_s[seq] = now_s
            watch.live[what].append(seq)
        threading.Event().wait(LIVE_EVERY_S)
        peak = max(peak, sample(os.getpid(), 0.0).rss_mib)
        if len(watch.came_s) > seen:
            seen, seen_s = len(watch.came_s), time.monotonic()
        elif time.monotonic() - seen_s > STALL_S:
            raise NotThere(f"no receipt for {STALL_S:g} s with {link.outbox.size[0]} messages left")
    if not link.drain(STALL_S):
        raise NotThere(f"{link.outbox.size[0]} messages are left {STALL_S:g} s after the backlog")
    return peak


def _told(watch: Watch, began_s: float, link: Link) -> dict[str, Any]:
    took_s = max(watch.came_s[seq] for seq in watch.old) - began_s
    old = sorted(watch.old, key=lambda seq: (watch.came_s[seq], seq))
    quarter = old[: max(1, len(old) // 4)]
    edge = sorted(watch.old)[len(old) // 2]
    return {
        "drain_s": round(took_s, 1),
        "per_s": round(len(old) / took_s, 1),
        "sent": link.counters.sent,
        "sent_again": link.counters.sent - len(watch.came_s),
        "oldest_half_in_first_quarter": round(sum(seq < edge for seq in quarter) / len(quarter), 3),
        "latency_s": {
            what: _spread([watch.came_s[s] - watch.put_s[s] for s in seqs]) for what, seqs in watch.live.items()
        },
    }


def _spread(values: list[float]) -> dict[str, float]:
    ranked = sorted(values)
    at = {"p50": 0.5, "p95": 0.95, "max": 1.0}
    picked = {name: round(ranked[min(len(ranked) - 1, int(q * len(ranked)))], 3) for name, q in at.items()}
    return {"count": len(ranked), **picked}


def _at_the_gateway(made: Centre, put: int) -> dict[str, Any]:
    counts = made.summary()
    rss = sample(made.gateway_pid, 0.0).rss_mib
    wanted = ("candidates", "receipts", "dead_letters", "incidents")
    return {"put": put, "rss_mib": round(rss, 1), **{name: counts[name] for name in wanted if name in counts}}


def backlog(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    candidates: Annotated[int, typer.Option(min=10, help="That wait when the network comes back.")] = 50_000,
    unlimited: Annotated[
        bool, typer.Option("--unlimited", help="Without the gateway's flood limit: what link and gateway can do.")
    ] = False,
) -> None:
    """A week's backlog through mosquitto and the gateway, new messages in between. 断网一周后的积压。"""
    report: dict[str, Any] = {"machine": machine(), "versions": versions("zhuomu", "paho-mqtt", "msgspec")}
    try:
        report["backlog"] = measure(candidates, UNPACED if unlimited else 1.0)
    except NotThere as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from error
    if as_json:
        typer.echo(json.dumps(report, ensure_ascii=False))
    else:
        Console().print(table(report["backlog"]))


def table(told: dict[str, Any]) -> Table:
    """For people."""
    out = Table("what", "figure")
    out.add_row("drained", f"{told['candidates']} in {told['drain_s']} s, {told['per_s']} a second")
    for what, row in told["latency_s"].items():
        out.add_row(f"new {what} to its receipt", f"p50 {row['p50']} s, worst {row['max']} s of {row['count']}")
    rss = told["rss_mib"]
    out.add_row("resident memory", f"{rss['before']} MiB before, {rss['peak_during']} MiB at most")
    return out
