"""Rules: class x zone x permit x dwell decide, and say why."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge.kiosk.config import load_rules, load_settings
from edge.link import SettingsError
from edge.up.cli import RULES
from edge.watch.places import Spot
from edge.watch.rules import Permit, Rule, RuleBook, Zone, decide

NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)  # 08:30 in Xuzhou
PAVEMENT = Zone("pavement", "pavement", [(0.0, 0.5), (1.0, 0.5), (1.0, 1.0), (0.0, 1.0)])
BAY = Zone("bay", "bike_bay", [(0.0, 0.5), (0.3, 0.5), (0.3, 1.0), (0.0, 1.0)])
RULE = Rule("bikes", "bike", "04-10", ["bicycle"], dwell_s=60.0, zones=["pavement"])


def spot(
    dwell_s: float = 61.0, box: tuple[float, float, float, float] = (500, 400, 600, 480), **changes: object
) -> Spot:
    """A bicycle in a 1000 x 800 picture."""
    values: dict[str, object] = {"hits": 50, "looks": 60, "score": 0.8, "labels": {"bicycle": 50}, "case_class": "bike"}
    values |= changes
    first = NOW - timedelta(seconds=dwell_s)
    return Spot("s", "cam", box=box, frame_width=1000, frame_height=800, first_seen=first, last_seen=NOW, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("thing", "file", "why"),
    [
        (spot(), True, "bikes"),
        (spot(dwell_s=59.0), False, "dwell"),
        (spot(box=(500, 100, 600, 180)), False, "no rule"),
        (spot(hits=20), False, "presence"),
        (spot(score=0.2), False, "score"),
        (spot(labels={"motorbike": 50}), False, "no rule"),
        (spot(box=(100, 400, 200, 480)), False, "permitted by bay hours"),
    ],
)
def test_each_clause_decides_and_is_named(thing: Spot, file: bool, why: str) -> None:
    """The reason says which clause it was."""
    book = RuleBook("1", [RULE], [Permit("bay hours", "bike", "bike_bay")])
    decision = decide(book, thing, [PAVEMENT, BAY], NOW)
    assert decision.file is file
    assert why in decision.why


def test_a_camera_without_zones_is_one_zone() -> None:
    """A video of one's own has none drawn; the rules hold everywhere."""
    assert decide(RuleBook("1", [RULE]), spot(), [], NOW).zone == "anywhere"


@pytest.mark.parametrize(
    ("hours", "permitted"),
    [
        ("06:00-09:00", True),
        ("06:00-08:30", False),
        ("08:30-09:00", True),
        ("20:00-09:00", True),
        ("20:00-05:00", False),
    ],
)
def test_a_permit_holds_in_its_local_hours_only(hours: str, permitted: bool) -> None:
    """08:30 in Xuzhou is 00:30 UTC; a night market's span passes midnight."""
    book = RuleBook("1", [RULE], [Permit("market", "bike", "bike_bay", hours)])
    assert decide(book, spot(box=(100, 400, 200, 480)), [PAVEMENT, BAY], NOW).file is not permitted


def test_a_poster_counts_by_its_middle_and_a_stall_by_its_foot() -> None:
    """A poster hangs on the wall above the pavement's zone."""
    wall = Zone("wall", "wall", [(0.0, 0.0), (1.0, 0.0), (1.0, 0.4), (0.0, 0.4)])
    rule = Rule("ads", "poster", "02-01", ["poster"], dwell_s=1.0, zones=["wall"])
    hanging = spot(box=(500, 250, 560, 360), case_class="poster", labels={"poster": 50})
    assert decide(RuleBook("1", [rule]), hanging, [wall, PAVEMENT], NOW).zone == "wall"


@pytest.mark.parametrize(
    "path", [RULES, Path(__file__).parent.parent / "configs" / "rules.toml"], ids=["demo", "configs"]
)
def test_the_rule_files_that_we_ship_are_valid(path: Path) -> None:
    """The four kinds are all there."""
    assert {r.case_class for r in load_rules(path).rule} == {"stall", "poster", "bike", "litter"}


def test_the_example_kiosk_file_is_valid() -> None:
    """What an operator copies works."""
    assert load_settings(Path(__file__).parent.parent / "configs" / "kiosk.toml").camera


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('version = "1"\nrule = [', "not valid TOML"),
        ('version = "1"\n[[rule]]\nname = "a"\n', "missing required field"),
        ('version = "1"\ncolour = 3\n', "colour"),
        ('version = "1"\nrule = []\n', "length >= 1"),
        ("version = 1\n", "Expected `str`"),
    ],
)
def test_a_broken_rule_file_is_refused_in_one_line(tmp_path: Path, text: str, words: str) -> None:
    """The line names the file, the place and the mend."""
    path = tmp_path / "rules.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as refused:
        load_rules(path)
    assert words in str(refused.value)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)
