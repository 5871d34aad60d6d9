"""The whole path on a recording: a thing drawn where it stands is found in the pictures and placed where it stands."""

import json
import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pymap3d
import pytest
from typer.testing import CliRunner

import zhuomu
from bench import drone_georef as bench
from detectors.types import Detections, Image
from drone.georef.locate import Locator
from drone.replay import ReplayError, Summary, replay, start_of
from drone.telemetry.buffer import Buffer
from drone.telemetry.sample import Clock, Track
from edge.watch.source import Frame


class RedThings:
    """A detector for pictures with red discs: real pixels in, boxes out."""

    names: tuple[str, ...] = ("litter_heap",)
    model_name = "red"
    model_sha256 = "0" * 64

    def detect(self, image_bgr: Image) -> Detections:
        red = cv2.inRange(image_bgr, np.array([0, 0, 200]), np.array([60, 60, 255]))
        _, _, stats, _ = cv2.connectedComponentsWithStats(red)
        boxes = [(x, y, x + w, y + h) for x, y, w, h, _ in stats[1:].tolist()]
        return Detections.of(boxes, [0.9] * len(boxes), [0] * len(boxes), self.names)

    def detect_batch(self, images_bgr: Sequence[Image]) -> list[Detections]:
        return [self.detect(image) for image in images_bgr]


def test_a_thing_seen_from_a_moving_drone_is_placed_where_it_stands() -> None:
    """Seen from above its place is near the middle of its box; telemetry gaps place nothing and are counted."""
    truth = bench.Truth(60.0, 30.0, 4.0, 8.0, 10.0, -75.0, 0.5)
    spot = bench.aim(truth, 2.0, np.random.default_rng(1), spread_px=20.0)
    assert spot is not None
    samples = tuple(bench.telemetry(truth, 4.0, bench.Noise()))
    track = Track("made", "made", Clock.MEDIA, samples, media_start_s=0.0)
    frames = list[Frame]()
    for t in (1.0, 1.5, 2.0, 2.5, 3.0, 9.0):
        image = np.zeros((bench.LENS.height, bench.LENS.width, 3), np.uint8)
        pixel = bench.seen(truth, min(t, 3.0), spot)
        assert pixel is not None
        cv2.circle(image, (round(pixel[0]), round(pixel[1])), 12, (0, 0, 255), -1)
        frames.append(Frame(image, t))
    summary = Summary()
    locator = Locator(Buffer.of(samples), bench.LENS, sigmas=bench.CONSUMER)
    lines = list(replay(frames, lambda _: locator, RedThings(), track, start_of(track, None), summary, 0.5))
    assert len(lines) == summary.placed == 5
    for line in lines:
        east, north, _ = pymap3d.geodetic2enu(line["lat"], line["lon"], 0, *spot, 0)
        assert math.hypot(float(east), float(north)) < 0.5
        assert line["ellipse95"]["major_m"] > 2 and line["height_datum"] == "above home"
    told = summary.as_json()
    assert told["detections"] == 6 and told["refused"]["telemetry gap"]["count"] == 1


def test_a_recording_that_does_not_say_when_the_video_began_is_asked_for_it() -> None:
    track = Track(
        "a.tlog",
        "MAVLink tlog",
        Clock.UTC,
        tuple(bench.telemetry(bench.Truth(9, 0, 0, 1, 0, -60, 0), 1, bench.Noise())),
    )
    with pytest.raises(ReplayError, match="state it"):
        start_of(track, None)
    assert start_of(track, 12.5) == 12.5


def run(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(zhuomu.build(["drone"]), ["drone", "replay", *words])
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.slow
def test_replay_prints_places_with_ellipses_and_a_summary(shared: Path, tmp_path: Path) -> None:
    """Real photographs in place of the flight's own, which we do not have: the path, not the places, is shown."""
    srt = shared / "data" / "drone" / "dji_srt" / "p4_rtk.SRT"
    for n in (0, 1):
        picture = shared / "data" / "street" / "val" / "images" / f"litter_cn_000{n}.jpg"
        (tmp_path / picture.name).write_bytes(picture.read_bytes())
    code, out, err = run(str(tmp_path), "--telemetry", str(srt), "--fov", "73.7")
    assert code == 0, err
    *lines, last = [json.loads(line) for line in out.splitlines()]
    assert last["summary"] and last["frames"] == 2 and last["placed"] == len(lines) > 0
    for line in lines:
        assert line["datum"] == "WGS-84" and line["ellipse95"]["major_m"] >= line["ellipse95"]["minor_m"] > 0
        assert line["depression_deg"] >= 15 and abs(line["lat"] + 34.2379) < 0.01


def test_wrong_options_are_one_line(shared: Path, tmp_path: Path) -> None:
    data = shared / "data"
    picture = data / "street" / "val" / "images" / "litter_cn_0000.jpg"
    (tmp_path / "a.jpg").write_bytes(picture.read_bytes())
    srt, tlog = data / "drone" / "dji_srt" / "p4_rtk.SRT", data / "drone" / "dji_srt" / "broken_empty.SRT"
    for words, telemetry in (
        (["--look", "1,2,3"], srt),
        (["--look", "1,2", "--mount", "1,2,3"], srt),
        (["--start", "yesterday"], srt),
        (["--start", "2026-01-01T00:00:00"], srt),
        (["--height-datum", "moon"], srt),
        (["--undulation", "900"], srt),
        (["--dem", str(srt)], srt),
        ([], tlog),
        ([], srt),  # this model does not tell its lens
    ):
        code, _, err = run(str(tmp_path), "--telemetry", str(telemetry), *words)
        assert code == 1 and err.count("\n") == 1, err
