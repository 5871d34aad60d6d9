"""MISB ST 0601 out of an MPEG transport stream: the KLV beside the picture, each packet with the picture's own time.

Source: MISB ST 1402 (KLV in MPEG-2 TS): asynchronous packets lie bare in their PES, synchronous ones (stream type 0x15)
behind a metadata header of 5 bytes; both are found by the set's key. PyAV takes the stream apart. One film can carry
several metadata streams; the one with the most sound packets is taken.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

import av

from drone.telemetry.klv import read_klv, stamps
from drone.telemetry.sample import TelemetryError, Track

SYNC, PACKET, TIMED = 0x47, 188, 192  # M2TS puts 4 bytes of time before each packet
BYTES_MAX = 200_000_000
STREAMS_MAX = 16
JUMP_MAX_S = 1.0


@dataclass
class _Bytes:
    """One metadata stream: its bytes, and where in them each packet with a time begins."""

    data: bytearray = field(default_factory=bytearray)
    starts: list[int] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)


def is_ts(head: bytes) -> bool:
    """Whether a file that begins so is a transport stream: sync bytes where packets begin."""
    for size, first in ((PACKET, 0), (TIMED, 4)):
        marks = head[first::size]
        if len(marks) >= 3 and all(mark == SYNC for mark in marks[:5]):
            return True
    return False


def read_ts(path: Path) -> Track:
    """The track of a transport stream. media_start_s: when its first picture was taken, by the median over all packets
    of stamp minus stream time. Raises TelemetryError."""
    streams, picture_s = _demuxed(path)
    if not streams:
        raise TelemetryError(f"{path}: a transport stream without a metadata stream; give the telemetry file beside it")
    found, why = list[tuple[Track, _Bytes]](), ""
    for content in streams:
        try:
            found.append((read_klv(bytes(content.data), str(path)), content))
        except TelemetryError as error:
            why = str(error)
    if not found:
        raise TelemetryError(why)
    track, content = max(found, key=lambda pair: len(pair[0].samples))
    return _timed(track, content, picture_s)


def _demuxed(path: Path) -> tuple[list[_Bytes], float | None]:
    """(metadata streams, stream time of the first picture in seconds). Raises TelemetryError."""
    found: dict[int, _Bytes] = {}
    total = 0
    try:
        with av.open(str(path), format="mpegts") as container:
            data = [s for s in container.streams if s.type not in ("video", "audio", "subtitle")][:STREAMS_MAX]
            video = next(iter(container.streams.video), None)
            start = _start_s(video) if video is not None else None
            for packet in container.demux(data) if data else ():
                raw = bytes(packet)
                total += len(raw)
                if total > BYTES_MAX:
                    raise TelemetryError(f"{path}: more than {BYTES_MAX // 1_000_000} MB of metadata; cut the film")
                _add(found.setdefault(packet.stream.index, _Bytes()), raw, packet)
    except av.FFmpegError as error:
        raise TelemetryError(f"{path}: cannot be taken apart ({error.strerror}); copy the recording again") from None
    return [content for content in found.values() if content.data], start


def _start_s(video: av.VideoStream) -> float | None:
    if video.start_time is None or video.time_base is None:
        return None
    return float(video.start_time * video.time_base)


def _add(content: _Bytes, raw: bytes, packet: Any) -> None:
    if packet.pts is not None and packet.time_base is not None:
        content.starts.append(len(content.data))
        content.times_s.append(float(packet.pts * packet.time_base))
    content.data += raw


def _timed(track: Track, content: _Bytes, picture_s: float | None) -> Track:
    """Both clocks brought together. A recording that began anew in between has two beginnings, which is told."""
    whole = bytes(content.data)
    pairs = [(at, stamp_s) for at, stamp_s in stamps(whole) if content.starts and at >= content.starts[0]]
    if picture_s is None or not pairs:
        return track
    times = [content.times_s[bisect_right(content.starts, at) - 1] for at, _ in pairs]
    begun = sorted(stamp_s - (time_s - picture_s) for (_, stamp_s), time_s in zip(pairs, times, strict=True))
    spread = begun[int((len(begun) - 1) * 0.95)] - begun[int((len(begun) - 1) * 0.05)]
    notes = track.notes
    if spread > JUMP_MAX_S:
        notes = (*notes, f"metadata and picture drift apart by {spread:.1f} s; the median was taken")
    return replace(track, media_start_s=median(begun), notes=notes)
