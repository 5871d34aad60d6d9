"""What an enemy may send: pictures that are bombs, names that are paths, payloads of any shape; and the HTTP APIs.

`ZHUOMU_FUZZ` sets how many payloads hypothesis makes (1,000 in CI; 1,000,000 on a machine that has the night).
"""

import hashlib
import io
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
import schemathesis
from fastapi import FastAPI
from gateway_helpers import EPOCH, candidate, picture
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from schemathesis.checks import not_a_server_error
from test_gateway_store import Rig, incoming

from edge.care.vitals import rss_bytes
from edge.link.mqtt import Incoming
from edge.wire import CHANNELS, TooLarge, encode
from gateway import api
from gateway.counters import Counters
from gateway.database import Database
from gateway.ingest import receipts
from gateway.pictures import PIXELS_MAX, check_size, sizes
from gateway.registry import api as registry_api
from gateway.registry import service as registry_service
from gateway.registry import standard
from gateway.registry import tables as registry_tables
from gateway.registry.settings import RegistrySettings
from gateway.registry.store import Registry
from gateway.tables import dead_letters, devices, messages
from gateway.take import take

FUZZ = int(os.environ.get("ZHUOMU_FUZZ", "1000"))
PER_EXAMPLE = 100
GOOD = [
    msgspec.to_builtins(candidate(1)),
    msgspec.json.decode(encode(picture(b"jpeg"))),
]
GROWTH_MAX_BYTES = 400 * 1024 * 1024  # of this process, hypothesis and its examples included
NAMES = ["kiosk-1", "..", "../../etc/passwd", "a/b", "", "x" * 300, "кіоск", "kiosk-1\n", "%2e%2e", "\x00"]


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    made = Rig(tmp_path_factory.mktemp("rig"))
    yield made
    made.database.close()


@pytest.fixture(scope="module")
def resident_bytes(rig: Rig) -> int:
    """What this process holds before anything was sent: other tests have left theirs."""
    return rss_bytes()


def jpeg(width: int, height: int) -> bytes:
    out = io.BytesIO()
    Image.new("L", (width, height)).save(out, "JPEG", quality=1)
    return out.getvalue()


def claiming(width: int, height: int) -> bytes:
    """A small JPEG whose header says another size."""
    data = bytearray(jpeg(16, 16))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = height.to_bytes(2) + width.to_bytes(2)
    return bytes(data)


def test_a_picture_that_says_it_is_huge_is_refused_unopened_and_not_kept(rig: Rig) -> None:
    for seq, data in enumerate((claiming(65_535, 65_535), b"\xff\xd8" + b"\xff" * 50 + claiming(65_535, 1_000)[2:]), 1):
        outcome = rig.store.commit([take(incoming(picture(data, device="bomber", seq=seq)))])
        (receipt,) = receipts(outcome)
        assert [refusal.code for refusal in receipt.refused] == [TooLarge.code]
        assert not rig.pictures.path(hashlib.sha256(data).hexdigest()).exists()


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_a_pictures_size_is_read_as_pillow_reads_it(form: str) -> None:
    out = io.BytesIO()
    Image.new("RGB", (320, 200)).save(out, form, progressive=True)
    assert list(sizes(out.getvalue())) == [(320, 200)]
    check_size(out.getvalue())


def test_every_frame_header_counts_not_only_the_first() -> None:
    with pytest.raises(TooLarge, match="65535 x 65535"):
        check_size(jpeg(16, 16)[:-2] + claiming(65_535, 65_535)[2:])


@given(st.binary(max_size=400))
@settings(max_examples=300, deadline=None)
def test_reading_a_size_ends_for_any_bytes(data: bytes) -> None:
    for start in (b"", b"\xff\xd8", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"):
        assert all(width * height <= 65_535**2 or start.startswith(b"\x89") for width, height in sizes(start + data))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(NAMES),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@st.composite
def payloads(draw: st.DrawFn) -> bytes:
    """Bytes, JSON of any shape, or a good message with something wrong in it."""
    which = draw(st.integers(0, 9))
    if which == 0:
        return draw(st.binary(max_size=200))
    if which == 1:
        return msgspec.json.encode(draw(json_values))
    row = dict(draw(st.sampled_from(GOOD)))
    for _ in range(draw(st.integers(1, 3))):
        row[draw(st.sampled_from([*row, "extra"]))] = draw(json_values)
    text = msgspec.json.encode(row)
    return text[: draw(st.integers(0, len(text)))] if which == 2 else text


@st.composite
def topics(draw: st.DrawFn) -> str:
    """Mostly right ones, some with a path or nonsense in them."""
    name = draw(st.sampled_from([row.name for row in CHANNELS] + NAMES))
    return f"zm/1/{draw(st.sampled_from(['up', 'up', 'up', 'down', '..']))}/{draw(st.sampled_from(NAMES))}/{name}"


@pytest.mark.slow
@given(st.lists(st.tuples(topics(), payloads()), min_size=PER_EXAMPLE, max_size=PER_EXAMPLE))
@settings(
    max_examples=max(1, FUZZ // PER_EXAMPLE),
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example, HealthCheck.data_too_large],
)
def test_any_payload_on_any_topic_is_taken_refused_or_a_dead_letter_and_nothing_grows_or_falls_over(
    rig: Rig, resident_bytes: int, sent: list[tuple[str, bytes]]
) -> None:
    items = [take(Incoming(name, payload, False, n, 1)) for n, (name, payload) in enumerate(sent)]
    outcome = rig.store.commit(items)
    assert sum(outcome.results.values()) == len(items)
    assert rig.count(dead_letters) <= 100
    assert rig.count(devices) <= len(NAMES) + 2
    files = [path for path in Path(rig.settings.data).rglob("*") if path.is_file()]
    assert all(path.resolve().is_relative_to(Path(rig.settings.data).resolve()) for path in files)
    assert rss_bytes() - resident_bytes < GROWTH_MAX_BYTES


@pytest.mark.parametrize("name", NAMES[1:])
def test_a_name_that_is_a_path_reaches_no_file(rig: Rig, name: str) -> None:
    before = sorted(Path(rig.settings.data).rglob("*"))
    message = msgspec.json.decode(encode(picture(b"p")))
    told = [{**message, "sha256": name, "device": "kiosk-1"}, {**message, "device": name}]
    topics_ = ["zm/1/up/kiosk-1/evidence", f"zm/1/up/{name}/evidence"]
    outcome = rig.store.commit(
        [take(Incoming(t, msgspec.json.encode(body), False, 1, 1)) for t, body in zip(topics_, told, strict=True)]
    )
    assert outcome.accepted == 0
    assert [p for p in sorted(Path(rig.settings.data).rglob("*")) if "evidence" in p.parts] == [
        p for p in before if "evidence" in p.parts
    ]


def test_a_message_that_is_replayed_is_receipted_again_and_changes_nothing(rig: Rig) -> None:
    message = incoming(candidate(77, device="replayed", epoch=EPOCH))
    first = rig.store.commit([take(message)])
    count = rig.count(messages)
    again = rig.store.commit([take(message)] * 3)
    assert (first.accepted, again.accepted, again.repeats) == (1, 0, 3)
    assert rig.count(messages) == count


def test_evidence_of_one_device_is_not_taken_under_anothers_name(rig: Rig) -> None:
    spoofed = Incoming("zm/1/up/kiosk-2/evidence", encode(picture(b"q", device="kiosk-1")), False, 1, 1)
    outcome = rig.store.commit([take(spoofed)])
    assert outcome.results == {("evidence", "refused"): 1}


def gateway_app(rig: Rig) -> FastAPI:
    app = FastAPI()
    api.add_routes(app, rig.database, rig.pictures, Counters())
    return app


def _check(app: FastAPI, path: str = "/openapi.json") -> int:
    """Every operation with generated requests; returns how many. A 5xx, or an exception inside, is a failure."""
    schema = schemathesis.openapi.from_asgi(path, app)
    ran = 0
    for found in schema.get_all_operations():
        operation = found.ok()

        @given(case=operation.as_strategy())
        @settings(max_examples=10, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        def ask(case: schemathesis.Case) -> None:
            case.call_and_validate(checks=[not_a_server_error])

        ask()
        ran += 1
    return ran


@pytest.mark.slow
def test_the_gateways_http_api_answers_every_generated_request_without_a_server_error(rig: Rig) -> None:
    rig.commit(candidate(5))
    assert _check(gateway_app(rig)) >= 11


@pytest.mark.slow
def test_the_registrys_http_api_answers_every_generated_request_without_a_server_error(tmp_path: Path) -> None:
    settings_ = RegistrySettings(data=str(tmp_path))
    database = Database(settings_.url(), registry_tables.metadata, registry_tables.SCHEMA_VERSION)
    rules = registry_service.rules(settings_)
    registry = Registry(database, standard.read(), rules, frozenset(), lambda: datetime.now(UTC))
    assert _check(registry_api.build(registry)) >= 10
    database.close()


def test_the_limit_on_pixels_lets_every_camera_through() -> None:
    assert 8192 * 6000 <= PIXELS_MAX < 65_535 * 65_535
