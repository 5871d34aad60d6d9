"""The rule file while the kiosk runs: a changed one counts within seconds, a bad one is refused and changes nothing."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from conftest import until
from kiosk_scripted import Scripted
from test_kiosk_watcher import a_picture
from test_watch_rules import PAVEMENT, spot
from typer.testing import CliRunner

from edge.kiosk.config import load_settings
from edge.kiosk.node import Kiosk
from edge.kiosk.rulefile import POLL_S, RuleFile, load_rules, remarks
from edge.kiosk.rules_cli import app
from edge.link import SettingsError
from edge.watch.rules import under_standard
from edge.watch.standard import load_standard
from edge.wire import Candidate, channel, decode

CONFIGS = Path(__file__).parent.parent / "configs"
RULE = '[[rule]]\nname = "bikes"\ncase_class = "bike"\nclass_code = "04-10"\nlabels = ["bicycle"]\ndwell_s = {dwell}\n'
STANDARD = (
    'version = "s1"\ncity = "Testtown"\n[[classes]]\ncode = "04-10"\ncase_class = "bike"\nname_zh = "非机动车乱停放"\n'
    'name_en = "badly parked bicycle"\nlimit_hours = 2.0\nclosed_when = "put right"\n'
    'filing_condition = "blocks the way"\n'
    '[[classes]]\ncode = "02-01"\ncase_class = "poster"\nname_zh = "非法小广告"\nname_en = "poster"\n'
    'closed_when = "gone"\n'
    'filed_when = "stuck"\nlimit = { amount = 1, unit = "day" }\ngroup = "of no use here"\n'
)


def rules(path: Path, version: str, dwell: str = "0.5", more: str = "") -> Path:
    """A rule file for bicycles."""
    path.write_text(f'version = "{version}"\n{more}\n{RULE.format(dwell=dwell)}', encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('version = "1"\n\n' + RULE.format(dwell="-3"), "rules.toml, line 8: Expected `float` >= 0.0"),
        ('version = "1"\n\n' + RULE.format(dwell="3\ndays = ['someday']"), "line 9: Invalid enum value 'someday'"),
        ('version = "1"\n\n' + RULE.format(dwell="3\ncolour = 3"), "line 3: Object contains unknown field `colour`"),
        ('version = "1"\n\n' + 2 * RULE.format(dwell="3"), "line 10: rule name 'bikes' stands twice"),
        ('version = "1"\n\n' + RULE.format(dwell="3\nhours = ['08:00-08:00']"), "line 9: 08:00-08:00 is an empty span"),
        ('version = "1"\n\n' + RULE.format(dwell="3\nhours = ['8-9']"), "line 9: Expected `str` matching regex"),
        ('version = "1"\nrule = [\n', "rules.toml: not valid TOML"),
        ('version = "1"\nstandard = "none.toml"\n' + RULE.format(dwell="3"), "none.toml: the standard cannot be read"),
        (
            'version = "1"\nstandard = "city.toml"\n' + RULE.format(dwell="3").replace("04-10", "09-99"),
            "line 6: class 09-99 is not in the standard Testtown s1; name one of its codes",
        ),
        (
            'version = "1"\nstandard = "city.toml"\n' + RULE.format(dwell="3").replace("04-10", "02-01"),
            "line 6: class 02-01 is poster in the standard, the rule says bike; mend one of them",
        ),
    ],
)
def test_a_bad_file_is_refused_in_one_line_that_names_the_place(tmp_path: Path, text: str, words: str) -> None:
    """File, line, what is wrong; the command ends with 2."""
    (tmp_path / "city.toml").write_text(STANDARD, encoding="utf-8")
    (tmp_path / "rules.toml").write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as refused:
        load_rules(tmp_path / "rules.toml")
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)
    answered = CliRunner().invoke(app, ["check", str(tmp_path / "rules.toml")])
    assert answered.exit_code == 2
    assert words in answered.stderr


def test_the_citys_file_is_checked_against_its_standard_and_the_kiosks_zones() -> None:
    """The example in configs/ names the standard; what deserves a look is said."""
    answered = CliRunner().invoke(app, ["check", str(CONFIGS / "rules.toml"), "--config", str(CONFIGS / "kiosk.toml")])
    assert answered.exit_code == 0, answered.output
    assert "占道经营" in answered.stdout
    assert "no camera has a zone of kind 'night_market'" in answered.stdout
    book = load_rules(CONFIGS / "rules.toml")
    assert not [words for words in remarks(book, None, 2026) if "network never says" in words]


def test_a_candidate_carries_condition_limit_and_deadline_of_the_citys_table(tmp_path: Path) -> None:
    """Another city's table loads without code; what runs in working time has no deadline here."""
    (tmp_path / "city.toml").write_text(STANDARD, encoding="utf-8")
    book = load_rules(rules(tmp_path / "rules.toml", "1", more='standard = "city.toml"'))
    candidate = a_candidate()
    filed = under_standard(candidate, book)
    assert (filed.standard, filed.filing_condition, filed.limit) == ("Testtown s1", "blocks the way", "2 hours")
    assert filed.deadline == candidate.last_seen + timedelta(hours=2)
    poster = load_standard(tmp_path / "city.toml").find("02-01")
    assert poster is not None
    assert (poster.condition, poster.limit_words, poster.deadline(candidate.last_seen)) == (
        "stuck",
        "1 working days",
        None,
    )
    assert under_standard(candidate, load_rules(rules(tmp_path / "plain.toml", "1"))) == candidate


def a_candidate() -> Candidate:
    """Of a bicycle that a rule has just decided."""
    from test_wire_contract import a_candidate as any_candidate

    return any_candidate(class_code="04-10", last_seen=datetime(2026, 11, 23, 8, 0, tzinfo=UTC))


def test_the_last_good_file_stays_in_force(tmp_path: Path) -> None:
    """A broken one, a vanished one, and changed rules under the old version; then a good one counts."""
    path = rules(tmp_path / "rules.toml", "1")
    watched = RuleFile(path, load_rules(path))
    path.write_text("version = 1\n")
    assert watched.current(0.0).version == "1"
    path.unlink()
    assert watched.current(POLL_S).version == "1"
    rules(path, "1", dwell="9.0")
    assert watched.current(2 * POLL_S).rule[0].dwell_s == 0.5
    assert watched.refused == 3
    rules(path, "2", dwell="9.0")
    assert watched.current(2.5 * POLL_S).version == "1"  # not looked at yet
    assert watched.current(3 * POLL_S).version == "2"
    assert watched.refused == 3


def test_a_changed_standard_counts_as_a_change(tmp_path: Path) -> None:
    """The table is part of the rules: a new one needs a new version of the rules too."""
    (tmp_path / "city.toml").write_text(STANDARD, encoding="utf-8")
    path = rules(tmp_path / "rules.toml", "1", more='standard = "city.toml"')
    watched = RuleFile(path, load_rules(path))
    (tmp_path / "city.toml").write_text(STANDARD.replace("s1", "s2!"), encoding="utf-8")
    watched.current(0.0)
    assert watched.refused == 1
    rules(path, "2", more='standard = "city.toml"')
    table = watched.current(POLL_S).table
    assert table is not None
    assert table.version == "s2!"


@pytest.mark.slow
def test_a_running_kiosk_takes_up_a_changed_file_and_says_its_version_in_candidates(tmp_path: Path) -> None:
    """Nothing is filed under rules that ask for an hour; a bad file changes nothing; then the next version files."""
    import cv2

    pictures = tmp_path / "pictures"
    pictures.mkdir()
    cv2.imwrite(str(pictures / "a.png"), a_picture())
    path = rules(tmp_path / "rules.toml", "strict", dwell="3600.0")
    text = f'device = "kiosk-1"\ndata = "data"\nrules = "rules.toml"\n[[camera]]\nname = "cam"\nsource = "{pictures}"\n'
    (tmp_path / "kiosk.toml").write_text(text + "detect_fps = 20.0\n[broker]\nport = 1\n", encoding="utf-8")
    kiosk = Kiosk(load_settings(tmp_path / "kiosk.toml"), tmp_path / "kiosk.toml", "test")
    kiosk._tools.detector = Scripted(2)
    stop = threading.Event()
    running = threading.Thread(target=kiosk.run, args=(stop,))
    running.start()
    try:
        until(lambda: kiosk.outbox.query("select count(*) from spot")[0][0] == 2, 60.0, "two places")
        path.write_text("version = 1\n", encoding="utf-8")
        until(lambda: kiosk.counters()["rules_refused"] == 1, 60.0, "the refusal")
        assert kiosk.outbox.size[0] == 0
        rules(path, "mild")
        until(lambda: _candidates(kiosk), 120.0, "candidates")
        assert {c.rule_version for c in _candidates(kiosk)} == {"mild"}
    finally:
        stop.set()
        running.join(60.0)
    assert not running.is_alive()


def _candidates(kiosk: Kiosk) -> list[Candidate]:
    rows = kiosk.outbox.query("select payload from outbox where channel = 'candidate'")
    found = [decode(channel("up", "candidate"), bytes(row[0]), "kiosk-1") for row in rows]  # type: ignore[call-overload]
    return [c for c in found if isinstance(c, Candidate)]


def test_zones_of_a_rule_file_are_read(tmp_path: Path) -> None:
    """With their street class."""
    drawn = '[[zone]]\ncamera = "cam"\nname = "pavement"\nkind = "pavement"\nstreet = "back_lane"\n'
    more = f"{drawn}polygon = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]\n"
    book = load_rules(rules(tmp_path / "rules.toml", "1", more=more))
    assert [z.street for z in book.zones_of(spot().camera, [PAVEMENT])] == ["back_lane"]
