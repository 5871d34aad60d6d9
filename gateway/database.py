"""One SQL database, one writer at a time: SQLite (WAL, synchronous=FULL) by default, PostgreSQL when one machine is
not enough.

Writers queue up on one row (PostgreSQL) or on the file (SQLite), also those of several processes: what a writer reads
is what the one before it left, numbers grow in the order of commits, and no step ever has to be tried again because
two met. Why not finer locks: docs/decisions/0005-one-writer.md.
"""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, NoReturn

import sqlalchemy as sa

from gateway import engines
from gateway.engines import sqlite_url
from gateway.lock import file_lock

__all__ = ["Database", "SchemaMismatch", "schema_table", "sqlite_url"]


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


class Database:
    """Transactions over an engine. An older database is brought up in one transaction by the frozen revisions in
    `migrations`; several processes that start at once do so one after another.

    Raises SchemaMismatch when the database is newer than the code, or older than its oldest revision, and
    SettingsError when its URL is for neither database.
    """

    def __init__(self, url: str, metadata: sa.MetaData, version: int, migrations: Path | None = None) -> None:
        self._revisions = migrations
        self._schema = metadata.tables["zhuomu_schema"]
        self._lock = threading.Lock()
        self.engine = engines.make(url)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        self._mark = sa.update(self._schema).values(writes=self._schema.c.writes + 1)
        if not self.is_sqlite:
            self._mark = self._mark.returning(engines.HUNG_WRITER_ENDS)
        with self._alone():
            self._open(metadata, version)

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """The one writing transaction; committed when the block ends, rolled back when it raises."""
        with self._lock, self.engine.connect() as connection:
            connection = connection.execution_options(**{engines.WRITER: True})
            with connection.begin():
                if not self.is_sqlite:
                    connection.execute(self._mark)
                yield connection

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A consistent snapshot; never waits for the writer."""
        with self.engine.connect() as connection:
            if not self.is_sqlite:
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()

    def _alone(self) -> AbstractContextManager[Any]:
        """No other process looks at the schema meanwhile; PostgreSQL's lock is taken in the transaction itself."""
        name = self.engine.url.database if self.is_sqlite else None
        path = Path(name or ":memory:")
        if path.name == ":memory:" or not path.parent.is_dir():
            return nullcontext()
        return file_lock(path.with_name(f"{path.name}-schema.lock"))

    def _open(self, metadata: sa.MetaData, version: int) -> None:
        with self._write_schema() as connection:
            if sa.inspect(connection).has_table(self._schema.name):
                self._bring_up(connection, version)
                return
            metadata.create_all(connection)
            connection.execute(sa.insert(self._schema).values(version=version, writes=0))
            self._stamp(connection, version)

    @contextmanager
    def _write_schema(self) -> Iterator[sa.Connection]:
        """A writing transaction before the schema table exists."""
        with self._lock, self.engine.connect() as connection:
            connection = connection.execution_options(**{engines.WRITER: True})
            with connection.begin():
                if not self.is_sqlite:
                    connection.execute(engines.PATIENTLY)  # another process may bring a large database up
                    connection.execute(engines.SCHEMA_LOCK)
                yield connection

    def _bring_up(self, tx: sa.Connection, version: int) -> None:
        row = tx.scalar(sa.select(self._schema.c.version))
        if self._revisions is None:
            if row != version:
                self._refuse(row, version)
            return
        from gateway import migrate  # Alembic takes its time

        stamped = migrate.revision(tx)
        found = max((n for n in (row, stamped) if n is not None), default=None)
        if found == stamped == row == version:
            return
        if found is None or found > version or found not in migrate.known(self._revisions):
            self._refuse(found, version)
        if stamped != found:
            migrate.stamp(tx, self._revisions, found)
        migrate.upgrade(tx, self._revisions, version)
        tx.execute(sa.update(self._schema).values(version=version))

    def _stamp(self, tx: sa.Connection, version: int) -> None:
        if self._revisions is not None:
            from gateway import migrate

            migrate.stamp(tx, self._revisions, version)

    def _refuse(self, found: int | None, version: int) -> NoReturn:
        name = self.engine.url.render_as_string(hide_password=True)
        if found is not None and found > version:
            mend = "update the software, or open the file that you saved before the newer one ran"
        else:
            mend = "no migration from it exists yet; start with an empty data directory"
        raise SchemaMismatch(f"database {name} has schema version {found}, this software knows {version}: {mend}")
