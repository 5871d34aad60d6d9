"""Leases: one gateway at a time does what one alone may do, and another takes over when it is gone."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from gateway.cluster_tables import leases
from gateway.database import Database
from gateway.leases import LEASE_S, MARGIN_S, RENEW_S, Alone, Leases
from gateway.schema import open_database

WORK = ("mirror", "down")


class Gateway:
    """One holder with a clock of the test's own; the database's clock is the real one."""

    def __init__(self, database: Database, holder: str) -> None:
        self.now_s = 100.0
        self.leases = Leases(database, holder, WORK, lambda: self.now_s)

    def may(self) -> set[str]:
        return {name for name in WORK if self.leases.may(name)()}


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = open_database(database_url)
    yield database
    database.close()


def run_out(database: Database) -> None:
    """As if the holders had been silent for LEASE_S."""
    with database.write() as tx:
        tx.execute(sa.update(leases).values(until_ms=1))


def test_the_first_one_gets_everything_and_the_second_nothing_while_it_renews(database: Database) -> None:
    one, two = Gateway(database, "one"), Gateway(database, "two")
    assert (one.leases.round(), two.leases.round(), one.leases.round()) == (set(WORK), set(), set(WORK))
    assert (one.may(), two.may()) == (set(WORK), set())


def test_a_lease_that_ran_out_goes_to_the_other_and_its_holder_learns_of_it(database: Database) -> None:
    one, two = Gateway(database, "one"), Gateway(database, "two")
    one.leases.round()
    run_out(database)
    assert two.leases.round() == set(WORK)
    assert one.leases.round() == set() == one.may()


def test_a_holder_that_cannot_renew_stops_before_the_others_may_begin(database: Database) -> None:
    one = Gateway(database, "one")
    one.leases.round()
    one.now_s += LEASE_S - MARGIN_S - 0.01
    assert one.may() == set(WORK)
    one.now_s += 0.02
    assert one.may() == set()
    with database.read() as tx:  # and for the others it still holds
        until_ms = tx.scalars(sa.select(leases.c.until_ms)).all()
    assert min(until_ms) > 1_700_000_000_000


def test_work_is_taken_over_within_five_seconds_whatever_became_of_its_holder() -> None:
    assert LEASE_S + RENEW_S < 5.0


def test_one_that_ends_gives_back_at_once_what_it_held(database: Database) -> None:
    one, two = Gateway(database, "one"), Gateway(database, "two")
    one.leases.round()
    one.leases.stop()
    one.leases.run()
    assert two.leases.round() == set(WORK) and one.may() == set()


def test_a_gateway_by_itself_may_do_everything() -> None:
    assert Alone().may("mirror")()
