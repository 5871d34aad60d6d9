"""Map, queue, case page, search and evaluation over twenty thousand cases: right, alike on two databases, never a whole
table read for a page."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from functools import cache
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from postgres_server import PostgresServer

from bench.registry import problems
from bench.registry_asks import CITY_BOX, EVALUATION, NOW, PLACES, RECENT, asks, plans, sampled, whole_tables
from bench.registry_fill import FIRST, fill, plain_standard, play, sample_problem
from gateway.database import Database, sqlite_url
from gateway.registry import api, desk, evaluation, queries, tables
from gateway.registry.cases import OVER, File, Reject, Rules
from gateway.registry.contractors import Contract, Contracts
from gateway.registry.migrations import MIGRATIONS
from gateway.registry.store import Registry
from gateway.tiles import RANGES_MAX, Box, apart_m, around, cluster_shift, cover, tile
from gateway.times import from_text, to_text

CASES, WEEKS = 20_000, 33
KINDS = ("sqlite", "postgresql")
# Two that follow each other in the middle of October, and one by cells for one class.
AREAS, CHANGE = PLACES.patrol_areas[:20], date(2026, 10, 15)
SERVED = Contracts(
    [
        Contract(code="early", name="E", kind="cleaning", patrol_areas=AREAS, until=CHANGE),
        Contract(code="late", name="L", kind="cleaning", patrol_areas=AREAS, since=CHANGE),
        Contract(code="cells", name="C", kind="collection", cells=[x.code for x in PLACES.cells[:90]], classes=["04"]),
    ]
)
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer) -> Iterator[dict[str, Database]]:
    """The same cases in both databases."""
    urls = (sqlite_url(tmp_path_factory.mktemp("many") / "r.sqlite3"), postgres.new_url())
    opened = [Database(url, tables.metadata, tables.SCHEMA_VERSION, MIGRATIONS) for url in urls]
    steps = list(fill(opened, play(FIRST, CASES // WEEKS + 1, seed=1), WEEKS))
    assert steps[-1] >= CASES and len(steps) == WEEKS
    yield dict(zip(KINDS, opened, strict=True))
    for database in opened:
        database.close()


@pytest.fixture(params=KINDS)
def many(request: pytest.FixtureRequest, filled: dict[str, Database]) -> Database:
    return filled[request.param]


@cache
def every(database: Database) -> list[Any]:
    """All cases, the slow way, once for all tests."""
    names = ["case_id", "incident_id", "state", "class_code", "district", "subdistrict", "lat", "lon", "reported_at"]
    with database.read() as tx:
        query = sa.select(*(tables.cases.c[name] for name in names)).order_by(tables.cases.c.case_id)
        return list(tx.execute(query))


def test_a_week_told_again_is_what_the_real_loop_writes_row_by_row() -> None:
    assert sample_problem(reports=70, weeks=4, seed=5) == ""


def test_no_question_of_a_desk_reads_a_large_table_whole(many: Database) -> None:
    known, told = sampled(many, seed=1), {}
    for name, ask in asks(known).items():
        if name != EVALUATION:
            told[name] = plans(many, ask, Random(3))
            assert told[name], f"{name} asked nothing"
    assert {name: whole_tables(plan) for name, plan in told.items() if whole_tables(plan)} == {}


def test_a_whole_table_that_is_read_is_noticed(many: Database) -> None:
    """Else the test above could not fail."""
    c = tables.cases.c
    plan = plans(
        many, lambda tx, _pick: tx.execute(sa.select(c.body).where(c.reject_cause == "other")).all(), Random(1)
    )
    assert len(whole_tables(plan)) == 1


def test_the_databases_answer_alike(filled: dict[str, Database]) -> None:
    known = sampled(filled["sqlite"], seed=1)
    assert known == sampled(filled["postgresql"], seed=1)
    for name, ask in asks(known).items():
        answers = []
        for database in filled.values():
            pick = Random(11)
            with database.read() as tx:
                answers.append([_plain(ask(tx, pick)) for _ in range(1 if name == EVALUATION else 5)])
        assert answers[0] == answers[1], name


def _plain(answer: Any) -> Any:
    """Means are equal up to the order in which a database adds; cases of a map come in any order."""
    if isinstance(answer, dict) and "clusters" in answer:
        clusters = [(round(c["lat"], 9), round(c["lon"], 9), c["count"]) for c in answer["clusters"]]
        return sorted(answer["cases"], key=lambda row: row["case_id"]), clusters
    return answer


def test_the_database_counts_a_month_as_python_does(many: Database) -> None:
    for period in (evaluation.month(2026, 10), evaluation.days(FIRST, 7), evaluation.days(FIRST, 3)):
        with many.read() as tx:
            for served in (evaluation.NOBODY, SERVED):
                assert evaluation.count(tx, period, served) == evaluation.count_rows(tx, period, served)
    with many.read() as tx:
        found = evaluation.count(tx, evaluation.month(2026, 10))
        firms = {
            code for level, code in evaluation.count(tx, evaluation.month(2026, 10), SERVED) if level == "contractor"
        }
    assert firms == {"early", "late", "cells"}
    assert found["city", "city"]["filing"].denominator > 4 * CASES // WEEKS
    assert len(evaluation.digest(found)) == 64 and evaluation.digest(found) != evaluation.digest({})


def test_a_map_shows_each_open_case_of_its_box_once(many: Database) -> None:
    rows, pick = every(many), Random(2)
    for _ in range(20):
        lat, lon = pick.uniform(CITY_BOX.south, CITY_BOX.north), pick.uniform(CITY_BOX.west, CITY_BOX.east)
        box = around(lat, lon, pick.choice([40, 200, 900]))
        inside = [r for r in rows if box.south <= r.lat <= box.north and box.west <= r.lon <= box.east]
        with many.read() as tx:
            found = desk.map_view(tx, box, desk.MAP_MAX)["cases"]
            recent = desk.map_view(tx, box, desk.MAP_MAX, since=NOW - RECENT)["cases"]
        assert sorted(r["case_id"] for r in found) == [r.case_id for r in inside if r.state not in OVER]
        since = to_text(NOW - RECENT)
        assert sorted(r["case_id"] for r in recent) == [r.case_id for r in inside if r.reported_at >= since]


def test_clusters_hold_every_case_of_the_box_and_are_few(many: Database) -> None:
    opened = [row for row in every(many) if row.state not in OVER]
    with many.read() as tx:
        clusters = desk.map_view(tx, CITY_BOX, 100)["clusters"]
        of_class = desk.map_view(tx, CITY_BOX, 20, class_codes=["04-01"])["clusters"]
        street = opened[0].subdistrict
        there = desk.map_view(tx, CITY_BOX, desk.MAP_MAX, subdistricts=[street])["cases"]
    assert sum(c["count"] for c in clusters) == len(opened) and len(clusters) <= (desk.CLUSTERS_ACROSS + 1) ** 2
    assert all(CITY_BOX.south <= c["lat"] <= CITY_BOX.north for c in clusters)
    assert sum(c["count"] for c in of_class) == sum(row.class_code == "04-01" for row in opened) > 20
    assert len(there) == sum(row.subdistrict == street for row in opened) > 0


def test_pages_of_the_queue_are_all_that_waits_in_order(many: Database) -> None:
    rows = [row for row in every(many) if row.state in set(map(str, desk.WAITING))]
    street = Counter(row.subdistrict for row in rows).most_common(1)[0][0]
    for where in (desk.Filter(subdistrict=street), desk.Filter(district=street[:6], class_code="02-01"), desk.Filter()):
        wanted = [r.case_id for r in rows if r.subdistrict.startswith(where.subdistrict or where.district)]
        if where.class_code:
            wanted = [r.case_id for r in rows if r.case_id in set(wanted) and r.class_code == where.class_code]
        seen, after = [], ""
        with many.read() as tx:
            for _ in range(len(rows) // 60 + 1):
                page = desk.queue(tx, after, 60, where)
                seen += [row["case_id"] for row in page["cases"]]
                if page["next"] is None:
                    break
                after = page["next"]
        assert seen == wanted and len(wanted) > 10


def test_a_case_page_has_events_and_neighbours_within_50_m_and_24_h(many: Database) -> None:
    rows, met = every(many), 0
    by_lat = sorted(rows, key=_lat)
    for mine in rows[:: len(rows) // 60]:
        with many.read() as tx:
            page = desk.case_page(tx, mine.case_id)
        assert page is not None and page["events"][0]["kind"] == "reported" and page["report"]["device"]
        at = from_text(mine.reported_at)
        near = {
            r.case_id
            for r in by_lat[
                bisect_left(by_lat, mine.lat - 0.001, key=_lat) : bisect_left(by_lat, mine.lat + 0.001, key=_lat)
            ]
            if r.case_id != mine.case_id
            and apart_m(mine.lat, mine.lon, r.lat, r.lon) <= 50
            and abs(from_text(r.reported_at) - at) <= timedelta(hours=24)
        }
        assert {r["case_id"] for r in page["neighbours"]} == near
        met += len(near)
    assert met > 0


def test_cases_are_found_by_number_by_its_end_and_by_incident(many: Database) -> None:
    rows = every(many)
    mine, today = rows[len(rows) // 2], NOW.date()
    with many.read() as tx:
        for text in (mine.case_id, f" {mine.incident_id} "):
            assert [row["case_id"] for row in desk.search(tx, text, today)] == [mine.case_id]
        newest = desk.search(tx, "7", today)
        assert desk.search(tx, "20261399-000001", today) == desk.search(tx, "nonsense", today) == []
        assert desk.case_page(tx, "nonsense") is None
    days = {row.case_id for row in rows if row.case_id.endswith("-000007")}
    assert {row["case_id"] for row in newest} <= days and len(newest) > 20
    assert [row["case_id"] for row in newest] == sorted((row["case_id"] for row in newest), reverse=True)


def test_the_counters_know_how_many_cases_there_are(many: Database) -> None:
    with many.read() as tx:
        assert queries.cases_ever(tx) == len(every(many)) == queries.summary(tx)["cases"]


def test_a_map_asks_for_a_limit_and_a_box() -> None:
    with pytest.raises(ValueError, match="no box on the map"):
        Box(1, 0, 0, 1)
    with pytest.raises(desk.BadQuestion, match="a map draws 1 to"):
        desk.map_view(None, CITY_BOX, 0)  # type: ignore[arg-type]


def test_ranges_of_tiles_hold_their_box_and_little_else() -> None:
    pick = Random(4)
    for _ in range(300):
        box = around(pick.uniform(-80, 80), pick.uniform(-170, 170), pick.choice([50, 700, 20_000]))
        ranges = cover(box)
        assert 0 < len(ranges) <= RANGES_MAX and ranges == sorted(ranges)
        for _ in range(20):
            here = tile(pick.uniform(box.south, box.north), pick.uniform(box.west, box.east))
            assert any(first <= here <= last for first, last in ranges)
        corners = tile(box.south, box.west), tile(box.north, box.east)
        columns, rows = (_axis(corners[1], odd) - _axis(corners[0], odd) + 1 for odd in (0, 1))
        assert sum(last - first + 1 for first, last in ranges) <= 16 * max(columns, rows) ** 2
        across = max(columns, rows) / 2 ** (cluster_shift(box, 24) / 2)
        assert across <= 24


def _lat(row: Any) -> float:
    return float(row.lat)


def _axis(number: int, odd: int) -> int:
    return sum((number >> 2 * bit + odd & 1) << bit for bit in range(18))


def test_a_step_moves_a_case_off_the_map_and_out_of_the_queue_over_http(database_url: str) -> None:
    database = Database(database_url, tables.metadata, tables.SCHEMA_VERSION, MIGRATIONS)
    registry = Registry(database, plain_standard(), Rules(crews=("crew-1",)), frozenset(), lambda: NOW)
    body = {"case_class": "litter", "class_code": "02-01", "label": "bag", "lat": 34.21, "lon": 117.12}
    ids = [registry.report(f"k{n}", {**body, "incident_id": f"i{n}"})["case_id"] for n in range(3)]
    with closing(database), TestClient(api.build(registry)) as client:
        asked = {"box": "34.20,117.11,34.22,117.13"}
        assert [row["case_id"] for row in client.get("/map", params=asked).json()["cases"]] == ids
        registry.command(ids[0], File("somebody"))
        registry.command(ids[1], Reject("somebody", "nothing there", "false_alarm"))
        assert {row["case_id"] for row in client.get("/map", params=asked).json()["cases"]} == {ids[0], ids[2]}
        recent = client.get("/map", params=asked | {"recent_days": 1}).json()["cases"]
        assert {row["case_id"] for row in recent} == set(ids)
        assert [row["case_id"] for row in client.get("/queue").json()["cases"]] == [ids[2]]
        page = client.get(f"/cases/{ids[2]}/page").json()
        assert {row["case_id"] for row in page["neighbours"]} == {ids[0], ids[1]}
        assert len(client.get("/search", params={"number": "2"}).json()["cases"]) == 1
        assert client.get("/healthz").json() == {"ok": True, "cases": 3}
        assert client.get("/cases/none/page").status_code == 404
        for wrong in ("1,2,3", "a,b,c,d", "9,0,1,0", "nan,0,1,1"):
            assert client.get("/map", params={"box": wrong}).status_code == 422


def test_disagreement_and_whole_reads_are_problems() -> None:
    good = {"cases": 1, "evaluation_sha256": "a", "python_agrees": True, "asks": {"queue": {"whole": []}}}
    bad = {"cases": 2, "evaluation_sha256": "b", "python_agrees": False, "asks": {"queue": {"whole": ["SCAN cases"]}}}
    told = {"fill": {"problem": ""}, "databases": {"sqlite": good}}
    assert problems(told) == []
    told = {"fill": {"problem": "differs"}, "databases": {"sqlite": good, "postgresql": bad}}
    assert len(problems(told)) == 5
