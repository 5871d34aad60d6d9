"""The registry's doors: a caller that proves no role, or the wrong one, gets nowhere, on every route."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from registry_door import Rig
from starlette.routing import Route

from edge.link.settings import SettingsError
from gateway.registry import keys, service
from gateway.registry.doors import ROLES, ROWS, Role, may, row_of
from gateway.registry.gate import Gate
from gateway.registry.settings import RegistrySettings
from gateway.registry_desk import NotAnswered, RegistryDesk
from gateway.settings import GatewaySettings

SECRETS: dict[Role, str] = {role: f"key of {role}" for role in ROLES}
KEYS = [keys.ServiceKey(name=role, role=role, sha256=keys.hashed(secret)) for role, secret in SECRETS.items()]
OPEN = {
    ("GET", "/healthz"),
    ("GET", "/open311/discovery.{form}"),
    ("GET", "/open311/v2/services.{form}"),
    ("GET", "/open311/v2/services/{code}.{form}"),
    ("POST", "/open311/v2/requests.{form}"),
    ("GET", "/open311/v2/requests.{form}"),
    ("GET", "/open311/v2/requests/{request_id}.{form}"),
    ("GET", "/open311/v2/tokens/{token}.{form}"),
    ("GET", "/open311/v2/media/{name}.jpg"),
}


class House:
    """A registry with its citizens' door, asked through the gate and not."""

    def __init__(self, rig: Rig) -> None:
        found = [route for route in rig.app.routes if isinstance(route, Route)]
        self.routes = sorted((m, r.path) for r in found for m in (r.methods or set()) - {"HEAD"})
        self.app = rig.app

    def status(self, method: str, path: str, secret: str = "", **client: object) -> tuple[int, str]:
        """What the gate lets through is answered by the application itself, which never says 401."""
        options = {"client": ("192.0.2.7", 5), "base_url": "http://registry.example"} | client
        http = TestClient(Gate(self.app, KEYS), raise_server_exceptions=False, **options)  # type: ignore[arg-type]
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        answer = http.request(method, concrete(path), headers=headers, json={} if method == "POST" else None)
        return answer.status_code, answer.text


def concrete(path: str) -> str:
    """As somebody would ask for it."""
    return (
        path.replace(".{form}", ".json")
        .replace("{month_text}", "2026-11")
        .replace("{number}", "1")
        .replace("{", "x")
        .replace("}", "")
    )


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    rig = Rig(tmp_path_factory.mktemp("doors"))
    made = House(rig)
    assert len(made.routes) > 45, "the walk found too little to mean anything"
    yield made
    rig.close()


@pytest.mark.parametrize("secret", ["", "a wrong key"])
def test_nobody_gets_past_any_route_but_those_that_are_open_on_purpose(house: House, secret: str) -> None:
    through = {(m, p) for m, p in house.routes if house.status(m, p, secret)[0] != 401}
    assert through == OPEN


@pytest.mark.parametrize("role", sorted(ROLES))
def test_each_role_opens_the_doors_of_its_needs_and_no_other(house: House, role: Role) -> None:
    for method, path in house.routes:
        row = row_of(method, concrete(path))
        assert row is not None, f"{method} {path} has no row in gateway/registry/doors.py"
        status, text = house.status(method, path, SECRETS[role])
        passed = not (status == 403 and f"{role} is {role}" in text)
        assert passed is may(role, row.need), (role, method, path, status)


def test_every_row_leads_to_a_route(house: House) -> None:
    routes = [(m, concrete(p)) for m, p in house.routes]
    assert not [row for row in ROWS if not any(row_of(m, p) == row for m, p in routes)]


@pytest.mark.parametrize("path", ["/nothing", "//rewards", "/rewards/", "/REWARDS", "/docs"])
def test_what_has_no_row_is_shut_even_to_the_gateway(house: House, path: str) -> None:
    assert house.status("GET", path, SECRETS["gateway"])[0] == 403
    assert house.status("GET", path)[0] == 401


@pytest.mark.parametrize(
    ("client", "headers", "status"),
    [
        ({"client": ("127.0.0.1", 5), "base_url": "http://127.0.0.1:8081"}, {}, 200),
        ({"client": ("192.0.2.7", 5), "base_url": "http://127.0.0.1:8081"}, {}, 401),
        ({"client": ("127.0.0.1", 5), "base_url": "http://rebound.example"}, {}, 401),
        ({"client": ("127.0.0.1", 5), "base_url": "http://127.0.0.1:8081"}, {"X-Forwarded-For": "192.0.2.7"}, 401),
    ],
)
def test_without_keys_the_registry_answers_its_own_machine_alone(
    house: House, client: dict[str, object], headers: dict[str, str], status: int
) -> None:
    http = TestClient(Gate(house.app, []), **client)  # type: ignore[arg-type]
    for path in ("/rewards", "/bulletin?month=2026-11", "/summary"):
        assert http.get(path, headers=headers).status_code == status, path
    assert http.get("/healthz", headers=headers).status_code == 200


def test_a_registry_without_keys_starts_on_no_other_address(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="zhuomu registry key"):
        service.run(RegistrySettings(data=str(tmp_path), host="0.0.0.0"))


def test_a_key_that_was_made_is_the_one_that_the_gateway_bears(tmp_path: Path) -> None:
    table = keys.make("gateway", "gateway", tmp_path / "key")
    assert (tmp_path / "key").stat().st_mode & 0o77 == 0
    bears = GatewaySettings(registry_key_file=str(tmp_path / "key")).registry_headers()["Authorization"]
    secret = bears.removeprefix("Bearer ")
    assert f'sha256 = "{keys.hashed(secret)}"' in table and secret not in table
    one = keys.ServiceKey(name="gateway", role="gateway", sha256=keys.hashed(secret))
    assert keys.holder([*KEYS, one], bears) == one
    assert keys.holder([*KEYS, one], secret) is None


def test_the_gateways_desk_comes_through_with_its_key_and_not_without(house: House, tmp_path: Path) -> None:
    """Figures and the bulletin; the rewards are no business of the gateway's key."""
    (tmp_path / "key").write_text(SECRETS["gateway"])
    bears = GatewaySettings(registry_key_file=str(tmp_path / "key")).registry_headers()
    client = TestClient(Gate(house.app, KEYS), headers=bears, client=("192.0.2.7", 5))
    desk = RegistryDesk(client)
    assert desk.case("none") is None and desk.evaluation("2026-11")["rows"] is not None
    body, media_type = desk.bulletin("2026-11", "zh", "html")
    assert media_type.startswith("text/html") and "通报".encode() in body
    assert client.get("/rewards").status_code == 403
    with pytest.raises(NotAnswered, match="prove a role"):
        RegistryDesk(TestClient(Gate(house.app, KEYS))).bulletin("2026-11", "zh", "html")
