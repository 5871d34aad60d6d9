"""A camera's calibration written into the kiosk's settings file: every other line stays as the operator wrote it."""

import os
import re
import tomllib
from pathlib import Path
from typing import Any

from edge.kiosk.config import CalibrationPoint, load_settings
from edge.link import SettingsError

_HEAD = re.compile(r"\s*\[\[?\s*([A-Za-z0-9_.\-]+)\s*\]\]?\s*(#.*)?$")


def save_calibration(path: Path, camera: str, points: list[CalibrationPoint]) -> None:
    """Put the points in place of the camera's old ones, whole or not at all. Raises SettingsError and changes nothing
    when the result could not be used or another line would change its meaning."""
    try:
        text = path.read_text(encoding="utf-8")
        mode = path.stat().st_mode & 0o777
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read ({error}); mend its permissions or path") from error
    new = with_calibration(text, camera, points, str(path))
    temporary = path.with_name(f".{path.name}.part")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as out:
            out.write(new)
            out.flush()
            os.fsync(out.fileno())
        load_settings(temporary)
        temporary.replace(path)
    except OSError as error:
        raise SettingsError(
            f"{path}: cannot be written ({error.strerror}); mend its permissions or the disk"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def with_calibration(text: str, camera: str, points: list[CalibrationPoint], file: str) -> str:
    """The text with these points as the camera's only ones. Raises SettingsError."""
    try:
        wanted = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{file}: not valid TOML: {error}; mend that line") from error
    names = [c.get("name") for c in wanted.get("camera", [])]
    if camera not in names:
        raise SettingsError(f"{file}: has no camera {camera!r}; it has {', '.join(map(str, names))}")
    wanted["camera"][names.index(camera)]["calibration"] = [_values(p) for p in points]
    new = _edited(text.splitlines(keepends=True), names.index(camera), points)
    if _meaning(new) != wanted:
        raise SettingsError(
            f"{file}: camera {camera!r} is not written as [[camera]] with [[camera.calibration]] below it, so its "
            "other lines could not be kept; write it as configs/kiosk.toml does"
        )
    return new


def _edited(lines: list[str], number: int, points: list[CalibrationPoint]) -> str:
    heads = [(n, found.group(1)) for n, line in enumerate(lines) if (found := _HEAD.match(line))]
    cameras = [i for i, (_, name) in enumerate(heads) if name == "camera"]
    if number >= len(cameras):
        return ""
    own = heads[cameras[number] : cameras[number + 1] if number + 1 < len(cameras) else len(heads)]
    ends = [n for n, _ in heads[cameras[number] + 1 :]] + [len(lines)]
    old = [
        (n, _filled(lines, n, end)) for (n, name), end in zip(own, ends, strict=False) if name == "camera.calibration"
    ]
    at = old[0][0] if old else _filled(lines, own[0][0], ends[0])
    gone = {n for start, end in old for n in range(start, end)}
    before = [line for n, line in enumerate(lines[:at]) if n not in gone]
    after = [line for n, line in enumerate(lines[at:], at) if n not in gone]
    if before and not before[-1].endswith("\n"):
        before[-1] += "\n"
    return "".join(before) + ("" if old else "\n") + "\n".join(map(_block, points)) + _tidy(after)


def _tidy(lines: list[str]) -> str:
    """What follows, without the empty lines that stood between the old points."""
    while len(lines) > 1 and not lines[0].strip() and not lines[1].strip():
        lines = lines[1:]
    return "".join(lines)


def _filled(lines: list[str], start: int, end: int) -> int:
    """The end of a block without the empty lines and comments before the next head: those belong to that."""
    while end > start + 1 and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#")):
        end -= 1
    return end


def _block(point: CalibrationPoint) -> str:
    lines = [f"{name} = {value!r}\n" for name, value in _values(point).items()]
    return "[[camera.calibration]]\n" + "".join(lines)


def _values(point: CalibrationPoint) -> dict[str, Any]:
    """Rounded to a hundredth of a pixel and to a tenth of a millimetre."""
    return {
        "x": round(float(point.x), 6),
        "y": round(float(point.y), 6),
        "lat": round(float(point.lat), 9),
        "lon": round(float(point.lon), 9),
    }


def _meaning(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None
