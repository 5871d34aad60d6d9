"""2017's year, 1.56 million reports, from their bytes to cases in the registry; two runs must end in the same hash.

Real: decoding, the gateway's batches (SQLite, synchronous=FULL), matching and merging, its outbox and forwarder, the
registry's cases, filing by rule, dispatch, events (a process of its own, SQLite, synchronous=FULL). Left out: MQTT and
HTTP between them (`zhuomu bench gateway` measures those), pictures, and what comes after the dispatch. An incident
takes no more sightings in a day after its last one, as if it had been closed then.
"""

from __future__ import annotations

import hashlib
import heapq
import math
import multiprocessing
import random
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from edge.link.mqtt import Incoming
from edge.wire import Candidate, Place, encode, topic
from gateway import forward
from gateway.counters import Counters
from gateway.database import sqlite_url
from gateway.evidence import EvidenceStore
from gateway.forwarder import Forwarder
from gateway.registry import standard
from gateway.registry import tables as registry_tables
from gateway.registry.cases import Rules
from gateway.registry.opened import DATABASE, make_registry
from gateway.registry.simulate import CLASSES, HOURS
from gateway.registry.store import Registry
from gateway.schema import open_database
from gateway.store import BatchStore
from gateway.tables import incidents, witnesses
from gateway.take import take
from gateway.targets.base import Followed, News, Order, Parcel, Sent
from gateway.times import from_text, to_text

REPORTS_2017 = 1_560_000
START = datetime(2017, 1, 1, tzinfo=UTC)
DAYS = 365
BATCH = 512
WAITING_MAX = 20_000
AGAIN = 0.15  # chance that a report is of a thing that another device has reported already
RECENT = 200
KIOSKS = 50
FILED = frozenset({"02-01", "04-10", "04-93", "01-10", "01-12", "01-92"})  # 58 % of all, as 2017's 900,000 filed


def twice(scale: float, seed: int) -> dict[str, Any]:
    """Two runs of a share of the year, compared."""
    count = max(10, round(REPORTS_2017 * scale))
    runs = []
    for _ in range(2):
        with tempfile.TemporaryDirectory(prefix="zhuomu-year-") as folder:
            runs.append(replay(Path(folder), count, seed))
    same = runs[0]["registry_sha256"] == runs[1]["registry_sha256"]
    minutes = [round(run["seconds"] / 60 / (count / REPORTS_2017), 1) for run in runs]
    return {"note": " ".join((__doc__ or "").split()), "reports": count, "seed": seed, "same_hash": same} | {
        "minutes_for_the_whole_year": minutes,
        "runs": runs,
    }


def replay(folder: Path, count: int, seed: int) -> dict[str, Any]:
    """One run. Returns counts, seconds, reports/s and the registry's hash."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    child = multiprocessing.get_context("spawn").Process(target=_registry, args=(str(folder), theirs), daemon=True)
    child.start()
    ours.recv()
    began = time.monotonic()
    counts = _Gateway(folder, ours).run(reports(count, seed))
    took_s = time.monotonic() - began
    ours.send(None)
    told: dict[str, Any] = ours.recv()
    child.join(30.0)
    return {**counts, **told, "seconds": round(took_s, 1), "reports_per_s": round(count / took_s, 1)}


def reports(count: int, seed: int) -> Iterator[tuple[datetime, Candidate]]:
    """The year's candidates in the order of their time: more by day than by night, some things seen twice."""
    rng = random.Random(seed)
    codes, weights = list(CLASSES), list(CLASSES.values())
    kinds = {code: found.case_class for code, found in standard.read().by_code.items() if code in CLASSES}
    recent: deque[tuple[str, float, float]] = deque(maxlen=RECENT)
    for n, at in enumerate(_times(count, rng)):
        if recent and rng.random() < AGAIN:
            code, lat, lon = rng.choice(recent)
        else:
            code = rng.choices(codes, weights)[0]
            lat, lon = rng.uniform(34.15, 34.35), rng.uniform(117.05, 117.35)
            recent.append((code, lat, lon))
        yield at, _candidate(n, at, code, kinds[code], lat, lon, rng)


def _times(count: int, rng: random.Random) -> Iterator[datetime]:
    """Sorted instants of as many days as the year needs for so many; a day at a time, for memory's sake."""
    days = max(1, math.ceil(DAYS * count / REPORTS_2017))
    for day in range(days):
        many = count * (day + 1) // days - count * day // days
        hours = rng.choices(range(24), HOURS, k=many)
        seconds = [hour * 3600 + rng.uniform(0, 3600) for hour in hours]
        heapq.heapify(seconds)
        midnight = START + timedelta(days=day, hours=-8)
        while seconds:
            yield midnight + timedelta(seconds=heapq.heappop(seconds))


def _candidate(n: int, at: datetime, code: str, kind: Any, lat: float, lon: float, rng: random.Random) -> Candidate:
    left = rng.uniform(0, 1700)
    return Candidate(
        device=f"kiosk-{rng.randrange(KIOSKS) + 1}",
        epoch="20170101",
        seq=n + 1,
        candidate_id=f"report-{n}",
        camera=f"cam-{rng.randrange(8)}",
        place_id=f"place-{n}",
        case_class=kind,
        label=kind,
        class_code=code,
        rule="year",
        rule_version="2017",
        zone="road",
        score=round(rng.uniform(0.5, 1.0), 3),
        box=(left, 100.0, left + 200.0, 300.0),
        frame_width=1920,
        frame_height=1080,
        first_seen=at,
        last_seen=at,
        dwell_s=300.0,
        place=Place(lat=lat, lon=lon, error_major_m=1.5, error_minor_m=1.0),
        model="street",
        model_sha256="a" * 64,
    )


class _Gateway:
    """The gateway's parts on the year's own clock."""

    def __init__(self, folder: Path, line: Connection) -> None:
        self._now = START
        self._database = open_database(sqlite_url(folder / "gateway.sqlite3"))
        counters = Counters()
        pictures = EvidenceStore(folder / "evidence", 10**9)
        self._store = BatchStore(self._database, pictures, counters, lambda: self._now, 1000)
        # Far in the future: what waits is always due, whatever day it is in the year.
        late = START + timedelta(days=10 * DAYS)
        everything = sa.true()
        self._forwarder = Forwarder(self._database, _Pipe(line), everything, counters, lambda: late, 1)
        self._thread = threading.Thread(target=self._forwarder.run, name="forward", daemon=True)

    def run(self, made: Iterator[tuple[datetime, Candidate]]) -> dict[str, int]:
        """Everything taken in and forwarded."""
        self._thread.start()
        day, batch = START.date(), list[Incoming]()
        for at, candidate in made:
            batch.append(Incoming(topic("up", candidate.device, "candidate"), encode(candidate), False, 1, 1))
            self._now = max(self._now, at)
            if len(batch) == BATCH:
                self._commit(batch)
                batch = []
            if at.date() != day:  # a day's end falls on the same report in every run
                self._commit(batch)
                batch, day = [], at.date()
                self._end_day(at)
        self._commit(batch)
        while self._left():
            time.sleep(0.05)
        self._forwarder.stop()
        self._thread.join()
        with self._database.read() as tx:
            found = tx.scalar(sa.select(sa.func.count()).select_from(incidents)) or 0
        self._database.close()
        return {"incidents": found}

    def _commit(self, batch: list[Incoming]) -> None:
        self._store.commit([take(incoming) for incoming in batch])
        self._forwarder.wake()
        while len(batch) == BATCH and self._left() > WAITING_MAX:
            time.sleep(0.02)

    def _left(self) -> int:
        with self._database.read() as tx:
            return forward.left(tx)

    def _end_day(self, at: datetime) -> None:
        before = to_text(at - timedelta(days=1))
        with self._database.write() as tx:
            old = sa.and_(incidents.c.open.is_(True), incidents.c.last_seen < before)
            over = sa.select(incidents.c.incident_id).where(old)
            tx.execute(sa.update(witnesses).where(witnesses.c.incident_id.in_(over)).values(open=False))
            tx.execute(sa.update(incidents).where(old).values(open=False, state="closed"))


class _Pipe:
    """The registry behind a pipe, as a target."""

    name = "registry"
    order: Order = "incident"

    def __init__(self, line: Connection) -> None:
        self._line = line

    def send(self, parcel: Parcel) -> Sent:
        """One."""
        return self.send_many([parcel])[0]

    def send_many(self, parcels: Sequence[Parcel]) -> list[Sent]:
        """Many in one transaction."""
        self._line.send([parcel.body for parcel in parcels])
        self._line.recv()
        return [Sent("done")] * len(parcels)

    def ask(self, followed: Sequence[Followed]) -> list[News]:
        """Nothing."""
        return []

    def close(self) -> None:
        """Nothing."""


def _registry(folder: str, line: Connection) -> None:
    """The other process: every report at the time that it tells, until there are no more; then counts and hash."""
    database = make_registry(Path(folder))
    table = standard.read()
    crews = tuple(f"crew-{n}" for n in range(1, 21))
    registry = Registry(database, table, Rules(crews=crews), FILED, lambda: START)
    line.send("ready")
    while (bodies := line.recv()) is not None:
        with registry.batch() as work:
            for body in bodies:
                work.now = from_text(body["first_seen"])
                work.report(body)
        line.send(len(bodies))
    line.send(summed(database))
    database.close()


def summed(database: Any) -> dict[str, Any]:
    """Counts of a registry and the hash over every case and every event, in their order."""
    digest, counts = hashlib.sha256(), {"cases": 0, "events": 0}
    c, e = registry_tables.cases.c, registry_tables.events.c
    queries = {
        "cases": sa.select(c.case_id, c.incident_id, c.state, c.body).order_by(c.case_id),
        "events": sa.select(e.n, e.case_id, e.kind, e.actor, e.reason, e.at, e.state_after).order_by(e.n),
    }
    with database.read() as tx:
        for name, query in queries.items():
            for row in tx.execute(query.execution_options(yield_per=2000)):
                digest.update(repr(tuple(row)).encode())
                counts[name] += 1
        filed = tx.scalar(sa.select(sa.func.count()).where(c.filed.is_not(None)))
    return {**counts, "filed": filed, "registry_sha256": digest.hexdigest(), "file": DATABASE}
