"""`zhuomu bench kiosk`: the whole report on seconds of a small street, and an arm that cannot run says so."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import zhuomu
from bench import kiosk, kiosk_arms
from bench.kiosk_arms import NotInstalled, Told
from bench.kiosk_clips import Clip, Paced
from edge.sim.street import Street

KEYS = {"cpu_s_per_video_min", "event_recall", "event_precision", "events_per_real"}


def run(folder: Path, *more: str) -> dict[str, object]:
    """The command's JSON, on clips of 160x90 px."""
    args = ["bench", "kiosk", "--json", "--seconds", "2", "--size", "160x90", "--net-px", "160", "--repeats", "1"]
    result = CliRunner().invoke(zhuomu.build(args[:2]), [*args, "--clips", str(folder), *more])
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
    assert {"cameras", "latency_ms", "machine", "versions", "gate"} <= set(report)
    assert len(list(tmp_path.glob("*.mp4"))) == 1


def test_recall_precision_and_doubles_are_those_of_the_truth() -> None:
    """Two due events: one filed twice, one missed; one false alarm."""
    about = {"should_file": True, "class": "bike", "lat": 34.0, "lon": 117.0, "from_utc": "2026-11-23T08:00:00Z"}
    there, other = [0.1, 0.1, 0.2, 0.2], [0.7, 0.7, 0.8, 0.8]
    events = [{**about, "id": i, "box": b, "to_utc": "2026-11-23T08:01:00Z"} for i, b in (("a", there), ("b", other))]
    clip = Clip("normal", Path("none"), 60.0, events, {})

    def incident(name: str, x: float) -> dict[str, object]:
        witness = {"x1": x, "y1": 0.1, "x2": x + 0.1, "y2": 0.2}
        made = {"incident_id": name, "case_class": "bike", "first_seen": "2026-11-23T08:00:05+00:00"}
        return {**made, "lat": 34.0, "lon": 117.0, "witnesses": [witness]}

    told = Told([incident("1", 0.1), incident("2", 0.1), incident("3", 0.4)])
    scored = kiosk.scored(kiosk.Ran([2.0, 4.0, 3.0], told), clip, None)
    assert (scored["event_recall"], scored["event_precision"], scored["events_per_real"]) == (0.5, 0.6667, 2.0)
    assert (scored["cpu_s_per_video_min"], scored["cpu_s_fastest"], scored["cpu_s_slowest"]) == (3.0, 2.0, 4.0)


def test_busier_streets_have_more_life_and_the_same_things_to_file() -> None:
    street = Street(1, 160, 90)
    counts = []
    for times in (0, 1, 5):
        found = Paced(street, times).between(0.0, 120.0)
        counts.append(sum(e.path is not None for e in found))
        assert sum(e.should_file for e in found) == sum(e.should_file for e in street.timetable.between(0.0, 120.0))
    assert counts[0] == 0 and 0 < counts[1] < counts[2] / 3


def test_an_unknown_arm_is_one_line() -> None:
    args = ["bench", "kiosk", "--arms", "D"]
    result = CliRunner().invoke(zhuomu.build(args[:2]), args)
    assert result.exit_code == 2 and result.stderr == "no arm D; choose from A, B, C\n"
