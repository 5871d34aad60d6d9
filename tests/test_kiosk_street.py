"""The shipped network and the kiosk's whole chain on a rendered street: each thing once, and checks tell the truth.

False candidates of the network are a figure (docs/benchmarks.md, `python tests/street_run.py SEED ...`), no claim here.
"""

from pathlib import Path

import pytest
from street_run import run

from detectors import load_detector


@pytest.mark.slow
@pytest.mark.parametrize("seed", [102, 103])
def test_each_due_event_is_filed_exactly_once(tmp_path: Path, seed: int) -> None:
    """And a thing that is there is never called cleared, while most cleared places are seen as such."""
    result = run(tmp_path, seed, load_detector(min_score=0.15, threads=2))
    found = result.match
    assert found.due >= 8
    assert (found.exact, found.missed, found.doubled) == (found.due, [], [])
    present = [answer for expected, answer in result.checks if expected == "still_there"]
    gone = [answer for expected, answer in result.checks if expected == "cleared"]
    assert present
    assert "cleared" not in present
    assert gone.count("cleared") > len(gone) / 2
