"""The broker's questions in EMQX's form: what is allowed, and to whom the door opens at all."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from edge.wire.access import GATEWAY_USER, may_publish, may_read, may_subscribe
from gateway import secrets_file, tables
from gateway.counters import Counters
from gateway.database import Database, sqlite_url
from gateway.devices import acl, hook, known, passwords
from gateway.devices.ca import Issued

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    database = Database(sqlite_url(tmp_path / "g.sqlite3"), tables.metadata, tables.SCHEMA_VERSION)
    with database.write() as tx:
        for name in ("kiosk-1", "kiosk-2"):
            assert known.take_code(tx, name, known.invite(tx, name, "", NOW, timedelta(hours=1)), NOW)
            known.record(tx, name, Issued(b"", name, "ca", NOW + timedelta(days=1)), NOW)
        known.revoke(tx, "kiosk-2", "lost", NOW)
        known.with_password(tx, "handset-1", passwords.hashed("secret of it"), "", NOW)
    app = FastAPI()
    secrets_file.rotate(tmp_path / "hook.key")
    secrets_file.rotate(tmp_path / "hook.key")
    good = secrets_file.read(tmp_path / "hook.key", "hook")
    hook.add_hook(app, database, Counters(), lambda: NOW, good, "of the gateway")
    yield TestClient(app, headers={hook.HEADER: good[1]})
    database.close()


@pytest.mark.parametrize(
    ("asked", "result"),
    [
        ({"clientid": "kiosk-1", "cert_common_name": "kiosk-1"}, "allow"),
        ({"clientid": "kiosk-1"}, "deny"),
        ({"clientid": "kiosk-9", "cert_common_name": "kiosk-1"}, "deny"),
        ({"clientid": "kiosk-2", "cert_common_name": "kiosk-2"}, "deny"),
        ({"clientid": "kiosk-3", "cert_common_name": "kiosk-3"}, "deny"),
        ({"clientid": "handset-1", "username": "handset-1", "password": "secret of it"}, "allow"),
        ({"clientid": "handset-1", "username": "handset-1", "password": "guess"}, "deny"),
        ({"clientid": "handset-2", "username": "handset-1", "password": "secret of it"}, "deny"),
        ({"clientid": "any", "username": GATEWAY_USER, "password": "of the gateway"}, "allow"),
        ({"clientid": "any", "username": GATEWAY_USER, "password": ""}, "deny"),
        ({"clientid": "any", "username": GATEWAY_USER, "cert_common_name": GATEWAY_USER}, "deny"),
    ],
)
def test_who_may_connect(client: TestClient, asked: dict[str, str], result: str) -> None:
    answer = client.post("/mqtt/authn", json=asked)
    assert (answer.status_code, answer.json()) == (200, {"result": result, "is_superuser": False})


@pytest.mark.parametrize(
    ("user", "action", "topic", "result"),
    [
        ("kiosk-1", "publish", "zm/1/up/kiosk-1/candidate", "allow"),
        ("kiosk-1", "publish", "zm/1/up/kiosk-2/candidate", "deny"),
        ("kiosk-1", "publish", "zm/1/down/kiosk-1/receipt", "deny"),
        ("kiosk-1", "subscribe", "zm/1/down/kiosk-1/+", "allow"),
        ("kiosk-1", "subscribe", "zm/1/down/+/+", "deny"),
        ("kiosk-1", "subscribe", "#", "deny"),
        ("+", "subscribe", "zm/1/down/+/receipt", "deny"),
        (GATEWAY_USER, "subscribe", "$share/gateway/zm/1/up/+/+", "allow"),
        (GATEWAY_USER, "publish", "zm/1/down/kiosk-1/receipt", "allow"),
        (GATEWAY_USER, "publish", "zm/1/up/kiosk-1/candidate", "deny"),
        ("kiosk-1", "sing", "zm/1/up/kiosk-1/candidate", "ignore"),
    ],
)
def test_who_may_say_and_hear_what(client: TestClient, user: str, action: str, topic: str, result: str) -> None:
    answer = client.post("/mqtt/authz", json={"username": user, "action": action, "topic": topic, "clientid": user})
    assert answer.json() == {"result": result}


def test_the_door_opens_to_either_of_two_secrets_and_to_nobody_else(client: TestClient, tmp_path: Path) -> None:
    asked = {"clientid": "kiosk-1", "cert_common_name": "kiosk-1"}
    assert client.post("/mqtt/authn", json=asked, headers={hook.HEADER: "guess"}).status_code == 403
    newest = secrets_file.read(tmp_path / "hook.key", "hook")[0]
    assert client.post("/mqtt/authn", json=asked, headers={hook.HEADER: newest}).status_code == 200
    assert secrets_file.finish(tmp_path / "hook.key") == 1
    assert secrets_file.read(tmp_path / "hook.key", "hook") == [newest]
    assert client.post("/mqtt/authz", content=b"{").status_code == 400


def test_mosquittos_file_says_what_the_rules_say() -> None:
    """Each line of it, for one device, against edge/wire/access.py."""
    for line in acl.mosquitto_acl().splitlines():
        kind, *rest = line.split() or [""]
        if kind == "pattern":
            topic = rest[1].replace("%u", "kiosk-1")
            assert may_publish("kiosk-1", topic) if rest[0] == "write" else may_read("kiosk-1", topic)
            assert not may_publish("kiosk-2", topic)
            assert not may_read("kiosk-2", topic)
        elif kind == "topic":
            topic = rest[1].replace("+", "kiosk-1", 1)
            assert may_publish(GATEWAY_USER, topic) if rest[0] == "write" else may_subscribe(GATEWAY_USER, rest[1])
