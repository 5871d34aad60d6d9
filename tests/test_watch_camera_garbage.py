"""Packets with flipped bits, as a bad line or a dying camera sends them: no smear is taken for a picture."""

import random
from collections import Counter
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.sim.clip import write_clip
from edge.watch.decode import WITHHELD_MAX, BaseRate, Decoder
from edge.watch.packets import Piece, Tap
from edge.watch.ring import PacketRing

FLIPPED_SHARE = 0.15  # of packets
GREY_MAX = 2.0  # of 255, mean difference: more is a smear
SEEDS = 8
SMEARED_SHARE = 0.03
Grey = NDArray[np.int16]


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds of the sample street, H.264, a key frame a second."""
    return write_clip(tmp_path_factory.mktemp("street") / "a.mp4", 6.0, fps=10, width=320, height=180, gop_s=1.0)


@pytest.fixture(scope="module")
def clean(street: Path) -> dict[int, Grey]:
    """Each picture as the camera saw it, by its time."""
    with av.open(str(street)) as container:
        return {f.pts: f.to_ndarray(format="gray").astype(np.int16) for f in container.decode(video=0)}


def flipped(packet: "av.Packet[av.VideoStream]", rng: random.Random) -> "av.Packet[av.VideoStream]":
    """The packet, sometimes with one to eight bits turned over, behind the length of its first unit."""
    data = bytearray(bytes(packet))
    if rng.random() < FLIPPED_SHARE:
        for _ in range(rng.randint(1, 8)):
            data[rng.randrange(5, len(data))] ^= 1 << rng.randrange(8)
    made = av.Packet(bytes(data))
    made.pts, made.dts, made.time_base = packet.pts, packet.dts, packet.time_base
    made.is_keyframe, made.stream = packet.is_keyframe, packet.stream
    return made


def smeared(street: Path, clean: dict[int, Grey], seed: int, withheld: bool, rate: BaseRate | None) -> Counter[str]:
    """How many pictures of a damaged stream are given, how many of those are not what the camera saw, and what was
    counted."""
    rng, told = random.Random(seed), Counter[str]()
    with av.open(str(street)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        decoder = Decoder(stream, rate)
        if not withheld:
            decoder._whole = list  # type: ignore[method-assign, assignment]
        for packet in [packet for packet in container.demux(stream) if packet.size]:
            decoder.open(60.0)
            for frame in decoder.feed(flipped(packet, rng)):
                image = frame.to_ndarray(format="gray").astype(np.int16)
                same = image.shape == clean[frame.pts].shape
                told["smeared"] += not same or float(np.abs(image - clean[frame.pts]).mean()) > GREY_MAX
                told["given"] += 1
            told["packets"] += 1
    return told + decoder.counts


@pytest.mark.parametrize("rate", [None, BaseRate(base_s=0.2)], ids=["all", "open"])
def test_a_smear_is_withheld_and_counted(street: Path, clean: dict[int, Grey], rate: BaseRate | None) -> None:
    """Over SEEDS damaged streams: nearly none of what is given is smeared (some damage is a legal picture, which no
    decoder can tell), of what would be given otherwise much is; every stream goes on after its damage."""
    ours, otherwise = Counter[str](), Counter[str]()
    for seed in range(SEEDS):
        one = smeared(street, clean, seed, True, rate)
        assert one["given"] >= 10 and one["damaged"] + one["corrupt"] > 0
        ours += one
        otherwise += smeared(street, clean, seed, False, rate)
    assert otherwise["smeared"] >= 0.1 * otherwise["given"]
    assert ours["smeared"] <= SMEARED_SHARE * ours["given"]
    assert ours["smeared"] / ours["given"] <= 0.2 * otherwise["smeared"] / otherwise["given"]


def test_a_stream_that_never_sends_a_key_frame_again_is_believed_after_a_while(street: Path) -> None:
    """Some cameras refresh their picture in stripes. The bound is on pictures, so no camera is blind for ever."""
    with av.open(str(street)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        decoder = Decoder(stream, None)
        decoder._damaged = True
        frame = next(iter(container.decode(video=0)))
        frame.key_frame = False
        given = [decoder._whole([frame]) for _ in range(WITHHELD_MAX + 1)]
    assert [len(one) for one in given] == [0] * WITHHELD_MAX + [1]


def test_a_clip_can_be_cut_from_damaged_packets(street: Path) -> None:
    """Evidence is what the camera sent; the ring takes it as it is, and the file opens."""
    rng, ring = random.Random(3), PacketRing()
    clock = iter(np.arange(0.0, 1000.0, 0.1))
    taken: list[Piece] = []
    tap = Tap(ring.add, taken.append, clock=lambda: float(next(clock)))
    with av.open(str(street)) as container:
        for packet in container.demux(video=0):
            if packet.size:
                tap(flipped(packet, rng))
    cut = ring.cut(4.0)
    assert cut is not None and len(taken) == 60
    assert len(cut.mp4()) > sum(len(p.data) for p in cut.pieces)
