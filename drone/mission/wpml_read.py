"""DJI KMZ files that `wpml` wrote, read back to the same plan."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from xml.etree import ElementTree as Xml

import msgspec

from drone.mission.errors import PlanError
from drone.mission.frame import E7, GeoE7
from drone.mission.plan import Fence, Flight, Plan, Waypoint
from drone.mission.wpml import FENCE, FILE_MAX, HEIGHT_MODES, KML, WPML

SPACES = {"k": KML, "w": WPML}


def from_kmz(files: Sequence[bytes]) -> Plan:
    """The plan out of its flights' KMZ files. Raises PlanError for others."""
    read = [_unpacked(content, number) for number, content in enumerate(files, start=1)]
    if not read:
        raise PlanError("no flight in it")
    if len({fence for _, fence in read}) != 1:
        raise PlanError("the KMZ files have different fences; they are not of one plan")
    return Plan(read[0][1], tuple(flight for flight, _ in read))


def _unpacked(content: bytes, number: int) -> tuple[Flight, Fence]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            template, lines, fence = (_member(archive, n) for n in ("wpmz/template.kml", "wpmz/waylines.wpml", FENCE))
        return _flight(_parsed(lines), _parsed(template)), msgspec.json.decode(fence, type=Fence)
    except (zipfile.BadZipFile, KeyError, Xml.ParseError, msgspec.DecodeError, ValueError) as error:
        raise PlanError(f"KMZ {number}: not one of ours ({error}); export it again") from None


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    if archive.getinfo(name).file_size > FILE_MAX:
        raise PlanError(f"{name} is larger than {FILE_MAX // 1_000_000} MB")
    return archive.read(name)


def _parsed(content: bytes) -> Xml.Element:
    if b"<!DOCTYPE" in content:
        raise PlanError("it has a DOCTYPE, which WPML has not")
    return Xml.fromstring(content)


def _flight(lines: Xml.Element, template: Xml.Element) -> Flight:
    modes = {mode: above for above, mode in HEIGHT_MODES.items()}
    waypoints = tuple(_waypoint(place) for place in lines.iterfind(".//k:Placemark", SPACES))
    pitch = _word(lines, ".//w:gimbalPitchRotateAngle")
    mode = _word(lines, ".//w:executeHeightMode")
    if mode not in modes:
        raise PlanError(f"height mode {mode} is in no plan of ours")
    height, speed = (float(_word(lines, f".//w:{n}")) for n in ("takeOffSecurityHeight", "autoFlightSpeed"))
    return Flight(_place(_word(template, ".//w:takeOffRefPoint")), height, speed, float(pitch), waypoints, modes[mode])


def _waypoint(place: Xml.Element) -> Waypoint:
    lon, lat = _word(place, "k:Point/k:coordinates").split(",")[:2]
    poi = place.find(".//w:waypointPoiPoint", SPACES)
    trigger = place.find(".//w:actionTriggerParam", SPACES)
    hold = place.find(".//w:hoverTime", SPACES)
    suffixes = [element.text or "" for element in place.iterfind(".//w:fileSuffix", SPACES)]
    return Waypoint(
        _e7(lat),
        _e7(lon),
        float(_word(place, "w:executeHeight")),
        trigger_m=float(trigger.text or 0) if trigger is not None else 0.0,
        hold_s=float(hold.text or 0) if hold is not None else 0.0,
        shot=any(text.startswith("check-") for text in suffixes),
        look_at=_place(poi.text or "") if poi is not None else None,
    )


def _word(parent: Xml.Element, path: str) -> str:
    found = parent.find(path, SPACES)
    if found is None or not found.text:
        raise PlanError(f"no {path.rpartition(':')[2]} in it")
    return found.text


def _place(text: str) -> GeoE7:
    lat, lon = text.split(",")[:2]
    return _e7(lat), _e7(lon)


def _e7(degrees: str) -> int:
    return round(float(degrees) * E7)
