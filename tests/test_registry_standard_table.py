"""The filing standard: the demo table is the domain's, contradictions are told, codes lead from version to version."""

import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from edge.link.settings import SettingsError
from gateway.database import Database, sqlite_url
from gateway.registry import standard, tables
from gateway.registry.cases import File, Refused, Rules
from gateway.registry.cli import app
from gateway.registry.standard import Move, Standard
from gateway.registry.standard_check import problems
from gateway.registry.standard_toml import text_of
from gateway.registry.store import Registry
from gateway.registry.versions import UnknownVersion, VersionChanged, translate

ROOT = Path(__file__).parent.parent
NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)  # Monday 09:00
DEMO = standard.read()
# domain.md: class, limit.
DOMAIN = {"04-01": (2, "urgent_hour"), "04-05": (2, "urgent_hour"), "04-06": (2, "urgent_hour"), "02-01": (1, "day")}
DOMAIN |= {"04-10": (2, "hour"), "04-93": (2, "hour"), "01-10": (4, "hour"), "01-11": (5, "day")}
DOMAIN |= {"01-12": (2, "hour"), "01-92": (4, "hour")}


def test_the_demo_table_holds_the_classes_and_limits_of_the_domain() -> None:
    assert {c.code: (c.limit.amount, c.limit.unit) for c in DEMO.classes} == DOMAIN
    assert {x.code for x in DEMO.exemptions} == {"04-02", "04-91", "04-92"}
    assert sum(weight.weight for weight in DEMO.score) == 100


def test_the_example_in_configs_is_the_very_table_that_ships() -> None:
    """One source: a link, so that the two cannot drift apart."""
    assert (ROOT / "configs" / "standard" / "demo.toml").resolve() == standard.DEMO.resolve()


def test_every_table_in_configs_is_in_order() -> None:
    found = sorted((ROOT / "configs" / "standard").glob("*.toml"))
    assert len(found) >= 2
    assert [problems(standard.read(path)) for path in found] == [[]] * len(found)


def test_a_table_survives_being_written_and_read() -> None:
    text = text_of(DEMO)
    assert msgspec.convert(tomllib.loads(text), Standard) == DEMO


def changed(**values: object) -> Standard:
    return msgspec.structs.replace(DEMO, **values)


FIRST = DEMO.classes[0]
WRONG = {
    "a class twice": (changed(classes=[FIRST, FIRST]), "'04-01' stands there 2 times"),
    "no class": (changed(classes=[], exemptions=[]), "there is none"),
    "no main class": (changed(groups=DEMO.groups[1:]), "no [[groups]] with code '01'"),
    "nobody responsible": (changed(parties=DEMO.parties[1:]), "responsible 'street-order' is not in"),
    "no time": (
        changed(classes=[msgspec.structs.replace(FIRST, limit=standard.Limit(amount=0, unit="hour"))]),
        "must be more than 0",
    ),
    "no condition": (changed(classes=[msgspec.structs.replace(FIRST, filed_when=" ")]), "filed_when is empty"),
    "a move to nowhere": (changed(moves=[Move(old="04-01", new=["09-09"])]), "'09-09' is no class of this table"),
    "follows itself": (changed(follows="demo-2"), "cannot follow itself"),
    "unknown indicator": (changed(score=[standard.Weight(indicator="luck", weight=1)]), "no indicator 'luck'"),
}


@pytest.mark.parametrize(("table", "words"), WRONG.values(), ids=WRONG)
def test_a_contradiction_is_told_with_its_place(table: Standard, words: str) -> None:
    assert any(words in problem for problem in problems(table)), problems(table)


def test_a_table_with_a_contradiction_does_not_start_the_registry(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text_of(changed(groups=DEMO.groups[1:])))
    with pytest.raises(SettingsError, match=r"bad\.toml: class 01-10.*add the main class"):
        standard.read(path)


def test_check_prints_one_line_for_each_contradiction(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text_of(changed(groups=DEMO.groups[:1], parties=DEMO.parties[1:])))
    told = CliRunner().invoke(app, ["standard", "check", str(path)])
    assert told.exit_code == 1
    assert len(told.stderr.splitlines()) == len(problems(standard.load(path, Standard))) > 3
    fine = CliRunner().invoke(app, ["standard", "check", str(standard.DEMO)])
    assert fine.exit_code == 0 and "10 classes, in order" in fine.stdout


def later(version: str, follows: str, moves: dict[str, list[str]]) -> Standard:
    """A table in which codes were moved: old -> new ones; classes keep everything else."""
    by_code = DEMO.by_code
    renamed = [msgspec.structs.replace(by_code[code], code=new) for code in by_code for new in moves.get(code, [code])]
    rows = [Move(old=old, new=new) for old, new in moves.items()]
    return changed(version=version, follows=follows, classes=renamed, moves=rows, exemptions=[])


def test_a_code_leads_over_several_versions_and_a_split_needs_a_person() -> None:
    third = later("demo-3", "demo-2", {"04-06": ["04-16"], "01-11": ["01-21", "01-22"], "01-92": []})
    # In the fourth version nothing has moved but what the third called 04-16.
    moved = [msgspec.structs.replace(c, code="04-26" if c.code == "04-16" else c.code) for c in third.classes]
    fourth = msgspec.structs.replace(
        third, version="demo-4", follows="demo-3", classes=moved, moves=[Move(old="04-16", new=["04-26"])]
    )
    known = {table.version: table for table in (DEMO, third, fourth)}
    assert problems(third, DEMO) == [] and problems(fourth, third) == []
    assert translate("04-06", "demo-2", "demo-4", known).codes == ("04-26",)
    assert translate("04-10", "demo-2", "demo-4", known).codes == ("04-10",)
    assert translate("01-11", "demo-2", "demo-4", known).codes == ("01-21", "01-22")
    assert translate("01-92", "demo-2", "demo-4", known).codes == ()
    with pytest.raises(UnknownVersion, match="demo-2' does not follow 'demo-4"):
        translate("04-06", "demo-4", "demo-2", {"demo-2": changed(follows="")})


def test_a_code_that_is_gone_without_a_word_is_told() -> None:
    third = msgspec.structs.replace(later("demo-3", "demo-2", {"04-06": ["04-16"]}), moves=[])
    assert [p for p in problems(third, DEMO) if "class 04-06" in p and "is gone" in p]


REPORT = {"case_class": "stall", "label": "stall", "lat": 34.0, "lon": 117.0}


def registry(folder: Path, table: Standard) -> Registry:
    database = Database(sqlite_url(folder / "r.sqlite3"), tables.metadata, tables.SCHEMA_VERSION)
    return Registry(database, table, Rules(crews=("a", "b")), frozenset(), lambda: NOW)


def body(desk: Registry, case_id: str) -> dict[str, object]:
    with desk.database.read() as tx:
        found = msgspec.json.decode(tx.scalar(sa.select(tables.cases.c.body).where(tables.cases.c.case_id == case_id)))
    return dict(found)


def test_a_case_keeps_the_version_it_was_filed_under_and_a_waiting_one_takes_the_new_code(tmp_path: Path) -> None:
    old = registry(tmp_path, DEMO)
    ids = [
        old.report(f"k{n}", {**REPORT, "incident_id": f"i{n}", "class_code": code})["case_id"]
        for n, code in enumerate(("04-06", "04-06", "01-11"))
    ]
    old.command(ids[0], File("Ms Li"))
    old.database.close()
    third = later("demo-3", "demo-2", {"04-06": ["04-16"], "01-11": ["01-21", "01-22"]})
    longer = [
        msgspec.structs.replace(c, limit=standard.Limit(amount=3, unit="hour")) if c.code == "04-16" else c
        for c in third.classes
    ]
    new = registry(tmp_path, msgspec.structs.replace(third, classes=longer))
    new.command(ids[1], File("Ms Li"))
    filed, waiting = body(new, ids[0]), body(new, ids[1])
    assert (filed["standard"], filed["class_code"], filed["limit_hours"]) == ("demo-2", "04-06", 2.0)
    assert (waiting["standard"], waiting["class_code"], waiting["limit_hours"]) == ("demo-3", "04-16", 3.0)
    assert waiting["deadline"] == (NOW + timedelta(hours=3)).isoformat().replace("+00:00", "Z")
    with pytest.raises(Refused, match="01-11 is one of 01-21, 01-22 in version demo-3"):
        new.command(ids[2], File("Ms Li"))
    new.database.close()


def test_a_version_that_was_used_may_not_change_its_content(tmp_path: Path) -> None:
    registry(tmp_path, DEMO).database.close()
    with pytest.raises(VersionChanged, match="give the changed table a new one"):
        registry(tmp_path, changed(city="elsewhere"))
