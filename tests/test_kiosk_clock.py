"""The wall clock is set while a kiosk watches: no case is lost, doubled or made by it, nothing deleted."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest
from kiosk_scripted import scripted_tools
from test_kiosk_kill import waiting
from test_kiosk_rules_replay import Untouched
from test_watch_evidence_chain import proof

from detectors import Detections
from edge.evidence import Chain, check, device_key, utc_text
from edge.evidence.clock import times
from edge.kiosk.config import CameraSettings
from edge.kiosk.watcher import Watcher
from edge.watch.before import EVERY_S, BeforePictures
from edge.watch.camera import Shot
from edge.watch.clockstep import NO_STEP, ClockSteps
from edge.watch.places import PlaceMemory, Sighting
from edge.watch.record import Keeping, Segments
from edge.watch.rules import Rule, RuleBook
from edge.wire import Candidate

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
DWELL_S = 10.0
FRAME_S = 0.5
STEPS = [timedelta(hours=-1), timedelta(days=1)]
PICTURE = np.random.default_rng(1).integers(0, 255, (240, 640, 3), np.uint8)


class Machine:
    """Two clocks: seconds since it was started, and a wall clock that can be set."""

    def __init__(self) -> None:
        self.mono_s = 1000.0
        self.wrong = timedelta(0)

    def shot(self) -> Shot:
        """A frame now; then time goes on."""
        self.mono_s += FRAME_S
        at = START + timedelta(seconds=self.mono_s) + self.wrong
        return Shot(PICTURE, at, self.mono_s, round(self.mono_s / FRAME_S))


class Kiosk:
    """A watcher that sees three bicycles; `killed` leaves it as SIGKILL would."""

    def __init__(self, folder: Path, machine: Machine, **rule: float) -> None:
        self.machine = machine
        self.folder = folder
        self._rule = Rule("bikes", "bike", "04-10", ["bicycle"], DWELL_S, **rule)  # type: ignore[arg-type]
        self.restart()

    def restart(self) -> None:
        """A new process on the old files."""
        self.tools = scripted_tools(self.folder, 3, Untouched())  # type: ignore[arg-type]
        self.tools.rules = RuleBook("1", [self._rule])
        self._watcher = Watcher(CameraSettings("cam", "none"), self.tools, gone_s=60.0)

    def killed(self) -> None:
        """Nothing is said and nothing is stored."""
        self.tools.desk.close()
        self.tools.link.outbox.close()
        self.restart()

    def watch(self, seconds: float) -> list[Candidate]:
        """So much longer; what has been filed by then."""
        for _ in range(round(seconds / FRAME_S)):
            self._watcher.take(self.machine.shot())
            self._watcher.finish(60.0)
        return waiting(self.folder)[0]


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_a_clock_that_is_set_makes_no_case_and_delays_none(tmp_path: Path, step: timedelta) -> None:
    """Set after six of ten seconds of dwell: nothing is filed for the step, and each thing once when its time is over,
    with times of the new clock."""
    kiosk = Kiosk(tmp_path, machine := Machine())
    assert kiosk.watch(6.0) == []
    machine.wrong = step
    assert kiosk.watch(3.0) == []
    filed = kiosk.watch(3.0)
    assert len(filed) == 3 == len({c.place_id for c in filed})
    assert all(DWELL_S <= c.dwell_s < DWELL_S + 1.0 for c in filed)
    assert all((c.last_seen - c.first_seen).total_seconds() == pytest.approx(c.dwell_s) for c in filed)
    assert all(c.last_seen > START + step + timedelta(seconds=machine.mono_s - 5.0) for c in filed)


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_what_was_filed_before_a_step_is_not_filed_again(tmp_path: Path, step: timedelta) -> None:
    kiosk = Kiosk(tmp_path, machine := Machine())
    assert len(kiosk.watch(12.0)) == 3
    machine.wrong = step
    assert len(kiosk.watch(30.0)) == 3
    seqs = [p.seq for p in kiosk.tools.link.outbox.pending(100)]
    assert len(seqs) == len(set(seqs)) and seqs[:3] == sorted(seqs[:3])


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_a_clock_that_is_set_between_two_lives_of_the_process_is_noticed(tmp_path: Path, step: timedelta) -> None:
    """Killed, set and started again since one boot of the machine: the dwell goes on where it was, within what a kill
    costs."""
    kiosk = Kiosk(tmp_path, machine := Machine())
    assert kiosk.watch(6.0) == []
    kiosk.killed()
    machine.wrong = step
    assert kiosk.watch(3.0) == []
    filed = kiosk.watch(4.0)
    assert len(filed) == 3 and all(DWELL_S <= c.dwell_s < DWELL_S + 3.0 for c in filed)


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_confirmations_go_on_over_a_step(tmp_path: Path, step: timedelta) -> None:
    kiosk = Kiosk(tmp_path, machine := Machine(), confirmations_min=5, confirm_every_s=3.0)
    kiosk.watch(8.0)
    machine.wrong = step
    assert kiosk.watch(3.0) == []
    assert len(kiosk.watch(6.0)) == 3


def test_without_following_the_clock_a_step_would_make_a_case() -> None:
    """What the tests above would find: a thing two seconds old that has stood for a day."""
    memory = PlaceMemory("cam")
    one = Sighting("bike", "bicycle", 0.9, (10.0, 10.0, 80.0, 70.0))
    for t in (0.0, 1.0, 2.0):
        at = START + timedelta(seconds=t, days=t > 1.5)
        memory.update([one], [], at, t, (640, 240))
    assert memory.spots[0].dwell_s > 86_000


def test_slewing_is_no_step() -> None:
    """A clock that is led back by half a second each frame's second, as chrony may, is followed without a word."""
    steps = ClockSteps()
    for k in range(100):
        assert steps.step(START + timedelta(seconds=0.5 * k), float(k)) == NO_STEP
    assert steps.step(START + timedelta(seconds=50.0 + 3600.0), 100.0).total_seconds() == pytest.approx(3600.0, abs=1.0)
    assert steps.steps == 1


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_the_picture_from_before_stays_from_before(step: timedelta) -> None:
    """Else a picture that shows the thing would prove that it was not there."""
    before, memory, none = BeforePictures(), PlaceMemory("cam"), Detections.empty(("bicycle",))
    sighting = Sighting("bike", "bicycle", 0.9, (10.0, 10.0, 80.0, 70.0))
    before.note(np.zeros((240, 640, 3), np.uint8), START, 0.0, none, [])
    for t in (EVERY_S + 2.0, 2 * EVERY_S + 2.0):
        at = START + timedelta(seconds=t)
        before.hold(memory.update([sighting], [], at, t, (640, 240)).seen)
        before.note(PICTURE, at, t, none, [])
    memory.shift(step)
    before.shift(step)
    t = 3 * EVERY_S
    before.hold(memory.update([sighting], [], START + step + timedelta(seconds=t), t, (640, 240)).seen)
    past = before.of(memory.spots[0])
    assert past is not None and past.image.max() == 0 and past.at == START + step


def test_a_chain_holds_over_a_clock_that_is_set(tmp_path: Path) -> None:
    """Records tell both clocks; their order is that of their numbers, not of their times."""
    walls = [START, START - timedelta(hours=1), START + timedelta(days=1)]
    told = iter(walls)
    stepping = Chain(
        tmp_path / "evidence",
        device_key(tmp_path),
        "kiosk-1",
        times=lambda: msgspec.structs.replace(times(), wall=utc_text(next(told))),
    )
    names: dict[str, bytes] = {}
    for number in range(3):
        stepping.append(proof(number, names))
    (tmp_path / "originals").mkdir()
    for name, body in names.items():
        (tmp_path / "originals" / name).write_bytes(body)
    report = check.verify(tmp_path)
    assert report.holds and report.records == 3


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_a_recording_of_thirty_days_loses_nothing_to_a_step(tmp_path: Path, step: timedelta) -> None:
    """Segments of the last 28 days stay, whatever the clock is set to, and the new one is the last by name."""
    folder = tmp_path / "rec"
    folder.mkdir()
    now = datetime.now(UTC)
    for days in range(28):
        at = now - timedelta(days=days)
        path = folder / f"{at:%Y%m%dT%H%M%SZ}-0000.mp4"
        path.write_bytes(b"x")
        os.utime(path, (at.timestamp(), at.timestamp()))
    segments = Segments(folder, replace(Keeping(), free_bytes_min=0), wall=lambda: (now + step).timestamp())
    segments._age()
    assert len(list(folder.glob("*.mp4"))) == 28 and segments.counters["record_deleted_aged"] == 0
    assert segments._new_path().name > max(p.name for p in folder.glob("*.mp4"))


def test_sightings_do_not_go_for_their_age_by_a_clock_that_was_just_set(tmp_path: Path) -> None:
    """Rows of a clock that was a year behind stay for an hour after it was set right; then they are old."""
    machine = Machine()
    machine.wrong = timedelta(days=-365)
    kiosk = Kiosk(tmp_path, machine)
    kiosk.watch(6.0)
    machine.wrong = timedelta(0)
    kiosk.watch(15.0)
    kiosk.tools.sightings.flush()
    rows = kiosk.tools.link.outbox.query("select count(*) from sighting where at_us < ?", (START.timestamp() * 1e6,))
    assert int(str(rows[0][0])) > 0 and kiosk.tools.sightings.counters["sightings_trimmed"] == 0
