"""Settings from afar survive SIGKILL at any point: what runs is always a whole version, and never one that failed."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from care_scripted import whole

from edge.care import Shelf, State
from edge.care import state as steps
from edge.care.keeper import start
from edge.care.state import STARTS_MAX

SCRIPT = Path(__file__).parent / "care_scripted.py"
KILLS = int(os.environ.get("ZHUOMU_CARE_KILLS", "60"))
STEPS = 60  # on the disk: two versions and more come and go in so many
MANY = 10**6


class Lives:
    """The device's lives, one after the other."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, str(SCRIPT), str(folder)]
        self._errors = (folder / "stderr").open("wb")
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True
        )

    def one(self, wishes: int, kill_at: int) -> list[dict[str, Any]]:
        """Live, killed at a step; what the life said, and `killed` at the end."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{wishes} {kill_at}\n")
        self._process.stdin.flush()
        said: list[dict[str, Any]] = [{}]
        while "killed" not in said[-1]:
            said.append(self._line())
        return said[1:]

    def end(self) -> None:
        """No more lives."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()
        self._errors.close()

    def _line(self) -> dict[str, Any]:
        """The next word."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the script itself ended"
        return dict(json.loads(line))


@pytest.mark.slow
@pytest.mark.timeout(60 + 5 * KILLS)
def test_killed_while_versions_come_and_go_it_runs_whole_versions_alone(tmp_path: Path) -> None:
    """Killed at seeded steps of counting, storing, switching, judging and tidying: the state can be read every time,
    the version in force is whole, a blind (even) version is never the good one, and wishes are taken still."""
    rng = random.Random(20261124)
    shelf = Shelf(tmp_path / "care")
    lives = Lives(tmp_path)
    good = killed = 0
    for _ in range(KILLS):
        *said, end = lives.one(MANY, rng.randint(1, STEPS))
        killed += end["killed"]
        assert all(line["whole"] for line in said)
        state = shelf.read()
        assert state.good == 0 or state.good % 2 == 1
        assert state.good >= good, "a version that had proved itself was lost"
        assert all(whole(shelf, version) for version in state.kept)
        assert state.starts <= STARTS_MAX
        good = state.good
    assert killed == KILLS
    before = shelf.read().newest
    assert before > KILLS / 8, "hardly anything was tried while it was killed"
    assert lives.one(before + 4, 0)[-2:] == [{"done": True}, {"killed": False}]
    lives.end()
    assert shelf.read().word == "good"
    assert {path.name for path in shelf.folder.glob("*config*")} == {f"config-{n}" for n in shelf.read().kept}


def test_a_version_whose_process_falls_twice_is_given_up(tmp_path: Path) -> None:
    """Two starts without a good end; the third start runs what ran before and says why."""
    shelf = Shelf(tmp_path / "care")
    shelf.write(State(good=3, trial=4))
    assert start(shelf).state.in_force == 4
    assert start(shelf).state.in_force == 4
    third = start(shelf)
    assert third.state.in_force == 3
    assert third.state.refused == 4
    assert "fell 2 times" in third.trouble
    assert start(shelf).state == shelf.read() == third.state


def test_a_state_that_cannot_be_read_keeps_no_device_from_its_work(tmp_path: Path) -> None:
    """Its own file holds, and the next version is taken."""
    shelf = Shelf(tmp_path / "care")
    shelf.write(State(good=3))
    (tmp_path / "care" / "state.json").write_bytes(b"\0" * 40)
    begun = start(shelf)
    assert (begun.state, "state.json" in begun.trouble) == (State(), True)


def test_a_version_that_proves_itself_does_not_vouch_for_the_next() -> None:
    """One that went on trial meanwhile has to prove itself; what cannot start goes back step by step."""
    state = steps.tried(State(good=3, trial=4, starts=1), 5, ["north"])
    assert steps.proved(state, 4) == state
    good = steps.proved(steps.begun(state), 5)
    assert (good.good, good.previous, good.trial) == (5, 3, 0)
    once = steps.unusable(good, "no network")
    twice = steps.unusable(once, "no rules")
    assert (once.in_force, once.refused, twice.in_force, twice.refused) == (3, 5, 0, 3)
    assert steps.ended(steps.begun(steps.tried(good, 6, []))).starts == 0
