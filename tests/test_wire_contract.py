"""The contract: what is written is read back, what breaks it is refused with its code, generated files are current."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.wire import (
    CHANNELS,
    Candidate,
    Channel,
    ErrorCode,
    Evidence,
    Op,
    Place,
    WireError,
    channel,
    decode,
    encode,
    identity,
    parse_topic,
    topic,
)
from edge.wire.errors import EXCEPTIONS
from edge.wire.schema import files, json_schema

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
PLACE = Place(lat=34.261, lon=117.188, error_major_m=1.0, error_minor_m=0.5)


def a_candidate(**changes: Any) -> Candidate:
    """A candidate like a kiosk's."""
    values: dict[str, Any] = {
        "device": "kiosk-1",
        "epoch": "0123456789abcdef",
        "seq": 7,
        "candidate_id": "kiosk-1.ab",
        "camera": "north",
        "place_id": "ab",
        "case_class": "bike",
        "label": "bicycle",
        "class_code": "04-10",
        "rule": "bikes",
        "rule_version": "1",
        "zone": "pavement",
        "score": 0.8,
        "box": (1.0, 2.0, 30.0, 40.0),
        "frame_width": 640,
        "frame_height": 360,
        "first_seen": NOW,
        "last_seen": NOW,
        "dwell_s": 6.0,
        "place": PLACE,
        "model": "street",
        "model_sha256": "0" * 64,
    }
    return Candidate(**(values | changes))


@given(
    seq=st.integers(1, 2**53),
    score=st.floats(0, 1),
    at=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
    zone=st.text(max_size=50),
)
def test_a_candidate_comes_back_as_it_was(seq: int, score: float, at: datetime, zone: str) -> None:
    """Encode and decode are inverse for every value that the schema allows."""
    sent = a_candidate(seq=seq, score=score, first_seen=at, zone=zone)
    assert decode(channel("up", "candidate"), encode(sent), "kiosk-1") == sent


@given(st.binary(max_size=300))
def test_bytes_that_are_no_message_raise_only_a_wire_error(payload: bytes) -> None:
    """No payload brings another exception than the contract's own."""
    for row in CHANNELS:
        with pytest.raises(WireError):
            decode(row, payload, "kiosk-1")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"schema_version": 2}, ErrorCode.UNKNOWN_VERSION),
        ({"schema_version": "1"}, ErrorCode.NOT_PARSED),
        ({"device": "kiosk-2"}, ErrorCode.WRONG_SENDER),
        ({"score": 1.5}, ErrorCode.NOT_PARSED),
        ({"first_seen": "2026-11-23T08:00:00"}, ErrorCode.NOT_PARSED),
        ({"case_class": "graffiti"}, ErrorCode.NOT_PARSED),
        ({"seq": 0}, ErrorCode.NOT_PARSED),
        ({"zone": "x" * 20_000}, ErrorCode.TOO_LARGE),
    ],
)
def test_a_broken_candidate_is_refused_with_its_code(change: dict[str, Any], code: ErrorCode) -> None:
    """Each way to break the contract has a number of its own."""
    body = json.loads(encode(a_candidate())) | change
    with pytest.raises(EXCEPTIONS[code]) as refused:
        decode(channel("up", "candidate"), json.dumps(body).encode(), "kiosk-1")
    assert refused.value.code == code


def test_unknown_fields_are_ignored() -> None:
    """A newer device may say more than this side knows."""
    body = json.loads(encode(a_candidate())) | {"colour": "red"}
    assert decode(channel("up", "candidate"), json.dumps(body).encode(), "kiosk-1") == a_candidate()


def test_identity_is_read_from_a_message_that_is_otherwise_refused() -> None:
    """A refusal can be receipted, so that the device stops sending."""
    body = json.loads(encode(a_candidate())) | {"score": "high"}
    assert identity(json.dumps(body).encode()) == ("0123456789abcdef", 7)
    assert identity(b"{") is None


@pytest.mark.parametrize("row", CHANNELS, ids=lambda row: f"{row.direction}-{row.name}")
def test_topics_lead_back_to_their_row(row: Channel) -> None:
    """Each row of the table is found by its topic."""
    assert parse_topic(topic(row.direction, "kiosk-1", row.name)) == (row, "kiosk-1")


@pytest.mark.parametrize(
    "text", ["", "zm/1/up/kiosk-1", "zm/2/up/k/candidate", "zm/1/up/k/receipt", "zm/1/up//op", "a/b"]
)
def test_topics_outside_the_table_are_refused(text: str) -> None:
    """Nothing but the table's topics is a channel."""
    with pytest.raises(WireError) as refused:
        parse_topic(text)
    assert refused.value.code == ErrorCode.UNKNOWN_CHANNEL


def test_evidence_of_the_largest_size_fits_its_channel() -> None:
    """256 KiB of picture, base64 in JSON, is under the channel's limit."""
    full = Evidence(
        device="kiosk-1",
        epoch="0123456789abcdef",
        seq=1,
        sha256="0" * 64,
        media_type="image/jpeg",
        kind="frame",
        redacted=True,
        data=b"\xff" * (256 * 1024),
    )
    assert decode(channel("up", "evidence"), encode(full), "kiosk-1") == full


def test_the_generated_files_are_current() -> None:
    """configs/wire/ is what `zhuomu wire` would write now."""
    folder = Path(__file__).parent.parent / "configs" / "wire"
    for name, text in files().items():
        assert (folder / name).read_text(encoding="utf-8") == text, f"run `zhuomu wire`: {name} is stale"


def test_the_json_schema_accepts_what_we_send_and_refuses_what_we_refuse() -> None:
    """Someone who writes a client in another language can trust the schema file."""
    schema = json_schema() | {"$ref": "#/$defs/Candidate"}
    body = json.loads(encode(a_candidate()))
    jsonschema.validate(body, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(body | {"score": 2}, schema)


def test_an_op_states_its_order_and_version() -> None:
    """A handset's step names what it is based on."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"schema_version":1,"device":"h","epoch":"01234567","seq":1}', type=Op)
