"""The clip of a moment is cut from the last packets untouched, and the picture from before is a clear one."""

import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from video_packets import FPS, Steps, numbers, packet_bytes, pieces, video

from detectors import Detections
from edge.watch.before import EVERY_S, KEPT, BeforePictures
from edge.watch.packets import Format, Piece, Tap
from edge.watch.places import Spot
from edge.watch.ring import PacketRing, Window
from edge.watch.source import Source

START = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
NOTHING = Detections.empty(("car",))


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
@pytest.mark.parametrize("ending", ["mp4", "ts", "mkv"])
def test_a_clip_holds_the_cameras_own_packets_from_a_key_frame_on_and_plays(
    tmp_path: Path, codec: str, ending: str
) -> None:
    """Six seconds with a key frame each second; asked: 1.5 s before and 0.6 s after second 3. (A Matroska file with B
    frames gives no decoding times at first, so that its first second cannot be cut.)"""
    made, tap = pieces(video(tmp_path / f"a.{ending}", codec))
    late = 150 - len(made)
    assert late == (25 if (ending, codec) == ("mkv", "libx264") else 0)
    ring = PacketRing(Window(before_s=1.5, after_s=0.6))
    moment = made[75 - late].mono_s
    for piece in made[: 76 - late]:
        ring.add(piece)
    cut = ring.cut(moment)
    assert cut is not None and cut.pieces[0].key
    for piece in made[76 - late : 100 - late]:
        ring.add(piece)
    cut = ring.more(cut)
    out = tmp_path / "clip.mp4"
    out.write_bytes(cut.mp4())
    shown = numbers(out)
    begin, end = cut.from_to_ms()
    assert shown[:-2] == list(range(25, 23 + len(shown)))  # at the end B frames of the last group may be missing
    assert -2040 <= begin <= -1500 and 500 <= end <= 600
    assert len(shown) == len(cut.pieces) and tap.why_not == ""
    if ending != "ts":
        assert packet_bytes(out) == [p.data for p in cut.pieces]


def test_pictures_are_not_packets_and_the_reason_is_given(tmp_path: Path) -> None:
    """A folder of pictures, and a codec that is not cut."""
    ring = PacketRing()
    ring.tap = Tap(ring.add)
    cv2.imwrite(str(tmp_path / "a.jpg"), np.zeros((20, 30, 3), np.uint8))
    assert len(list(Source(str(tmp_path), on_packet=ring.tap).frames())) == 1
    assert ring.cut(0.0) is None and ring.why_not == "the source gives pictures, no video packets"
    path = tmp_path / "b.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="bgr24")))
        container.mux(stream.encode(None))
    assert len(list(Source(str(path), on_packet=ring.tap).frames())) == 1
    assert ring.cut(0.0) is None and "codec is mjpeg" in ring.why_not


def test_a_recording_that_is_played_again_begins_a_new_clip(tmp_path: Path) -> None:
    """The stream's time goes back: nothing from before the break is put together with what comes after."""
    path, ring = video(tmp_path / "a.mp4", seconds=2.0), PacketRing()
    tap = Tap(ring.add, clock=Steps())
    for _ in range(2):
        list(Source(str(path), on_packet=tap).frames())
    cut = ring.cut(105.0)
    assert cut is not None
    (tmp_path / "clip.mp4").write_bytes(cut.mp4())
    assert numbers(tmp_path / "clip.mp4") == list(range(50))


def test_a_cut_is_not_continued_over_a_break(tmp_path: Path) -> None:
    """The camera reconnects between the moment and the end of the clip."""
    path, ring = video(tmp_path / "a.mp4", seconds=2.0), PacketRing()
    for piece in pieces(path)[0]:
        ring.add(piece)
    cut = ring.cut(101.0)
    assert cut is not None
    for piece in pieces(path, Steps())[0]:
        ring.add(piece)
    assert ring.more(cut).pieces == cut.pieces


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.tuples(st.integers(1, 3000), st.booleans()), max_size=120),
    st.integers(500, 20_000),
    st.floats(0.0, 3.0),
)
def test_a_ring_never_holds_more_than_its_bytes_and_begins_with_a_key_frame(
    sizes: list[tuple[int, bool]], bytes_max: int, before_s: float
) -> None:
    """Whatever comes. And in seconds: the window, and the rest of one GOP."""
    form, ring = Format("h264", 1 / FPS, b""), PacketRing(Window(before_s, 0.0, bytes_max))  # type: ignore[arg-type]
    held: list[Piece] = []
    for number, (size, key) in enumerate(sizes):
        piece = Piece(number + 1, number / FPS, form, bytes(size), number, number, 1, key)
        ring.add(piece)
        held.append(piece)
        count, total = ring.size
        kept = held[len(held) - count :]
        assert total == sum(len(p.data) for p in kept) <= bytes_max
        assert not kept or kept[0].key
        late = [p.mono_s for p in kept if p.key and p.mono_s <= piece.mono_s - before_s]
        assert len(late) <= 1 or late[-1] == kept[0].mono_s
        cut = ring.cut(piece.mono_s)
        assert (cut is None) == (count == 0)
        assert cut is None or (cut.pieces[0].key and cut.pieces[-1] is piece)


def test_a_network_camera_gives_packets_while_it_is_watched(tmp_path: Path) -> None:
    """MPEG-TS over TCP: a clip can be cut while the connection stands, and after it."""
    sent, ring = video(tmp_path / "a.ts", seconds=4.0).read_bytes(), PacketRing()
    tap = ring.tap = Tap(ring.add)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            client, _ = listener.accept()
            with client:
                client.sendall(sent)

        thread = threading.Thread(target=serve)
        thread.start()
        shown = list(Source(f"tcp://127.0.0.1:{listener.getsockname()[1]}", on_packet=tap).frames())
        thread.join(20)
    cut = ring.cut(time.monotonic())
    assert cut is not None and cut.pieces[0].format.codec == "h264" and len(shown) >= 75
    (tmp_path / "clip.mp4").write_bytes(cut.mp4())
    assert numbers(tmp_path / "clip.mp4")[-1] == 99


def spot(first_s: float, name: str = "a", box: tuple[float, float, float, float] = (10, 10, 40, 40)) -> Spot:
    """A thing first seen `first_s` after the start."""
    at = START + timedelta(seconds=first_s)
    return Spot(name, "cam", "bike", box, 64, 48, at, at)


def shown(seconds: list[float], blocked: frozenset[float] = frozenset()) -> BeforePictures:
    """Pictures whose numbers is their second; in `blocked` ones a person stands over the place."""
    before = BeforePictures()
    for second in seconds:
        image = np.full((48, 64, 3), int(second), np.uint8)
        boxes = [(0.0, 0.0, 50.0, 48.0)] if second in blocked else []
        before.note(image, START + timedelta(seconds=second), second, NOTHING, boxes)
    return before


def level(before: BeforePictures, of: Spot) -> int | None:
    """The second in which the picture that is held was taken."""
    past = before.of(of)
    return None if past is None else round(float(past.image.mean()))


def test_the_picture_from_before_is_the_newest_from_before_the_thing_was_seen() -> None:
    """And stays the same however long the thing stays."""
    before, thing = shown([0, 10, 20, 30]), spot(25.0)
    before.hold([thing])
    for second in range(40, 200, 10):
        before.note(np.full((48, 64, 3), second, np.uint8), START, float(second), NOTHING, [])
        before.hold([thing])
    assert level(before, thing) == 20


@pytest.mark.parametrize(("first_s", "blocked", "expected"), [(10.5, [], 0), (25, [20.0], 10), (0, [], None)])
def test_a_picture_with_the_thing_half_there_or_somebody_in_front_is_not_taken(
    first_s: float, blocked: list[float], expected: int | None
) -> None:
    """Too near to the first sight; a person before the place; nothing from before at all."""
    before, thing = shown([0, 10, 20, 30], frozenset(blocked)), spot(first_s)
    before.hold([thing])
    assert level(before, thing) == expected


def test_a_thing_that_began_anew_gets_a_newer_picture_and_one_that_is_gone_is_forgotten() -> None:
    """A ghost of a passer-by is another thing."""
    before, thing = shown([0, 10, 20, 30]), spot(15.0)
    before.hold([thing])
    thing.first_seen = START + timedelta(seconds=33)
    assert before.of(thing) is None
    before.hold([thing])
    assert level(before, thing) == 30
    before.forget([thing])
    assert before.of(thing) is None


def test_pictures_from_before_are_few_and_held_for_few() -> None:
    """One every EVERY_S, KEPT recent ones; the longest held make room, and are counted."""
    before = shown([0, 1, 2, EVERY_S, EVERY_S + 1])
    assert len(before._recent) == 2
    before = shown([EVERY_S * n for n in range(9)])
    assert len(before._recent) == KEPT
    things = [spot(100.0, str(n)) for n in range(100)]
    before.hold(things)
    assert before.given_up == 36 and before.of(things[0]) is None and before.of(things[99]) is not None
