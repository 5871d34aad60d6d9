"""A click on the picture from the air, and the pose beside it."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import msgspec
import numpy as np
import pymap3d
import pytest

from drone.georef.camera import Intrinsics
from drone.georef.locate import Locator
from drone.live import CHINESE, AirView
from drone.telemetry.buffer import Buffer
from drone.telemetry.rotation import from_degrees
from drone.telemetry.sample import Gimbal, GimbalFrame, HeightDatum, Position, Telemetry
from edge.live.feed import Feed
from edge.live.notes import Pick
from edge.live.settings import LiveSettings
from edge.live.timeline import Moment
from edge.watch.camera import Shot

LAT, LON = 34.261, 117.188
LENS = Intrinsics.from_hfov(1280, 720, 70.0)
BOOT_S = 500.0  # the device's monotonic clock when the telemetry's began


def flying(pitch_deg: float = -45.0) -> Buffer:
    """Ten seconds northwards at 5 m/s, 60 m above the take-off place, the camera ahead and down."""
    samples = []
    for i in range(101):
        lat, lon, _ = pymap3d.enu2geodetic(0.0, 0.5 * i, 0.0, LAT, LON, 0.0)
        samples.append(
            Telemetry(
                i * 0.1,
                Position(float(lat), float(lon), ((HeightDatum.HOME, 60.0),)),
                from_degrees(0, 0, 0),
                Gimbal(from_degrees(0, pitch_deg, 0), GimbalFrame.HEADING),
            )
        )
    return Buffer.of(samples, gap_max_s=1.5)


def air(pitch_deg: float = -45.0, clock: list[float] | None = None) -> AirView:
    now = clock or [0.0]
    return AirView(Locator(flying(pitch_deg), LENS), lambda mono_s: mono_s - BOOT_S, lambda: now[0])


@pytest.mark.parametrize("seconds", [2.0, 8.0])
def test_a_click_in_the_middle_is_the_ground_ahead_of_where_the_drone_was_at_that_frame(seconds: float) -> None:
    told = air().place(Pick(1, 0, 0.5, 0.5), Moment(0.0, BOOT_S + seconds))
    east, north, _ = pymap3d.geodetic2enu(told["lat"], told["lon"], 0.0, LAT, LON, 0.0)
    assert (east, north) == (pytest.approx(0.0, abs=0.05), pytest.approx(5.0 * seconds + 60.0, abs=0.2))
    assert told["ellipse95"]["major_m"] > told["ellipse95"]["minor_m"] > 0.5  # type: ignore[index]
    assert told["height_datum"] == HeightDatum.HOME.value


@pytest.mark.parametrize(
    ("pitch_deg", "y", "seconds", "reason"),
    [(0.0, 0.2, 2.0, "above the horizon"), (-10.0, 0.5, 2.0, "too shallow"), (-45.0, 0.5, 60.0, "telemetry gap")],
)
def test_a_click_that_has_no_place_says_why(pitch_deg: float, y: float, seconds: float, reason: str) -> None:
    view = air(pitch_deg)
    told = view.place(Pick(1, 0, 0.5, y), Moment(0.0, BOOT_S + seconds))
    assert "lat" not in told and told["error_zh"] == CHINESE[reason] and told["error"]
    assert view.counts[f"refused: {reason}"] == 1


def test_a_frames_pose_goes_to_its_viewers_with_the_frames_timestamp_but_ten_times_a_second_at_most() -> None:
    said: list[str] = []
    clock = [0.0]

    async def work() -> None:
        feed = Feed("dock", LiveSettings(), asyncio.get_running_loop(), None)
        feed.stream.say = said.append  # type: ignore[method-assign]
        view = air(clock=clock)
        shot = Shot(np.zeros((36, 64, 3), np.uint8), datetime.now(UTC), BOOT_S + 4.0, 1, 33.0)
        for i in range(5):
            one = replace(shot, mono_s=shot.mono_s + i * 0.04, stream_s=33.0 + i * 0.04)
            clock[0] = i * 0.04
            feed.shot(one)
            view.tell(feed, one)
        assert view.place(Pick(1, 0, 0.5, 0.5), Moment(33.0, shot.mono_s))["lat"] > LAT  # type: ignore[operator]
        assert view.pose(BOOT_S + 99.0) is None and view.counts["poses_missing"] == 0  # not due yet

    asyncio.run(work())
    first, second = (msgspec.json.decode(text) for text in said)
    assert (second["ts"] - first["ts"]) % 2**32 == pytest.approx(0.12 * 90_000, abs=1)
    assert (first["kind"], first["yaw_deg"], first["pitch_deg"]) == ("pose", pytest.approx(0.0), pytest.approx(-45.0))
    _, north, _ = pymap3d.geodetic2enu(first["lat"], first["lon"], 0.0, LAT, LON, 0.0)
    assert north == pytest.approx(20.0, abs=0.05)
