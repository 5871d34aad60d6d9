"""A plan as files in a folder, in every dialect, and plan.json back."""

from __future__ import annotations

from pathlib import Path

import msgspec

from drone.mission.build import Planned
from drone.mission.errors import PlanError
from drone.mission.geojson import Site
from drone.mission.items import to_uploads
from drone.mission.picture import to_svg
from drone.mission.plan import Plan
from drone.mission.qgc import encode, to_qgc
from drone.mission.wpml import to_kmz

BYTES_MAX = 20_000_000


def write_dialects(folder: Path, plan: Plan) -> list[Path]:
    """plan.json, and per flight NUMBER flight-NUMBER.plan (QGroundControl), .kmz (DJI) and .mavlink.json."""
    files = {"plan.json": msgspec.json.encode(plan)}
    parts = zip(to_qgc(plan), to_kmz(plan), to_uploads(plan), strict=True)
    for number, (qgc, kmz, upload) in enumerate(parts, start=1):
        files[f"flight-{number}.plan"] = encode(qgc)
        files[f"flight-{number}.kmz"] = kmz
        files[f"flight-{number}.mavlink.json"] = msgspec.json.encode(upload)
    return _written(folder, files)


def write_all(folder: Path, planned: Planned, site: Site) -> list[Path]:
    """The dialects and plan.svg."""
    return write_dialects(folder, planned.plan) + _written(folder, {"plan.svg": to_svg(planned, site).encode()})


def read_plan(path: Path) -> Plan:
    """plan.json read back. Raises PlanError with one line."""
    try:
        if path.stat().st_size > BYTES_MAX:
            raise PlanError(f"{path}: larger than {BYTES_MAX // 1_000_000} MB")
        return msgspec.json.decode(path.read_bytes(), type=Plan)
    except OSError as error:
        raise PlanError(f"{path}: cannot be read ({error.strerror})") from None
    except msgspec.MsgspecError as error:
        raise PlanError(f"{path}: no plan ({error}); give the plan.json that `zhuomu drone plan --out` wrote") from None


def _written(folder: Path, files: dict[str, bytes]) -> list[Path]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        raise PlanError(f"{folder}: cannot be written ({error.strerror}); choose another folder") from None
    return [folder / name for name in files]
