"""Databases of every schema version that was ever released open without loss, also by many processes at once."""

import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from gateway_helpers import candidate
from test_gateway_store import incoming

from edge.link.settings import SettingsError
from gateway import engines, migrate, queries, schema, tables
from gateway.counters import Counters
from gateway.database import Database, SchemaMismatch, sqlite_url
from gateway.evidence import EvidenceStore
from gateway.migrations import MIGRATIONS
from gateway.registry import migrations as registry_migrations
from gateway.registry import tables as registry_tables
from gateway.store import BatchStore
from gateway.take import take

DATA = Path(__file__).parent / "data"
GATEWAY = ("gateway", tables.metadata, tables.SCHEMA_VERSION, MIGRATIONS)
REGISTRY = ("registry", registry_tables.metadata, registry_tables.SCHEMA_VERSION, registry_migrations.MIGRATIONS)
Room = tuple[str, sa.MetaData, int, Path]
ROOMS = pytest.mark.parametrize("room", [GATEWAY, REGISTRY], ids=["gateway", "registry"])
OLD = [(room, number) for room in (GATEWAY, REGISTRY) for number in range(1, room[2] + 1)]
OLD = [(room, number) for room, number in OLD if (DATA / f"{room[0]}-schema-{number}.sql").exists()]


def old_file(path: Path, room: Room, number: int) -> dict[str, list[Any]]:
    """A database as the last software with that schema left it; returns what is in it."""
    with sqlite3.connect(path) as old:
        old.executescript((DATA / f"{room[0]}-schema-{number}.sql").read_text())
        names = [row[0] for row in old.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: old.execute(f"SELECT * FROM {name}").fetchall() for name in names if name != "sqlite_sequence"}


def opened(url: str, room: Room) -> Database:
    return Database(url, *room[1:])


def differences(database: Database, metadata: sa.MetaData) -> list[Any]:
    """What Alembic would still change; and columns, keys and indexes by their names and order."""
    with database.read() as tx:
        found = compare_metadata(MigrationContext.configure(tx, opts={"compare_type": True}), metadata)
        inspected = sa.inspect(tx)
        for table in metadata.sorted_tables:
            names = [column["name"] for column in inspected.get_columns(table.name)]
            if names != [column.name for column in table.columns]:
                found.append((table.name, names))
        return found


@ROOMS
def test_every_revision_from_nothing_makes_the_tables_of_today(room: Room, database_url: str) -> None:
    _, metadata, version, revisions = room
    engine = engines.make(database_url)
    with engine.begin() as tx:
        metadata.tables["zhuomu_schema"].create(tx)
        tx.execute(sa.insert(metadata.tables["zhuomu_schema"]).values(version=version, writes=0))
        migrate.upgrade(tx, revisions, version)
    engine.dispose()
    database = opened(database_url, room)
    assert differences(database, metadata) == []
    assert migrate.known(revisions) == set(range(1, version + 1))
    database.close()


@ROOMS
def test_a_new_database_has_the_tables_of_today_and_is_stamped(room: Room, database_url: str) -> None:
    database = opened(database_url, room)
    assert differences(database, room[1]) == []
    with database.read() as tx:
        assert migrate.revision(tx) == room[2]
    database.close()


@pytest.mark.parametrize(("room", "number"), OLD, ids=[f"{room[0]}-{number}" for room, number in OLD])
def test_a_database_of_an_older_version_is_taken_over_with_every_row(room: Room, number: int, tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite3"
    before = old_file(path, room, number)
    before.pop("ops", None)  # its steps live on in the registry's events; version 4 asks for other operations
    for _ in range(2):  # the second time there is nothing left to do
        database = opened(sqlite_url(path), room)
        assert differences(database, room[1]) == []
        with database.read() as tx:
            assert (migrate.revision(tx), tx.scalar(sa.text("SELECT version FROM zhuomu_schema"))) == (room[2], room[2])
            after = {name: tx.scalar(sa.text(f"SELECT count(*) FROM {name}")) for name in before}
        database.close()
        assert after == {name: len(rows) for name, rows in before.items()}
    assert sum(after.values()) > 5


@pytest.mark.parametrize("number", range(1, tables.SCHEMA_VERSION))
def test_a_gateways_old_database_goes_on_taking_in(number: int, tmp_path: Path) -> None:
    old_file(tmp_path / "gateway.sqlite3", GATEWAY, number)
    database = schema.open_database(sqlite_url(tmp_path / "gateway.sqlite3"))
    store = BatchStore(database, EvidenceStore(tmp_path / "e", 10**6), Counters(), lambda: datetime.now(UTC), 100)
    store.commit([take(incoming(candidate(2, seq=77, case_class="poster", campaigns=["19900001234"])))])
    with database.read() as tx:
        listed = queries.incident_list(tx, 0, 10)
    database.close()
    assert any("19900001234" in [c["number"] for c in row["campaigns"]] for row in listed)


def test_a_step_that_fails_leaves_the_database_as_it_was(tmp_path: Path) -> None:
    before = old_file(tmp_path / "g.sqlite3", GATEWAY, 1)
    with sqlite3.connect(tmp_path / "g.sqlite3") as old:
        old.execute("CREATE TABLE deliveries (in_the_way TEXT)")
    with pytest.raises(sa.exc.OperationalError, match="deliveries already exists"):
        schema.open_database(sqlite_url(tmp_path / "g.sqlite3"))
    with sqlite3.connect(tmp_path / "g.sqlite3") as old:
        names = {row[0] for row in old.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert old.execute("SELECT version FROM zhuomu_schema").fetchall() == [(1,)]
    assert names - {"deliveries", "sqlite_sequence"} == set(before)


@pytest.mark.parametrize("where", ["zhuomu_schema SET version = 99", "alembic_version SET version_num = '99'"])
def test_a_database_from_a_newer_version_is_refused_in_clear_words(where: str, database_url: str) -> None:
    database = opened(database_url, GATEWAY)
    with database.write() as tx:
        tx.execute(sa.text(f"UPDATE {where}"))
    database.close()
    with pytest.raises(SchemaMismatch, match="version 99, this software knows 4: update the software"):
        schema.open_database(database_url)


def test_a_database_older_than_every_revision_is_refused_in_clear_words(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "g.sqlite3")
    database = Database(url, tables.metadata, tables.SCHEMA_VERSION)
    with database.write() as tx:
        tx.execute(sa.update(tables.schema).values(version=0))
    database.close()
    with pytest.raises(SchemaMismatch, match="version 0, this software knows 4: no migration"):
        schema.open_database(url)


@pytest.mark.parametrize(
    ("url", "words"),
    [("mysql://here/db", "'mysql' is neither sqlite nor postgresql"), ("nonsense", "is no URL; write it like")],
)
def test_an_address_that_is_none_of_a_database_of_ours_is_named_in_one_line(url: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        schema.open_database(url)


@pytest.mark.slow
@pytest.mark.parametrize("prepare", [None, 1], ids=["new", "from-1"])
def test_several_processes_that_start_at_once_do_not_race(
    prepare: int | None, database_url: str, tmp_path: Path
) -> None:
    """Three open it together: new, or old enough that somebody has to bring it up."""
    if prepare is not None:
        _at_version(database_url, tmp_path, prepare)
    code = f"from gateway.schema import open_database; open_database({database_url!r}).close()"
    running = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True) for _ in range(3)]
    ended = [(process.communicate(timeout=120)[1], process.returncode) for process in running]
    assert ended == [("", 0)] * 3
    database = opened(database_url, GATEWAY)
    assert differences(database, tables.metadata) == []
    database.close()


def _at_version(url: str, tmp_path: Path, number: int) -> None:
    if url.startswith("sqlite"):
        old_file(tmp_path / "test.sqlite3", GATEWAY, number)
        return
    engine = engines.make(url)
    with engine.begin() as tx:  # as before Alembic: only the version row
        migrate.upgrade(tx, MIGRATIONS, number)
        tx.execute(sa.text("DROP TABLE alembic_version"))
        tables.schema.create(tx)
        tx.execute(sa.insert(tables.schema).values(version=number, writes=0))
    engine.dispose()
