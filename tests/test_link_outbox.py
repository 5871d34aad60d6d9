"""The outbox gives up a message only for its receipt, survives a kill at any moment, and has limits."""

import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from test_wire_contract import a_candidate

from edge.link import Limits, Outbox, OutboxFull, OutboxUnusable, left
from edge.wire import Evidence, Refusal, TooLarge


def picture(size: int) -> Evidence:
    """Evidence with so many bytes."""
    return Evidence(
        device="x",
        epoch="01234567",
        seq=1,
        sha256="0" * 64,
        media_type="image/jpeg",
        kind="crop",
        redacted=True,
        data=b"x" * size,
    )


def test_a_message_stays_until_its_receipt(tmp_path: Path) -> None:
    """Sending deletes nothing; the receipt does."""
    box = Outbox(tmp_path / "o.db", "kiosk-1")
    seqs = box.put(a_candidate(), a_candidate())
    assert [p.seq for p in box.pending(10)] == seqs == [1, 2]
    assert box.receipted(box.epoch, [1]) == 1
    assert [p.seq for p in box.pending(10)] == [2]


def test_a_receipt_of_another_epoch_deletes_nothing(tmp_path: Path) -> None:
    """A receipt for the device's former database says nothing about this one."""
    box = Outbox(tmp_path / "o.db", "kiosk-1")
    box.put(a_candidate())
    assert box.receipted("f" * 16, [1]) == 0
    assert box.size[0] == 1


def test_numbers_are_never_used_twice(tmp_path: Path) -> None:
    """Also after everything was receipted and the process started again."""
    box = Outbox(tmp_path / "o.db", "kiosk-1")
    box.receipted(box.epoch, box.put(a_candidate(), a_candidate()))
    epoch = box.epoch
    box.close()
    again = Outbox(tmp_path / "o.db", "kiosk-1")
    assert (again.epoch, again.put(a_candidate())) == (epoch, [3])


def test_a_new_database_has_a_new_epoch(tmp_path: Path) -> None:
    """A device whose disk was replaced is not taken for its former self."""
    assert Outbox(tmp_path / "a.db", "kiosk-1").epoch != Outbox(tmp_path / "b.db", "kiosk-1").epoch


def test_urgent_messages_go_first(tmp_path: Path) -> None:
    """A candidate overtakes the pictures that were put before it."""
    box = Outbox(tmp_path / "o.db", "kiosk-1")
    box.put(picture(10), picture(10), a_candidate())
    assert [p.channel for p in box.pending(3)] == ["candidate", "evidence", "evidence"]


def test_the_callers_state_and_its_message_stand_or_fall_together(tmp_path: Path) -> None:
    """When the caller's part of the transaction fails, the message is not there either."""
    box = Outbox(tmp_path / "o.db", "kiosk-1")

    def fail(conn: sqlite3.Connection) -> None:
        conn.execute("insert into no_such_table values (1)")

    with pytest.raises(sqlite3.OperationalError):
        box.put(a_candidate(), within=fail)
    assert (box.size, box.pending(1)) == ((0, 0), [])
    assert box.put(a_candidate()) == [1]


def test_evidence_makes_room_oldest_first_and_is_counted(tmp_path: Path) -> None:
    """The stated overflow policy."""
    box = Outbox(tmp_path / "o.db", "kiosk-1", Limits(rows_max=3))
    box.put(picture(1), picture(2), picture(3))
    box.put(a_candidate(), a_candidate())
    assert [p.seq for p in box.pending(9)] == [4, 5, 3]
    assert box.dropped == {"evidence": 2}


def test_a_full_outbox_refuses_what_may_not_be_dropped(tmp_path: Path) -> None:
    """Candidates are never dropped: the caller is told and keeps its state."""
    box = Outbox(tmp_path / "o.db", "kiosk-1", Limits(rows_max=2))
    box.put(a_candidate(), a_candidate())
    with pytest.raises(OutboxFull, match="full"):
        box.put(a_candidate())
    assert box.size[0] == 2


def test_the_byte_limit_counts_payloads(tmp_path: Path) -> None:
    """Limits hold for bytes as for rows."""
    box = Outbox(tmp_path / "o.db", "kiosk-1", Limits(bytes_max=40_000))
    box.put(picture(20_000))
    box.put(picture(20_000))
    assert box.size[0] == 1
    assert box.size[1] < 40_000


def test_a_refused_message_goes_to_the_shelf(tmp_path: Path) -> None:
    """It is not sent again and not silently gone."""
    box = Outbox(tmp_path / "o.db", "kiosk-1")
    box.put(a_candidate())
    assert box.refused(box.epoch, [Refusal(seq=1, code=100, reason="no")]) == 1
    assert (box.size[0], box.shelf()) == (0, [(1, "candidate", 100, "no")])


def test_a_message_over_its_limit_is_refused_at_once(tmp_path: Path) -> None:
    """Nothing is stored of it."""
    box = Outbox(tmp_path / "o.db", "kiosk-1")
    with pytest.raises(TooLarge):
        box.put(a_candidate(zone="x" * 20_000))
    assert box.size == (0, 0)


def test_a_file_that_is_no_database_is_refused_in_one_line(tmp_path: Path) -> None:
    """The operator reads what is wrong and what to do."""
    (tmp_path / "o.db").write_text("this is no database, only text " * 100)
    with pytest.raises(OutboxUnusable, match="cannot be used as an outbox") as refused:
        Outbox(tmp_path / "o.db", "kiosk-1")
    assert "\n" not in str(refused.value)


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_wire_contract import a_candidate
from edge.link import Outbox
box = Outbox(Path(sys.argv[1]), "kiosk-1")
while True:
    print(box.put(a_candidate())[0], flush=True)
"""


@pytest.mark.parametrize("seed", range(6))
def test_a_kill_loses_no_message_that_put_had_returned(tmp_path: Path, seed: int) -> None:
    """SIGKILL at a random moment: every number that was printed is in the file, and no number twice."""
    path = tmp_path / "o.db"
    code = WRITER.format(tests=str(Path(__file__).parent))
    process = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    first = process.stdout.readline()
    time.sleep(random.Random(seed).uniform(0.0, 0.3))
    process.send_signal(signal.SIGKILL)
    printed = [int(first), *(int(line) for line in process.stdout if line.endswith("\n"))]
    process.wait()
    process.stdout.close()
    assert left(path) >= len(printed)
    stored = [p.seq for p in Outbox(path, "kiosk-1").pending(10**6)]
    assert stored[: len(printed)] == printed == list(range(1, len(printed) + 1))
    assert len(stored) - len(printed) <= 1
