"""The intake's own promises, with a real database and a line that only writes down what it is told."""

import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa
from gateway_helpers import candidate, eventually, picture
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from edge.link.mqtt import Incoming
from edge.wire import Candidate, Durable, EvidenceRef, Receipt, channel, channel_of, decode, encode, topic
from gateway import campaigns, incidents, queries, tables
from gateway.counters import Counters
from gateway.database import Database, SchemaMismatch, sqlite_url
from gateway.evidence import EvidenceStore
from gateway.ingest import Intake
from gateway.limits import FloodLimit
from gateway.migrations import MIGRATIONS
from gateway.registry import tables as registry_tables
from gateway.settings import GatewaySettings
from gateway.store import BatchStore
from gateway.take import take


class Line:
    """Keeps acknowledgements and receipts in the order in which they came."""

    def __init__(self) -> None:
        self.log: list[tuple[str, object]] = []

    def ack(self, incoming: Incoming) -> None:
        self.log.append(("ack", incoming.mid))

    def publish(self, topic: str, payload: bytes, qos: int = 1, retain: bool = False) -> bool:
        receipt = decode(channel("down", "receipt"), payload)
        assert isinstance(receipt, Receipt)
        self.log.append(("receipt", tuple(receipt.seqs)))
        return True


class Rig:
    """Database, store and intake on one folder."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.settings = GatewaySettings(data=str(folder), **settings)  # type: ignore[arg-type]
        self.path = folder / "gateway.sqlite3"
        self.database = Database(sqlite_url(self.path), tables.metadata, tables.SCHEMA_VERSION)
        self.counters = Counters()
        self.pictures = EvidenceStore(folder / "evidence", self.settings.evidence_bytes_max)
        self.store = BatchStore(self.database, self.pictures, self.counters, lambda: datetime.now(UTC), 100)
        self.line = Line()
        self.intake = Intake(self.settings, self.store, self.counters, self.line, lambda outcome: None)
        self.thread = threading.Thread(target=self.intake.run, daemon=True)

    def count(self, table: sa.Table) -> int:
        with self.database.read() as tx:
            return tx.scalar(sa.select(sa.func.count()).select_from(table)) or 0

    def commit(self, *messages: Durable) -> None:
        self.store.commit([take(incoming(m)) for m in messages])


def incoming(message: Durable) -> Incoming:
    row = channel_of(message)
    return Incoming(topic("up", message.device, row.name), encode(message), False, message.seq, row.qos)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.intake.stop(0.0)
    if rig.thread.is_alive():
        rig.thread.join(5.0)
    rig.database.close()


def test_acknowledgements_come_after_the_commit_in_receive_order_and_receipts_come_last(rig: Rig) -> None:
    for number in (3, 1, 2):
        rig.intake.put(incoming(candidate(number)))
    rig.thread.start()
    eventually(lambda: len(rig.line.log) >= 4, "acks and a receipt")
    assert rig.line.log == [("ack", 3), ("ack", 1), ("ack", 2), ("receipt", (1, 2, 3))]


def test_while_the_database_is_locked_nothing_is_acknowledged_and_then_everything_is(rig: Rig) -> None:
    rig.database.engine.dispose()
    other = sqlite3.connect(rig.path, isolation_level=None, timeout=1.0)
    other.execute("BEGIN IMMEDIATE")
    sa.event.listen(rig.database.engine, "connect", lambda c, _: c.execute("PRAGMA busy_timeout=20"))
    rig.intake.put(incoming(candidate(1)))
    rig.thread.start()
    eventually(lambda: rig.counters["commit_retries"] >= 2, "retries")
    assert rig.line.log == []
    other.execute("ROLLBACK")
    eventually(lambda: rig.line.log == [("ack", 1), ("receipt", (1,))], "ack and receipt")


def test_a_picture_that_the_disk_refuses_gets_no_receipt_and_holds_nobody_up(rig: Rig) -> None:
    shown = picture(b"late", seq=2)
    (rig.path.parent / "evidence" / shown.sha256[:2]).write_text("a file where a folder should be")
    outcome = rig.store.commit([take(incoming(shown)), take(incoming(candidate(1)))])
    assert dict(outcome.receipts) == {("kiosk-1", candidate().epoch): [1]}
    assert outcome.deferred == 1


def test_over_the_budget_pictures_of_closed_incidents_go_first_oldest_first(tmp_path: Path) -> None:
    rig = Rig(tmp_path, evidence_bytes_max=250)
    pictures = [picture(bytes([n]) * 100, seq=10 + n) for n in range(3)]
    for number, shown in enumerate(pictures):
        reference = EvidenceRef(
            sha256=shown.sha256, media_type="image/jpeg", size_bytes=100, kind="crop", redacted=True
        )
        rig.commit(candidate(number + 1, evidence=[reference]))
    with rig.database.write() as tx:
        closed = sa.select(tables.candidates.c.incident_id).where(tables.candidates.c.candidate_id == "cand-2")
        incidents.set_state(tx, tx.scalar(closed) or "", "closed", "2026-11-22T10:00:00.000000Z")
    for shown in pictures:
        rig.commit(shown)
    assert [rig.pictures.path(p.sha256).exists() for p in pictures] == [True, False, True]
    assert rig.counters["evidence_evicted"] == 1


def test_a_flooding_device_is_slowed_and_the_others_are_not() -> None:
    limit = FloodLimit(factor=0.001)
    row = channel("up", "candidate")
    passed = sum(limit.allows("loud", row, now_s=0.0) for _ in range(100))
    assert passed == 6
    assert limit.allows("quiet", row, now_s=0.0)
    assert limit.allows("loud", row, now_s=60.0)


def test_a_throttled_message_is_acknowledged_without_a_receipt(tmp_path: Path) -> None:
    rig = Rig(tmp_path, rate_factor=1 / 6000)
    for number in (1, 2):
        rig.intake.put(incoming(candidate(number)))
    rig.thread.start()
    eventually(lambda: len(rig.line.log) == 3, "two acks and a receipt")
    rig.intake.stop(0.0)
    rig.thread.join(5.0)
    assert rig.line.log == [("ack", 1), ("ack", 2), ("receipt", (1,))]
    assert rig.counters["throttled"] == 1


def test_a_full_queue_acknowledges_without_a_receipt_and_counts(tmp_path: Path) -> None:
    rig = Rig(tmp_path, queue_messages_max=1)
    rig.intake.put(incoming(candidate(1)))
    rig.intake.put(incoming(candidate(2)))
    assert rig.line.log == [("ack", 2)]
    assert rig.counters["queue_overflow"] == 1


def test_an_incident_and_its_report_are_committed_with_the_receipt_or_not_at_all(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("crash before the commit")

    monkeypatch.setattr("gateway.devices.Tally.write", fail)
    with pytest.raises(RuntimeError):
        rig.commit(candidate(1))
    for table in (tables.messages, tables.candidates, tables.incidents, tables.witnesses, tables.forwards, tables.feed):
        assert rig.count(table) == 0


def test_two_devices_that_see_one_thing_are_two_witnesses_of_one_incident(rig: Rig) -> None:
    first: Candidate = candidate(1)
    second = candidate(1, device="drone-1", camera="down", candidate_id="other", place_id="p")
    rig.commit(first, second)
    assert (rig.count(tables.incidents), rig.count(tables.witnesses), rig.count(tables.forwards)) == (1, 2, 1)


def test_after_its_incident_is_closed_the_same_place_founds_a_new_one(rig: Rig) -> None:
    rig.commit(candidate(1))
    with rig.database.write() as tx:
        found = tx.scalar(sa.select(tables.incidents.c.incident_id)) or ""
        incidents.set_state(tx, found, "closed", "2026-11-22T10:00:00.000000Z")
    rig.commit(candidate(1, seq=2, candidate_id="next day"))
    assert rig.count(tables.incidents) == 2


def test_a_database_from_a_newer_version_is_refused_in_clear_words(rig: Rig) -> None:
    with rig.database.write() as tx:
        tx.execute(sa.update(tables.schema).values(version=99))
    with pytest.raises(SchemaMismatch, match="version 99, this software knows 4: update the software"):
        Database(sqlite_url(rig.path), tables.metadata, tables.SCHEMA_VERSION)


@pytest.mark.parametrize("number", [1, 2])
def test_a_database_of_an_older_schema_opens_with_what_it_holds_and_takes_campaigns(
    number: int, tmp_path: Path
) -> None:
    """The files were written by the last software with that schema; afterwards they have the tables of a fresh one."""
    path = tmp_path / "gateway.sqlite3"
    old = sqlite3.connect(path)
    old.executescript((Path(__file__).parent / "data" / f"gateway-schema-{number}.sql").read_text())
    old.close()
    database = Database(sqlite_url(path), tables.metadata, tables.SCHEMA_VERSION, MIGRATIONS)
    store = BatchStore(database, EvidenceStore(tmp_path / "e", 10**6), Counters(), lambda: datetime.now(UTC), 100)
    store.commit([take(incoming(candidate(2, case_class="poster", campaigns=["19900001234"])))])
    with database.read() as tx:
        listed = queries.incident_list(tx, 0, 10)
        version = tx.scalar(sa.select(tables.schema.c.version))
        inspected = sa.inspect(tx)
        migrated = {name: _shape(inspected, name) for name in inspected.get_table_names()}
    database.close()
    fresh = Database(sqlite_url(tmp_path / "fresh.sqlite3"), tables.metadata, tables.SCHEMA_VERSION)
    with fresh.read() as tx:
        inspected = sa.inspect(tx)
        assert migrated == {name: _shape(inspected, name) for name in inspected.get_table_names()}
    fresh.close()
    assert version == tables.SCHEMA_VERSION
    assert [c["number"] for c in listed[0]["campaigns"]] == ["19900001234"]
    assert (len(listed), listed[-1]["campaigns"]) == ({1: 2, 2: 3}[number], [])


def _shape(inspected: sa.Inspector, table: str) -> tuple[object, ...]:
    """Columns, key and indexes of a table, as the database itself tells them."""
    columns = [(c["name"], str(c["type"]), c["nullable"]) for c in inspected.get_columns(table)]
    indexes = sorted((str(i["name"]), tuple(i["column_names"])) for i in inspected.get_indexes(table))
    return columns, inspected.get_pk_constraint(table)["constrained_columns"], indexes


def test_a_database_older_than_every_migration_is_refused_in_clear_words(rig: Rig) -> None:
    with rig.database.write() as tx:
        tx.execute(sa.update(tables.schema).values(version=0))
    with pytest.raises(SchemaMismatch, match="version 0, this software knows 4: no migration"):
        Database(sqlite_url(rig.path), tables.metadata, tables.SCHEMA_VERSION, MIGRATIONS)


def test_one_number_in_many_places_is_one_campaign(rig: Rig) -> None:
    """Three posters, two with one number; the same poster seen by a second camera adds no place."""
    posters = [candidate(n, case_class="poster", campaigns=["19900001234"]) for n in (1, 2)]
    again = candidate(
        1, seq=9, device="drone-1", camera="c", candidate_id="o", case_class="poster", campaigns=["19900001234"]
    )
    other = candidate(3, case_class="poster", campaigns=["02088881234", "19900001234"])
    rig.commit(*posters, again, other, candidate(4))
    with rig.database.read() as tx:
        counted = {row["number"]: row["incidents"] for row in campaigns.listed(tx, 10)}
        found = queries.incident_list(tx, 0, 10, campaign="19900001234")
        newest = queries.candidate_list(tx, 10)
        told = tx.scalars(sa.select(tables.feed.c.text)).all()
    assert counted == {"19900001234": 3, "02088881234": 1}
    assert len(found) == 3 and {len(row["witnesses"]) for row in found} == {1, 2}
    assert newest[0]["campaigns"] == [] and newest[1]["campaigns"][0] == {"number": "02088881234", "incidents": 1}
    assert not any("1234" in line for line in told)


def test_a_message_of_the_greatest_size_still_fits_its_channel_as_a_receipt() -> None:
    from edge.wire import Refusal
    from gateway.ingest import receipts
    from gateway.store import Outcome

    outcome = Outcome()
    for seq in range(1, 257):
        outcome.refused["kiosk-1", "0123456789abcdef"].append(Refusal(seq=seq, code=100, reason="报" * 200))
        outcome.receipts["kiosk-1", "0123456789abcdef"].append(2**62 + seq)
    made = list(receipts(outcome))
    assert sum(len(r.refused) for r in made) == 256
    assert all(len(encode(r)) <= channel("down", "receipt").size_bytes_max for r in made)
    assert msgspec.json.decode(encode(made[0]))["device"] == "kiosk-1"


@pytest.mark.parametrize("metadata", [tables.metadata, registry_tables.metadata], ids=["gateway", "registry"])
def test_every_table_can_be_made_in_postgresql_too(metadata: sa.MetaData) -> None:
    for table in metadata.sorted_tables:
        assert str(CreateTable(table).compile(dialect=postgresql.dialect())).strip().startswith("CREATE TABLE")
