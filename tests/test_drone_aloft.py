"""An eye on a live flight: the link's own messages and a served clip become candidates, and no trouble of the video is
the flight's."""

import socket
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import av
import numpy as np
import pytest
from drone_ground import START, Discs, away, back, legs, red_tools
from test_drone_seeing_flights import DISCS, LINE, candidates, surprise
from typer.testing import CliRunner

from detectors.types import Image
from drone.aloft import HEARD_MAX, Aloft, Ears, Heard, Sight, Video
from drone.autopilot.flight import Flight, Options
from drone.autopilot.wire import Message, mav
from drone.cli import app
from drone.georef.camera import Intrinsics
from drone.seeing.build import close
from drone.seeing.eye import Eye
from drone.seeing.tools import Tools
from drone.sim.line import Weather, World
from drone.sim.vehicle import Settings, SimCopter
from drone.sim.world import FOV_DEG
from edge.watch.camera import Camera
from edge.watch.source import Source

EVERY_S, LATE_S = 0.5, 0.3


@pytest.fixture
def tools(tmp_path: Path) -> Iterator[Tools]:
    made = red_tools(tmp_path / "data")
    yield made
    close(made)


class Flown:
    """A flight on the simulated autopilot, whose link is heard by `Ears`, with what its camera shows now and then."""

    def __init__(self) -> None:
        self.flight = Flight(legs(*LINE), Options())
        self.ears = Ears(self.flight)
        self.heard: list[Heard] = []
        self.shown: list[tuple[float, Image]] = []
        self._copter = SimCopter(Settings(speed_mps=4.0, gps_error_m=(1.0, -0.8, 0.5), yaw_error_deg=0.8))
        self._scene = Discs(list(DISCS))
        self.world = World(self, self._copter, Weather(loss=0.02, delay=(0.01, 0.05)), seed=3)

    def tick(self, now_s: float) -> list[Message]:
        if self.ears.open and (not self.shown or now_s >= self.shown[-1][0] + EVERY_S):
            self.shown.append((now_s, self._scene.picture(self._copter)[0]))
        return self.flight.tick(now_s)

    def receive(self, message: Message, now_s: float) -> list[Message]:
        self.ears(message, now_s)
        self.heard += self.ears.take()
        return self.flight.receive(message, now_s)

    def run(self) -> None:
        assert self.world.run(lambda: self.flight.outcome is not None, 300.0)
        assert self.flight.outcome is True


def clip(path: Path, shown: list[tuple[float, Image]]) -> Source:
    """The pictures as a video file, nothing lost in it."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=round(1 / EVERY_S))
        stream.height, stream.width = shown[0][1].shape[:2]
        stream.pix_fmt = "bgr0"
        for _, image in shown:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode())
    return Source(str(path))


def lens(width: int, height: int) -> Intrinsics:
    return Intrinsics.from_hfov(width, height, FOV_DEG)


def test_what_the_link_told_and_the_clip_showed_become_candidates_where_things_stand(
    tools: Tools, tmp_path: Path
) -> None:
    """Video 0.3 s late, of which nobody told; telemetry and clock from the link alone."""
    flown = Flown()
    flown.run()
    source = clip(tmp_path / "clip.mkv", flown.shown)
    sight = Sight(Eye(tools, "f", "f"), lens, Video(EVERY_S))
    heard = iter(flown.heard)
    one = next(heard, None)
    for (at_s, _), frame in zip(flown.shown, source.frames(), strict=True):
        came_s = at_s + LATE_S
        while one is not None and one.now_s <= came_s:
            sight.hear(one)
            one = next(heard, None)
        sight.see(frame.image, came_s, START + timedelta(seconds=came_s))
        sight.work(came_s)
    sight.eye.landed(START + timedelta(seconds=flown.world.now_s))
    cases = candidates(tools)
    assert len(cases) == len(DISCS), tools.counts
    assert all(surprise(case.place) < 18.42 for case in cases)
    assert tools.ledger.size > 100 and tools.counts["frames_given_up"] == 0
    nearest = [min(np.hypot(*(np.array(back(c.place.lat, c.place.lon)) - d)) for d in DISCS) for c in cases]
    assert max(nearest) < 4.0 and away(0.0, 0.0)


def test_video_that_never_comes_and_one_that_breaks_off_do_not_disturb_the_flight(tools: Tools, tmp_path: Path) -> None:
    """A port that nobody serves, then garbage; the flight's own thread is held up by neither."""
    garbage = tmp_path / "garbage.ts"
    garbage.write_bytes(np.random.default_rng(1).bytes(20_000))
    for spec in ("tcp://127.0.0.1:9", str(garbage)):
        flown = Flown()
        camera = Camera("air", Source(spec), loop=False)
        aloft = Aloft(flown.ears, camera, Sight(Eye(tools, "f", "f"), lens, Video()), 1.0)
        flown.ears.take = lambda: []  # type: ignore[method-assign]  # the queue is the thread's; the test reads nothing
        aloft.start()
        flown.run()
        deadline = time.monotonic() + 10.0
        while not camera.failures and time.monotonic() < deadline:
            time.sleep(0.02)
        assert aloft.finish()
        assert aloft.counts["video_failures"] >= 1 and aloft.counts["video_frames"] == 0


def test_messages_that_nobody_takes_push_out_the_oldest_and_are_counted() -> None:
    ears = Ears(Flight(legs(*LINE), Options()))
    for number in range(HEARD_MAX + 7):
        message = mav.MAVLink_attitude_message(number, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        ears(message, number * 0.1)
    kept = ears.take()
    assert len(kept) == HEARD_MAX and ears.dropped == 7 and kept[0].message.time_boot_ms == 7
    assert ears.take() == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "give --data"),
        (["--data", "d"], "--camera FILE or --fov"),
        (["--data", "d", "--fov", "60", "--broker", "here"], "HOST:PORT"),
        (["--data", "d", "--fov", "60", "--zones", "none.geojson"], "cannot be read"),
    ],
)
def test_an_eye_that_cannot_be_opened_is_one_line_before_anything_flies(
    options: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = tmp_path / "plan.json"
    plan.write_text('[{"seq":0,"frame":3,"command":22,"z":15},{"seq":1,"frame":3,"command":16,"x":1,"y":1,"z":15}]')
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        link = f"udpin:127.0.0.1:{free.getsockname()[1]}"
    told = CliRunner().invoke(app, ["fly", "--link", link, "--plan", str(plan), "--video", "x.mp4", *options])
    assert told.exit_code == 2 and words in told.stderr and told.stderr.count("\n") == 1, told.stderr
