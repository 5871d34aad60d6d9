"""The gateway's intake over a real broker: receipts, repeats, dead letters, evidence."""

from collections.abc import Iterator

import msgspec
import pytest
from gateway_helpers import EPOCH, HASH, START, Centre, Device, candidate, eventually, op_id, picture

from edge.wire import ErrorCode, EvidenceRef, Health, Op, Presence, Verdict, encode


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Centre]:
    centre = Centre(tmp_path_factory.mktemp("centre"), {"resend_s": 0.3})
    centre.start("broker", "gateway")
    yield centre
    centre.stop()


@pytest.fixture
def device(centre: Centre, request: pytest.FixtureRequest) -> Iterator[Device]:
    name = f"d{abs(hash(request.node.nodeid)) % 10**9}"
    device = Device(centre.mqtt_port, name)
    yield device
    device.stop()


def _op(**values: object) -> Op:
    row = {"device": "x", "epoch": EPOCH, "seq": 1, "op_id": op_id("op"), "order_id": "wo", "kind": "accepted"}
    return Op(**{**row, "base_version": 1, "at": START, **values})  # type: ignore[arg-type]


def _verdict(**values: object) -> Verdict:
    row = {"device": "x", "epoch": EPOCH, "seq": 1, "verify_id": "v", "incident_id": "i", "camera": "c"}
    return Verdict(**{**row, "verdict": "cleared", "at": START, "looks": [], **values})  # type: ignore[arg-type]


def test_a_message_that_comes_three_times_is_receipted_again_and_counted_once(centre: Centre, device: Device) -> None:
    before = centre.summary()
    payload = encode(msgspec.structs.replace(candidate(900), device=device.name, seq=1))
    for _ in range(3):
        device.put(1, "candidate", payload)
    eventually(lambda: device.receipts.count(1) >= 1, "a receipt")
    device.put(1, "candidate", payload)
    eventually(lambda: device.receipts.count(1) >= 2, "a receipt for the repeated message")
    after = centre.summary()
    assert (after["candidates"] - before["candidates"], after["receipts"] - before["receipts"]) == (1, 1)


def test_the_same_candidate_under_a_new_seq_makes_no_second_candidate_and_no_second_incident(
    centre: Centre, device: Device
) -> None:
    before = centre.summary()
    device.send(candidate(901), candidate(901))
    device.settle()
    after = centre.summary()
    assert (after["candidates"] - before["candidates"], after["incidents"] - before["incidents"]) == (1, 1)


_GOOD = msgspec.to_builtins(candidate(1))
BAD = {
    "no JSON": (b"{nonsense", ErrorCode.NOT_PARSED, False),
    "a field is missing": ({"schema_version": 1, "epoch": EPOCH, "seq": 7}, ErrorCode.NOT_PARSED, True),
    "a box turned over": ({**_GOOD, "seq": 7, "box": [5, 5, 1, 1]}, ErrorCode.NOT_PARSED, True),
    "NUL in a text": ({**_GOOD, "seq": 7, "label": "a\0b"}, ErrorCode.NOT_PARSED, True),
    "a seq without end": ({**_GOOD, "seq": 10**30}, ErrorCode.NOT_PARSED, False),
    "a time off the calendar": (
        {**_GOOD, "seq": 7, "first_seen": "0001-01-01T00:00:00+14:00"},
        ErrorCode.NOT_PARSED,
        True,
    ),
    "a version from the future": ({**_GOOD, "seq": 7, "schema_version": 99}, ErrorCode.UNKNOWN_VERSION, True),
    "another device's name": ({**_GOOD, "seq": 7, "device": "someone-else"}, ErrorCode.WRONG_SENDER, True),
    "too large": ({**_GOOD, "seq": 7, "zone": "x" * 20_000}, ErrorCode.TOO_LARGE, True),
    "an order nobody gave": (_op(seq=1), ErrorCode.UNKNOWN_REFERENCE, True),
    "a check nobody asked": (_verdict(seq=7), ErrorCode.UNKNOWN_REFERENCE, True),
    "bytes that are not their hash": (picture(b"jpeg", seq=7, sha256=HASH), ErrorCode.HASH_MISMATCH, True),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_message_becomes_a_dead_letter_with_its_code_and_its_device_may_forget_it(
    centre: Centre, device: Device, what: str
) -> None:
    body, code, refusable = BAD[what]
    channel = {Op: "op", Verdict: "verdict"}.get(type(body), "evidence" if what.startswith("bytes") else "candidate")
    if isinstance(body, msgspec.Struct):
        payload = encode(msgspec.structs.replace(body, device=device.name))
    elif isinstance(body, dict):
        named = device.name if body.get("device") == "kiosk-1" else body.get("device")
        payload = msgspec.json.encode({**body, "device": named} if named else body)
    else:
        payload = body
    seq = body.seq if isinstance(body, Op) else 7  # operations have their turn from 1 on
    device.put(seq, channel, payload)
    eventually(
        lambda: any(r["device"] == device.name for r in centre.get("/api/dead_letters", limit=1000)), "dead letter"
    )
    letters = [r for r in centre.get("/api/dead_letters", limit=1000) if r["device"] == device.name]
    assert [row["code"] for row in letters] == [code]
    assert letters[0]["reason"]
    if refusable:
        device.settle()
        assert device.refused == {seq: code}


def test_a_bad_message_sent_again_is_one_dead_letter_with_a_count(centre: Centre, device: Device) -> None:
    for _ in range(3):
        device.publish("candidate", b"[again]")

    def counts() -> list[int]:
        return [r["times"] for r in centre.get("/api/dead_letters", limit=1000) if r["device"] == device.name]

    eventually(lambda: counts() == [3], "one letter, three times")


def test_a_topic_outside_the_channel_table_is_a_dead_letter(centre: Centre, device: Device) -> None:
    device.publish("no-such-channel", b"{}")
    eventually(
        lambda: any(
            r["device"] == device.name and r["code"] == ErrorCode.UNKNOWN_CHANNEL
            for r in centre.get("/api/dead_letters", limit=1000)
        ),
        "dead letter",
    )


def test_a_redacted_picture_is_served_with_its_type_and_no_sniffing(centre: Centre, device: Device) -> None:
    shown = picture(b"\xff\xd8\xff redacted")
    device.send(shown)
    device.settle()
    answer = centre.http.get(f"/evidence/{shown.sha256}")
    assert (answer.status_code, answer.content) == (200, shown.data)
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("way", ["sealed", "claimed unredacted by a candidate", "path trick"])
def test_what_is_not_redacted_or_not_a_hash_is_never_served(centre: Centre, device: Device, way: str) -> None:
    sealed = picture(f"face {way}".encode(), redacted=way != "sealed")
    reference = EvidenceRef(sha256=sealed.sha256, media_type="image/jpeg", size_bytes=4, kind="crop", redacted=False)
    device.send(candidate(910, evidence=[reference] if "claimed" in way else []), sealed)
    device.settle()
    path = "..%2f..%2fgateway.sqlite3" if way == "path trick" else sealed.sha256
    assert centre.http.get(f"/evidence/{path}").status_code == 404


def test_presence_and_health_show_in_the_device_list(centre: Centre, device: Device) -> None:
    device.say(Presence(device=device.name, kind="kiosk", online=True, software="1.2", at=START), retain=True)
    device.say(Health(device=device.name, at=START, outbox_rows=3, outbox_bytes=9))

    def row() -> dict[str, object]:
        return next((r for r in centre.get("/api/devices") if r["device"] == device.name), {})

    eventually(lambda: row().get("online") is True and row().get("health"), "device row")
    device.say(Presence(device=device.name, kind="kiosk", online=False), retain=True)
    eventually(lambda: row().get("online") is False, "offline")
