"""`zhuomu kiosk tune`: measure this machine and propose a kiosk's settings for it, as lines of TOML."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import av
import numpy as np

from detectors import Detector, load_detector
from edge.watch.decode import BaseRate, Decoder
from edge.watch.gate import MotionGate
from edge.watch.picture import Image, Picture
from edge.watch.source import SourceError

SHARE_MAX = 0.8  # of all cores: the rest is for the network, evidence and the system
SIZES_PX = (640, 512, 416)
NETWORKS = ("street", "street-int8")
WHOLES_PER_MIN = 2.7  # on a street of usual life (`zhuomu bench kiosk`, normal), with those that a candidate asks for
SHEETS_PER_MIN = 2.0  # of regions, in sheets as large as a whole picture: most are far smaller
BASE_S = (2.0, 3.0, 4.0, 6.0, 10.0)  # from the best to the cheapest
BATCH = 4
CALLS = 3


@dataclass(frozen=True)
class Cost:
    """CPU seconds: of a look at a whole picture, by (network, size px); of one decoded key frame; of its grey look."""

    look_s: dict[tuple[str, int], float]
    key_s: float
    gate_s: float


@dataclass(frozen=True)
class Proposal:
    """What fits. `cpu_share` of all cores; `fits`: within SHARE_MAX."""

    network: str
    size_px: int
    threads: int
    base_s: float
    cpu_share: float
    fits: bool

    def toml(self, cost: Cost, cameras: int, cores: int) -> str:
        """Lines for the kiosk's file."""
        look_ms = 1e3 * cost.look_s[self.network, self.size_px]
        words = "" if self.fits else " # more than fits: fewer cameras, or substreams with smaller pictures"
        return "\n".join(
            [
                f"# {cores} cores; CPU time of a look {look_ms:.0f} ms, of a key frame {1e3 * cost.key_s:.1f} ms",
                f"# {cameras} cameras take about {self.cpu_share:.0%} of the processor{words}",
                "[model]",
                f'path = "{self.network}"',
                f"size = {self.size_px}",
                f"threads = {self.threads}",
                "",
                "[gate]",
                f"base_s = {self.base_s:g}",
            ]
        )


def proposed(cost: Cost, cameras: int, cores: int) -> Proposal:
    """The best that fits: first the finest network and size, then the shortest time between pictures. Pure."""
    best: Proposal | None = None
    for network, size in sorted(cost.look_s, key=lambda k: (NETWORKS.index(k[0]), -k[1])):
        for base_s in BASE_S:
            looks = (WHOLES_PER_MIN + SHEETS_PER_MIN) * cost.look_s[network, size]
            a_minute = looks + 60.0 / base_s * (cost.key_s + cost.gate_s)
            share = cameras * a_minute / 60.0 / cores
            best = Proposal(network, size, max(1, cores), base_s, share, share <= SHARE_MAX)
            if best.fits:
                return best
    if best is None:
        raise ValueError("no network was measured")
    return best


def measured(clip: Path, cpu: Callable[[], float] = time.process_time) -> Cost:
    """Decode key frames of a camera's clip and look at them with each network. Raises SourceError, DetectorError."""
    began = cpu()
    pictures = key_frames(clip)
    key_s = (cpu() - began) / len(pictures)
    gate, began = MotionGate(), cpu()
    for picture in pictures:
        gate.add(picture.luma)
    gate_s = (cpu() - began) / len(pictures)
    images = [picture.bgr for picture in pictures[:BATCH]]
    threads = len(os.sched_getaffinity(0))
    looks: dict[tuple[str, int], float] = {}
    for network in NETWORKS:
        for size in SIZES_PX:
            looks[network, size] = _look_s(load_detector(Path(network), size=size, threads=threads), images, cpu)
    return Cost(looks, key_s, gate_s)


def key_frames(clip: Path, most: int = 30) -> list[Picture]:
    """Raises SourceError when the clip holds none."""
    found: list[Picture] = []
    try:
        with av.open(str(clip)) as container:
            decoder = Decoder(container.streams.video[0], BaseRate(base_s=0.2))
            for packet in container.demux(video=0):
                found += [Picture(frame) for frame in decoder.feed(packet)]
                if len(found) >= most:
                    break
    except (av.FFmpegError, OSError, IndexError) as error:
        raise SourceError(f"{clip}: not a video that can be decoded ({error}); give a recording of a camera") from error
    if not found:
        raise SourceError(f"{clip}: holds no key frame; give a recording of a camera, ten seconds or more")
    return found


def _look_s(detector: Detector, images: Sequence[Image], cpu: Callable[[], float]) -> float:
    detector.detect_batch(images[:1])
    took: list[float] = []
    for _ in range(CALLS):
        began = cpu()
        for image in images:
            detector.detect(np.asarray(image, np.uint8))
        took.append((cpu() - began) / len(images))
    return median(took)
