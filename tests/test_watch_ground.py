"""From pixels to the ground: exact with exact points, an ellipse that grows with distance."""

import numpy as np
import pymap3d
import pytest

from edge.watch.ground import Ground, NotCalibrated, Point, ellipse

LAT, LON = 34.261, 117.188


def camera(east: float, north: float) -> tuple[float, float]:
    """A level pinhole 4 m high that looks north: ground (m) -> pixel of a 1280 x 720 picture."""
    return 640 + 800 * east / north, 200 + 800 * 4.0 / north


def points() -> list[Point]:
    """Four corners of a field 8 to 30 m away."""
    found = []
    for east, north in ((-5, 8), (5, 8), (12, 30), (-12, 30)):
        lat, lon, _ = pymap3d.enu2geodetic(east, north, 0, LAT, LON, 0)
        found.append(Point(*camera(east, north), float(lat), float(lon)))
    return found


@pytest.mark.parametrize(("east", "north"), [(0, 10), (-4, 15), (8, 28), (3, 9)])
def test_a_foot_on_the_ground_is_placed_exactly(east: float, north: float) -> None:
    """Within a centimetre where points and box are exact."""
    x, y = camera(east, north)
    place = Ground(points()).place((x - 20, y - 60, x + 20, y), "bike")
    e, n, _ = pymap3d.geodetic2enu(place.lat, place.lon, 0, LAT, LON, 0)
    assert np.hypot(e - east, n - north) < 0.01


def test_the_ellipse_grows_with_distance_and_points_along_the_ray() -> None:
    """Far away the depth is worse than the side."""
    ground = Ground(points())
    near, far = (ground.place((620, y - 50, 660, y), "bike") for y in (camera(0, 9)[1], camera(0, 28)[1]))
    assert far.error_major_m > 2 * near.error_major_m
    assert far.error_major_m > far.error_minor_m
    assert min(far.error_azimuth_deg, 180 - far.error_azimuth_deg) < 10


def test_a_poster_is_placed_at_the_foot_of_its_wall() -> None:
    """The wall stands 20 m away; the poster hangs high on it."""
    foot = [camera(-8, 20), camera(8, 20)]
    wall = [(foot[0][0], 50.0), (foot[1][0], 50.0), foot[1], foot[0]]
    place = Ground(points(), wall).place((700, 150, 740, 200), "poster")
    _, north, _ = pymap3d.geodetic2enu(place.lat, place.lon, 0, LAT, LON, 0)
    assert north == pytest.approx(20, abs=0.05)


def test_points_that_give_no_plane_are_refused() -> None:
    """Too few, or all on one line."""
    with pytest.raises(NotCalibrated, match="at least 4"):
        Ground(points()[:3])
    with pytest.raises(NotCalibrated, match="one line"):
        Ground([Point(i * 100.0, i * 50.0, LAT + i * 1e-5, LON) for i in range(4)])


def test_the_ellipse_of_a_known_covariance() -> None:
    """3 m east, 1 m north: the major axis points east."""
    assert ellipse(np.diag([9.0, 1.0])) == pytest.approx((3.0, 1.0, 90.0))
