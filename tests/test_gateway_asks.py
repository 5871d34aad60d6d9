"""Questions to devices: sent until answered, answered once, given up; rules as text; rules to kiosks by the fleet."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from gateway_helpers import Centre, eventually
from test_kiosk_rules_replay import BOOK, Street, watch

from edge.kiosk.asked import Asked
from edge.kiosk.rulefile import load_rules
from edge.link import Broker, Link, Outbox
from edge.wire import Answer, Ask, Health, UnknownReference, Versions, decode, encode
from edge.wire.asks import LeaveAsk, ReplayAsk
from edge.wire.channels import channel
from gateway import asks, fleet, rule_rollout, rule_text, schema
from gateway.asks_tables import asks as table
from gateway.counters import Counters
from gateway.database import Database, sqlite_url
from gateway.times import to_text

AT = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
NOW = to_text(AT)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    one = schema.open_database(sqlite_url(tmp_path / "g.sqlite3"))
    yield one
    one.close()


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A kiosk's file, after it has seen a street for a minute."""
    folder = tmp_path_factory.mktemp("watched")
    watch(folder, Street(2), 60.0, BOOK)
    return folder / "kiosk-1.db"


def answer(ask_id: str, **values: Any) -> tuple[Answer, bytes]:
    message = Answer(**({"device": "kiosk-1", "ask_id": ask_id} | values))
    return message, encode(message)


def test_an_ask_is_answered_once_and_only_by_whom_it_was_put_to(database: Database) -> None:
    asker = asks.Asker(database, Counters(), lambda: AT, lambda: None)
    ask_id = asker.ask("kiosk-1", LeaveAsk(camera="north", session="s"), "wang")
    with pytest.raises(UnknownReference, match="never asked"), database.write() as tx:
        asks.answered(tx, *answer(ask_id, device="kiosk-2"), NOW)
    for status, error in ((404, "no such camera"), (200, "")):
        with database.write() as tx:
            asks.answered(tx, *answer(ask_id, status=status, error=error, error_zh="没有"), NOW)
    with pytest.raises(asks.NotAnswered, match="没有 no such camera") as refused:
        asker.answer(ask_id, 0.0)
    assert refused.value.status == 404


def test_what_nobody_answers_is_given_up_and_a_device_has_few_open_questions(database: Database) -> None:
    now = AT
    counters = Counters()
    asker = asks.Asker(database, counters, lambda: now, lambda: None)
    leave = LeaveAsk(camera="north", session="s")
    with pytest.raises(asks.NotAnswered, match="no answer of the device"):
        asker.answer(asker.ask("kiosk-1", leave, "wang"), 0.0)
    assert counters.snapshot()["asks_given_up"] == 1
    for _ in range(asks.OPEN_MAX):
        asker.ask("kiosk-1", leave, "wang")
    with pytest.raises(asks.NotAnswered, match="try later"):
        asker.ask("kiosk-1", leave, "wang")
    now += timedelta(seconds=asks.GIVEN_UP_S + 1)
    asker.ask("kiosk-1", leave, "wang")
    with database.read() as tx:
        assert [row.state for row in tx.execute(table.select().where(table.c.waiting))] == ["asked"]


def test_the_same_ask_is_answered_again_with_the_same_words(watched: Path, tmp_path: Path) -> None:
    said: list[Answer] = []
    asked = Asked("kiosk-1", watched, tmp_path, lambda one: bool(said.append(one)) or True, None)
    ask = Ask(ask_id="a" * 32, what=LeaveAsk(camera="north", session="s"))
    asked(ask)
    eventually(lambda: said, "the answer")
    asked(ask)
    asked.close()
    assert said[0] is said[1] and said[0].status == 404 and "desk = true" in said[0].error
    assert asked.counters == {"asks": 1, "asks_turned_away": 0}


@pytest.mark.slow
def test_a_kiosk_replays_over_the_wire_and_says_what_is_wrong_with_rules(watched: Path, tmp_path: Path) -> None:
    """Real broker, gateway and link; the answer to one who was never asked is a dead letter and stops nothing."""
    centre = Centre(tmp_path)
    centre.start("broker", "gateway")
    outbox = Outbox(tmp_path / "line.db", "kiosk-1")
    link = Link(outbox, Broker(port=centre.mqtt_port), "kiosk", handlers={"ask": lambda ask: asked(ask)})
    asked = Asked("kiosk-1", watched, tmp_path, link.say, None)
    link.start()
    own = schema.open_database(sqlite_url(tmp_path / "gateway" / "gateway.sqlite3"))
    try:
        eventually(lambda: centre.get("/api/devices"), "the kiosk")
        asker = asks.Asker(own, Counters(), lambda: datetime.now(UTC), lambda: None)
        found = asker.answer(asker.ask("kiosk-1", ReplayAsk(), "wang"), 30.0).replayed
        assert found is not None and found.sightings > 100
        assert sum(c.added + c.dropped for c in found.counts) == 0 < sum(c.same for c in found.counts)
        book = rule_text.of_json(found.rules)
        assert [rule["name"] for rule in book["rule"]] == [rule.name for rule in BOOK.rule]
        assert "cam: left (pavement, main_street)" in found.zones
        for rule in book["rule"]:
            rule["dwell_s"] = 10_000.0
        strict = asker.answer(asker.ask("kiosk-1", ReplayAsk(rules=rule_text.text_of(book), rows_max=2), "wang"), 30.0)
        told = strict.replayed
        assert told is not None and {row.sign for row in told.rows} == {"-"} and len(told.rows) == 2
        assert sum(c.dropped for c in told.counts) == len(told.rows) + told.left_out
        book["rule"][0]["dwell_s"] = -1
        with pytest.raises(asks.NotAnswered, match=r"rules, line \d+.*dwell_s|dwell_s"):
            asker.answer(asker.ask("kiosk-1", ReplayAsk(rules=rule_text.text_of(book)), "wang"), 30.0)
        link.say(Answer(device="kiosk-1", ask_id="f" * 32))
        eventually(lambda: any("never asked" in row["reason"] for row in centre.get("/api/dead_letters")), "the letter")
    finally:
        link.stop()
        asked.close()
        outbox.close()
        own.close()
        centre.stop()


def test_a_rule_file_reads_back_the_same_through_the_desk(tmp_path: Path) -> None:
    """Every field of the rules that ship, and dates, quotes and empty lists."""
    source = Path(__file__).parent.parent / "configs"
    book = rule_text.parsed((source / "rules.toml").read_text(encoding="utf-8"))
    book["permit"][0] |= {"until": "2026-12-31", "name": 'a "quoted" \\ name'}
    book["holidays"] = ["2026-12-30"]
    written = tmp_path / "rules.toml"
    written.write_text(rule_text.text_of(book), encoding="utf-8")
    read, before = load_rules(written, source), load_rules(source / "rules.toml")
    assert read.rule == before.rule and read.permit[1:] == before.permit[1:]
    assert str(read.permit[0].until) == "2026-12-31" and [str(day) for day in read.holidays] == ["2026-12-30"]
    again = rule_text.of_json(msgspec.json.encode(msgspec.structs.replace(read, table=None)).decode())
    assert rule_text.version_of(rule_text.text_of(again)) == before.version


@pytest.mark.parametrize(
    "text", ["no toml [", 'version = "1"', "rule = 3\nversion = '1'", "version = 1\n[[rule]]\na = 1"]
)
def test_what_is_no_rule_file_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(rule_text.NotRules) as refused:
        rule_text.parsed(text)
    assert "\n" not in str(refused.value)


def test_rules_that_are_rolled_out_keep_a_kiosks_other_settings(database: Database) -> None:
    """Kiosks with different settings from afar are not mixed; each keeps its own, and gets the rules."""
    with database.write() as tx:
        first = fleet.create(tx, '{"gone_s": 5.0}', "device:kiosk-1", 1.0, 0, "wang", "", NOW)
        for device, version in (("kiosk-1", first), ("kiosk-2", 0)):
            health = Health(device=device, at=AT, outbox_rows=0, outbox_bytes=0, versions=Versions(config=version))
            fleet.heard(tx, health, NOW)
            fleet.put_into_group(tx, device, "east", NOW)
        with pytest.raises(fleet.FleetError, match="different settings"):
            rule_rollout.begin(tx, "text", "group:east", [], 0.5, 0, "wang", "why", NOW)
        versions = rule_rollout.begin(tx, "text", "", ["kiosk-1", "kiosk-2"], 1.0, 0, "wang", "why", NOW)
        documents = [msgspec.json.decode(fleet.found(tx, n)["body"]) for n in versions]
        assert documents == [{"gone_s": 5.0, "rules": "text"}, {"rules": "text"}]
        with pytest.raises(fleet.FleetError, match="no kiosk"):
            rule_rollout.begin(tx, "text", "group:west", [], 1.0, 0, "wang", "why", NOW)


def test_the_largest_rule_file_fits_its_channel() -> None:
    ask = Ask(ask_id="a" * 32, what=ReplayAsk(rules="则" * 100_000))
    assert decode(channel("down", "ask"), encode(ask)) == ask
