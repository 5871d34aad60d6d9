"""The parts of live view without a network: H.264 units, timestamps, tokens, the viewing log."""

import sqlite3
import time
from pathlib import Path

import av
import pytest
from aiortc.codecs.h264 import h264_depayload
from hypothesis import given
from hypothesis import strategies as st
from live_rig import KEY, clip

from edge.live.h264 import IDR, PAYLOAD_MAX, PPS, SPS, NotH264, Parameters, payloads, units
from edge.live.refusal import Refused
from edge.live.timeline import RATE, Timeline
from edge.live.tokens import Tokens, token_key
from edge.live.viewings import UNENDED, Viewing, Viewings, read

SLICES = st.binary(min_size=1, max_size=4000).map(lambda b: bytes([b[0] & 0x60 | 1]) + b)


@given(st.lists(SLICES, min_size=1, max_size=12))
def test_payloads_fit_a_packet_and_a_receiver_puts_the_same_units_together(found: list[bytes]) -> None:
    made = payloads(found)
    assert max(len(p) for p in made) <= PAYLOAD_MAX
    assert b"".join(h264_depayload(p) for p in made) == b"".join(b"\0\0\0\1" + unit for unit in found)


def test_a_key_frame_of_an_mp4_comes_with_its_parameter_sets_and_decodes_alone(tmp_path: Path) -> None:
    with av.open(str(clip(tmp_path / "a.mp4", 1.0))) as container:
        stream = container.streams.video[0]
        parameters = Parameters.of(stream.codec_context.extradata)
        key = next(packet for packet in container.demux(stream) if packet.is_keyframe)
    found = units(bytes(key), parameters, True)
    assert parameters.length_size == 4
    assert [unit[0] & 31 for unit in found][:3] == [SPS, PPS, IDR]
    decoder = av.CodecContext.create("h264", "r")
    frames = decoder.decode(av.Packet(b"".join(b"\0\0\0\1" + unit for unit in found))) + decoder.decode(None)
    assert [(frame.width, frame.height) for frame in frames] == [(640, 360)]  # type: ignore[attr-defined]


@pytest.mark.parametrize("data", [b"", b"\0\0\0\5abc", b"\0\0\0\0", b"\xff" * 40])
def test_bytes_that_are_no_access_unit_are_refused(data: bytes) -> None:
    with pytest.raises(NotH264):
        units(data, Parameters(4), True)


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 30)), min_size=2, max_size=40))
def test_timestamps_never_go_back_over_new_connections_with_other_clocks(steps: list[tuple[float, float]]) -> None:
    timeline, now, ticks, last = Timeline(2**32 - 1000), 0.0, 0, None
    for start, wait_s in steps:
        now += wait_s + 0.04
        timeline.restart()
        for i in range(3):
            stamp = timeline.stamp(start + i * 0.04, now + i * 0.04)
            if last is not None and stamp != last:
                step = stamp - last & 0xFFFFFFFF
                assert step < 2**31
                ticks += step
            last = stamp
        now += 0.12
    assert ticks <= (now + 1) * RATE + len(steps) * 2 * RATE * 2


def test_a_frame_asked_again_has_the_same_timestamp_and_the_timestamp_tells_the_frame() -> None:
    timeline = Timeline(7)
    first, second = timeline.stamp(100.0, 5.0), timeline.stamp(100.04, 5.05)
    assert (second - first) == 3600
    assert timeline.stamp(100.0, 5.1) == first == timeline.of(100.0)
    moment = timeline.moment(second)
    assert moment is not None and moment.stream_s == 100.04
    assert timeline.of(99.0) is None


def _refusal(tokens: Tokens, header: str | None, scope: str = "view", camera: str = "north", now: float = 0) -> Refused:
    with pytest.raises(Refused) as caught:
        tokens.check(header, scope, camera, now)  # type: ignore[arg-type]
    return caught.value


def test_every_token_that_does_not_count_is_refused_with_its_reason() -> None:
    tokens = Tokens(KEY)
    good = tokens.issue("Li Wei", "view", ["north"], 1000, "a complaint")
    assert tokens.check(f"Bearer {good}", "view", "north", 999.0).why == "a complaint"
    assert "expired" in _refusal(tokens, f"Bearer {good}", now=1000).words
    assert _refusal(tokens, f"Bearer {good}", camera="south").status == 403
    assert _refusal(tokens, f"Bearer {good}", scope="publish").status == 403
    withdrawn = Tokens(KEY, frozenset({tokens.id_of(good)}))
    assert "withdrawn" in _refusal(withdrawn, f"Bearer {good}").words
    none = (None, "", "Basic abc", "Bearer", "Bearer x.y.z", "Bearer zl1.é.é")
    for header in (*none, f"Bearer {good[:-2]}", f"Bearer {good}.x"):
        error = _refusal(tokens, header)
        assert error.status == 401 and "WWW-Authenticate" in error.headers
    assert "not issued" in _refusal(Tokens(bytes(32)), f"Bearer {good}").words


@given(st.integers(0, 400), st.integers(1, 255))
def test_a_token_with_any_byte_changed_is_refused(at: int, by: int) -> None:
    tokens = Tokens(KEY)
    good = tokens.issue("Li Wei", "view", ["*"], 1000, "a complaint").encode()
    changed = bytearray(good)
    changed[at % len(good)] = (changed[at % len(good)] + by) % 256
    text = changed.decode("latin-1")
    if text.split(".")[-1][:-1] != good.decode().split(".")[-1][:-1] or text[-1] == good.decode()[-1]:
        assert _refusal(tokens, f"Bearer {text}").status == 401


def test_the_key_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    key = token_key(tmp_path / "data")
    assert token_key(tmp_path / "data") == key and len(key) == 32
    assert (tmp_path / "data" / "live.key").stat().st_mode & 0o777 == 0o600


def test_a_viewing_that_a_killed_kiosk_left_open_is_marked_at_the_next_start(tmp_path: Path) -> None:
    conn = sqlite3.connect(tmp_path / "k.db", isolation_level=None)
    log = Viewings(lambda work: work(conn), 100)
    for i in range(103):
        log.begin(Viewing(f"s{i}", "view", "Li Wei", "t", "north", "why", False, "127.0.0.1", time.time() + i))
        if i < 102:
            log.end(f"s{i}", time.time(), "the viewer left")
    assert log.deleted == 3
    Viewings(lambda work: work(conn), 100)
    found = read(tmp_path / "k.db", "north")
    assert [v.id for v in found] == [f"s{i}" for i in range(3, 103)]
    assert [found[0].ending, found[-1].ending] == ["the viewer left", UNENDED]
    assert read(tmp_path / "k.db", "south") == []
