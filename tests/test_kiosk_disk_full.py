"""A disk that is full, for each of what a kiosk stores: watching goes on, no candidate is lost or doubled."""

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from kiosk_scripted import Scripted
from test_kiosk_rules_replay import Untouched
from test_wire_contract import a_candidate
from tmpfs import tmpfs

from detectors import Detections
from edge.evidence import Chain, File, check, device_key
from edge.kiosk.config import CameraSettings
from edge.kiosk.store import KioskStore
from edge.kiosk.tools import Tools
from edge.kiosk.watcher import Watcher
from edge.link import Broker, Link, Outbox, OutboxUnusable
from edge.watch.camera import Shot
from edge.watch.evidence import EvidenceMaker, Sealed
from edge.watch.proof import Case, Facts, Prover
from edge.watch.ring import Cut, PacketRing
from edge.watch.rules import Rule, RuleBook
from edge.wire import Candidate, channel, decode

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
PICTURE = np.random.default_rng(1).integers(0, 255, (240, 640, 3), np.uint8)
STORES = ("outbox", "originals", "evidence", "anchors")


class Ballast:
    """Fills a disk to its last block, and gives the room back."""

    def __init__(self, disk: Path) -> None:
        self._file = disk / "ballast"

    def fill(self, leave: int = 0) -> None:
        """All but about `leave` bytes."""
        with suppress(OSError), self._file.open("wb", buffering=0) as out:
            while True:
                out.write(b"x" * 4096)
        if leave:
            with self._file.open("r+b") as out:
                out.truncate(max(0, self._file.stat().st_size - leave))

    def free(self) -> None:
        """Somebody has made room."""
        self._file.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with tmpfs(tmp_path / "disk", "6m") as mounted:
        yield mounted


class Kiosk:
    """A watcher whose stores lie in folders of their own."""

    def __init__(self, home: Path, disk: Path, full: tuple[str, ...]) -> None:
        self._places = {name: (disk if name in full else home) / name for name in STORES}
        for place in self._places.values():
            place.mkdir(exist_ok=True)
        self.outbox = Outbox(self._places["outbox"] / "kiosk-1.db", "kiosk-1")
        self.detector = Scripted(1)
        self.tools = Tools(
            link=Link(self.outbox, Broker(port=1), "kiosk", handlers={}),
            store=KioskStore(self.outbox),
            detector=self.detector,
            evidence=EvidenceMaker(Untouched(), Sealed(self._places["originals"], 10**8)),  # type: ignore[arg-type]
            rules=RuleBook("1", [Rule("bikes", "bike", "04-10", ["bicycle"], dwell_s=3.0)]),
            anchors=self._places["anchors"],
            chain=Chain(self._places["evidence"], device_key(home), "kiosk-1"),
        )
        self._watcher = Watcher(CameraSettings("cam", "none"), self.tools, gone_s=60.0)
        self._number = 0

    def watch(self, seconds: float) -> list[Candidate]:
        """So much longer; what lies in the outbox then."""
        for _ in range(round(2 * seconds)):
            self._number += 1
            t = self._number / 2
            self._watcher.take(Shot(PICTURE, START + timedelta(seconds=t), t, self._number))
            self._watcher.finish(60.0)
        found = [decode(channel("up", p.channel), p.payload, "kiosk-1") for p in self.outbox.pending(1000)]
        return [one for one in found if isinstance(one, Candidate)]

    def end(self) -> None:
        """As SIGTERM does."""
        self._watcher.flush(60.0)
        self.tools.desk.close()
        self.outbox.close()


@pytest.mark.parametrize("full", [("outbox",), STORES], ids=["outbox", "everything"])
def test_with_a_full_outbox_disk_watching_goes_on_and_candidates_wait_for_room(
    tmp_path: Path, disk: Path, full: tuple[str, ...]
) -> None:
    """No exception, no candidate, and what was due is filed once as soon as there is room. A restart files nothing
    again."""
    kiosk = Kiosk(tmp_path, disk, full)
    assert kiosk.watch(2.0) == []
    ballast = Ballast(disk)
    ballast.fill()
    waiting = kiosk.watch(8.0)
    stored = len(waiting)  # the database's own journal may have had room for one
    assert stored <= 1
    assert kiosk.tools.store.unsaved > 0 or stored
    ballast.free()
    (filed,) = kiosk.watch(4.0)
    assert filed.dwell_s >= 3.0
    kiosk.end()
    again = Kiosk(tmp_path, disk, full)
    assert len(again.watch(8.0)) == 1
    again.end()


@pytest.mark.parametrize("store", ["originals", "evidence"])
def test_a_full_disk_costs_the_evidence_and_says_so(tmp_path: Path, disk: Path, store: str) -> None:
    """The candidate goes at once, says what is missing, and the next one after room was made is whole."""
    kiosk = Kiosk(tmp_path, disk, (store,))
    kiosk.watch(2.0)
    ballast = Ballast(disk)
    ballast.fill()
    (first,) = kiosk.watch(4.0)
    assert first.evidence_missing.startswith("no evidence:") and first.evidence == [] and first.evidence_record is None
    assert kiosk.tools.prover.counters["evidence_unsealed"] == 1
    ballast.free()
    kiosk.detector = kiosk.tools.detector = Scripted(2)
    second = next(c for c in kiosk.watch(6.0) if c.place_id != first.place_id)
    assert second.evidence and second.evidence_record and second.evidence_missing == ""
    kiosk.end()
    chain = tmp_path / "evidence" if store == "originals" else disk / "evidence"
    records = b"".join(p.read_bytes() for p in chain.glob("chain-*.jsonl"))
    assert records.count(b"\n") == 1 and second.candidate_id.encode() in records


def test_full_disks_of_anchors_and_views_cost_no_candidate(tmp_path: Path, disk: Path) -> None:
    kiosk = Kiosk(tmp_path, disk, ("anchors",))
    Ballast(disk).fill()
    (filed,) = kiosk.watch(14.0)  # longer than a view takes to be learned
    assert filed.evidence_record and filed.evidence_missing == ""
    kiosk.end()


def test_a_clip_for_which_there_is_no_room_costs_the_clip_alone(tmp_path: Path, disk: Path) -> None:
    """The pictures are sealed and recorded, and the record says why the clip is missing."""

    class Large(Cut):
        def mp4(self) -> bytes:
            return b"x" * 3_000_000

    sealed = Sealed(disk / "originals", 10**8)
    prover = Prover(EvidenceMaker(Untouched(), sealed), Chain(tmp_path / "evidence", device_key(tmp_path), "kiosk-1"))  # type: ignore[arg-type]
    Ballast(disk).fill(leave=1_500_000)
    facts = Facts("c", "cam", "bike", "r", "1", "m", "0" * 64, START, 0.0)
    none = Detections.empty(("bicycle",))
    proved = prover.prove(Case(facts, PICTURE, (20.0, 20.0, 90.0, 80.0), none, None, NothingMore(), Large((), 0.0)))
    assert proved.record and proved.pictures and prover.counters["clips_failed"] == 1
    (line,) = next((tmp_path / "evidence").glob("chain-*.jsonl")).read_text().splitlines()
    assert "the clip could not be made" in line
    assert list((disk / "originals").glob("*.part")) == []


class NothingMore(PacketRing):
    """What was cut is all there is."""

    def more(self, cut: Cut) -> Cut:
        """The same."""
        return cut


def test_a_chain_on_a_full_disk_stays_whole_and_goes_on_with_room(tmp_path: Path, disk: Path) -> None:
    from edge.evidence import ChainFailed, Deleted

    chain = Chain(disk / "evidence", device_key(tmp_path), "kiosk-1")
    chain.append(Deleted(names=["a.jpg"], why="first"))
    ballast = Ballast(disk)
    ballast.fill()
    refused = 0
    for number in range(20):
        try:
            chain.append(Deleted(names=[f"{number}.jpg" * 10], why="x" * 500))
        except ChainFailed:
            refused += 1
    assert refused and chain.counters["chain_failed"] == refused
    ballast.free()
    chain.append(Deleted(names=["b.jpg"], why="last"))
    report = check.verify(next((disk / "evidence").glob("chain-*.jsonl")), device_key(tmp_path).public)
    assert report.holds and report.records == 22 - refused


def test_an_outbox_on_a_full_disk_keeps_everything_and_drains_with_room(tmp_path: Path, disk: Path) -> None:
    """Receipts that cannot be written delete nothing; after a restart on the full disk nothing is broken either."""
    box = Outbox(disk / "o.db", "kiosk-1")
    for _ in range(50):
        box.put(a_candidate())
    ballast = Ballast(disk)
    ballast.fill()
    try:
        for number in range(200):
            box.put(a_candidate(zone=f"{number} " + "x" * 8000))
    except sqlite3.OperationalError as error:
        assert "full" in str(error)
    else:
        pytest.fail("the disk took 200 messages though it was full")
    taken = box.size[0]
    with suppress(sqlite3.OperationalError):
        box.receipted(box.epoch, list(range(1, 11)))
    left = box.size[0]
    assert left in (taken, taken - 10)
    box.close()
    with suppress(OutboxUnusable):
        Outbox(disk / "o.db", "kiosk-1").close()
    ballast.free()
    again = Outbox(disk / "o.db", "kiosk-1")
    assert again.size[0] == left == len(again.pending(10_000))
    assert again.query("pragma integrity_check") == [("ok",)]
    assert again.receipted(again.epoch, [p.seq for p in again.pending(10_000)]) == left
    again.close()


def test_what_was_forgotten_while_the_disk_was_full_is_forgotten_with_room(tmp_path: Path, disk: Path) -> None:
    """Else a thing that comes to the same place later would be as old as the one before it, after a restart."""
    kiosk = Kiosk(tmp_path, disk, ("outbox",))
    kiosk.watch(2.0)
    kiosk.tools.store.keep([])
    ballast = Ballast(disk)
    ballast.fill()
    kiosk.detector = kiosk.tools.detector = Scripted(0)
    kiosk.watch(20.0)
    ballast.free()
    kiosk.watch(4.0)
    assert kiosk.tools.store.spots("cam") == []
    kiosk.end()


def test_a_part_of_a_file_is_never_left(disk: Path) -> None:
    Ballast(disk).fill(leave=8192)
    with pytest.raises(OSError, match="No space left"):
        Sealed(disk, 10**8).keep_bytes(b"x" * 100_000, "image/jpeg")
    assert isinstance(Sealed(disk, 10**8).keep_bytes(b"y", "image/jpeg"), File)
    assert [p.name for p in disk.iterdir() if p.suffix == ".part"] == []
