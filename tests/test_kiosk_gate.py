"""The kiosk with its gate on: settings, a whole round over cameras, and what `zhuomu kiosk tune` proposes."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from kiosk_scripted import Scripted, one_look, scripted_tools
from rtsp_helpers import small_clip
from test_kiosk_kill import waiting
from test_watch_view import noisy, scene

from detectors import Detections
from edge.kiosk.config import CameraSettings
from edge.kiosk.gating import AUTO_DWELL_S, GateSettings, gate_for
from edge.kiosk.rounds import Opener, Turn, round_of
from edge.kiosk.tune import BASE_S, Cost, key_frames, proposed
from edge.kiosk.watcher import Watcher
from edge.watch.camera import Shot
from edge.watch.lookout import Plan
from edge.watch.rules import Rule, RuleBook
from edge.watch.source import Image, SourceError

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def test_the_gate_is_on_by_itself_only_where_every_rule_waits_for_a_minute() -> None:
    auto = GateSettings()
    assert gate_for(auto, [AUTO_DWELL_S, 600.0]) is auto
    assert gate_for(auto, [6.0, 600.0]) is None and gate_for(auto, []) is None
    assert gate_for(GateSettings(mode="off"), [600.0]) is None
    assert gate_for(GateSettings(mode="on"), [6.0]) is not None


class Counting(Scripted):
    """Counts the sheets that it is given."""

    def __init__(self, things: int) -> None:
        super().__init__(things)
        self.sheets = 0

    def detect_batch(self, images: list[Image]) -> list[Detections]:
        """As Scripted on whole pictures; nothing on sheets of regions."""
        self.sheets += len(images)
        whole = [image.shape[:2] == (360, 640) and int(image[0, 0, 0]) != 114 for image in images]
        nothing = Detections.empty(self.names)
        return [self.detect(image) if yes else nothing for image, yes in zip(images, whole, strict=True)]


def test_one_candidate_a_thing_with_the_network_idle_for_most_of_the_time(tmp_path: Path) -> None:
    """Two bicycles for four minutes under a rule of one: filed once each, the checks answered, few looks."""
    tools = scripted_tools(tmp_path, 2)
    network = Counting(2)
    tools.detector, tools.rules = network, RuleBook("1", [Rule("b", "bike", "04-10", ["bicycle"], 60.0)])
    watcher = Watcher(CameraSettings("cam", "none"), tools, 60.0, gate=GateSettings(whole_s=20.0))
    for number in range(120):
        t = 2.0 * number
        shot = Shot(noisy(scene(), number), START + timedelta(seconds=t), t, number)
        round_of(network, [(watcher, shot)], 640)
        watcher.finish(60.0 if watcher.health()["looks_whole"] and t > 58 else 0.0)
        if number == 100:
            (place, _) = tools.store.spots("cam")
            watcher.ask(one_look(place, 360))
    watcher.flush(60.0)
    told = waiting(tmp_path)[0]
    assert len(told) == 2 and len({c.place_id for c in told}) == 2
    assert all(60.0 <= c.dwell_s <= 66.0 for c in told)
    rows = tools.link.outbox.query("select count(*) from outbox where channel = 'verdict'")
    assert rows[0][0] == 1
    assert network.sheets <= 40
    tools.link.outbox.close()


def test_no_camera_is_opened_while_rounds_are_slow() -> None:
    class Opened:
        calls = 0

        def open(self, seconds: float) -> None:
            assert seconds == 1.0
            self.calls += 1

    now_s, camera = [0.0], Opened()
    opener = Opener(1.0, 2.0, clock=lambda: now_s[0])
    asks = Turn(None, None, Plan(open=True), "")  # type: ignore[arg-type]
    for took_s in (0.3, 1.1, 0.3, 0.3):
        opener.begin()
        now_s[0] += took_s
        opener.end([(camera, asks)])  # type: ignore[list-item]
    assert (camera.calls, opener.spared) == (3, 1)


def test_tune_takes_the_finest_network_that_fits() -> None:
    looks = {("street", 640): 0.16, ("street", 416): 0.07, ("street-int8", 640): 0.08}
    few, many = (proposed(Cost(looks, 0.012, 0.002), n, 2) for n in (2, 120))
    assert (few.network, few.size_px, few.base_s, few.fits) == ("street", 640, 2.0, True)
    assert many.fits and (many.network, many.size_px, many.base_s) != ("street", 640, 2.0) and many.cpu_share <= 0.8
    none = proposed(Cost({("street", 640): 9.0}, 0.012, 0.002), 32, 2)
    assert not none.fits and none.base_s == BASE_S[-1] and "more than fits" in none.toml(Cost(looks, 0.1, 0.1), 32, 2)


def test_what_tune_prints_is_a_part_of_a_kiosks_file() -> None:
    import tomllib

    cost = Cost({("street", 640): 0.1}, 0.012, 0.002)
    told = tomllib.loads(proposed(cost, 4, 2).toml(cost, 4, 2))
    assert told == {"model": {"path": "street", "size": 640, "threads": 2}, "gate": {"base_s": 2.0}}


def test_key_frames_of_a_recording_are_what_tune_measures(tmp_path: Path) -> None:
    pictures = key_frames(small_clip(tmp_path / "a.mp4", 4.0))
    assert len(pictures) == 4 and all(p.luma.shape == (180, 320) for p in pictures)
    (tmp_path / "b.mp4").write_bytes(np.zeros(100, np.uint8).tobytes())
    with pytest.raises(SourceError, match="give a recording"):
        key_frames(tmp_path / "b.mp4")
