"""Contractors as a level against SQL, kept figures, and the bulletin as HTML and PDF."""

import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import msgspec
import pypdf
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from edge.link.settings import SettingsError
from gateway.database import Database, sqlite_url
from gateway.registry import api, city, evaluation, kept, standard, tables
from gateway.registry.bulletin import charts, fonts, publish
from gateway.registry.bulletin.blocks import Label, Rect
from gateway.registry.cases import Rules
from gateway.registry.cli import app
from gateway.registry.contractors import Contract, Contracts
from gateway.registry.evaluation import Count
from gateway.registry.indicators import NAMES
from gateway.registry.nightly import Nightly, missing
from gateway.registry.opened import DATABASE
from gateway.registry.simulate import Simulation
from gateway.registry.store import Registry

TABLE = standard.read()
PLACES = city.synthetic()
FIRST, DAYS, A_DAY = date(2026, 9, 28), 6, 70  # over the end of September
NOW = datetime(2026, 11, 3, 4, 0, tzinfo=UTC)
MONTH = evaluation.month(2026, 10)
# A contract that changed hands, one over cells, one over a single class.
CHANGED = date(2026, 10, 2)
CONTRACTS = [
    Contract(
        code="old", name="旧", kind="cleaning", classes=["01"], patrol_areas=PLACES.patrol_areas[:30], until=CHANGED
    ),
    Contract(
        code="new", name="新", kind="cleaning", classes=["01"], patrol_areas=PLACES.patrol_areas[:30], since=CHANGED
    ),
    Contract(code="cells", name="格", kind="cleaning", cells=[c.code for c in PLACES.cells[:500]]),
    Contract(code="posters", name="采", kind="collection", classes=["02-01"], patrol_areas=PLACES.patrol_areas),
]
FIELDS = {name: getattr(PLACES, name) for name in PLACES.__struct_fields__}
CITY = city.City(**FIELDS | {"contracts": CONTRACTS})


class Month:
    """Six simulated days over the end of a month, in a registry's data directory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = Database(sqlite_url(folder / DATABASE), tables.metadata, tables.SCHEMA_VERSION)
        rules = Rules(crews=("a", "b", "c"))
        self.registry = Registry(self.database, TABLE, rules, frozenset(), lambda: NOW, CITY)
        for _ in Simulation(self.registry, TABLE, CITY, seed=5).run(FIRST, DAYS, A_DAY):
            pass
        self.city_file = folder / "city.json"
        self.city_file.write_bytes(msgspec.json.encode(CITY))
        self.http = TestClient(api.build(self.registry))

    def run(self, *words: str) -> str:
        data = ["--data", str(self.folder), "--city", str(self.city_file)]
        done = CliRunner().invoke(app, [*words, *data])
        assert done.exit_code == 0, done.stderr
        return str(done.stdout)


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Month]:
    month = Month(tmp_path_factory.mktemp("month"))
    yield month
    month.database.close()


@pytest.fixture(scope="module")
def page(month: Month) -> str:
    return str(month.http.get("/bulletin", params={"month": "2026-10"}).text)


# The contractor of a case in SQL: a table of who serves what, joined by place, class and local day of the report.
SERVED = """
SELECT DISTINCT c.case_id, s.code FROM cases c JOIN served s
  ON (s.place = c.patrol_area OR s.place = c.cell)
 AND (s.class = '' OR s.class = c.class_code OR s.class = substr(c.class_code, 1, 2))
 AND date(c.reported_at, '+8 hours') >= s.since AND (s.until IS NULL OR date(c.reported_at, '+8 hours') < s.until)
"""
DENOMINATORS = {
    "filing": "reported_at >= :a AND reported_at < :b",
    "disposal": "dispose_due >= :a AND dispose_due < :b AND (cancelled IS NULL OR cancelled >= :b)",
    "closing": "close_due >= :a AND close_due < :b AND (cancelled IS NULL OR cancelled >= :b)",
    "closing_in_time": "close_due >= :a AND close_due < :b AND (cancelled IS NULL OR cancelled >= :b)",
    "rework": "close_due >= :a AND close_due < :b AND (cancelled IS NULL OR cancelled >= :b)",
}
NUMERATORS = {
    "filing": "filed < :b",
    "disposal": "disposed < :b OR closed < :b",
    "closing": "closed < :b",
    "closing_in_time": "(closed < :b AND closed <= close_due) OR exempted < :b",
    "rework": "reworked < :b",
}


@pytest.mark.parametrize("name", list(DENOMINATORS))
def test_a_contractors_figures_are_what_sql_counts(month: Month, name: str) -> None:
    rows = [
        {
            "code": c.code,
            "place": place,
            "class": cls,
            "since": str(c.since),
            "until": str(c.until) if c.until else None,
        }
        for c in CONTRACTS
        for place in (*c.patrol_areas, *c.cells)
        for cls in (c.classes or [""])
    ]
    sql = f"SELECT s.code, COALESCE(SUM({NUMERATORS[name]}), 0), COUNT(*) FROM cases JOIN ({SERVED}) s "
    sql += f"ON s.case_id = cases.case_id WHERE {DENOMINATORS[name]} GROUP BY s.code"
    with month.database.read() as tx:
        tx.execute(sa.text("CREATE TEMP TABLE served (code, place, class, since, until)"))
        tx.execute(sa.text("INSERT INTO served VALUES (:code, :place, :class, :since, :until)"), rows)
        theirs = {
            code: (above, below) for code, above, below in tx.execute(sa.text(sql), {"a": MONTH.start, "b": MONTH.end})
        }
        tx.execute(sa.text("DROP TABLE served"))
        found = evaluation.count(tx, MONTH, CITY.served)
        cases = evaluation.cases_of(tx, MONTH, name, "contractor", "cells", True, CITY.served)
    mine = {
        c: (v[name].numerator, v[name].denominator) for (lv, c), v in found.items() if lv == "contractor" and name in v
    }
    assert mine == theirs and set(theirs) == {"old", "new", "cells", "posters"}
    assert len(cases) == mine["cells"][0] and sum(above for above, _ in mine.values()) > 0


def test_who_served_then_answers_for_then() -> None:
    def codes(day: date) -> list[str]:
        return [c.code for c in Contracts(CONTRACTS).serving("", "P01", "01-10", day)]

    assert codes(CHANGED - timedelta(days=1)) == ["old"] and codes(CHANGED) == ["new"]
    assert [c.code for c in Contracts(CONTRACTS).serving("", "P01", "02-01", CHANGED)] == ["posters"]


def test_a_contract_for_a_place_that_is_not_there_is_refused(tmp_path: Path) -> None:
    wrong = [Contract(code="x", name="x", kind="cleaning", patrol_areas=["P99"])]
    (tmp_path / "city.json").write_bytes(msgspec.json.encode(city.City(**FIELDS | {"contracts": wrong})))
    with pytest.raises(SettingsError, match="contract x: no patrol area 'P99'"):
        city.read(tmp_path / "city.json")


def test_a_month_is_the_sum_of_its_days_and_the_same_bit_by_bit(month: Month) -> None:
    with month.database.read() as tx:
        whole = evaluation.count(tx, MONTH, CITY.served)
        days = [evaluation.count(tx, day, CITY.served) for day in kept.by_day(MONTH)]
        once, twice = (kept.reckon(tx, MONTH, TABLE, CITY) for _ in range(2))
        figures = evaluation.bulletin(tx, MONTH, TABLE, CITY.groups, CITY.served)
    assert kept.summed(days) == whole and len(days) == 31
    assert msgspec.json.encode(once) == msgspec.json.encode(twice) and once["figures"] == figures
    reports = sum(day["indicators"].get("filing", [0, 0])[1] for day in once["days"])
    assert reports == whole["city", "city"]["filing"].denominator == 3 * A_DAY


def test_a_day_is_evaluated_kept_and_compared_again(month: Month) -> None:
    words = ["evaluate", "--day", "2026-10-02", "--json"]
    plain, first, again = (json.loads(month.run(*words, *more)) for more in ([], ["--keep"], ["--recompute"]))
    assert plain["rows"] == first["rows"] == again["rows"] and first["kept"] == again["kept"]
    assert {row["level"] for row in plain["rows"]} == set(evaluation.LEVELS)
    assert plain["rows"][0]["indicators"]["filing"]["denominator"] == A_DAY
    with month.database.write() as tx:
        one = tx.scalar(sa.text("SELECT case_id FROM cases WHERE filed >= '2026-10-02' LIMIT 1"))
        tx.execute(sa.text("UPDATE cases SET filed = NULL WHERE case_id = :id"), {"id": one})
    data = ["--data", str(month.folder), "--city", str(month.city_file)]
    for way in ("--recompute", "--keep"):
        other = CliRunner().invoke(app, [*words, *data, way])
        assert (
            other.exit_code == 1 and "2026-10-02 is not what was kept: days.0.indicators.filing.0 was" in other.stderr
        )
    with month.database.write() as tx:
        tx.execute(
            sa.text("UPDATE cases SET filed = json_extract(body, '$.times.filed') WHERE case_id = :id"), {"id": one}
        )
    for wrong, message in (
        (["evaluate"], "name either"),
        (["evaluate", "--day", "x"], "is no day"),
        (["evaluate", "--day", "2026-10-01", "--recompute"], "nothing was kept"),
        (["evaluate", "--day", "2026-10-01", "--keep", "--as-of", "2026-10-05"], "leave --as-of out"),
    ):
        refused = CliRunner().invoke(app, [*wrong, *data])
        assert refused.exit_code == 2 and message in refused.stderr


def test_the_registry_keeps_days_and_the_month_by_itself(tmp_path: Path) -> None:
    month = Month(tmp_path)
    Nightly(month.registry, None).look()
    with month.database.read() as tx:
        known = kept.known(tx)
        body = kept.stored(tx, MONTH)
        days = [evaluation.days(date(2026, 10, 3) + timedelta(days=n), 1) for n in range(31)]
        busy = {(day.start, day.end) for day in days if evaluation.count(tx, day)}
    assert known == busy | {(MONTH.start, MONTH.end)} and len(busy) > 3, "the 31 days before today, and the month"
    assert body is not None and missing(date(2026, 11, 4), known | {("x", "y")})[-1].start > MONTH.end
    month.database.close()


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self.sources: list[str] = []
        self._href = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._href = given.get("href") or "" if tag == "a" else ""
        self.sources += [f"{tag} {name}" for name in given if name in ("src", "srcset")]
        self.sources += ["script"] if tag in ("script", "link") else []

    def handle_data(self, data: str) -> None:
        if self._href:
            self.found.append((self._href, data))
            self._href = ""


def test_every_figure_leads_to_as_many_cases_as_it_says(month: Month, page: str) -> None:
    parser = _Links()
    parser.feed(page)
    figures = [(href, text) for href, text in parser.found if "%" not in text and "应" not in text]
    assert len(figures) > 1000 and parser.sources == [], "and nothing is loaded from anywhere"
    for href, text in figures[:30] + figures[30::90]:
        answer = month.http.get(href)
        assert len(answer.json()["cases"]) == int(text.replace(",", "")), href


def test_the_page_ranks_groups_a_to_e_and_a_to_c_with_charts_and_the_month_before(page: str) -> None:
    for title in (
        *(f"街道、镇 {g} 组" for g in "ABCDE"),
        *(f"市级部门 {g} 组" for g in "ABC"),
        "承包单位 保洁 组",
        "巡区",
    ):
        assert f">{title}</h" in page, title
    assert page.count("<svg") >= 6 and f"上月 {3 * A_DAY}" in page and re.search(r'class="(good|bad)">[↑↓]\d', page)
    assert page.count("<tr>") > 100 and "sha256: " in page
    ranks = re.findall(r"<tr><td>(\d+)</td>", page[page.index("A 组</h2>") : page.index("B 组</h2>")])
    assert [int(rank) for rank in ranks] == sorted(int(rank) for rank in ranks) and len(ranks) >= 10


@pytest.mark.parametrize(("lang", "form"), [("zh", "html"), ("en", "pdf")])
def test_a_past_month_is_printed_byte_for_byte_the_same(month: Month, tmp_path: Path, lang: str, form: str) -> None:
    files = [tmp_path / f"{n}.{form}" for n in range(2)]
    for file in files:
        month.run("bulletin", "--month", "2026-10", "--lang", lang, "--out", str(file))
    assert files[0].read_bytes() == files[1].read_bytes()


def test_the_pdf_has_the_words_the_links_and_the_pictures(month: Month) -> None:
    content = month.http.get("/bulletin", params={"month": "2026-10", "form": "pdf"}).content
    reader = pypdf.PdfReader(io.BytesIO(content))
    text = "".join(found.extract_text() for found in reader.pages).replace("\0", "")
    assert "城市管理综合评价通报" in text and "街道、镇 E 组" in text and "承包单位 信息采集 组" in text
    links = [
        note["/A"]["/URI"]
        for found in reader.pages
        for note in (one.get_object() for one in found.get("/Annots", []))
        if note["/Subtype"] == "/Link"
    ]
    asked = [parse_qs(urlsplit(str(link)).query) for link in links]
    assert {one["indicator"][0] for one in asked} == set(NAMES) and len(links) > 1000
    with month.database.read() as tx:
        sha256 = kept.reckon(tx, MONTH, TABLE, CITY)["sha256"]
    assert sha256 in text.replace("\n", "")


def test_without_a_chinese_font_one_line_says_what_to_do(
    month: Month, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fonts, "FOLDERS", (str(tmp_path),))
    words = ["bulletin", "--month", "2026-10", "--data", str(month.folder), "--out", str(tmp_path / "b.pdf")]
    missing_font = CliRunner().invoke(app, words)
    assert missing_font.exit_code == 2 and "fonts-noto-cjk" in missing_font.stderr
    assert month.http.get("/bulletin", params={"month": "2026-10", "form": "pdf"}).status_code == 503
    (tmp_path / "no.ttf").write_bytes(b"no font")
    wrong = CliRunner().invoke(app, [*words, "--font", str(tmp_path / "no.ttf")])
    assert wrong.exit_code == 2 and "is no TrueType" in wrong.stderr
    other = CliRunner().invoke(app, [*words[:-1], str(tmp_path / "b.docx")])
    assert other.exit_code == 2 and ".html or .pdf" in other.stderr


def test_a_month_that_is_not_over_says_so_and_one_without_cases_is_empty_not_wrong(month: Month) -> None:
    with month.database.read() as tx:
        early = publish.issue(tx, "2026-10", TABLE, CITY, datetime(2026, 10, 20, tzinfo=UTC), "en", "")
        empty = publish.issue(tx, "2026-12", TABLE, CITY, NOW, "en", "")
    assert "provisional" in publish.as_html(early).decode()
    assert empty.before is None and b"0 / " not in publish.as_html(empty).split(b"The city")[0]


def test_a_chart_shows_the_figures_it_was_given() -> None:
    rows = [charts.Ranked("a", "97.00", 97.0, 95.0), charts.Ranked("b", "93.50", 93.5)]
    chart = charts.ranking("x", rows, "now", "then")
    dots = [s.x for s in chart.shapes if isinstance(s, Rect) and s.width == 9][1:]
    ticks = {s.text: s.x for s in chart.shapes if isinstance(s, Label) and s.align == "center"}
    per_point = (ticks["97"] - ticks["93"]) / 4
    assert dots[0] + 4.5 == pytest.approx(ticks["97"]) and dots[1] + 4.5 == pytest.approx(ticks["93"] + per_point / 2)
    assert charts.scale([95.0]) == (95.0, 97.0, 0.5) and charts.nice(0) == 4 and charts.nice(161) == 200


def test_what_differs_is_named_by_its_place() -> None:
    assert kept.difference({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}) == "a.1.b was kept as 2 and is 3 now"
    assert kept.difference({"a": [1]}, {"a": [1]}) == ""
    assert kept.summed([{("city", "city"): {"filing": Count(1, 2)}}] * 2) == {("city", "city"): {"filing": Count(2, 4)}}
