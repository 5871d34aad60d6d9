"""The intake's door: quotas, shares, who is let in; and that a flood slows nobody but its sender."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from gateway_helpers import candidate, eventually, picture
from test_gateway_store import Rig, incoming

from edge.wire import ErrorCode, Receipt, channel, decode, parse_topic
from gateway.devices import known
from gateway.devices.doorman import Doorman, Word, usage
from gateway.devices.settings import IdentitySettings
from gateway.ingest import Intake, receipts
from gateway.tables import dead_letters
from gateway.take import take
from gateway.times import to_text

CANDIDATE, EVIDENCE = channel("up", "candidate"), channel("up", "evidence")
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.database.close()


def test_past_the_days_bytes_messages_are_put_off_and_past_the_days_pictures_they_are_refused() -> None:
    door = Doorman(IdentitySettings(bytes_per_day_max=2500, evidence_bytes_per_day_max=100_000))
    words = [door.ask("kiosk-1", CANDIDATE, 1000, 0.0) for _ in range(4)]
    assert words == [Word.IN, Word.IN, Word.TOMORROW, Word.TOMORROW]
    assert [door.ask("kiosk-1", EVIDENCE, 60_000, 0.0) for _ in range(2)] == [Word.IN, Word.OVER_QUOTA]
    assert door.ask("kiosk-2", CANDIDATE, 1000, 0.0) is Word.IN


def test_the_days_use_outlives_a_restart_and_ends_with_the_day(rig: Rig) -> None:
    settings = IdentitySettings(bytes_per_day_max=1000)
    now = [NOON]
    first = Doorman(settings, 1.0, rig.database, lambda: now[0])
    first.look(0.0)
    assert [first.ask("kiosk-1", CANDIDATE, 900, 1.0) for _ in range(2)] == [Word.IN, Word.TOMORROW]
    first.look(100.0)
    second = Doorman(settings, 1.0, rig.database, lambda: now[0])
    second.look(0.0)
    assert second.ask("kiosk-1", CANDIDATE, 900, 1.0) is Word.TOMORROW
    with rig.database.read() as tx:
        (row,) = usage(tx, "2026-11-24", 10)
    assert (row["messages"], row["size_bytes"], row["over_quota"]) == (1, 900, 1)
    now[0] += timedelta(days=1)
    second.look(200.0)
    assert second.ask("kiosk-1", CANDIDATE, 900, 201.0) is Word.IN


def test_a_device_holds_no_more_than_its_share_of_the_queue_until_some_of_it_is_done() -> None:
    door = Doorman(IdentitySettings(queue_per_device_max=2))
    assert [door.ask("kiosk-1", CANDIDATE, 1, 0.0) for _ in range(3)] == [Word.IN, Word.IN, Word.CROWDED]
    door.done("kiosk-1")
    assert door.ask("kiosk-1", CANDIDATE, 1, 0.0) is Word.IN


@pytest.mark.parametrize(("require", "stranger"), [(False, Word.IN), (True, Word.NOT_ALLOWED)])
def test_a_revoked_device_is_never_let_in_and_a_stranger_only_where_claims_are_not_required(
    rig: Rig, require: bool, stranger: Word
) -> None:
    with rig.database.write() as tx:
        for name in ("kiosk-1", "kiosk-2"):
            known.with_password(tx, name, "$7$1$AA==$AA==", "", NOON)
        known.revoke(tx, "kiosk-2", "lost", NOON)
    door = Doorman(IdentitySettings(require=require), 1.0, rig.database, lambda: NOON)
    door.look(0.0)
    words = [door.ask(name, CANDIDATE, 1, 0.0) for name in ("kiosk-1", "kiosk-2", "kiosk-3")]
    assert words == [Word.IN, Word.NOT_ALLOWED, stranger]


def test_a_device_is_told_of_when_its_last_certificate_runs_out(rig: Rig) -> None:
    from gateway.devices.ca import Issued

    now, told = [NOON], []
    with rig.database.write() as tx:
        code = known.invite(tx, "kiosk-1", "", NOON, timedelta(hours=1))
        assert known.take_code(tx, "kiosk-1", code, NOON)
        known.record(tx, "kiosk-1", Issued(b"", "ab", "ca", NOON + timedelta(minutes=1)), NOON)
    door = Doorman(IdentitySettings(), 1.0, rig.database, lambda: now[0])
    door.on_lapsed = told.append
    door.look(0.0)
    assert door.ask("kiosk-1", CANDIDATE, 1, 0.0) is Word.IN
    now[0] += timedelta(minutes=2)
    door.look(10.0)
    assert told == [frozenset({"kiosk-1"})]
    assert door.ask("kiosk-1", CANDIDATE, 1, 10.0) is Word.NOT_ALLOWED


def test_a_picture_over_the_quota_is_refused_with_its_code_and_leaves_no_dead_letter(rig: Rig) -> None:
    message = incoming(picture(b"jpeg", seq=7))
    outcome = rig.store.commit([take(message, over_quota=True)])
    (receipt,) = receipts(outcome)
    assert [(r.seq, r.code) for r in receipt.refused] == [(7, ErrorCode.OVER_QUOTA)]
    assert rig.count(dead_letters) == 0
    assert [r.seqs for r in receipts(rig.store.commit([take(message)]))] == [[7]]


def test_what_one_device_floods_delays_nobody_by_more_than_its_share_and_is_not_lost_to_the_count(
    tmp_path: Path,
) -> None:
    """49 devices with one message each stand behind 20,000 of one device: their receipts come in the first batches, all
    of them; of the flood only the device's rate gets in."""
    rig = Rig(tmp_path, batch_messages_max=64, identity=IdentitySettings(queue_per_device_max=100))
    heard: list[tuple[str, int]] = []

    class Line:
        acks = 0

        def ack(self, _incoming: object) -> None:
            self.acks += 1

        def publish(self, topic: str, payload: bytes, qos: int = 1, retain: bool = False) -> bool:
            row, device = parse_topic(topic)
            receipt = decode(row, payload)
            assert isinstance(receipt, Receipt)
            heard.append((device, len(receipt.seqs)))
            return True

    line = Line()
    rig.intake = Intake(rig.settings, rig.store, rig.counters, line, lambda outcome: None)
    loud = incoming(candidate(1, device="loud"))
    for _ in range(20_000):
        rig.intake.put(loud)
    for n in range(49):
        rig.intake.put(incoming(candidate(1, device=f"quiet-{n}")))
    thread = threading.Thread(target=rig.intake.run, daemon=True)
    thread.start()
    eventually(lambda: line.acks == 20_049, "every message acknowledged")
    rig.intake.stop(0.0)
    thread.join(5.0)
    assert {device for device, _ in heard} == {"loud", *(f"quiet-{n}" for n in range(49))}
    turned_away = rig.counters[Word.CROWDED] + rig.counters[Word.THROTTLED]
    assert turned_away == 20_000 - 100
    before_last = [device for device, _ in heard][: heard.index(("quiet-48", 1))]
    assert before_last.count("loud") <= 3
    rig.database.close()


def test_the_days_row_names_every_device_that_was_turned_away(rig: Rig) -> None:
    door = Doorman(IdentitySettings(queue_per_device_max=1), 1.0, rig.database, lambda: NOON)
    door.look(0.0)
    for _ in range(3):
        door.ask("kiosk-1", CANDIDATE, 10, 1.0)
    door.look(50.0)
    with rig.database.read() as tx:
        (row,) = usage(tx, to_text(NOON)[:10], 10)
    assert (row["messages"], row["throttled"]) == (1, 2)
