"""`zhuomu drone fly --sim` as people call it: from the plan to the closed case, against exact truth."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_a_patrol_is_planned_flown_seen_merged_looked_at_again_and_closed(tmp_path: Path) -> None:
    """Real broker, gateway and registry as processes, the shipped network, the sample street from the copter's pose."""
    command = [sys.executable, "-m", "zhuomu", "drone", "fly", "--sim", "--json", "--data", str(tmp_path / "sim")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout)
    assert told["filed"] >= 3 and told["ellipses_hold"] == told["filed"] and told["error_m_max"] < 5.0
    assert told["kiosk_reported"] and told["merged"] == 1
    assert told["incidents"] == told["candidates"]  # the kiosk's sighting of one of them founded no second one
    assert told["verdicts_still_there"] >= 1  # what was left standing
    assert told["verdicts_cleared"] >= 1 and told["centre_closed"] == told["verdicts_cleared"]
    assert (told["outbox_left"], told["kiosk_left"], told["centre_dead_letters"]) == (0, 0, 0)
    seen = [sys.executable, "-m", "zhuomu", "drone", "seen", str(tmp_path / "sim" / "drone-1" / "drone-1.db"), "--json"]
    ledger = json.loads(subprocess.run(seen, capture_output=True, text=True, timeout=60, check=True).stdout)
    assert ledger["flights"] == 2 and ledger["area_m2"] > 100
