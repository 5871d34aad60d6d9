"""One SQL database, one writer at a time: SQLite (WAL, synchronous=FULL) by default, any SQLAlchemy URL otherwise."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

BUSY_TIMEOUT_S = 5.0
_WRITER = "zm_writer"
Migrations = Mapping[int, Callable[[sa.Connection], None]]  # from version n to n + 1


class SchemaMismatch(RuntimeError):
    """The database was written by another version of this software; `str()` says what to do."""


def schema_table(metadata: sa.MetaData) -> sa.Table:
    """The one-row table that holds the schema version; its `writes` row lock makes writers queue up on any database."""
    return sa.Table(
        "zhuomu_schema",
        metadata,
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("writes", sa.BigInteger, nullable=False),
    )


def sqlite_url(path: Path) -> str:
    """File path -> SQLAlchemy URL."""
    return f"sqlite:///{path}"


class Database:
    """Transactions over an engine. An older database is brought up step by step in one transaction, by `migrations`.

    Raises SchemaMismatch when the database is newer than the code, or older than its oldest migration.
    """

    def __init__(self, url: str, metadata: sa.MetaData, version: int, migrations: Migrations | None = None) -> None:
        self._migrations = migrations or {}
        self._schema = metadata.tables["zhuomu_schema"]
        self._lock = threading.Lock()
        self.engine = sa.create_engine(url, connect_args=_connect_args(url))
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        if self.is_sqlite:
            event.listen(self.engine, "connect", _sqlite_connect)
            event.listen(self.engine, "begin", _sqlite_begin)
        self._open(metadata, version)

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """The one writing transaction; committed when the block ends, rolled back when it raises."""
        with self._lock, self.engine.connect() as connection:
            connection = connection.execution_options(**{_WRITER: True})
            with connection.begin():
                if not self.is_sqlite:
                    connection.execute(sa.update(self._schema).values(writes=self._schema.c.writes + 1))
                yield connection

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A consistent snapshot; never waits for the writer on SQLite."""
        with self.engine.connect() as connection, connection.begin():
            yield connection

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()

    def _open(self, metadata: sa.MetaData, version: int) -> None:
        with self.write_schema() as connection:
            if sa.inspect(connection).has_table(self._schema.name):
                self._bring_up(connection, connection.scalar(sa.select(self._schema.c.version)), version)
                return
            metadata.create_all(connection)
            connection.execute(sa.insert(self._schema).values(version=version, writes=0))

    @contextmanager
    def write_schema(self) -> Iterator[sa.Connection]:
        """A writing transaction before the schema table exists."""
        with self._lock, self.engine.connect() as connection:
            connection = connection.execution_options(**{_WRITER: True})
            with connection.begin():
                yield connection

    def _bring_up(self, connection: sa.Connection, found: int | None, version: int) -> None:
        at = found
        while at is not None and at < version and at in self._migrations:
            self._migrations[at](connection)
            at += 1
        if at != version:
            self._refuse(found, version)
        if at != found:
            connection.execute(sa.update(self._schema).values(version=version))

    def _refuse(self, found: int | None, version: int) -> None:
        name = self.engine.url.render_as_string(hide_password=True)
        if found is not None and found > version:
            mend = "update the software, or open the file that you saved before the newer one ran"
        else:
            mend = "no migration from it exists yet; start with an empty data directory"
        raise SchemaMismatch(f"database {name} has schema version {found}, this software knows {version}: {mend}")


def _connect_args(url: str) -> dict[str, Any]:
    return {"timeout": BUSY_TIMEOUT_S, "check_same_thread": False} if url.startswith("sqlite") else {}


def _sqlite_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver must not begin transactions behind SQLAlchemy's back
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-32000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _sqlite_begin(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get(_WRITER, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
