"""The database under several processes: one writer after another, readers never wait, nobody waits for the hung."""

import threading
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from postgres_server import PostgresServer
from sqlalchemy.exc import OperationalError

from gateway import tables
from gateway.database import Database
from gateway.schema import open_database

COUNT = sa.select(sa.func.count()).select_from(tables.cursors)
TURNS = 25


@pytest.fixture
def pair(database_url: str) -> Iterator[tuple[Database, Database]]:
    """One database, opened as two processes would."""
    one, two = open_database(database_url), open_database(database_url)
    yield one, two
    one.close()
    two.close()


def add(tx: sa.Connection) -> None:
    """What goes wrong when two do it at once: look, then write what follows from it."""
    number = tx.scalar(COUNT) or 0
    tx.execute(sa.insert(tables.cursors), {"name": f"row {number}", "after": number})


def test_two_writers_that_look_before_they_write_never_meet(pair: tuple[Database, Database]) -> None:
    def write(database: Database) -> None:
        for _ in range(TURNS):
            with database.write() as tx:
                add(tx)

    threads = [threading.Thread(target=write, args=(database,)) for database in pair]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60.0)
    with pair[0].read() as tx:
        assert sorted(tx.scalars(sa.select(tables.cursors.c.after))) == list(range(2 * TURNS))


def test_a_reader_sees_one_moment_and_does_not_wait_for_a_writer(pair: tuple[Database, Database]) -> None:
    with pair[0].read() as reading:
        assert reading.scalar(COUNT) == 0
        with pair[1].write() as writing:
            add(writing)
            assert reading.scalar(COUNT) == 0
        assert reading.scalar(COUNT) == 0
    with pair[0].read() as later:
        assert later.scalar(COUNT) == 1


def test_a_writer_that_hangs_is_cut_off_and_what_it_did_is_gone(postgres: PostgresServer) -> None:
    """The others wait for seconds, and the hung one is told in a way that its loop knows as "try again"."""
    url = postgres.new_url()
    hung, other = open_database(url), open_database(url)
    with pytest.raises(OperationalError), hung.write() as tx:
        add(tx)
        with other.write() as second:  # waits here until the first is cut off
            assert second.scalar(COUNT) == 0
            add(second)
        add(tx)
    with hung.write() as again:
        assert again.scalar(COUNT) == 1
    hung.close()
    other.close()


def test_a_restart_of_the_server_is_an_error_to_try_again_after() -> None:
    server = PostgresServer()
    database = open_database(server.new_url())
    with database.write() as tx:
        add(tx)
    server.kill()
    with pytest.raises(OperationalError), database.write():
        pass
    server.start()
    with database.write() as tx:
        assert tx.scalar(COUNT) == 1
    database.close()
    server.close()
