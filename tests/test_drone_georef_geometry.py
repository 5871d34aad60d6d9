"""Lens, frames, heights, ground: exact against other implementations, and refusals where nothing can be said."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pymap3d
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drone.georef.camera import CameraError, Intrinsics, read_camera
from drone.georef.dem import DemError, read_dem
from drone.georef.frames import Fixed, Stated, of_gimbal, view
from drone.georef.ground import Flat
from drone.georef.heights import Heights
from drone.georef.locate import Locator
from drone.georef.refusal import NotPlaced
from drone.telemetry.buffer import Buffer
from drone.telemetry.rotation import from_degrees
from drone.telemetry.sample import Fix, Gimbal, GimbalFrame, HeightDatum, Position, Telemetry
from edge.sim.camera import Camera
from edge.sim.street import Street

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
LENS = Intrinsics(1280, 720, 930.0, 931.0, 641.0, 357.0, (-0.12, 0.04, 0.0005, -0.0004, -0.006))
LAT, LON = 34.261, 117.188


def hovering(
    height_m: float = 60.0,
    yaw: float = 0.0,
    pitch: float = -45.0,
    datum: HeightDatum = HeightDatum.HOME,
    place: tuple[float, float] = (LAT, LON),
) -> Buffer:
    """Two seconds in one place, the gimbal told against the vehicle's heading."""
    sample = Telemetry(
        0.0,
        Position(*place, ((datum, height_m),)),
        from_degrees(4, -7, yaw),
        Gimbal(from_degrees(0, pitch, 0), GimbalFrame.HEADING),
    )
    return Buffer.of([sample, replace(sample, at_s=1.0), replace(sample, at_s=2.0)], gap_max_s=1.5)


def off_m(locator: Locator, x: float, y: float) -> tuple[float, float]:
    found = locator.locate(1.0, x, y)
    east, north, _ = pymap3d.geodetic2enu(found.lat, found.lon, 0, LAT, LON, 0)
    return float(east), float(north)


@unhurried
@given(st.floats(0, 1279), st.floats(0, 719))
def test_a_ray_projects_back_onto_its_pixel(x: float, y: float) -> None:
    assert LENS.project(LENS.rays([(x, y)]))[0] == pytest.approx((x, y), abs=1e-3)


def test_a_pixel_beyond_what_the_distortion_describes_is_refused() -> None:
    folding = replace(LENS, distortion=(-0.9, 0.0, 0.0, 0.0))
    with pytest.raises(CameraError, match="outside what the distortion model describes"):
        folding.rays([(0.0, 0.0)])


@pytest.mark.parametrize(("yaw", "east", "north"), [(0, 0, 1), (90, 1, 0), (225, -0.7071, -0.7071)])
def test_the_middle_pixel_at_45_degrees_lies_as_far_ahead_as_the_drone_is_high(
    yaw: float, east: float, north: float
) -> None:
    camera = Intrinsics.from_hfov(1280, 720, 70)
    found = off_m(Locator(hovering(yaw=yaw), camera), camera.cx, camera.cy)
    assert found == pytest.approx((60 * east, 60 * north), abs=0.02)


def test_the_three_gimbal_frames_are_told_apart() -> None:
    vehicle, own = from_degrees(0, 20, 90), from_degrees(0, -45, 0)
    forward = {frame: of_gimbal(Gimbal(own, frame), vehicle).apply([1.0, 0.0, 0.0]) for frame in GimbalFrame}
    h = math.sqrt(0.5)
    assert forward[GimbalFrame.EARTH] == pytest.approx([h, 0, h], abs=1e-9)  # north and down
    assert forward[GimbalFrame.HEADING] == pytest.approx([0, h, h], abs=1e-9)  # east and down, the tilt left out
    c, s = math.cos(math.radians(25)), math.sin(math.radians(25))
    assert forward[GimbalFrame.BODY] == pytest.approx([0, c, s], abs=1e-9)  # 20 degrees up of 45 down


def test_a_vehicles_attitude_is_never_taken_for_the_cameras() -> None:
    sample = Telemetry(0.0, Position(LAT, LON), attitude=from_degrees(0, -30, 0))
    with pytest.raises(NotPlaced, match="the vehicle's attitude is not the camera's") as caught:
        view(sample)
    assert caught.value.reason == "no gimbal"
    with pytest.raises(NotPlaced, match="needs the vehicle's attitude"):
        of_gimbal(Gimbal((1, 0, 0, 0), GimbalFrame.HEADING), None)
    down = view(sample, Fixed(pitch_deg=-60)).apply([1.0, 0.0, 0.0])
    assert down == pytest.approx([0, 0, 1], abs=1e-9)  # a camera that is bolted on turns with the vehicle
    assert view(Telemetry(0.0), Stated(90, 0)).apply([1.0, 0.0, 0.0]) == pytest.approx([0, 1, 0], abs=1e-9)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"buffer": hovering(pitch=-14.9)}, "too shallow"),
        ({"buffer": hovering(pitch=3)}, "above the horizon"),
        ({"buffer": hovering(height_m=-2)}, "below the ground"),
        ({"buffer": hovering(height_m=2000, pitch=-30)}, "too far"),
        ({"buffer": hovering(datum=HeightDatum.MSL)}, "height datum"),
        ({"buffer": hovering(datum=HeightDatum.UNSTATED)}, "height datum"),
    ],
)
def test_what_cannot_be_placed_is_refused_with_its_reason(change: dict[str, Buffer], reason: str) -> None:
    camera = Intrinsics.from_hfov(1280, 720, 70)
    with pytest.raises(NotPlaced) as caught:
        Locator(change["buffer"], camera).locate(1.0, camera.cx, camera.cy)
    assert caught.value.reason == reason and "\n" not in str(caught.value)


def test_a_gap_and_a_pixel_outside_the_picture_are_refused() -> None:
    locator = Locator(hovering(), LENS)
    for at_s, x, reason in ((5.0, 640, "telemetry gap"), (1.0, 1300, "outside the picture")):
        with pytest.raises(NotPlaced) as caught:
            locator.locate(at_s, x, 360)
        assert caught.value.reason == reason


def test_heights_change_datum_only_by_what_was_stated() -> None:
    position = Position(LAT, LON, ((HeightDatum.MSL, 100.0),))
    with pytest.raises(NotPlaced, match="--undulation"):
        Heights().height_m(position, HeightDatum.ELLIPSOID)
    with pytest.raises(NotPlaced, match="--home"):
        Heights().height_m(position, HeightDatum.HOME)
    assert Heights(undulation_m=-4.5).height_m(position, HeightDatum.ELLIPSOID) == 95.5
    assert Heights(home_m=35).height_m(position, HeightDatum.HOME) == 65
    home = Position(LAT, LON, ((HeightDatum.HOME, 60.0),))
    both = Heights(undulation_m=-4.5, home_m=30.5, home_datum=HeightDatum.ELLIPSOID)
    assert both.height_m(home, HeightDatum.MSL) == 95
    told = Position(LAT, LON, ((HeightDatum.ELLIPSOID, 106.766), (HeightDatum.MSL, 66.814)))
    assert Heights(home_m=60).height_m(told, HeightDatum.HOME) == pytest.approx(6.814)
    unstated = Position(LAT, LON, ((HeightDatum.UNSTATED, 80.0),))
    assert Heights(unstated_is=HeightDatum.HOME).height_m(unstated, HeightDatum.HOME) == 80
    with pytest.raises(ValueError, match="no place on earth"):
        Heights(undulation_m=300)


def test_a_receivers_own_accuracy_makes_the_ellipse_larger() -> None:
    buffer = hovering()
    before = Locator(buffer, LENS).locate(1.0, 640, 360).ellipse95
    for at_s in (0.0, 2.0):
        buffer.add(Telemetry(at_s, fix=Fix("3d", 6, horizontal_m=8.0, vertical_m=12.0)))
    buffer.gap_max_s = 3.0
    after = Locator(buffer, LENS).locate(1.0, 640, 360).ellipse95
    assert after[0] > 4 * before[0] and after[1] > 2 * before[1]


def test_the_ellipse_is_long_along_the_view_when_it_is_shallow() -> None:
    found = Locator(hovering(yaw=30, pitch=-20), LENS).locate(1.0, 640, 360)
    major, minor, azimuth = found.ellipse95
    assert major > 2 * minor and azimuth == pytest.approx(30, abs=3)
    place = found.place()
    assert place.error_major_m == pytest.approx(major / math.sqrt(5.991464547), rel=1e-6)


def geotiff(path: Path, heights: np.ndarray, cell: float, west: float, north: float) -> Path:
    keys = (1, 1, 0, 3, 1024, 0, 1, 2, 1025, 0, 1, 1, 2048, 0, 1, 4326)
    tags = [
        (33550, "d", 3, (cell, cell, 0.0), True),
        (33922, "d", 6, (0.0, 0.0, 0.0, west, north, 0.0), True),
        (34735, "H", len(keys), keys, True),
    ]
    tifffile.imwrite(path, heights.astype(np.float32), extratags=tags)
    return path


def test_a_terrain_model_moves_the_place_to_where_the_slope_is_met(tmp_path: Path) -> None:
    """Ground that rises one metre in two to the north: the ray at 45 degrees meets it at two thirds of the way."""
    cell, count = 1 / 3600, 40
    north = LAT + count / 2 * cell
    centres = north - (np.arange(count) + 0.5) * cell
    rise = (centres - LAT) * 110_925.0 / 2  # metres a degree of latitude here
    path = geotiff(tmp_path / "slope.tif", np.tile(rise[:, None], (1, count)), cell, LON - count / 2 * cell, north)
    ground = read_dem(path)
    camera = Intrinsics.from_hfov(1280, 720, 70)
    locator = Locator(hovering(datum=HeightDatum.MSL), camera, ground=ground)
    assert off_m(locator, camera.cx, camera.cy) == pytest.approx((0, 40), abs=0.1)
    assert locator.locate(1.0, camera.cx, camera.cy).height_m == pytest.approx(20, abs=0.1)
    away = replace(locator, buffer=hovering(datum=HeightDatum.MSL, place=(LAT + 1, LON)))
    with pytest.raises(NotPlaced, match="no height under the camera"):
        away.locate(1.0, 640, 360)


def test_a_real_terrain_model_is_read_and_met(shared: Path) -> None:
    dem = read_dem(shared / "data" / "drone" / "dem" / "Rome-30m-DEM.tif")
    assert dem.heights.shape == (720, 1080) and (dem.lat0, dem.lon0) == pytest.approx((42.0, 12.35))
    tiber, hill = dem.height_m(np.array([41.8960, 41.9220]), np.array([12.4700, 12.4510]))  # river, Monte Mario
    assert tiber < 40 and hill > 90
    above = hovering(200.0, datum=HeightDatum.MSL, place=(41.8960, 12.4700))
    found = Locator(above, LENS, ground=dem).locate(1.0, 640, 360)
    here = dem.height_m(np.array([found.lat]), np.array([found.lon]))[0]
    assert found.height_m == pytest.approx(here, abs=0.05) and found.datum is HeightDatum.MSL


@pytest.mark.parametrize("content", [b"", b"II*\x00", b"no tiff at all", b"II*\x00" + bytes(200)])
def test_a_broken_terrain_file_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.tif").write_bytes(content)
    with pytest.raises(DemError) as caught:
        read_dem(tmp_path / "bad.tif")
    assert "\n" not in str(caught.value)


def test_a_camera_file_is_read_or_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "camera.json"
    path.write_text('{"width": 1280, "height": 720, "fx": 930, "fy": 931, "cx": 641, "cy": 357, "distortion": []}')
    assert read_camera(path) == replace(LENS, distortion=())
    for text in ("{}", "[]", "no json", '{"width": 0, "height": 1, "fx": 1, "fy": 1, "cx": 0, "cy": 0}'):
        path.write_text(text)
        with pytest.raises(CameraError) as caught:
            read_camera(path)
        assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_things_in_a_rendered_view_from_above_lie_where_the_street_put_them() -> None:
    """The sample street has its own camera model; its ground points must come back from their pixels, and the boxes of
    what it drew must lie inside their ellipses."""
    street = Street(1, 640, 360)
    air = Camera(0.0, -22.0, 30.0, yaw_deg=10.0, pitch_deg=-50.0, fov_deg=70.0)
    _, seen = street.view(air, 40.0)
    lat, lon = street.anchor.to_wgs84(air.east_m, air.north_m)
    buffer = hovering(30.0, yaw=10.0, pitch=-50.0, place=(lat, lon))
    locator = Locator(buffer, Intrinsics.from_hfov(air.width, air.height, 70.0), ground=Flat(sigma_m=0.3))
    whole = [s for s in seen if s.visible > 0.95]
    assert len(whole) >= 3
    for s in whole:
        pixel, _ = air.project((s.thing.east_m, s.thing.north_m, 0.0))
        if not locator.camera.holds(*pixel.tolist()):
            continue
        found = locator.locate(1.0, *pixel.tolist())
        east, north = street.anchor.to_local(found.lat, found.lon)
        off = math.hypot(east - s.thing.east_m, north - s.thing.north_m)
        assert off <= 0.005 * found.slant_m
