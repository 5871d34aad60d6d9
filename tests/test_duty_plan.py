"""Duty plans: faults in words, shifts over midnight and holidays, the synthetic city's own plan."""

from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from duty_town import CITY, SINCE, STANDARD, USUAL, crew, leader, local, plan
from typer.testing import CliRunner

from edge.link.settings import SettingsError
from gateway.registry.duty import check, sample
from gateway.registry.duty.cli import app
from gateway.registry.duty.plan import Person, Plan, Rules, Shift, Swap
from gateway.registry.duty.roster import Roster

EVERY_AREA = crew("everywhere", "all", areas=tuple(CITY.patrol_areas))
CALENDAR = STANDARD.work_time.calendar


def faults(*crews: Any, **values: Any) -> list[str]:
    return check.problems(plan(*crews, EVERY_AREA, **values), CITY, STANDARD)


def test_a_plan_without_contradictions_has_no_fault() -> None:
    assert faults(*USUAL) == []


@pytest.mark.parametrize(
    ("crews", "values", "words"),
    [
        ((crew("a", "dusk"),), {}, "crew 'a': no shift 'dusk'; name one of [[shifts]]"),
        ((crew("a", "", ""),), {}, "crew 'a': its cycle has no shift at all"),
        ((crew("a", "early", areas=("P99",)),), {}, "crew 'a': no patrol area 'P99' in synthetic"),
        ((crew("a", "early", classes=["04-00"]),), {}, "crew 'a': no class '04-00' in standard"),
        ((crew("a", "early"), crew("a", "late")), {}, "crews and leaders: 'a' stands there 2 times"),
        ((crew("centre", "early"),), {}, "'centre' stands there 2 times ('centre' is the centre's own log)"),
        ((), {"rules": Rules(shares=(0.5, 0.5, 0.9))}, "rules: shares 0.5, 0.5, 0.9 must rise between 0 and 1"),
        ((), {"rules": Rules(approve=["extend"]), "people": []}, "but nobody may: give one of [[people]]"),
        ((), {"swaps": [Swap(who="x", day=SINCE, shifts="")]}, "swap of 2026-01-05: no crew or leader 'x'"),
        ((), {"leaders": [leader("l", "early")]}, "leaders: nobody on duty from 2026-01-06 00:00 to 2026-01-06 06:00"),
        ((), {"shifts": [Shift(name="a+b", start=time(6), end=time(7))]}, "shift 'a+b': + joins two shifts"),
    ],
)
def test_each_fault_is_one_line_that_says_where_and_what(crews: Any, values: Any, words: str) -> None:
    found = faults(*crews, **values)
    assert any(words in line for line in found), found
    assert all("\n" not in line for line in found)


def test_a_patrol_area_that_nobody_has_is_a_fault() -> None:
    found = check.problems(plan(*USUAL), CITY, STANDARD)
    assert "patrol area 'P01': no crew has it; add it to one" in found
    assert len(found) == len(CITY.patrol_areas) - 1


def test_a_night_shift_belongs_to_the_day_on_which_it_starts_and_ends_before_its_last_instant() -> None:
    roster = Roster(plan(crew("n", "night", "")), CALENDAR)
    (who,) = roster.plan.crews
    # 5 January 2026 is day 0: on duty from its 22:00 to 06:00 of the sixth; the sixth's night is off.
    assert roster.until(who, local("2026-01-05T21:59:59")) is None
    assert roster.until(who, local("2026-01-05T22:00")) == local("2026-01-06T06:00")
    assert roster.until(who, local("2026-01-06T05:59:59")) == local("2026-01-06T06:00")
    assert roster.until(who, local("2026-01-06T06:00")) is None
    assert roster.until(who, local("2026-01-06T23:00")) is None
    assert roster.until(who, local("2026-01-05T00:30")) is None  # before its first day there is no duty


def test_shifts_for_workdays_and_for_days_off_follow_holidays_and_moved_weekends() -> None:
    roster = Roster(plan(crew("w", "office"), crew("r", "rest")), CALENDAR)

    def there(text: str) -> list[str]:
        return [found.name for found in roster.crews(local(text))]

    assert there("2026-09-30T10:00") == ["w"]
    assert there("2026-10-01T10:00") == ["r"]  # National Day
    assert there("2026-10-10T10:00") == ["w"]  # a Saturday that is worked for it
    assert there("2026-10-11T10:00") == ["r"]


def test_a_swap_overrules_the_turn_for_one_day_and_joins_shifts() -> None:
    swaps = [
        Swap(who="e", day=date(2026, 11, 24), shifts=""),
        Swap(who="l", day=date(2026, 11, 24), shifts="early+late"),
    ]
    roster = Roster(plan(crew("e", "early"), crew("l", "late"), swaps=swaps), CALENDAR)
    assert [c.name for c in roster.crews(local("2026-11-24T08:00"))] == ["l"]
    assert [c.name for c in roster.crews(local("2026-11-24T15:00"))] == ["l"]
    assert [c.name for c in roster.crews(local("2026-11-25T08:00"))] == ["e"]


def test_the_synthetic_citys_plan_is_in_order_and_leaves_no_area_without_a_crew_at_any_hour() -> None:
    found = sample.plan(CITY)
    assert check.problems(found, CITY, STANDARD) == []
    assert check.gaps(found, CALENDAR) == []
    assert {area for c in found.crews for area in c.areas} == set(CITY.patrol_areas)
    starts = {s.start for s in found.shifts if s.name.startswith("early")}
    assert len(starts) == 3  # staggered


def test_the_check_command_says_each_fault_in_one_line_and_reads_toml_and_json(tmp_path: Path) -> None:
    good, bad = tmp_path / "plan.json", tmp_path / "plan.toml"
    runner = CliRunner()
    assert runner.invoke(app, ["sample", "--out", str(good)]).exit_code == 0
    assert msgspec.json.decode(good.read_bytes(), type=Plan) == sample.plan(CITY)
    assert "in order" in runner.invoke(app, ["check", str(good)]).stdout
    bad.write_text(
        'version = "1"\ncity = "x"\nshifts = [{ name = "a", start = 06:00:00, end = 14:00:00 }]\n'
        '[[crews]]\nname = "c"\nareas = ["P99"]\ncycle = ["b"]\nsince = 2026-01-05\n'
    )
    told = runner.invoke(app, ["check", str(bad)])
    lines = told.stderr.splitlines()
    assert told.exit_code == 1
    assert f"{bad}: crew 'c': no shift 'b'; name one of [[shifts]]" in lines
    assert all(line.startswith(f"{bad}: ") for line in lines)
    bad.write_text("shifts = 3\n")
    told = runner.invoke(app, ["check", str(bad)])
    assert (told.exit_code, len(told.stderr.splitlines())) == (1, 1)


def test_a_registry_refuses_a_plan_with_faults_and_says_how_many(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(msgspec.json.encode(plan(crew("a", "dusk", areas=("P99",)))))
    with pytest.raises(SettingsError, match=r"no shift 'dusk'.*and 65 more: `zhuomu registry duty check"):
        check.read(path, CITY, STANDARD)


def test_only_who_is_named_with_a_right_has_it() -> None:
    duty = plan(people=[Person(name="Mr Qian", may=["approve"])])
    assert duty.may("Mr Qian", "approve")
    assert not duty.may("Mr Qian", "callout")
    assert not duty.may("Ms Nobody", "approve")


def test_now_shows_who_is_on_duty_over_midnight() -> None:
    told = CliRunner().invoke(app, ["now", "--at", "2026-11-25T00:10"])
    assert told.exit_code == 0
    assert "班组 crew night-1-1 city" in told.stdout
    assert "crew-P01" not in told.stdout
    wrong = CliRunner().invoke(app, ["now", "--at", "soon"])
    assert (wrong.exit_code, wrong.stderr.count("\n")) == (2, 1)


def test_leaders_of_the_district_come_before_those_of_the_whole_city() -> None:
    own = msgspec.structs.replace(leader("own"), districts=["990101"])
    other = msgspec.structs.replace(leader("other"), districts=["990102"])
    roster = Roster(plan(leaders=[leader("all"), other, own]), CALENDAR)
    assert [one.name for one in roster.leaders(datetime(2026, 11, 24, tzinfo=SINCE_ZONE), "990101")] == ["own", "all"]


SINCE_ZONE = local("2026-01-05T00:00").tzinfo
