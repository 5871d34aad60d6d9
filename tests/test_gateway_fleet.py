"""The fleet's settings at the centre: who gets a wish first, what stops it, and what a device's word changes."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient

from edge.wire import Config, Health, Presence, TooLarge, Versions, channel, decode
from gateway import fleet, fleet_api, fleet_releases, fleet_view, tables
from gateway.bulk import Bulk
from gateway.database import Database, sqlite_url
from gateway.devices import Tally
from gateway.fleet_tables import fleet_desired
from gateway.migrations import MIGRATIONS
from gateway.times import to_text

AT = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
NOW = to_text(AT)
TOKEN = "a token of some length"


class Rig:
    """A database with kiosks that have been heard."""

    def __init__(self, folder: Path, kiosks: int) -> None:
        self.database = Database(sqlite_url(folder / "g.sqlite3"), tables.metadata, tables.SCHEMA_VERSION, MIGRATIONS)
        self.names = [f"kiosk-{n}" for n in range(kiosks)]
        with self.database.write() as tx:
            tally, bulk = Tally(), Bulk(tx)
            for name in self.names:
                tally.presence(Presence(device=name, kind="kiosk", online=True), retained=False)
            tally.write(tx, bulk, NOW)
            bulk.flush()

    def create(self, scope: str = "all", share: float = 1.0, body: str = "{}", refusals_max: int = 0) -> int:
        """A rollout by somebody."""
        with self.database.write() as tx:
            return fleet.create(tx, body, scope, share, refusals_max, "wang", "", NOW)

    def change(self, n: int, **what: Any) -> None:
        """Of a rollout."""
        with self.database.write() as tx:
            fleet.change(tx, n, NOW, "wang", **what)

    def hears(self, device: str, **told: Any) -> None:
        """A device's health message with these versions."""
        message = Health(device=device, at=AT, outbox_rows=0, outbox_bytes=0, versions=Versions(**told))
        with self.database.write() as tx:
            fleet.heard(tx, message, NOW)

    def desired(self) -> dict[str, Any]:
        """Rows by device."""
        with self.database.read() as tx:
            return {row["device"]: dict(row) for row in tx.execute(sa.select(fleet_desired)).mappings()}

    def rollout(self, n: int) -> dict[str, Any]:
        """As the desk sees it."""
        with self.database.read() as tx:
            return fleet_view.rollout(tx, fleet.found(tx, n))


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """Ten kiosks."""
    one = Rig(tmp_path, 10)
    yield one
    one.database.close()


def test_a_share_first_then_the_rest(rig: Rig) -> None:
    """A fifth of ten is two; those two stay among the first when it is widened, and it cannot shrink."""
    n = rig.create(share=0.2)
    first = set(rig.desired())
    assert len(first) == 2
    rig.change(n, share=0.5)
    assert first < set(rig.desired()) and len(rig.desired()) == 5
    with pytest.raises(fleet.FleetError, match="50% already"):
        rig.change(n, share=0.1)
    rig.change(n, share=1.0)
    assert set(rig.desired()) == set(rig.names)


def test_what_is_sent_is_the_document_under_its_version_and_hash(rig: Rig) -> None:
    """A device can check that it got what was wished."""
    n = rig.create("device:kiosk-3", body='{"gone_s":60.0}')
    (row,) = rig.desired().values()
    sent = decode(channel("down", "config"), row["payload"])
    assert isinstance(sent, Config)
    assert (sent.device, sent.version, sent.body) == ("kiosk-3", n, '{"gone_s":60.0}')
    assert row["waiting"]


def test_a_device_is_asked_until_it_tells_what_became_of_it(rig: Rig) -> None:
    """On trial, applied; and again when it has lost what it had applied."""
    n = rig.create("device:kiosk-1")
    rig.hears("kiosk-1", config=0)
    assert rig.desired()["kiosk-1"]["waiting"]
    rig.hears("kiosk-1", config=n, config_state="trial")
    assert (rig.desired()["kiosk-1"]["outcome"], rig.desired()["kiosk-1"]["waiting"]) == ("trial", False)
    rig.hears("kiosk-1", config=n, config_state="good")
    assert rig.desired()["kiosk-1"]["outcome"] == "applied"
    rig.hears("kiosk-1", config=0)
    assert (rig.desired()["kiosk-1"]["outcome"], rig.desired()["kiosk-1"]["waiting"]) == ("pending", True)


def test_one_refusal_too_many_spares_the_rest(rig: Rig) -> None:
    """The rollout is paused with the reason; nobody else is asked any more until somebody says go on."""
    n = rig.create(share=0.5, refusals_max=1)
    some, other, *_ = rig.desired()
    rig.hears(some, config_refused=n, config_reason="camera north gave no picture")
    assert rig.rollout(n)["state"] == "running"
    rig.hears(other, config_refused=n, config_reason="camera south gave no picture")
    seen = rig.rollout(n)
    assert seen["state"] == "paused"
    assert "camera south" in seen["reason"]
    assert seen["outcomes"] == {"refused": 2, "pending": 3}
    assert not any(row["waiting"] for row in rig.desired().values())
    rig.change(n, state="running")
    assert sum(row["waiting"] for row in rig.desired().values()) == 3


def test_a_pause_holds_back_those_that_were_not_reached(rig: Rig) -> None:
    """Widening while it is paused reaches nobody either."""
    n = rig.create(share=0.1)
    rig.change(n, state="paused")
    rig.change(n, share=1.0)
    assert len(rig.desired()) == 1 and not any(row["waiting"] for row in rig.desired().values())
    rig.change(n, state="running")
    assert len(rig.desired()) == 10 and all(row["waiting"] for row in rig.desired().values())


def test_a_new_member_of_a_group_gets_what_the_group_runs(rig: Rig) -> None:
    """And nothing of another group."""
    with rig.database.write() as tx:
        fleet.put_into_group(tx, "kiosk-1", "north", NOW)
    n = rig.create("group:north")
    rig.create("group:south")
    with rig.database.write() as tx:
        fleet.put_into_group(tx, "kiosk-2", "north", NOW)
    assert {name: row["version"] for name, row in rig.desired().items()} == {"kiosk-1": n, "kiosk-2": n}


def test_versions_go_on_above_what_devices_know(rig: Rig) -> None:
    """A gateway that lost its database does not send versions that every kiosk would call old."""
    rig.hears("kiosk-1", config=40, config_state="good")
    rig.hears("kiosk-2", config=40, config_refused=41, config_state="good")
    assert rig.create() == 42


def test_a_document_that_no_channel_carries_is_refused_at_once(rig: Rig) -> None:
    """Not once for each device."""
    with pytest.raises(TooLarge):
        rig.create(body='{"rules": "' + "x" * 200_000 + '"}')
    with pytest.raises(fleet.FleetError, match="scope"):
        rig.create("kiosk-1")


@pytest.fixture
def door(rig: Rig, tmp_path: Path) -> TestClient:
    """The API over that database."""
    app = FastAPI()
    fleet_api.add_fleet(app, rig.database, tmp_path, TOKEN, lambda: AT, lambda: None)
    return TestClient(app)


def test_changing_needs_the_token_and_a_name(rig: Rig, door: TestClient, tmp_path: Path) -> None:
    """Reading does not; a gateway without a token lets nobody change anything."""
    order = {"document": {"gone_s": 60.0}, "by": "wang", "share": 0.1, "why": "quicker"}
    token = {"Authorization": f"Bearer {TOKEN}"}
    assert door.post("/api/fleet/rollouts", json=order).status_code == 401
    assert door.post("/api/fleet/rollouts", json={**order, "by": ""}, headers=token).status_code == 422
    assert door.post("/api/fleet/rollouts", json={**order, "share": 0}, headers=token).status_code == 422
    made = door.post("/api/fleet/rollouts", json=order, headers=token)
    assert (made.status_code, made.json()) == (201, {"version": 1})
    assert door.post("/api/fleet/rollouts/9", json={"by": "wang"}, headers=token).status_code == 422
    paused = door.post("/api/fleet/rollouts/1", json={"by": "li", "state": "paused"}, headers=token).json()
    assert (paused["state"], paused["reason"], paused["document"]) == ("paused", "by li", {"gone_s": 60.0})
    assert door.get("/api/fleet/rollouts").json()[0]["outcomes"] == {"pending": 1}
    closed = FastAPI()
    fleet_api.add_fleet(closed, rig.database, tmp_path, "", lambda: AT, lambda: None)
    empty = {"Authorization": "Bearer "}
    assert TestClient(closed).post("/api/fleet/rollouts", json=order, headers=empty).status_code == 403


def test_the_fleet_view_tells_versions_health_and_what_is_wrong(rig: Rig, door: TestClient) -> None:
    """In words that a desk can show."""
    rig.create("device:kiosk-1")
    rig.hears("kiosk-1", config_refused=1, config_reason="rules: no class 99", rules="2026-11", model="street-3")
    health = {
        "outbox_rows": 3,
        "vitals": {"disk_free_bytes": 1024, "clock_offset_s": -3600.0, "temperature_c": 91.0},
        "cameras": {"north": {"view": "dark", "age_s": 0.5, "fps": 25.0, "packets_skipped": 9.0}},
    }
    with rig.database.write() as tx:
        values = {"health": health}
        tx.execute(sa.update(tables.devices).where(tables.devices.c.device == "kiosk-1").values(values))
    (seen,) = (row for row in door.get("/api/fleet/devices").json() if row["device"] == "kiosk-1")
    assert (seen["wanted"], seen["outcome"], seen["rules"], seen["model"]) == (1, "refused", "2026-11", "street-3")
    assert seen["cameras"] == {"north": {"fps": 25.0, "age_s": 0.5, "view": "dark"}}
    assert seen["troubles"] == [
        "refused config 1: rules: no class 99",
        "camera north: dark",
        "0 MiB of disk left",
        "clock is -3600 s off",
        "91 degrees C",
    ]


def test_releases_are_served_in_parts_and_nothing_else_is(door: TestClient, tmp_path: Path) -> None:
    """A download that broke off goes on; no path leads out of the folder."""
    source = tmp_path / "made"
    source.mkdir()
    (source / "net.onnx").write_bytes(bytes(range(256)))
    digest = "40aff2e9d2d8922e47afd4648e6967497158785fbd1da870e7110266bf944880"
    manifest = {"name": "n", "files": [{"name": "net.onnx", "size_bytes": 256, "sha256": digest}]}
    (source / "release.json").write_bytes(msgspec.json.encode(manifest))
    with pytest.raises(fleet_releases.ReleaseRefused, match="without a signature"):
        fleet_releases.add(source, tmp_path)
    (source / "release.sig").write_text("c2ln")
    name = fleet_releases.add(source, tmp_path)
    part = door.get(f"/fleet/releases/{name}/net.onnx", headers={"Range": "bytes=250-"})
    assert (part.status_code, part.content) == (206, bytes(range(250, 256)))
    assert door.get("/api/fleet/releases").json() == [{"release": name, "name": "n", "size_bytes": 256}]
    for wrong in (f"{name}/..%2F..%2Fg.sqlite3", f"{'0' * 64}/net.onnx", "..%2F../g.sqlite3", f"{name}/absent"):
        assert door.get(f"/fleet/releases/{wrong}").status_code == 404
    (source / "net.onnx").write_bytes(b"other")
    (source / "release.json").write_bytes(msgspec.json.encode({**manifest, "name": "m"}))
    with pytest.raises(fleet_releases.ReleaseRefused, match="not the file"):
        fleet_releases.add(source, tmp_path)
