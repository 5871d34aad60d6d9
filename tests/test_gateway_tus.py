"""Large evidence by tus: resumed after a kill, whole or not at all, within limits, shown only when it may be."""

import base64
import hashlib
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from forward_rig import Rig
from gateway_helpers import Centre, Device, candidate

from edge.link.upload import Clip, NotUploaded, Uploader
from gateway import api, tus
from gateway.devices.doorman import Doorman
from gateway.devices.settings import IdentitySettings
from gateway.grants import Grants
from gateway.uploads import Limits, Uploads

CLIP = b"\0\0\0\x18ftypisom" + random.Random(1).randbytes(3_000_000)
SHA256 = hashlib.sha256(CLIP).hexdigest()
VERSION = {"Tus-Resumable": "1.0.0"}
LIMITS = Limits(upload_bytes_max=4_000_000, device_bytes_max=7_000_000, all_bytes_max=20_000_000, keep_s=60.0)


class Door:
    """The routes over a folder, with a wall clock of the test's own."""

    def __init__(
        self,
        folder: Path,
        identity: IdentitySettings | None = None,
        required: bool = False,
        limits: Limits = LIMITS,
    ) -> None:
        self.rig = Rig(folder)
        self.wall_s: float | None = None
        self.app = FastAPI()
        uploads = Uploads(folder / "uploads", limits, self.rig.counters, self._wall)
        database, counters, clock = self.rig.database, self.rig.counters, lambda: self.rig.now
        self.doorman = Doorman(identity or IdentitySettings(), 1.0, database, clock)
        self.grants = Grants(database, limits, self.doorman, counters, clock, required)
        tus.add_uploads(self.app, tus.Door(database, self.rig.pictures, uploads, counters, clock, self.grants))
        api.add_routes(self.app, self.rig.database, self.rig.pictures, self.rig.counters)
        self.uploads = uploads
        self.http = TestClient(self.app)

    def _wall(self) -> float:
        import time

        return time.time() if self.wall_s is None else self.wall_s

    def create(self, data: bytes = CLIP, token: str = "", **values: str) -> httpx.Response:
        words = {"device": "kiosk-1", "sha256": hashlib.sha256(data).hexdigest(), "media_type": "video/mp4"}
        words |= {"kind": "clip", "redacted": "true", **values}
        pairs = ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in words.items())
        headers = {"Upload-Length": str(len(data)), "Upload-Metadata": pairs, **bearer(token)}
        return self.http.post("/uploads", headers={**VERSION, **headers})

    def patch(self, where: str, offset: int, data: bytes, **headers: str) -> httpx.Response:
        own = {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream", **headers}
        return self.http.patch(where, content=data, headers={**VERSION, **own})

    def offset(self, where: str) -> int:
        return int(self.http.head(where, headers=VERSION).headers["Upload-Offset"])


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    made = Door(tmp_path)
    yield made
    made.rig.close()


def checksum(data: bytes, name: str = "sha256") -> dict[str, str]:
    digest = hashlib.new(name, data).digest()
    return {"Upload-Checksum": f"{name} {base64.b64encode(digest).decode()}"}


def test_a_clip_in_three_pieces_is_evidence_of_its_candidates_incident_and_can_be_looked_at(door: Door) -> None:
    door.rig.commit(candidate(1))
    made = door.create(candidate_id="cand-1")
    assert made.status_code == 201 and made.headers["Upload-Offset"] == "0" and "Upload-Expires" in made.headers
    where = made.headers["Location"]
    for start in (0, 1_000_000, 2_000_000):
        end = len(CLIP) if start == 2_000_000 else start + 1_000_000
        assert door.patch(where, start, CLIP[start:end], **checksum(CLIP[start:end], "sha1")).status_code == 204
    shown = door.http.get(f"/evidence/{SHA256}")
    assert (shown.content, shown.headers["content-type"]) == (CLIP, "video/mp4")
    incident = door.rig.incident()["incident_id"]
    from gateway.tables import evidence_refs

    assert [(r["incident_id"], r["kind"]) for r in door.rig.rows(evidence_refs.select())] == [(incident, "clip")]
    assert door.http.head(where, headers=VERSION).status_code == 404
    assert list((door.rig.folder / "uploads" / "kiosk-1").iterdir()) == []


def test_an_unredacted_clip_is_kept_and_shown_to_nobody(door: Door) -> None:
    where = door.create(redacted="false").headers["Location"]
    assert door.patch(where, 0, CLIP).status_code == 204
    assert door.rig.pictures.path(SHA256).read_bytes() == CLIP
    assert door.http.get(f"/evidence/{SHA256}").status_code == 404


def test_asking_again_goes_on_with_the_same_upload_and_a_wrong_offset_changes_nothing(door: Door) -> None:
    where = door.create().headers["Location"]
    door.patch(where, 0, CLIP[:1000])
    again = door.create()
    assert (again.headers["Location"], again.headers["Upload-Offset"]) == (where, "1000")
    assert door.patch(where, 0, CLIP[:1000]).status_code == 409
    assert door.patch(where, 2000, CLIP[2000:3000]).status_code == 409
    assert door.offset(where) == 1000


def test_a_chunk_with_a_wrong_checksum_leaves_nothing_behind(door: Door) -> None:
    where = door.create().headers["Location"]
    assert door.patch(where, 0, CLIP[:1000], **checksum(b"other")).status_code == 460
    assert door.offset(where) == 0
    assert door.patch(where, 0, CLIP[:1000], **{"Upload-Checksum": "md5 AAAA"}).status_code == 400


@pytest.mark.parametrize("data", [CLIP[:-1] + b"x", b"<html>" + CLIP[6:]])
def test_bytes_of_another_hash_or_another_kind_are_deleted(door: Door, data: bytes) -> None:
    sha256 = SHA256 if data[:4] == CLIP[:4] else hashlib.sha256(data).hexdigest()
    where = door.create(sha256=sha256).headers["Location"]
    assert door.patch(where, 0, data).status_code == 460
    assert door.http.head(where, headers=VERSION).status_code == 404
    assert not door.rig.pictures.path(sha256).exists()
    assert door.rig.counters["uploads_bad_content"] == 1


def test_what_is_here_already_is_at_its_end_at_once(door: Door) -> None:
    where = door.create().headers["Location"]
    door.patch(where, 0, CLIP)
    assert door.create().headers["Upload-Offset"] == str(len(CLIP))


def test_limits_on_one_upload_one_device_and_all_of_them(door: Door) -> None:
    assert door.create(b"\0" * 4_000_001).status_code == 413
    for n in range(2):
        assert door.create(CLIP + bytes([n])).status_code == 201
    refused = door.create(CLIP + b"2")
    assert (refused.status_code, "try again later" in refused.text) == (429, True)
    for n in range(2, 6):
        assert door.create(CLIP + b"3", device=f"kiosk-{n}").status_code == 201
    assert door.create(CLIP + b"4", device="kiosk-9").status_code == 429
    assert door.rig.counters["uploads_refused"] == 3


def test_more_bytes_than_announced_are_refused_and_an_abandoned_upload_expires(door: Door) -> None:
    where = door.create(CLIP[:1000]).headers["Location"]
    assert door.patch(where, 0, CLIP[:2000]).status_code == 413
    left = door.create().headers["Location"]
    door.wall_s = door.uploads.expires_at(left.rpartition("/")[2]) + 61.0
    assert door.uploads.sweep() == 2
    assert door.http.head(left, headers=VERSION).status_code == 404


def test_an_upload_whose_end_failed_is_finished_when_it_is_asked_for_again(door: Door) -> None:
    """All bytes are here and it is no evidence yet: the gateway was killed in between, or had no room."""
    where = door.create().headers["Location"]
    door.uploads.part(where.rpartition("/")[2]).write_bytes(CLIP)
    assert door.create().headers["Upload-Offset"] == str(len(CLIP))
    assert door.rig.pictures.path(SHA256).read_bytes() == CLIP and door.rig.counters["uploads_done"] == 1


def test_a_deleted_upload_is_gone(door: Door) -> None:
    where = door.create().headers["Location"]
    assert door.http.delete(where, headers=VERSION).status_code == 204
    assert door.http.delete(where, headers=VERSION).status_code == 404


def test_two_requests_cannot_write_one_upload_at_the_same_time(door: Door) -> None:
    where = door.create().headers["Location"]
    with door.uploads.alone(where.rpartition("/")[2]):
        assert door.patch(where, 0, CLIP[:10]).status_code == 423
    assert door.patch(where, 0, CLIP[:10]).status_code == 204


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/uploads/kiosk-1.0123", VERSION, 404),
        ("/uploads/..%2f..%2fgateway.toml", VERSION, 404),
        ("/uploads/kiosk-1." + "0" * 32, {}, 412),
    ],
)
def test_paths_and_versions_that_are_not_ours(door: Door, path: str, headers: dict[str, str], status: int) -> None:
    assert door.http.head(path, headers=headers).status_code == status


@pytest.mark.parametrize("values", [{"device": "../etc"}, {"sha256": "A" * 64}, {"media_type": "text/html"}])
def test_metadata_that_breaks_the_contract_is_refused_in_words(door: Door, values: dict[str, str]) -> None:
    refused = door.create(**values)
    assert (refused.status_code, refused.text.startswith("Upload-Metadata: ")) == (400, True)


def test_options_tell_what_is_spoken(door: Door) -> None:
    told = door.http.options("/uploads").headers
    assert (told["Tus-Version"], told["Tus-Extension"]) == ("1.0.0", "creation,checksum,termination,expiration")
    assert told["Tus-Max-Size"] == "4000000"


def clip_file(folder: Path, data: bytes = CLIP) -> Clip:
    path = folder / "clip.mp4"
    path.write_bytes(data)
    return Clip(path, "kiosk-1", "cand-1", redacted=True)


def test_a_device_gives_up_on_what_the_centre_will_never_take(door: Door, tmp_path: Path) -> None:
    uploader = Uploader("", threading.Event(), client=door.http)
    with pytest.raises(NotUploaded, match="413"):
        uploader.send(clip_file(tmp_path, b"\0" * 4_000_001))
    with pytest.raises(NotUploaded, match="cannot be read"):
        uploader.send(Clip(tmp_path / "none.mp4", "kiosk-1", "cand-1", True))


@pytest.mark.slow
def test_an_upload_goes_on_where_it_was_after_the_gateway_was_killed(tmp_path: Path) -> None:
    centre = Centre(tmp_path)
    centre.start("broker", "gateway")
    kiosk = Device(centre.mqtt_port, "kiosk-1")
    kiosk.send(candidate(1))
    kiosk.settle()
    offsets: list[int] = []

    def kill_once(offset: int) -> None:
        offsets.append(offset)
        if len(offsets) == 2:
            centre.kill("gateway")
            centre.start("gateway")

    uploader = Uploader(f"http://127.0.0.1:{centre.http_port}", threading.Event(), on_offset=kill_once)
    try:
        assert uploader.send(clip_file(tmp_path))
        assert offsets == sorted(set(offsets)) and offsets[-1] == len(CLIP)
        shown: Any = centre.http.get(f"/evidence/{SHA256}")
        assert shown.content == CLIP
    finally:
        kiosk.stop()
        centre.stop()
