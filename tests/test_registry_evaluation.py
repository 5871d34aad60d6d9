"""Evaluation: every indicator against an independent count over the event log in SQL; a past month never changes."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from fractions import Fraction
from pathlib import Path

import pytest
import sqlalchemy as sa
from postgres_server import PostgresServer
from typer.testing import CliRunner

from gateway.database import Database, sqlite_url
from gateway.registry import city, evaluation, standard, tables
from gateway.registry.cases import Rules
from gateway.registry.cli import app
from gateway.registry.evaluation import Count, Period, PeriodError
from gateway.registry.indicators import BY_NAME, NAMES
from gateway.registry.migrations import MIGRATIONS
from gateway.registry.simulate import Simulation
from gateway.registry.standard import Weight
from gateway.registry.store import Registry

PLACES = city.synthetic()
TABLE = standard.read()
FIRST, DAYS, A_DAY = date(2026, 10, 8), 5, 150  # Thursday after National Day; Saturday 10 October is worked


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Five simulated days, whose cases run over the weekend; the first three are the period."""
    path = tmp_path_factory.mktemp("month") / "r.sqlite3"
    database = Database(sqlite_url(path), tables.metadata, tables.SCHEMA_VERSION)
    crews = tuple(f"crew-{n}" for n in range(5))
    registry = Registry(database, TABLE, Rules(crews=crews), frozenset(), lambda: datetime.now(UTC), PLACES)
    for _ in Simulation(registry, TABLE, PLACES, seed=7).run(FIRST, DAYS, A_DAY):
        pass
    with database.write() as tx:
        tx.execute(sa.text(FACTS))
    yield database
    database.close()


@pytest.fixture(scope="module")
def counts(month: Database) -> dict[tuple[str, str], evaluation.Counts]:
    """What the code counts."""
    with month.read() as tx:
        return evaluation.count(tx, PERIOD)


PERIOD = evaluation.days(FIRST, 3)

# From the events alone, and the deadlines that they told: nothing of `cases` but the place. One row per case.
FACTS = """
CREATE TABLE facts AS
SELECT e.case_id,
  MIN(CASE WHEN kind = 'reported' THEN at END) AS reported,
  MIN(CASE WHEN kind = 'filed' THEN at END) AS filed,
  MIN(CASE WHEN kind = 'rejected' THEN at END) AS rejected,
  MAX(CASE WHEN kind = 'rejected' THEN json_extract(data, '$.cause') END) AS cause,
  MIN(CASE WHEN kind = 'dispatched' THEN at END) AS dispatched,
  MIN(CASE WHEN kind = 'returned' THEN at END) AS returned,
  MIN(CASE WHEN kind = 'disposed' THEN at END) AS disposed,
  MIN(CASE WHEN kind IN ('closed', 'force_closed') THEN at END) AS closed,
  MIN(CASE WHEN kind = 'cancelled' THEN at END) AS cancelled,
  MIN(CASE WHEN kind = 'extended' THEN at END) AS extended,
  MIN(CASE WHEN kind = 'rework' THEN at END) AS reworked,
  MIN(CASE WHEN kind = 'verdict' AND json_extract(data, '$.verdict') <> 'cannot_see' THEN at END) AS checked,
  MIN(CASE WHEN kind = 'appeal_granted' THEN at END) AS exempted,
  MIN(CASE WHEN kind = 'verified' THEN at END) AS verified,
  MIN(CASE WHEN kind = 'verify_requested' THEN at END) AS asked,
  MIN(CASE WHEN kind = 'verify_requested' THEN json_extract(data, '$.due') END) AS verify_told,
  (SELECT json_extract(l.data, '$.deadline') FROM events l WHERE l.case_id = e.case_id
     AND l.kind IN ('filed', 'extended', 'resumed', 'suspended') ORDER BY l.n DESC LIMIT 1) AS deadline_told
FROM events e GROUP BY e.case_id
"""
# A due time is one instant for all databases; the log tells it in ISO form, with or without a fraction of a second.
DEADLINE = "strftime('%Y-%m-%dT%H:%M:%f', deadline_told)"


# The dues of the centre's own steps are not in the log: half an urgent hour is plain minutes, which SQL can add itself.
HALF = "strftime('%Y-%m-%dT%H:%M:%f', {}, '+30 minutes')"
DISPATCH_DUE = HALF.format("filed")
IN_TIME = f"strftime('%Y-%m-%dT%H:%M:%f', asked) < {HALF.format('reported')}"  # sent out before filing was due
FILE_DUE = HALF.format(f"CASE WHEN asked IS NOT NULL AND {IN_TIME} THEN verified ELSE reported END")
SHORT = "strftime('%Y-%m-%dT%H:%M:%f', {})"
VERIFY_DUE = SHORT.format("verify_told")
IN = "{} >= :a AND {} < :b"
LIVE = "(cancelled IS NULL OR cancelled >= :b)"
DONE = "COALESCE(MIN(disposed, closed), disposed, closed)"
# indicator -> (which cases are in the denominator, which of them in the numerator)
SQL: dict[str, tuple[str, str]] = {
    "filing": (IN.format("reported", "reported"), "filed < :b"),
    "valid_report": (IN.format("reported", "reported"), "filed < :b OR (rejected < :b AND cause = 'permitted')"),
    "filing_accurate": (IN.format("filed", "filed"), LIVE),
    "filing_in_time": (
        IN.format(FILE_DUE, FILE_DUE),
        f"COALESCE(filed, rejected) < :b AND {SHORT.format('COALESCE(filed, rejected)')} <= {FILE_DUE}",
    ),
    "dispatch_in_time": (
        f"{IN.format(DISPATCH_DUE, DISPATCH_DUE)} AND {LIVE}",
        f"dispatched < :b AND {SHORT.format('dispatched')} <= {DISPATCH_DUE}",
    ),
    "dispatch_accurate": (
        f"{IN.format(DISPATCH_DUE, DISPATCH_DUE)} AND {LIVE}",
        "dispatched < :b AND (returned IS NULL OR returned >= :b)",
    ),
    "disposal": (f"{IN.format(DEADLINE, DEADLINE)} AND {LIVE}", f"{DONE} < :b"),
    "disposal_in_time": (
        f"{IN.format(DEADLINE, DEADLINE)} AND {LIVE}",
        f"({DONE} < :b AND {SHORT.format(DONE)} <= {DEADLINE}) OR exempted < :b",
    ),
    "overdue": (f"{IN.format(DEADLINE, DEADLINE)} AND {LIVE}", f"{DONE} IS NULL OR {DONE} >= :b"),
    "extension": (f"{IN.format(DEADLINE, DEADLINE)} AND {LIVE}", "extended < :b"),
    "verify_in_time": (
        f"{IN.format(VERIFY_DUE, VERIFY_DUE)}",
        f"verified < :b AND {SHORT.format('verified')} <= {VERIFY_DUE}",
    ),
}
# Two hours of the check's working time end at an instant that SQL cannot reckon: its own column is the due time there,
# and test_registry_clocks says that such instants are right.
SQL |= {
    "check_in_time": (f"{IN.format('check_due', 'check_due')} AND {LIVE}", "f.checked < :b AND f.checked <= check_due"),
    "rework": (f"{IN.format('close_due', 'close_due')} AND {LIVE}", "f.reworked < :b"),
    "closing": (f"{IN.format('close_due', 'close_due')} AND {LIVE}", "f.closed < :b"),
    "closing_in_time": (
        f"{IN.format('close_due', 'close_due')} AND {LIVE}",
        "(f.closed < :b AND f.closed <= close_due) OR f.exempted < :b",
    ),
}


def independent(database: Database, name: str, level: str) -> list[tuple[str, int, int]]:
    below, above = SQL[name]
    place = "'city'" if level == "city" else f"c.{level}"
    dues = "c.check_due, c.close_due"
    inner = f"SELECT f.*, {place} AS place, {dues} FROM facts f JOIN cases c ON c.case_id = f.case_id"
    sql = f"SELECT place AS code, COALESCE(SUM({above}), 0), COUNT(*) FROM ({inner}) f WHERE {below} GROUP BY place"
    with database.read() as tx:
        found = tx.execute(sa.text(sql), {"a": PERIOD.start, "b": PERIOD.end}).all()
    return sorted((str(code), int(above), int(below)) for code, above, below in found)


@pytest.mark.parametrize("level", ["city", "district", "subdistrict", "department"])
@pytest.mark.parametrize("name", NAMES)
def test_an_indicator_is_what_sql_counts_in_the_event_log(
    month: Database, counts: dict[tuple[str, str], evaluation.Counts], name: str, level: str
) -> None:
    mine = sorted(
        (code, found[name].numerator, found[name].denominator)
        for (where, code), found in counts.items()
        if where == level and name in found
    )
    assert mine == independent(month, name, level)
    assert sum(below for _, _, below in mine) > 20, "a period without cases shows nothing"


def test_a_past_period_gives_the_same_figures_bit_by_bit_however_the_cases_go_on(tmp_path: Path) -> None:
    """Reckoned when the period ends, and again when another day of closings, returns and appeals have passed."""
    database = Database(sqlite_url(tmp_path / "r.sqlite3"), tables.metadata, tables.SCHEMA_VERSION)
    registry = Registry(database, TABLE, Rules(crews=("a", "b")), frozenset(), lambda: datetime.now(UTC), PLACES)
    period = evaluation.days(FIRST, 1)
    digests = []
    for now in Simulation(registry, TABLE, PLACES, seed=3).run(FIRST, 2, 80):
        if now >= datetime.fromisoformat(period.end):
            with database.read() as tx:
                digests.append(evaluation.bulletin(tx, period, TABLE, PLACES.groups)["sha256"])
    assert len(digests) == 13 and len(set(digests)) == 1
    database.close()


def test_the_cases_behind_a_figure_are_as_many_as_it_says(month: Database) -> None:
    with month.read() as tx:
        found = evaluation.count(tx, PERIOD)
        place = next(place for place in found if place[0] == "district")
        for name, figure in found[place].items():
            parts = [evaluation.cases_of(tx, PERIOD, name, *place, part) for part in (True, False, None)]
            assert len(parts[0]) == figure.numerator and len(parts[2]) == figure.denominator
            assert sorted(parts[0] + parts[1]) == parts[2]


def test_subdistricts_are_ranked_inside_their_group_and_departments_inside_theirs(month: Database) -> None:
    with month.read() as tx:
        rows = evaluation.bulletin(tx, PERIOD, TABLE, PLACES.groups)["rows"]
    streets = [row for row in rows if row["level"] == "subdistrict" and row["rank"]]
    assert {row["group"] for row in streets} == set("ABCDE")
    assert all(row["group"] == PLACES.groups[row["code"]] for row in streets)
    for group in "ABCDE":
        peers = sorted((row for row in streets if row["group"] == group), key=lambda row: row["rank"])
        scores = [float(row["score"]) for row in peers]
        assert peers[0]["rank"] == 1 and scores == sorted(scores, reverse=True)
    assert {row["group"] for row in rows if row["level"] == "department"} == {"A", "B", "C"}


def test_the_score_is_the_published_formula_and_missing_where_nothing_was_due() -> None:
    counts = {"disposal": Count(9, 10), "disposal_in_time": Count(8, 10), "overdue": Count(1, 10)}
    counts |= {"rework": Count(1, 20), "extension": Count(0, 10)}
    by_hand = Fraction(27) + 16 + 19 + 18 + 10  # 30 x 0.9 + 20 x 0.8 + 20 x 0.95 + 20 x 0.9 + 10 x 1
    assert evaluation.score(counts, TABLE.score) == by_hand == 90
    assert evaluation.score({}, TABLE.score) is None
    assert evaluation.score(counts, [Weight(indicator="rework", weight=1)]) == Fraction(1, 20)


def test_a_period_is_evaluated_when_it_is_over_and_december_ends_in_the_next_year() -> None:
    assert evaluation.month(2026, 12).end == evaluation.month(2027, 1).start == "2026-12-31T16:00:00.000000Z"
    with pytest.raises(PeriodError, match="was not over"):
        Period(PERIOD.start, PERIOD.end, PERIOD.start)


def test_every_indicator_says_what_it_divides_by_what() -> None:
    assert [row["name"] for row in evaluation.meanings()] == list(BY_NAME)
    assert all(row["numerator"] and row["denominator"] for row in evaluation.meanings())


def test_the_synthetic_city_has_the_size_of_the_domain_and_no_hole() -> None:
    assert city.problems(PLACES) == []
    sizes = [len(x) for x in (PLACES.districts, PLACES.subdistricts, PLACES.patrol_areas, PLACES.kiosks)]
    assert sizes == [5, 51, 64, 50] and set(PLACES.groups.values()) == set("ABCDE")
    assert {area for kiosk in PLACES.kiosks for area in kiosk.patrol_areas} == set(PLACES.patrol_areas)
    for cell in PLACES.cells[::37]:
        found = PLACES.locate((cell.south + cell.north) / 2, (cell.west + cell.east) / 2)
        assert found is not None and (found.cell, len(found.cell)) == (cell.code, 15)
    assert PLACES.locate(0.0, 0.0) is None


def test_one_seed_simulates_one_month_and_a_kept_one_is_evaluated_again(tmp_path: Path) -> None:
    command = ["simulate", "--days", "1", "--reports", "60", "--start", "2026-10-09", "--json"]
    first, second = (CliRunner().invoke(app, [*command, "--data", str(tmp_path / name)]) for name in ("a", "b"))
    one, two = json.loads(first.stdout), json.loads(second.stdout)
    assert {k: v for k, v in one.items() if k != "elapsed_s"} == {k: v for k, v in two.items() if k != "elapsed_s"}
    assert {"reports", "filed", "closed", "closed_in_time"} <= set(one) and one["reports"] == 60
    again = CliRunner().invoke(app, ["evaluate", "--data", str(tmp_path / "a"), "--month", "2026-10", "--json"])
    rows = json.loads(again.stdout)["rows"]
    assert rows[0]["indicators"]["filing"]["denominator"] == 60
    missing = CliRunner().invoke(app, ["evaluate", "--data", str(tmp_path / "c"), "--month", "2026-10"])
    assert missing.exit_code == 2 and "no such database" in missing.stderr


def test_the_same_days_count_alike_on_sqlite_and_on_postgresql(tmp_path: Path, postgres: PostgresServer) -> None:
    counted = []
    for url in (sqlite_url(tmp_path / "r.sqlite3"), postgres.new_url()):
        database = Database(url, tables.metadata, tables.SCHEMA_VERSION, MIGRATIONS)
        registry = Registry(database, TABLE, Rules(crews=("crew-0",)), frozenset(), lambda: datetime.now(UTC), PLACES)
        for _ in Simulation(registry, TABLE, PLACES, seed=3).run(FIRST, 2, 40):
            pass
        with database.read() as tx:
            counted.append(evaluation.count(tx, evaluation.days(FIRST, 2)))
        database.close()
    assert counted[0] == counted[1] and len(counted[0]) > 5
