"""A kiosk that is killed again and again files each thing on the street exactly once."""

import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from edge.link import Outbox
from edge.wire import Candidate, Evidence, channel, decode

THINGS = 12

SCRIPT = Path(__file__).parent / "kiosk_scripted.py"


def run_and_kill(folder: Path, before: int, after_s: float, filing: bool) -> None:
    """Start the kiosk's watcher and kill it `after_s` seconds after it was ready or, with `filing`, after it has filed
    more than `before` candidates (or 120 s at most: a picture is redacted in a second, on a busy machine in many)."""
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), str(folder), str(THINGS)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    deadline = time.monotonic() + 120.0
    while filing and filed(folder) <= before < THINGS and time.monotonic() < deadline:
        time.sleep(0.002)
    time.sleep(after_s)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()


def filed(folder: Path) -> int:
    """Candidates in the outbox of a kiosk that runs."""
    with closing(sqlite3.connect(f"file:{folder}/kiosk-1.db?mode=ro", uri=True)) as db:
        return int(db.execute("select count(*) from outbox where channel = 'candidate'").fetchone()[0])


def waiting(folder: Path) -> tuple[list[Candidate], list[Evidence]]:
    """What lies in the outbox."""
    outbox = Outbox(folder / "kiosk-1.db", "kiosk-1")
    messages = [decode(channel("up", p.channel), p.payload, "kiosk-1") for p in outbox.pending(10_000)]
    outbox.close()
    candidates = [m for m in messages if isinstance(m, Candidate)]
    return candidates, [m for m in messages if isinstance(m, Evidence)]


@pytest.mark.timeout(900)
def test_a_kiosk_killed_in_the_middle_of_filing_files_each_thing_once(tmp_path: Path) -> None:
    """Twelve bicycles, killed while their pictures are made and between one candidate and the next, until all are
    filed and three times more: twelve candidates."""
    rng = random.Random(20261123)
    kills, after = 0, 0
    while after < 3 and kills < 30:
        filing = kills % 2 == 1
        run_and_kill(tmp_path, len(waiting(tmp_path)[0]), rng.uniform(0.0, 0.02 if filing else 0.9), filing)
        kills += 1
        after += len(waiting(tmp_path)[0]) >= THINGS
    candidates, evidence = waiting(tmp_path)
    assert len(candidates) == THINGS
    assert len({c.place_id for c in candidates}) == THINGS
    assert len({c.box for c in candidates}) == THINGS
    named = {r.sha256 for c in candidates for r in c.evidence}
    assert {e.sha256 for e in evidence} == named
