"""Operators: passwords and second factor, locks, sessions, roles, the audit chain, keys that change."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient

from gateway import tables
from gateway.counters import Counters
from gateway.database import Database, sqlite_url
from gateway.identity_tables import audit_log, operators
from gateway.people import accounts, api, ledger, passwords, second
from gateway.people.sessions import People, Refused
from gateway.people.settings import PERMISSIONS, PeopleSettings
from gateway.people.vault import Vault, VaultUnusable

NEW = "a wholly new pass phrase"


class Office:
    """One database with one operator and a clock that is set by hand."""

    def __init__(self, folder: Path, roles: tuple[str, ...] = ("desk",)) -> None:
        self.now = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
        self.settings = PeopleSettings(required=True, cookie_secure=False)
        self.database = Database(sqlite_url(folder / "g.sqlite3"), tables.metadata, tables.SCHEMA_VERSION)
        self.vault = Vault(folder)
        self.people = People(self.database, self.vault, self.settings, lambda: self.now)
        with self.database.write() as tx:
            self.wang = accounts.add(tx, self.vault, self.settings, "wang", roles, "test", self.now)
        self.secret = parse_qs(urlsplit(self.wang.uri).query)["secret"][0]
        self.password = self.wang.password

    def code(self) -> str:
        """What the telephone shows now."""
        return str(pyotp.TOTP(self.secret).at(self.now))

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def sign_in(self) -> str:
        """With the right things, 30 s later, so that the code is another."""
        self.later(30)
        return self.people.sign_in("wang", self.password, self.code())

    def settle(self) -> str:
        """Past the first password; a session's token."""
        session = self.people.session(self.sign_in())
        assert session is not None
        self.people.change_password(session, self.password, NEW)
        self.password = NEW
        return self.sign_in()


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real cost is measured nowhere; a test signs in many times."""
    monkeypatch.setattr(passwords.hashed, "__defaults__", (8,))


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    yield made
    made.database.close()


def test_the_first_password_allows_nothing_but_a_new_one(office: Office) -> None:
    session = office.people.session(office.sign_in())
    assert session is not None
    assert not session.may("case.decide")
    office.people.change_password(session, office.password, NEW)
    office.password = NEW
    again = office.people.session(office.sign_in())
    assert again is not None
    assert (again.may("case.decide"), again.may("operator.manage")) == (True, False)


@pytest.mark.parametrize("wrong", ["name", "password", "code"])
def test_whatever_is_wrong_the_answer_is_the_same(office: Office, wrong: str) -> None:
    told = {"name": "wang", "password": office.password, "code": office.code()}
    told[wrong] = {"name": "wong", "password": "x" * 20, "code": f"{(int(office.code()) + 1) % 10**6:06}"}[wrong]
    with pytest.raises(Refused, match="name, password or code is wrong"):
        office.people.sign_in(told["name"], told["password"], told["code"])


def test_a_code_is_good_once(office: Office) -> None:
    code = office.code()
    office.people.sign_in("wang", office.password, code)
    with pytest.raises(Refused):
        office.people.sign_in("wang", office.password, code)


def test_codes_are_those_of_rfc_6238() -> None:
    """Appendix B, SHA-1, the last six digits."""
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    for seconds, code in ((59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")):
        assert second.step_of(code, secret, datetime.fromtimestamp(seconds, UTC), 0) == seconds // 30


def test_wrong_tries_lock_for_ever_longer_even_against_the_right_password(office: Office) -> None:
    for _ in range(5):
        with pytest.raises(Refused, match="wrong"):
            office.people.sign_in("wang", "x" * 20, "000000")
    with pytest.raises(Refused, match="locked after wrong tries until 2026-11-24T08:00:30"):
        office.people.sign_in("wang", office.password, office.code())
    office.later(31)
    with pytest.raises(Refused, match="wrong"):
        office.people.sign_in("wang", "x" * 20, "000000")
    office.later(31)
    with pytest.raises(Refused, match="locked"):
        office.people.sign_in("wang", office.password, office.code())
    office.later(30)
    assert office.sign_in()
    with office.database.read() as tx:
        assert tx.scalar(sa.select(operators.c.tries)) == 0


def test_a_session_ends_by_its_time_by_idleness_by_sign_out_and_with_the_account(office: Office) -> None:
    idle = office.settle()
    office.later(1801)
    assert office.people.session(idle) is None
    busy = office.sign_in()
    for _ in range(27):
        office.later(1700)
        alive = office.people.session(busy) is not None
    assert not alive
    out = office.sign_in()
    office.people.sign_out(out)
    assert office.people.session(out) is None
    shut = office.sign_in()
    with office.database.write() as tx:
        accounts.disable(tx, "wang", "boss", "left", office.now)
    assert office.people.session(shut) is None
    with pytest.raises(Refused):
        office.sign_in()


@pytest.mark.parametrize("weak", ["short", "wang-wang-wang-1", "aaaaaaaaaaaaaaaa", "x" * 129])
def test_a_weak_password_is_not_taken(office: Office, weak: str) -> None:
    session = office.people.session(office.sign_in())
    assert session is not None
    with pytest.raises(passwords.TooWeak):
        office.people.change_password(session, office.password, weak)


def test_the_real_cost_is_what_owasp_asks_for() -> None:
    stored = passwords.hashed("correct horse", log2_n=passwords.LOG2_N)
    assert stored.startswith("scrypt$15$8$3$")
    assert (passwords.matches("correct horse", stored), passwords.matches("correct horsf", stored)) == (True, False)


def test_no_role_has_every_permission_and_roles_are_data() -> None:
    settings = PeopleSettings()
    assert all(settings.permissions([role]) < set(PERMISSIONS) for role in settings.roles)
    assert (
        PeopleSettings(roles={"x": ["case.decied"]}).faults()[0].startswith("[people.roles] x: there is no permission")
    )
    assert PeopleSettings(roles={"x": ["case.decide"]}).permissions(["x", "gone"]) == {"case.decide"}


@pytest.mark.parametrize("how", ["changed", "taken out", "cut off"])
def test_a_log_that_was_tampered_with_is_found_out(office: Office, how: str) -> None:
    office.settle()
    with office.database.write() as tx:
        before = ledger.prove(tx)
        assert before.broken_at == 0
        assert before.n >= 4
        if how == "changed":
            tx.execute(sa.update(audit_log).where(audit_log.c.n == 3).values(actor="li"))
        else:
            which = audit_log.c.n == 3 if how == "taken out" else audit_log.c.n == before.n
            tx.execute(sa.delete(audit_log).where(which))
        after = ledger.prove(tx)
        kept = ledger.holds(tx, before.n, before.hash)
    assert (after.broken_at, kept) == {"changed": (3, True), "taken out": (3, True), "cut off": (0, False)}[how]


def test_the_vaults_key_changes_while_everything_stays_readable(office: Office, tmp_path: Path) -> None:
    office.vault.rotate()
    assert Vault(tmp_path).open(office.vault.seal("x")) == "x"
    with office.database.write() as tx:
        assert accounts.seal_anew(tx, office.vault) == 1
    office.vault.finish()
    assert (tmp_path / "people.keys").stat().st_mode & 0o777 == 0o600
    assert office.sign_in()
    (tmp_path / "people.keys").unlink()
    with pytest.raises(VaultUnusable, match="restore the file"), office.database.read() as tx:
        Vault(tmp_path).open(tx.scalar(sa.select(operators.c.secret)) or "")


def page(office: Office) -> TestClient:
    app = FastAPI()
    door = api.Door(office.people, office.settings)
    api.add_people(app, door, office.database, office.settings, Counters(), lambda: 0.0)

    @app.get("/evidence/{sha256}")
    def picture(sha256: str, request: api.Request) -> str:
        door.picture(request, sha256)
        return "picture"

    return TestClient(app)


def test_who_looked_at_which_picture_and_why_is_logged_once_for_a_session(office: Office) -> None:
    client = page(office)
    assert client.get("/evidence/abc").status_code == 401
    office.settle()
    office.later(30)
    told = {"name": "wang", "password": NEW, "code": office.code()}
    answer = client.post("/people/session", json=told)
    assert (answer.status_code, answer.json()["roles"]) == (200, ["desk"])
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    for _ in range(3):
        assert client.get("/evidence/abc?why=complaint 12").status_code == 200
    with office.database.read() as tx:
        rows = ledger.listed(tx, 10, actor="wang", subject="abc")
    assert [(row["action"], row["reason"]) for row in rows] == [("picture.viewed", "complaint 12")]
    assert client.get("/people/audit").status_code == 403
    assert client.delete("/people/session").status_code == 200
    assert client.get("/people/session").status_code == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 400), (b'{"name": 1}', 400), (b"x" * 9000, 413), (b'{"name":"","password":"","code":""}', 401)],
)
def test_a_bad_sign_in_is_an_answer_and_no_crash(office: Office, body: bytes, status: int) -> None:
    assert page(office).post("/people/session", content=body).status_code == status


def test_one_address_cannot_go_on_guessing(office: Office) -> None:
    client = page(office)
    told = {"name": "nobody", "password": "x" * 12, "code": "000000"}
    answers = [client.post("/people/session", json=told).status_code for _ in range(21)]
    assert answers == [401] * 20 + [429]
