"""Leave to upload: a token for one device, content and size, given over the device's own topic, good for minutes."""

import base64
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from gateway_helpers import EPOCH, Centre, Device
from test_gateway_tus import CLIP, SHA256, VERSION, Door, bearer

from edge.wire import PHOTO_BYTES_MAX, ErrorCode, Pull, UploadAsk, UploadGrant
from gateway.devices import known
from gateway.devices.settings import IdentitySettings
from gateway.grants import Asked
from gateway.seals import Seal
from gateway.sync import handsets
from gateway.sync.tokens import Tokens
from gateway.times import to_text
from gateway.uploads import Limits


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    made = Door(tmp_path, required=True)
    yield made
    made.rig.close()


def ask(data: bytes = CLIP, **values: Any) -> UploadAsk:
    words: dict[str, Any] = {"device": "kiosk-1", "sha256": hashlib.sha256(data).hexdigest(), "size_bytes": len(data)}
    return UploadAsk(**({**words, "media_type": "video/mp4"} | values))


def grant(door: Door, **values: Any) -> UploadGrant:
    return door.grants.answer(Asked(ask(**values), revoked=False))


def test_with_its_token_a_clip_goes_through_every_door_and_becomes_evidence(door: Door) -> None:
    given = grant(door)
    assert (given.code, given.path, given.sha256) == (0, "/uploads", SHA256)
    where = door.create(token=given.token).headers["Location"]
    assert door.patch(where, 0, CLIP[:1000], **bearer(given.token)).status_code == 204
    told = door.http.head(where, headers={**VERSION, **bearer(given.token)})
    assert (told.status_code, told.headers["Upload-Offset"]) == (200, "1000")
    assert door.patch(where, 1000, CLIP[1000:], **bearer(given.token)).status_code == 204
    assert door.rig.pictures.path(SHA256).read_bytes() == CLIP


def test_without_a_token_no_door_opens_where_one_is_needed(door: Door) -> None:
    token = grant(door).token
    where = door.create(token=token).headers["Location"]
    refused = door.create()
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert door.patch(where, 0, CLIP).status_code == 401
    assert door.http.head(where, headers=VERSION).status_code == 401
    assert door.http.delete(where, headers=VERSION).status_code == 401
    assert door.http.head(where, headers={**VERSION, **bearer(token)}).headers["Upload-Offset"] == "0"


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"device": "kiosk-2"}, 403),
        ({"data": CLIP + b"x", "size_bytes": len(CLIP)}, 403),
        ({"size_bytes": len(CLIP) - 1}, 403),
        ({"purpose": "photo"}, 403),
        ({}, 201),
    ],
)
def test_a_token_of_another_device_content_size_or_purpose_opens_nothing(
    door: Door, asked: dict[str, Any], status: int
) -> None:
    assert door.create(token=grant(door, **asked).token).status_code == status


def test_a_token_runs_out_and_another_goes_on_where_it_was(door: Door) -> None:
    token = grant(door).token
    where = door.create(token=token).headers["Location"]
    assert door.patch(where, 0, CLIP[:1000], **bearer(token)).status_code == 204
    door.rig.later(15 * 60.0 + 1.0)
    assert door.patch(where, 1000, CLIP[1000:], **bearer(token)).status_code == 401
    assert door.patch(where, 1000, CLIP[1000:], **bearer(grant(door).token)).status_code == 204


def test_a_bad_token_is_refused_even_where_none_is_needed(tmp_path: Path) -> None:
    door = Door(tmp_path)
    try:
        assert door.create(token=grant(door).token[:-1] + "g").status_code == 401
        assert door.create(token="bulk").status_code == 401
        assert door.create(token="a.b.1.c").status_code == 401
        assert door.create().status_code == 201
    finally:
        door.rig.close()


def test_a_token_for_pages_is_none_for_uploads_and_the_other_way_round(door: Door) -> None:
    pages = Tokens(door.rig.database)
    assert door.create(token=pages.give("kiosk-1", door.rig.now)[0]).status_code == 401
    assert pages.device(grant(door).token, door.rig.now) is None
    assert Seal(door.rig.database, "bulk").read(pages.give("kiosk-1", door.rig.now)[0], door.rig.now) == "kiosk-1"


def test_a_device_that_is_revoked_in_the_middle_gets_no_further_and_leaves_no_evidence(door: Door) -> None:
    with door.rig.database.write() as tx:
        known.with_password(tx, "kiosk-1", "stored", "", door.rig.now)
    token = grant(door).token
    where = door.create(token=token).headers["Location"]
    assert door.patch(where, 0, CLIP[:1000], **bearer(token)).status_code == 204
    with door.rig.database.write() as tx:
        known.revoke(tx, "kiosk-1", "lost", door.rig.now)
    assert door.patch(where, 1000, CLIP[1000:], **bearer(token)).status_code == 403
    assert door.create(token=token).status_code == 403
    assert not door.rig.pictures.path(SHA256).exists()


def test_a_revoked_handset_is_given_no_token(door: Door) -> None:
    with door.rig.database.write() as tx:
        handsets.stand(tx, [Pull(device="handset-1", epoch=EPOCH)], to_text(door.rig.now))
        handsets.revoke(tx, "handset-1", "lost", to_text(door.rig.now))
    told = door.grants.answer(Asked(ask(device="handset-1"), revoked=True))
    assert (told.code, told.token) == (int(ErrorCode.REVOKED), "")
    assert door.create(device="handset-1", token=grant(door, device="handset-1").token).status_code == 403


def test_where_devices_must_be_claimed_a_stranger_uploads_nothing(tmp_path: Path) -> None:
    door = Door(tmp_path, IdentitySettings(require=True), required=True)
    try:
        token = grant(door).token
        assert door.create(token=token).status_code == 403
        with door.rig.database.write() as tx:
            known.with_password(tx, "kiosk-1", "stored", "", door.rig.now)
        assert door.create(token=token).status_code == 201
    finally:
        door.rig.close()


def test_uploads_count_for_the_devices_day_and_past_it_nothing_is_granted_or_taken(tmp_path: Path) -> None:
    door = Door(tmp_path, IdentitySettings(evidence_bytes_per_day_max=len(CLIP) + 1000), required=True)
    try:
        other = b"\0\0\0\x18ftypmp42" + bytes(2000)
        granted = grant(door, data=other).token
        token = grant(door).token
        assert door.patch(door.create(token=token).headers["Location"], 0, CLIP, **bearer(token)).status_code == 204
        assert door.create(other, token=granted).status_code == 429
        late = grant(door, data=other)
        assert (late.code, "tomorrow" in late.reason) == (int(ErrorCode.OVER_QUOTA), True)
        assert grant(door, data=other, device="kiosk-2").code == 0
    finally:
        door.rig.close()


def test_what_is_too_large_is_refused_when_asked(door: Door) -> None:
    assert grant(door, size_bytes=4_000_001).code == int(ErrorCode.TOO_LARGE)


def test_a_crews_photo_may_have_by_http_what_it_may_have_in_pieces(tmp_path: Path) -> None:
    door = Door(tmp_path, limits=Limits())
    try:
        photo = {"media_type": "image/jpeg", "purpose": "photo"}
        assert grant(door, size_bytes=PHOTO_BYTES_MAX, **photo).code == 0
        assert grant(door, size_bytes=PHOTO_BYTES_MAX + 1, **photo).code == int(ErrorCode.TOO_LARGE)
        assert grant(door, size_bytes=PHOTO_BYTES_MAX + 1).code == 0
        large = bytes(PHOTO_BYTES_MAX + 1)
        assert door.create(large, kind="after", media_type="image/jpeg", purpose="photo").status_code == 413
        assert door.create(large).status_code == 201
    finally:
        door.rig.close()


def test_the_last_word_on_a_size_counts(door: Door) -> None:
    wrong, right = grant(door, size_bytes=1000), grant(door)
    headers = {"Upload-Length": "1000", "Upload-Metadata": door.create().request.headers["Upload-Metadata"]}
    door.http.post("/uploads", headers={**VERSION, **headers, **bearer(wrong.token)})
    where = door.create(token=right.token).headers["Location"]
    assert door.patch(where, 0, CLIP, **bearer(right.token)).status_code == 204


@pytest.mark.slow
def test_a_device_asks_over_its_topic_and_uploads_where_operators_must_sign_in(tmp_path: Path) -> None:
    centre = Centre(tmp_path, gateway={"people": {"required": True}})
    centre.start("broker", "gateway")
    kiosk = Device(centre.mqtt_port, "kiosk-1")
    try:
        kiosk.say(ask())
        given = kiosk.next_down("grant")
        assert timedelta(minutes=10) < given.expires - datetime.now(UTC) <= timedelta(minutes=15)
        kiosk.say(ask(size_bytes=2**40))
        assert kiosk.next_down("grant", 1).code == int(ErrorCode.TOO_LARGE)
        assert _create(centre, "").status_code == 401
        assert _create(centre, given.token).status_code == 201
        assert centre.http.options(given.path).headers["Tus-Version"] == "1.0.0"
    finally:
        kiosk.stop()
        centre.stop()


def _create(centre: Centre, token: str) -> httpx.Response:
    words = "device a2lvc2stMQ==,redacted dHJ1ZQ==,media_type dmlkZW8vbXA0,kind Y2xpcA==,sha256 "
    words += base64.b64encode(SHA256.encode()).decode()
    headers = {**VERSION, **bearer(token), "Upload-Length": str(len(CLIP)), "Upload-Metadata": words}
    return centre.http.post("/uploads", headers=headers)
