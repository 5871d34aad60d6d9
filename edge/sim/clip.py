"""Render seconds of the street into an H.264 file, with the truth beside it."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from edge.sim import truth
from edge.sim.street import Street
from edge.sim.texture import Image

CLOCK = Fraction(1, 90_000)


def write_clip(
    path: str | Path,
    seconds: float,
    fps: int = 25,
    seed: int = 1,
    width: int = 1280,
    height: int = 720,
    gop_s: float = 2.0,
    crf: int = 23,
    truth_path: str | Path | None = None,
    per_frame: bool = False,
    started_at: datetime | None = None,
    street: Street | None = None,
) -> Path:
    """Render [0, seconds) as fast as the machine can into an mp4; return its path.

    A key frame every gop_s seconds. truth_path gets header and events, with per_frame a line per picture too. A
    ready street may be
    handed in instead of seed and size. ValueError for impossible figures, OSError when a file cannot be written.
    """
    check_rate(fps)
    if not 0 < seconds <= 86_400:
        raise ValueError(f"a clip of {seconds} s: give more than 0 and at most 86400 seconds")
    for target in (path, truth_path):
        if target is not None and not Path(target).parent.is_dir():
            raise FileNotFoundError(f"{target}: its folder does not exist")
    street = street or Street(seed, width, height)
    begun = started_at or datetime.now(UTC)
    told = list(truth.lines(street, fps, seconds, begun))
    with av.open(str(path), "w") as container:
        stream = h264_stream(container, street, fps, gop_s, crf)
        for number in range(max(1, round(seconds * fps))):
            image, seen = street.shot(number / fps)
            if per_frame:
                told.append(truth.frame_line(number / fps, seen))
            container.mux(stream.encode(picture(image, number / fps)))
        container.mux(stream.encode(None))
    if truth_path is not None:
        truth.write(truth_path, told)
    return Path(path)


def check_rate(fps: float) -> None:
    """ValueError unless 1 <= fps <= 60."""
    if not 1 <= fps <= 60:
        raise ValueError(f"{fps} frames a second: give 1 to 60")


def h264_stream(container: Any, street: Street, fps: int, gop_s: float, crf: int, live: bool = False) -> Any:
    """Add an H.264 stream in the street's size: no B frames, a key frame every gop_s seconds."""
    stream = container.add_stream("libx264", rate=fps)
    stream.width, stream.height, stream.pix_fmt = street.camera.width, street.camera.height, "yuv420p"
    stream.codec_context.time_base = CLOCK
    gop = max(1, round(gop_s * fps))
    stream.options = {
        "preset": "ultrafast" if live else "veryfast",
        "crf": str(crf),
        "bf": "0",
        "g": str(gop),
        "keyint_min": str(gop),
        "sc_threshold": "0",
    }
    if live:
        stream.options = {**stream.options, "tune": "zerolatency"}
    return stream


def picture(image: Image, t_s: float) -> av.VideoFrame:
    """A frame for the encoder, its time on the 90 kHz clock."""
    frame = av.VideoFrame.from_ndarray(image, format="bgr24")
    frame.pts, frame.time_base = round(t_s / CLOCK), CLOCK
    return frame
