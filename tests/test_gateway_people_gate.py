"""The gate: every route of the gateway, whatever the role; places in the hierarchy."""

import secrets
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from starlette.requests import Request
from starlette.routing import BaseRoute, Mount
from starlette.websockets import WebSocketDisconnect

from edge.link.mqtt import Broker
from gateway import service
from gateway.identity_tables import operator_sessions, operators
from gateway.people import accounts, passwords, places
from gateway.people.access import RULES, rule_of
from gateway.people.api import COOKIE, Door
from gateway.people.sessions import People, _hash
from gateway.people.settings import PERMISSIONS, ROLES, PeopleSettings
from gateway.people.vault import Vault
from gateway.registry import city, standard
from gateway.settings import GatewaySettings
from gateway.sight import Sight
from gateway.times import to_text, utc_now

# Doors that anybody may knock at: each asks for a proof of its own or tells nothing. A new one stands here on purpose.
OPEN = {
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("GET", "/login"),
    ("GET", "/zhuomu-static"),
    ("GET", "/people/session"),
    ("POST", "/people/session"),
    ("DELETE", "/people/session"),
    ("POST", "/people/password"),
    ("POST", "/hooks/{name}"),
    ("POST", "/mqtt/authn"),
    ("GET", "/api/sync/page"),
    ("OPTIONS", "/uploads"),
    ("POST", "/uploads"),
    ("PATCH", "/uploads/{upload_id}"),
    ("DELETE", "/uploads/{upload_id}"),
    ("GET", "/phone"),
    ("GET", "/phone/link.json"),
    ("GET", "/phone/areas.json"),
    ("GET", "/phone/{name:path}"),
    ("POST", "/api/fleet/rollouts"),
    ("POST", "/api/fleet/rollouts/{n}"),
    ("PUT", "/api/fleet/devices/{device}/group"),
    ("GET", "/fleet/releases/{release}/{name}"),
    ("POST", "/mqtt/authz"),
    ("GET", "/identity/ca"),
    ("POST", "/identity/claim"),
    ("POST", "/identity/renew"),
    ("POST", "/identity/phone"),
    ("POST", "/identity/phone/renew"),
}
SIGNED = {"/home", "/_nicegui", "/_nicegui_ws"}


class House:
    """A gateway that was built and never started, whose whole application is asked in this process."""

    def __init__(self, folder: Path) -> None:
        hook_secret = folder / "hook"
        hook_secret.write_text("s" * 40)
        people = PeopleSettings(required=True, cookie_secure=False)
        identity = service.GatewaySettings().identity.__class__(hook_secret_file=str(hook_secret))
        settings = GatewaySettings(data=str(folder), broker=Broker(port=1), people=people, identity=identity)
        self.people = people
        self.gateway = service.Gateway(settings)
        self.app = service.app_of(self.gateway)
        self.http = TestClient(self.app, raise_server_exceptions=False, follow_redirects=False)
        self._vault = Vault(folder)
        self._tokens: dict[tuple[str, ...], str] = {}

    def session(self, *roles: str) -> str:
        """A session of somebody with these roles."""
        if roles not in self._tokens:
            name, token, now = f"op{len(self._tokens)}", secrets.token_urlsafe(8), utc_now()
            with self.gateway.database.write() as tx:
                if roles:
                    accounts.add(tx, self._vault, self.people, name, roles, "test", now)
                else:
                    accounts.add(tx, self._vault, self.people, name, ["viewer"], "test", now)
                    tx.execute(sa.update(operators).where(operators.c.name == name).values(roles=[]))
                tx.execute(sa.update(operators).where(operators.c.name == name).values(confirmed=True))
                row = {"token_hash": _hash(token), "name": name, "started_at": to_text(now), "seen_at": to_text(now)}
                tx.execute(sa.insert(operator_sessions), row | {"ends_at": to_text(now + timedelta(hours=1))})
            self._tokens[roles] = token
        return self._tokens[roles]

    def ask(self, method: str, path: str, token: str = "", **headers: str) -> int:
        """The status; no redirect is followed."""
        cookies = {"cookie": f"{COOKIE}={token}"} if token else {}
        return int(self.http.request(method, path, headers={**cookies, **headers}).status_code)

    def passes(self, method: str, path: str, token: str = "") -> bool:
        """Whether the gate lets it through. What it refuses is 401 or 403, and counted."""
        before = self.refusals()
        status = self.ask(method, path, token)
        refused = self.refusals() > before
        assert status == (403 if token else 401) or not refused, (method, path, status)
        return not refused

    def refusals(self) -> int:
        return self.gateway.counters.snapshot().get("gate_refused", 0)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    patch = pytest.MonkeyPatch()
    patch.setattr(passwords.hashed, "__defaults__", (8,))
    made = House(tmp_path_factory.mktemp("house"))
    yield made
    made.gateway.registry.close()
    made.gateway.database.close()
    patch.undo()


def walk(routes: list[BaseRoute], before: str = "") -> Iterator[tuple[str, str]]:
    """(method, path) of every route, those of what is mounted too."""
    for route in routes:
        path = before + str(getattr(route, "path", ""))
        below = list(getattr(route, "routes", None) or [])
        if isinstance(route, Mount) and not below:
            yield "GET", path
        for method in sorted(set(getattr(route, "methods", None) or ()) - {"HEAD"}):
            yield method, path
        yield from walk(below, path)


def concrete(path: str) -> str:
    """A route's path as somebody would ask for it."""
    return "/".join("x" if part.startswith("{") else part for part in path.split("/"))


def asked(path: str) -> str:
    """Below a mount something is asked for."""
    return f"{path}/x" if path.startswith(("/zhuomu-static", "/_nicegui_ws")) or path.endswith("/static") else path


def routes(house: House) -> list[tuple[str, str]]:
    found = sorted(set(walk(house.app.routes)))
    assert len(found) > 35, "the walk found too little to mean anything"
    return found


def kind(path: str) -> str:
    """What is expected of a route: open, signed or permission."""
    if any(path == name or path.startswith(f"{name}/") for name in SIGNED):
        return "signed"
    return "permission"


def test_nobody_gets_past_any_route_but_those_that_are_open_on_purpose(house: House) -> None:
    through = {(m, p) for m, p in routes(house) if house.passes(m, asked(concrete(p)))}
    through = {(m, "/zhuomu-static" if p.startswith("/zhuomu-static") else p) for m, p in through}
    assert through == OPEN


def test_somebody_signed_in_without_any_permission_gets_no_further(house: House) -> None:
    token = house.session()
    for method, path in routes(house):
        if (method, path) in OPEN or path.startswith("/zhuomu-static") or kind(path) == "signed":
            continue
        assert not house.passes(method, asked(concrete(path)), token), (method, path)


@pytest.mark.parametrize("role", sorted(ROLES))
def test_each_role_opens_the_doors_of_its_permissions_and_no_other(house: House, role: str) -> None:
    levels = house.people.levels.get(role, ["city"])
    place = {"city": "", "department": "department/sanitation", "subdistrict": "990101001"}[levels[0]]
    token = house.session(f"{role}@{place}" if place else role)
    whole, may = place == "", set(ROLES[role])
    for method, path in routes(house):
        rule = rule_of(method, asked(concrete(path)))
        if rule is None or rule.kind != "permission" or path.startswith("/_nicegui"):
            continue
        opens = rule.permission in may and (whole or not rule.whole_city)
        method = (
            "HEAD" if opens and rule.by_hand and method == "GET" else method
        )  # a page is drawn for a browser that stays
        assert house.passes(method, concrete(path), token) is opens, (role, method, path)


def test_the_websocket_of_the_pages_is_shut_too(house: House) -> None:
    with (
        pytest.raises(WebSocketDisconnect),
        house.http.websocket_connect("/_nicegui_ws/socket.io/?transport=websocket"),
    ):
        pass


def test_a_browser_is_led_to_the_login_and_back(house: House) -> None:
    answer = house.http.get("/review", headers={"accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/review")
    cookie = f"{COOKIE}={house.session('acceptor@990101')}"
    assert house.http.get("/home", headers={"cookie": cookie}).headers["location"] == "/review"


@pytest.mark.parametrize("path", ["/nothing", "//api/summary", "/api/summary/", "/API/summary", "/api/../api/summary"])
def test_what_has_no_row_is_shut_even_to_who_may_much(house: House, path: str) -> None:
    assert house.ask("GET", path, house.session("desk")) in (403, 200 if ".." in path else 403)


def test_every_row_speaks_of_a_permission_that_is_there() -> None:
    assert {rule.permission for rule in RULES if rule.kind == "permission"} <= set(PERMISSIONS)


def test_what_a_page_asks_by_itself_keeps_no_session_alive(house: House) -> None:
    token = house.session("supervisor")
    seen = operator_sessions.c.seen_at
    old = to_text(utc_now() - timedelta(seconds=600))
    mine = operator_sessions.c.token_hash == _hash(token)
    for path, changed in (("/api/summary", False), ("/home", True)):
        with house.gateway.database.write() as tx:
            tx.execute(sa.update(operator_sessions).where(mine).values(seen_at=old))
        assert house.ask("GET", path, token) in (200, 303)
        with house.gateway.database.read() as tx:
            assert (tx.scalar(sa.select(seen).where(mine)) != old) is changed


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ("dispatcher", ""),
        ("dispatcher@990101", ""),
        ("dispatcher@990101001", "a dispatcher has a place in: city, district"),
        ("collector@kiosk/kiosk-3", ""),
        ("department@department/sanitation", ""),
        ("supervisor@990101", "a supervisor has a place in: city"),
        ("viewer@nowhere", "is no place"),
        ("king", "there is no role"),
    ],
)
def test_supervision_is_the_citys_command_the_citys_and_districts_management_below(given: str, fault: str) -> None:
    said = PeopleSettings().misplaced(given)
    assert fault in said if fault else said == ""


def sight() -> Sight:
    return Sight(city.synthetic(), standard.read())


def test_a_place_sees_what_lies_in_it_and_a_department_what_it_answers_for() -> None:
    eyes, here = sight(), city.synthetic().cells[0]
    lat, lon = here.south + 0.0001, here.west + 0.0001
    kiosk = next(k for k in city.synthetic().kiosks if here.patrol_area in k.patrol_areas)
    party = standard.read().responsible("04-06")
    for at, seen in (
        ("", True),
        (here.code[:6], True),
        (here.code[:9], True),
        (f"kiosk/{kiosk.code}", True),
        (f"department/{party}", True),
        ("990105", False),
        ("990101002", False),
        ("kiosk/kiosk-40", False),
        ("department/nobody", False),
    ):
        assert eyes.sees([at], lat, lon, "04-06") is seen, at
    assert not eyes.sees([here.code[:6]], 10.0, 10.0, "04-06"), "outside the grid is the whole city's alone"
    assert not eyes.sees([], lat, lon, "04-06")


def test_a_permission_holds_only_in_the_place_of_its_role() -> None:
    reach = PeopleSettings().reach(["acceptor@990101", "viewer"])
    assert reach["case.decide"] == ("990101",)
    assert set(reach["case.view"]) == {"990101", places.CITY}


def test_the_desk_is_refused_off_loopback_without_signing_in(tmp_path: Path) -> None:
    settings: Any = GatewaySettings(data=str(tmp_path), host="0.0.0.0", port=1)
    with pytest.raises(service.SettingsError, match="operators must sign in anywhere but on loopback"):
        service.run(settings)


def test_whose_word_it_is_comes_from_the_session_and_not_from_what_was_written(house: House) -> None:
    people = People(house.gateway.database, house._vault, house.people, utc_now)
    cookie = f"{COOKIE}={house.session('desk')}".encode()
    request = Request({"type": "http", "headers": [(b"cookie", cookie)]})
    assert Door(people, house.people).person(request, "Somebody Else").startswith("op")
    open_house = PeopleSettings(required=False)
    assert Door(people, open_house).person(request, "Ms Li") == "Ms Li"
