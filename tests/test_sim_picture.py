"""Pictures of the sample street agree with the truth told about them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.sim.camera import Camera
from edge.sim.geo import Anchor
from edge.sim.layout import layout
from edge.sim.scene import Seen
from edge.sim.street import Street
from edge.sim.timetable import Event, Timetable


@pytest.fixture(scope="module")
def street() -> Street:
    return Street(seed=5)


def event_of(street: Street, case_class: str) -> Event:
    return next(e for e in street.events(90) if e.should_file and e.case_class == case_class)


def seen_by_id(street: Street, t_s: float) -> dict[str, Seen]:
    return {s.thing.id: s for s in street.boxes(t_s)}


@settings(max_examples=60, deadline=None)
@given(
    st.floats(-20, 20), st.floats(-20, 20), st.floats(2, 60), st.floats(-180, 180), st.floats(-90, -15),
    st.floats(30, 100),
    st.floats(0, 1), st.floats(0, 1),
)  # fmt: skip
def test_homography_is_the_projection_backwards(
    e: float, n: float, u: float, yaw: float, pitch: float, fov: float, x: float, y: float
) -> None:
    """A ground point seen at a pixel projects onto that pixel again, from any pose, oblique or straight down."""
    camera = Camera(e, n, u, yaw, pitch, fov)
    px = np.array([x * 1279, 360 + y * 359])
    if camera.rays()[round(px[1]), round(px[0]), 2] > -0.05:
        return
    ground = camera.to_ground(px)
    assert np.abs(camera.project([*ground, 0.0])[0] - px).max() < 1e-6
    assert np.abs(camera.to_ground(camera.project([*ground, 0.0])[0]) - ground).max() < 1e-6


@given(st.floats(-100, 100), st.floats(-100, 100))
def test_local_metres_and_wgs84_agree(east: float, north: float) -> None:
    """Local plane to WGS-84 and back is exact to a micrometre."""
    anchor = Anchor()
    assert np.allclose(anchor.to_local(*anchor.to_wgs84(east, north)), (east, north), atol=1e-6)


def test_calibration_points_fit_the_homography(street: Street) -> None:
    """Six points in view whose pixels map by the homography onto their metres and their WGS-84 places."""
    points = street.calibration_points()
    assert len(points) >= 4
    for point in points:
        x, y, w = street.homography() @ [*point["image"], 1.0]
        assert np.allclose([x / w, y / w], point["local_m"], atol=1e-6)
        assert np.allclose(street.anchor.to_local(*point["wgs84"]), point["local_m"], atol=1e-5)
        assert 0 <= point["image"][0] < 1280 and 0 <= point["image"][1] < 720


def test_zones_mean_the_same_place_in_pixels_and_on_the_ground(street: Street) -> None:
    """Every flat zone's pixels project from its ground corners; all five zones are there."""
    zones = {z.name: z for z in street.zones()}
    assert set(zones) == {"pavement", "road", "wall", "bike_bay", "permit_place"}
    for name in set(zones) - {"wall"}:
        assert np.allclose(street.camera.to_ground(zones[name].image), zones[name].local_m, atol=1e-6)


@pytest.mark.parametrize("case_class", ["stall", "poster", "bike", "litter"])
def test_truth_box_holds_exactly_the_pixels_of_the_thing(street: Street, case_class: str) -> None:
    """Taking a thing away changes pixels of its own only inside its box, and touches all four sides of the box."""
    event = event_of(street, case_class)
    t_s = (event.from_s + event.to_s) / 2
    full, bare = street.layers(t_s), street.layers(t_s, without=frozenset({event.id}))
    number = next(i for i, (thing, _) in enumerate(full.sprites) if thing.id == event.id)
    mine = full.owner == number
    changed = mine & (full.image != bare.image).any(-1)
    x0, y0, x1, y1 = seen_by_id(street, t_s)[event.id].box
    assert (
        changed.any()
        and not mine[:y0].any()
        and not mine[y1:].any()
        and not mine[:, :x0].any()
        and not mine[:, x1:].any()
    )
    assert changed[y0:y1, x0:x1].sum() > 0.5 * mine.sum()


def test_a_removed_thing_disappears(street: Street) -> None:
    """Before and after its time a thing has no box, and the street where it stood looks bare again."""
    event = event_of(street, "poster")
    assert event.id in seen_by_id(street, event.from_s) and event.id in seen_by_id(street, event.to_s - 0.01)
    assert event.id not in seen_by_id(street, event.from_s - 0.01) and event.id not in seen_by_id(street, event.to_s)
    x0, y0, x1, y1 = seen_by_id(street, event.from_s)[event.id].box
    there, gone = (street.layers(t).image[y0:y1, x0:x1].astype(int) for t in (event.to_s - 0.01, event.to_s))
    empty = street.layers(event.to_s, without=frozenset({event.id})).image[y0:y1, x0:x1].astype(int)
    assert np.abs(gone - empty).max() == 0 and np.abs(there - gone).mean() > 5


@pytest.mark.parametrize("seed", range(6))
def test_filed_things_are_in_full_view_and_large_enough(seed: int) -> None:
    """Every filed thing lies inside the frame, unhidden by what stands there; posters are 40 px high, bicycles 60
    px."""
    street = Street(seed, 1280, 720)
    for event in (e for e in street.events(90) if e.should_file):
        t_s = event.from_s + 0.01
        still = street.still_layers(t_s)
        seen = next(s for s in still.seen() if s.thing.id == event.id)
        x0, y0, x1, y1 = seen.box
        assert x0 > 0 and y0 > 0 and x1 < 1280 and y1 < 720 and seen.visible > 0.85, (event.id, seen)
        assert y1 - y0 >= {"poster": 40, "bicycle": 60}.get(event.label, 30), (event.id, seen.box)


@pytest.mark.parametrize("seed", range(50))
def test_every_seed_lays_out_and_keeps_a_wall_for_posters(seed: int) -> None:
    """Posters hang on bare wall within reach of a hand, everything else stands on the pavement."""
    for event in Timetable(layout(seed)).between(0, 200):
        if event.should_file:
            thing = event.things[0]
            assert -4.2 < thing.north_m < 0
            assert event.label != "poster" or 1.0 < thing.up_m < 2.2


def test_the_same_moment_is_the_same_picture(street: Street) -> None:
    """Rendering is a pure function of seed and second, whatever was rendered before."""
    fresh = Street(seed=5)
    fresh.render(3.0)
    assert np.array_equal(street.render(31.4), fresh.render(31.4))
    assert street.render(31.4).shape == (720, 1280, 3)


def test_the_street_can_be_seen_from_the_air(street: Street) -> None:
    """A drone's camera sees the same things at the places where they stand."""
    event = event_of(street, "bike")
    camera = street.air_camera(height_m=18)
    image, seen = street.view(camera, event.from_s + 1)
    box = next(s.box for s in seen if s.thing.id == event.id)
    middle = camera.to_ground([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])
    assert image.shape == (720, 1280, 3)
    assert np.hypot(middle[0] - event.east_m, middle[1] - event.north_m) < 0.6


@pytest.mark.parametrize("wrong", [{"width": 1281}, {"height": 10}, {"seed": -1}])
def test_impossible_figures_are_refused(wrong: dict[str, int]) -> None:
    """Odd or tiny sizes and negative seeds raise ValueError at once."""
    with pytest.raises(ValueError, match=r"give"):
        Street(**wrong)
