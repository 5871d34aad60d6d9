"""DJI's subtitle files (.SRT): position and camera beside each second or frame of a video, in ten years' dialects.

Every model writes its own: `[latitude: 41.4]`, `[longtitude : -57.8]` (spelt so), `GPS(149.02,-20.25,16)` as longitude,
latitude, satellites, or with a unit (`0.0M`, Matrice 300) as latitude, longitude, height. Times are the wall clock of
an unknown zone, or missing. What cannot be read is counted, never guessed.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta

from drone.telemetry.rotation import from_degrees
from drone.telemetry.sample import (
    Clock,
    Fix,
    Gimbal,
    GimbalFrame,
    HeightDatum,
    Position,
    Quaternion,
    Telemetry,
    TelemetryError,
    Track,
)

TEXT_MAX = 200_000_000  # characters: ten hours of one block a frame
METRES_A_DEGREE = 111_320.0
JUMP_MAX_S = 3600.0  # a wall clock that leaps by more between two blocks is not one
NUMBER = r"[-+]?\d+(?:\.\d+)?"
ENDS = r"(?=[\s\],Mm])"  # a number that the end of a broken file cuts off would be another number
CUE = re.compile(r"(\d+):(\d\d):(\d\d)[,.](\d{1,3})\s*-->")
NAMED = re.compile(
    rf"\b(lat\w*|lon\w*|rel_alt|abs_alt|altitude|focal_len|gb_yaw|gb_pitch|gb_roll)\s*:\s*({NUMBER}){ENDS}", re.I
)
TRIPLE = re.compile(rf"\bGPS\s*\(\s*({NUMBER})\s*,\s*({NUMBER})\s*(?:,\s*({NUMBER})\s*(M?))?[^)]*\)", re.I)
ABOVE_HOME = re.compile(rf"(?:\bBAROMETER\s*:\s*|\bH\s+)({NUMBER}){ENDS}", re.I)
SPEED = re.compile(rf"\bH\.S\s+({NUMBER})\s*m/s", re.I)
PRY = re.compile(rf"\b([FG])\.PRY\s*\(\s*({NUMBER})[^,\d]*,\s*({NUMBER})[^,\d]*,\s*({NUMBER})", re.I)
WALL = re.compile(r"(\d{4})[-.](\d\d)[-.](\d\d)\s+(\d\d):(\d\d):(\d\d)(?:[.,](\d{1,6})(?:[.,](\d{1,3}))?)?")
BLOCKS = re.compile(r"\n\s*\n")
LATITUDE, LONGITUDE = ("lat",), ("lon",)


def read_srt(text: str, source: str, utc_offset_h: float | None = None) -> Track:
    """A track from the file's text. utc_offset_h: what the camera's wall clock was ahead of UTC, where known.

    Raises TelemetryError when no block holds a position.
    """
    if len(text) > TEXT_MAX:
        raise TelemetryError(f"{source}: more than {TEXT_MAX} characters; split the recording")
    parts = BLOCKS.split(text.replace("\r\n", "\n").lstrip("\ufeff"))
    blocks = [part + "\n" for part in parts[:-1] if part.strip()] + [part for part in parts[-1:] if part.strip()]
    if not blocks:
        raise TelemetryError(f"{source}: empty; copy the .SRT from the camera's card again")
    cues = [CUE.search(block) for block in blocks]
    samples, walls, bad = list[Telemetry](), list[datetime | None](), 0
    for block, cue in zip(blocks, cues, strict=True):
        sample = _sample(block, _seconds(cue)) if cue else None
        if sample is None:
            bad += 1
            continue
        samples.append(sample)
        walls.append(_wall(block))
    if not samples:
        raise TelemetryError(f"{source}: {_nothing(sum(c is not None for c in cues), len(blocks))}")
    return _timed(samples, walls, source, bad, utc_offset_h)


def _nothing(cues: int, blocks: int) -> str:
    if cues == 0:
        return "no subtitle in it (no line with -->); give the camera's .SRT file"
    return f"none of {blocks} blocks tells a position; this model writes none, record the flight log beside it"


def _seconds(cue: re.Match[str]) -> float:
    hours, minutes, seconds, fraction = cue.groups()
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds) + int(fraction.ljust(3, "0")) / 1000


def _sample(block: str, media_s: float) -> Telemetry | None:
    """One block, None when it tells no believable position."""
    told = {name.lower(): value for name, value in NAMED.findall(block)}
    named = {name: float(value) for name, value in told.items()}
    position = _from_names(named) if _pick(named, LATITUDE) is not None else _from_gps(block)
    if position is None:
        return None
    angles = {m[0].upper(): _pry(m[1:]) for m in PRY.findall(block)}
    gimbal = angles.get("G") or _gimbal_names(named)
    speed = SPEED.search(block)
    return Telemetry(
        at_s=media_s,
        position=position,
        attitude=angles.get("F"),
        gimbal=Gimbal(gimbal, GimbalFrame.EARTH) if gimbal else None,
        speed_m_s=float(speed[1]) if speed else None,
        fix=_fix(block, next((value for name, value in told.items() if name.startswith(LATITUDE)), None)),
        focal_35mm=_focal(named.get("focal_len")),
    )


def _from_names(named: dict[str, float]) -> Position | None:
    lat, lon = _pick(named, LATITUDE), _pick(named, LONGITUDE)
    datums = {"rel_alt": HeightDatum.HOME, "abs_alt": HeightDatum.UNSTATED, "altitude": HeightDatum.UNSTATED}
    return _position(lat, lon, {datum: named[name] for name, datum in datums.items() if name in named})


def _from_gps(block: str) -> Position | None:
    found = TRIPLE.search(block)
    if not found:
        return None
    first, second, third, unit = float(found[1]), float(found[2]), found[3], found[4]
    barometer = ABOVE_HOME.search(block)
    heights = {HeightDatum.HOME: float(barometer[1])} if barometer else {}
    if unit:  # Matrice: latitude first, and the third number is a height, 0 where it is not known
        if float(third):
            heights[HeightDatum.UNSTATED] = float(third)
        return _position(first, second, heights)
    return _position(second, first, heights)


def _position(lat: float | None, lon: float | None, heights: dict[HeightDatum, float]) -> Position | None:
    if lat is None or lon is None or not (-90 <= lat <= 90 and -180 <= lon <= 180) or (lat == 0 and lon == 0):
        return None  # 0, 0 is what DJI writes before the first fix
    return Position(lat, lon, tuple((datum, heights[datum]) for datum in HeightDatum if datum in heights))


def _pick(named: dict[str, float], prefix: tuple[str, ...]) -> float | None:
    return next((value for name, value in named.items() if name.startswith(prefix)), None)


def _pry(angles: tuple[str, ...]) -> Quaternion:
    pitch, roll, yaw = (float(angle) for angle in angles)
    return from_degrees(roll, pitch, yaw)


def _gimbal_names(named: dict[str, float]) -> Quaternion | None:
    if "gb_pitch" not in named or "gb_yaw" not in named:
        return None
    return from_degrees(named.get("gb_roll", 0.0), named["gb_pitch"], named["gb_yaw"])


def _fix(block: str, latitude: str | None) -> Fix:
    """Satellites where they are told, and what is lost by how few decimals the file writes: four are 11 m."""
    found = TRIPLE.search(block)
    written = latitude or (found[1] if found else "")
    rounding = METRES_A_DEGREE * 10.0 ** -len(written.partition(".")[2]) / math.sqrt(12.0)
    count = None
    if found and latitude is None and found[3] and not found[4] and "." not in found[3] and 0 <= int(found[3]) <= 99:
        count = int(found[3])
    return Fix("3d" if count is None or count >= 4 else "none", count, horizontal_m=rounding)


def _focal(value: float | None) -> float | None:
    """`24.00`, or `240` in tenths: a 35 mm equivalent; outside what drones carry it is none."""
    if value is None:
        return None
    mm = value / 10 if value >= 180 and value == int(value) else value
    return mm if 8 <= mm <= 1200 else None


def _wall(block: str) -> datetime | None:
    found = WALL.search(block)
    if not found:
        return None
    year, month, day, hour, minute, second = (int(found[i]) for i in range(1, 7))
    fraction = (found[7] or "") + (found[8] or "") if found[8] else (found[7] or "0")
    try:
        return datetime(year, month, day, hour, minute, second, int(fraction.ljust(6, "0")[:6]), UTC)
    except ValueError:
        return None


def _timed(
    samples: list[Telemetry], walls: list[datetime | None], source: str, bad: int, utc_offset_h: float | None
) -> Track:
    """Cue times are the video's own and exact; the wall clock only says when the video began."""
    notes = [f"{bad} of {bad + len(samples)} blocks could not be read"] if bad else []
    if any(s.position and s.position.height_m(HeightDatum.UNSTATED) is not None for s in samples):
        notes.append("the file does not say what its altitude is measured from; state it (--height-datum)")
    starts = sorted(
        (wall - timedelta(seconds=s.at_s)).timestamp() for s, wall in zip(samples, walls, strict=True) if wall
    )
    if not starts:
        return Track(source, "DJI SRT", Clock.MEDIA, tuple(samples), bad, (*notes, "no wall clock in it"), 0.0)
    start = starts[len(starts) // 2]
    if starts[-1] - starts[0] > JUMP_MAX_S:
        notes.append(f"its wall clock jumps by {starts[-1] - starts[0]:.0f} s; the median was taken")
    clock = Clock.LOCAL if utc_offset_h is None else Clock.UTC
    if utc_offset_h is None:
        notes.append("times are a wall clock of a zone that the file does not tell (--utc-offset)")
    start -= (utc_offset_h or 0.0) * 3600
    moved = tuple(_moved(s, start) for s in samples)
    return Track(source, "DJI SRT", clock, moved, bad, tuple(notes), start)


def _moved(s: Telemetry, by_s: float) -> Telemetry:
    return Telemetry(
        s.at_s + by_s, s.position, s.attitude, s.gimbal, s.velocity_m_s, s.speed_m_s, s.fix, s.focal_35mm, s.hfov_deg
    )
