"""`zhuomu bench kiosk`: the whole report on seconds of a small street, and an arm that cannot run says so."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import missing
from typer.testing import CliRunner

import zhuomu
from bench import kiosk, kiosk_arms
from bench.kiosk_arms import NotInstalled, Setting, Told
from bench.kiosk_clips import PACES, Clip, Paced, cut, rendered
from bench.kiosk_live import live
from bench.kiosk_stay import stays
from detectors.manifest import verified
from edge.kiosk.config import load_rules
from edge.kiosk.gating import GateSettings
from edge.sim.street import Street
from edge.up.cli import RULES
from edge.watch.source import Source

KEYS = {"cpu_s_per_video_min", "event_recall", "event_precision", "events_per_real"}


def run(folder: Path, *more: str) -> dict[str, object]:
    """The command's JSON, on clips of 160x90 px."""
    args = ["bench", "kiosk", "--json", "--seconds", "6", "--size", "160x90", "--net-px", "160", "--repeats", "1"]
    more = ("--stay-min", "0.5", "--clips", str(folder), *more)
    result = CliRunner().invoke(zhuomu.build(args[:2]), [*args, *more])
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


@pytest.mark.slow
def test_the_report_has_its_keys_and_says_what_did_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Arm C runs for real; A and B are said to be missing, whatever is installed here."""

    def absent(*_: object) -> Told:
        raise NotInstalled("not installed; do: pip install 'zhuomu[bench]'")

    monkeypatch.setattr(kiosk, "ARMS", {"A": absent, "B": absent, "C": kiosk_arms.arm_c})
    report = run(tmp_path, "--kinds", "quiet")
    arms = report["arms"]
    assert isinstance(arms, dict)
    assert set(arms["C"]) == {"quiet"} and set(arms["C"]["quiet"]) >= KEYS
    assert arms["C"]["quiet"]["cpu_s_per_video_min"] > 0
    assert arms["A"]["quiet"] == {"not_run": "not installed; do: pip install 'zhuomu[bench]'"}
    assert {"cameras", "latency_ms", "machine", "versions", "gate", "stays"} <= set(report)
    assert arms["C"]["quiet"]["cpu_s_start"] > 0
    assert len(list(tmp_path.glob("*.mp4"))) == 1


def test_recall_precision_and_doubles_are_those_of_the_truth() -> None:
    """Two due events: one filed twice, one missed; one false alarm."""
    about = {"should_file": True, "class": "bike", "lat": 34.0, "lon": 117.0, "from_utc": "2026-11-23T08:00:00Z"}
    there, other = [0.1, 0.1, 0.2, 0.2], [0.7, 0.7, 0.8, 0.8]
    events = [{**about, "id": i, "box": b, "to_utc": "2026-11-23T08:01:00Z"} for i, b in (("a", there), ("b", other))]
    clip = Clip("normal", Path("none"), 60.0, events, {"fps": 25})

    def incident(name: str, x: float) -> dict[str, object]:
        witness = {"x1": x, "y1": 0.1, "x2": x + 0.1, "y2": 0.2}
        made = {"incident_id": name, "case_class": "bike", "first_seen": "2026-11-23T08:00:05+00:00"}
        return {**made, "lat": 34.0, "lon": 117.0, "witnesses": [witness]}

    made = [incident("1", 0.1), incident("2", 0.1), incident("3", 0.4)]
    costs = [[(0.0, 5.0), (30.0, 5.0 + s / 2), (58.0, 5.0 + s * 58 / 60)] for s in (2.0, 4.0, 3.0)]
    ran = kiosk.Ran(clip, [Told(made, marks=marks) for marks in costs])
    scored = kiosk.scored(ran, None)
    assert scored["cpu_s_start"] == 5.0
    part = kiosk.same_part(ran, replace(clip, from_s=20.0, seconds=40.0))
    assert (part["event_recall"], part["due"]) == (0.5, 2)
    assert (scored["event_recall"], scored["event_precision"], scored["events_per_real"]) == (0.5, 0.6667, 2.0)
    assert (scored["cpu_s_per_video_min"], scored["cpu_s_fastest"], scored["cpu_s_slowest"]) == (3.0, 2.0, 4.0)


def test_busier_streets_have_more_life_and_more_to_file_and_the_demo_pace_is_the_sample_streets() -> None:
    street = Street(1, 160, 90)
    counts = []
    usual = street.timetable.between(0.0, 400.0)
    for kind in ("quiet", "normal", "busy"):
        found = Paced(street, PACES[kind]).between(0.0, 400.0)
        counts.append((sum(e.path is not None for e in found), sum(e.should_file for e in found)))
        assert {e.id for e in found if e.should_file} <= {e.id for e in usual}
    (few, one), (some, several), (many, all_of_them) = counts
    assert 0 < few < some / 4 < many / 16 and 0 < one < several / 2 < all_of_them / 4
    demo = Paced(street, PACES["demo"]).between(0.0, 400.0)
    assert [(e.id, e.from_s) for e in demo] == [(e.id, e.from_s) for e in usual]


def test_an_unknown_arm_is_one_line() -> None:
    args = ["bench", "kiosk", "--arms", "D"]
    result = CliRunner().invoke(zhuomu.build(args[:2]), args)
    assert result.exit_code == 2 and result.stderr == "no arm D; choose from A, B, C\n"


def setting() -> Setting:
    """The network and the rules that ship."""
    return Setting(verified(Path("street")), load_rules(RULES), 2, 640, GateSettings(mode="on"))


def test_a_part_of_a_clip_begins_with_the_key_frame_asked_for(tmp_path: Path) -> None:
    clip = rendered(tmp_path, "quiet", 6.0, 1, (160, 90), 10)
    part = cut(clip, 2.0, 2.0)
    whole = list(Source(str(clip.path)).frames())
    frames = list(Source(str(part.path)).frames())
    assert part.from_s == 2.0 and len(frames) == 20
    assert (frames[0].luma == whole[20].luma).all() and (frames[-1].luma == whole[39].luma).all()
    with pytest.raises(ValueError, match="choose an earlier part"):
        cut(clip, 5.0, 1.0)


@pytest.mark.slow
def test_what_stays_is_one_event_through_flicker_vans_in_front_and_a_restart() -> None:
    """Three minutes of virtual time; `zhuomu bench kiosk` takes 30."""
    told = stays(1, 3.0, setting())
    assert told["things"] >= 8 and told["occlusions"] >= 3
    assert told["ours_restarted"] == {"events_per_real": 1.0, "found": told["things"]}


@pytest.mark.slow
def test_real_rtsp_cameras_find_what_their_streets_show(tmp_path: Path) -> None:
    """Two cameras of a small street; `zhuomu bench kiosk --cameras 32` has thirty-two of 1080p25."""
    clip = rendered(tmp_path, "demo", 26.0, 1, (640, 360), 5)
    told = live([clip], setting(), 2, 23.0)
    if "not_run" in told:
        missing(told["not_run"])
    assert told["connected"] == 2 and told["failures"] == 0
    assert told["due"] >= 2 and told["extra"] == 0 and told["doubled"] == 0
    assert told["event_recall"] >= 0.5  # a machine that stands still for seconds may miss the newest
    assert told["server_cpu_s"] > 0
