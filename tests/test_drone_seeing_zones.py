"""A thing on the ground before the rules of the street, and before the gateway's rule of what is one thing."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pymap3d
import pytest
from test_drone_seeing_things import AT, LAT, LON, bike, new

from drone.seeing.groundbox import FRAME_PX, box_of, place_of
from drone.seeing.memory import Memory
from drone.seeing.rulefile import SHIPPED, load_rules
from drone.seeing.things import Thing
from drone.seeing.zones import GroundZone, ZonesError, on_map, read_zones
from edge.link.settings import SettingsError
from edge.watch.rules import decide
from edge.wire import Verify
from gateway.matching import Sighting, match

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


def square(name: str, east: float, north: float, half: float) -> GroundZone:
    corners = [(-half, -half), (half, -half), (half, half), (-half, half)]
    places = [pymap3d.enu2geodetic(east + x, north + y, 0, LAT, LON, 0)[:2] for x, y in corners]
    return GroundZone(name, name, tuple((float(lat), float(lon)) for lat, lon in places))


def seen(times: int = 4) -> Thing:
    thing = new()
    for _ in range(times):
        thing.add(bike(0.0, 0.0), "a", AT)
    return thing


def test_zone_and_permit_decide_as_they_do_for_a_kiosk() -> None:
    """On the pavement it is a case; in a bay, permitted; beside all zones, nothing; no zones drawn: anywhere."""
    book = load_rules()

    def why(*zones: GroundZone) -> tuple[bool, str]:
        decision = decide(book, *on_map(seen(), zones), NOW)
        return decision.file, decision.why

    assert why(square("pavement", 0, 0, 10)) == (True, "badly-parked-bicycle: 0.0 s in pavement")
    assert why(square("pavement", 0, 0, 10), square("bike_bay", 0, 0, 4)) == (False, "permitted by bicycle bay")
    assert why(square("pavement", 40, 0, 10))[0] is False
    assert why()[0] is True


def test_the_edge_of_a_zone_is_forgiven_by_one_sigma_of_the_place_and_no_more() -> None:
    book = load_rules()
    sigma = seen().estimate().place().error_major_m
    for off, inside in ((10 + 0.8 * sigma, True), (10 + 1.5 * sigma, False)):
        assert decide(book, *on_map(seen(), (square("pavement", off, 0, 10),)), NOW).file is inside


def test_too_few_sightings_and_low_scores_are_not_filed() -> None:
    book, zones = load_rules(), (square("pavement", 0, 0, 10),)
    assert decide(book, *on_map(seen(2), zones), NOW).why == "2 of 3 sightings"
    thing = seen()
    thing.score = 0.3
    assert "score 0.30" in decide(book, *on_map(thing, zones), NOW).why


def test_dwell_counts_over_flights() -> None:
    thing = seen()
    thing.add(bike(0.2, 0.1), "b", AT + timedelta(hours=5))
    spot, _ = on_map(thing, ())
    assert spot.dwell_s == 5 * 3600


def test_a_check_carries_the_place_there_and_back_to_a_centimetre() -> None:
    thing = seen()
    camera, box = box_of(thing)
    request = Verify(
        verify_id="v",
        incident_id="i",
        camera=camera,
        place_id="unknown",
        case_class="bike",
        label="bicycle",
        box=box,
        frame_width=FRAME_PX,
        frame_height=FRAME_PX,
    )
    place = place_of(request)
    assert place is not None
    east, north, _ = pymap3d.geodetic2enu(*place, 0, thing.estimate().lat, thing.estimate().lon, 0)
    assert abs(float(east)) < 0.01 and abs(float(north)) < 0.01
    request.camera = "cam-1"
    assert place_of(request) is None


def test_neighbours_that_the_drone_tells_apart_stay_two_at_the_gateway_and_a_kiosk_merges() -> None:
    memory = Memory()
    for n in range(4):
        memory.update([bike(0.0, 0.0), bike(2.0, 0.0)], AT + timedelta(seconds=n), "a", lambda t: [False] * len(t))
    a, b = (sighting(thing) for thing in memory.things.values())
    assert match(a, b) is None
    kiosk = Sighting("kiosk-1", "k", "cam-1", "p", "bike", a.lat, a.lon, 1.0, (0.1, 0.1, 0.2, 0.2), NOW, NOW)
    assert match(kiosk, a) is not None


def sighting(thing: Thing) -> Sighting:
    camera, (x1, y1, x2, y2) = box_of(thing)
    spot = thing.estimate().place()
    box = (x1 / FRAME_PX, y1 / FRAME_PX, x2 / FRAME_PX, y2 / FRAME_PX)
    ids = ("drone-1", f"drone-1.{thing.thing_id}", camera, thing.thing_id, "bike")
    return Sighting(*ids, spot.lat, spot.lon, spot.error_major_m, box, NOW, NOW)


def test_files_that_are_no_zones_or_rules_are_one_line(tmp_path: Path) -> None:
    path = tmp_path / "zones.geojson"
    for text in ("", "{}", '{"features": [{"geometry": {"type": "Point", "coordinates": [1, 2]}}]}', "\xff"):
        path.write_text(text)
        with pytest.raises(ZonesError, match=r"zones\.geojson"):
            read_zones(path)
    path.write_text(
        '{"features": [{"properties": {"kind": "road", "name": "r"}, "geometry": {"type": "Polygon", '
        '"coordinates": [[[117.1, 34.2], [117.2, 34.2], [117.2, 34.3], [117.1, 34.2]]]}}]}'
    )
    (zone,) = read_zones(path)
    assert zone.kind == "road" and zone.corners[1] == (34.2, 117.2)
    (tmp_path / "rules.toml").write_text(SHIPPED.read_text().replace("case_class", "case_klass", 1))
    with pytest.raises(SettingsError, match="case_klass"):
        load_rules(tmp_path / "rules.toml")
