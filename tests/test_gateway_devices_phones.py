"""Phones' door: one code, one password of the phone's own, the same answer twice, a lost phone is told to be empty."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from edge.link.passwords import matches
from gateway.counters import Counters
from gateway.database import sqlite_url
from gateway.devices import door, known
from gateway.devices.ca import Authority
from gateway.devices.phones import Phones
from gateway.schema import open_database

ONE, TWO, THREE = "1" * 40, "2" * 40, "3" * 40


class Centre:
    """The door over a database, its clock in the test's hand."""

    def __init__(self, folder: Path) -> None:
        self.now, self.told = datetime(2026, 11, 24, tzinfo=UTC), 0
        self.database = open_database(sqlite_url(folder / "g.sqlite3"))
        app, counters = FastAPI(), Counters()
        clock = lambda: self.now  # noqa: E731
        registrar = door.Registrar(self.database, lambda: Authority.load(folder), counters, clock, 30.0)
        phones = Phones(self.database, counters, clock, 30.0)
        phones.on_change = self._tell
        ticks = iter(range(0, 10**6, 60))
        door.add_door(app, registrar, phones, counters, lambda: float(next(ticks)))
        self.http = TestClient(app)

    def _tell(self) -> None:
        self.told += 1

    def invite(self, hours: float = 1.0) -> str:
        with self.database.write() as tx:
            return known.invite(tx, "phone-1", "", self.now, timedelta(hours=hours))

    def claim(self, code: str, password: str = ONE) -> httpx.Response:
        return self.http.post("/identity/phone", json={"device": "phone-1", "code": code, "password": password})

    def renew(self, password: str, then: str = "", **values: Any) -> httpx.Response:
        body = {"device": "phone-1", "password": password, "next": then, **values}
        return self.http.post("/identity/phone/renew", json=body)

    def good(self, password: str) -> bool:
        with self.database.read() as tx:
            return matches(password, known.signs_in(tx, "phone-1")[1])


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Centre]:
    made = Centre(tmp_path)
    yield made
    made.database.close()


def test_a_code_is_good_once_and_the_same_claim_again_is_answered_the_same(centre: Centre) -> None:
    """The answer was lost: the phone asks again with the password that it kept."""
    code = centre.invite()
    first = centre.claim(f"phone-1:{code}:{'0' * 32}")
    assert first.status_code == 200 and first.json() == {"renew_s": 20 * 86_400}
    assert centre.claim(code).json() == first.json() and centre.told == 1
    assert centre.claim(code, TWO).status_code == 403 and centre.good(ONE)


def test_a_code_that_is_wrong_or_too_old_gives_nothing(centre: Centre) -> None:
    code = centre.invite()
    assert centre.claim("a" * 24).status_code == 403
    centre.now += timedelta(hours=2)
    answer = centre.claim(code)
    assert answer.status_code == 403 and "ask the centre for a new one" in answer.json()["error"]
    assert centre.claim(code, "short").status_code == 400


def test_a_password_is_renewed_and_an_answer_that_was_lost_costs_nothing(centre: Centre) -> None:
    centre.claim(centre.invite())
    assert centre.renew(ONE).status_code == 200 and centre.good(ONE), "asked, nothing changed"
    assert centre.renew(ONE, TWO).status_code == 200 and centre.good(TWO)
    assert centre.renew(ONE, TWO).status_code == 200, "said again"
    assert centre.renew(ONE, THREE).status_code == centre.renew(ONE).status_code == 403
    assert centre.good(TWO) and centre.told == 2


def test_a_phone_that_was_shut_out_is_told_so_until_a_new_code_lets_it_in(centre: Centre) -> None:
    centre.claim(centre.invite())
    with centre.database.write() as tx:
        known.revoke(tx, "phone-1", "lost", centre.now)
    assert centre.renew(ONE).status_code == centre.renew(ONE, TWO).status_code == 410
    assert centre.claim(centre.invite(), TWO).status_code == 200
    assert centre.renew(TWO).status_code == 200 and centre.renew(ONE).status_code == 403
    assert centre.renew(ONE, device="phone-9").status_code == 403
