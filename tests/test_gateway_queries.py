"""The gateway's pages with many incidents: what waits is found without reading them all, counting takes its share."""

from pathlib import Path
from random import Random

import pytest
import sqlalchemy as sa

from bench.registry_asks import plans, whole_tables
from gateway import onmap, queries, queue, reviewed, schema, tables
from gateway.console import snapshot
from gateway.counters import Counters
from gateway.database import Database, sqlite_url
from gateway.registry import city, standard
from gateway.sight import Sight

MANY = 20_000


def with_incidents(url: str) -> Database:
    """Many that are over, none that waits."""
    database, pick = schema.open_database(url), Random(1)
    same = {"case_class": "litter", "class_code": "02-01", "label": "bag", "state": "closed", "open": False}
    same |= {"error_major_m": 1.0, "first_seen": "", "last_seen": "", "case_id": None}
    with database.write() as tx:
        rows = [{**same, "incident_id": f"i{n}", "revision": n} for n in range(MANY)]
        for row in rows:
            row |= {"lat": pick.uniform(34.2, 34.25), "lon": pick.uniform(117.1, 117.25)}
        tx.execute(sa.insert(tables.incidents), rows)
    if not database.is_sqlite:
        with database.write() as tx:
            tx.execute(sa.text("ANALYZE"))
    return database


def test_what_waits_and_what_lies_near_are_found_without_reading_every_incident(database_url: str) -> None:
    database, i = with_incidents(database_url), tables.incidents.c
    sight, here = Sight(city.synthetic(), standard.read()), {"incident_id": "none", "lat": 34.22, "lon": 117.2}
    here["since"] = "2026-11-09T00:00:00.000000Z"
    for ask in (
        lambda tx, _pick: reviewed.waiting(tx, 30),
        lambda tx, _pick: queue.waiting(tx, sight, [""]),
        lambda tx, _pick: queue.neighbours(tx, here),
        lambda tx, _pick: onmap.incident_rows(tx, sight, [""], MANY - 50, 500, "wgs84"),
        lambda tx, _pick: queries.incident_list(tx, 0, 100),
    ):
        plan = plans(database, ask, Random(1))
        read = [step for step in whole_tables(plan, ("incidents",)) if "LIMIT" not in step]
        assert plan and read == []
    whole = plans(database, lambda tx, _pick: tx.scalars(sa.select(i.n).where(i.label == "none")).all(), Random(1))
    assert len(whole_tables(whole, ("incidents",))) == 1
    database.close()


def test_counting_everything_takes_no_more_than_its_share_of_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A count that takes 2 s: in two minutes of pages that refresh each second, a twentieth of the time goes into it,
    while everything else on them is as fresh as ever."""
    now, counted = [0.0], []
    database = schema.open_database(sqlite_url(tmp_path / "g.sqlite3"))

    def slow(_tx: sa.Connection) -> dict[str, int]:
        now[0] += 2.0
        counted.append(now[0])
        return {"incidents": len(counted)}

    monkeypatch.setattr(queries, "summary", slow)
    snapshots = snapshot.Snapshots(database, Counters(), lambda: now[0])
    views = []
    while now[0] < 120:
        now[0] += 1.0
        views.append(snapshots.get())
    assert counted == [3.0, 43.0, 83.0] and len({id(view) for view in views}) == len(views)
    database.close()
