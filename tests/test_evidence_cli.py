"""`zhuomu evidence` as its user meets it; a kiosk whose evidence holds, or whose candidates say why there is none."""

import json
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from kiosk_scripted import Scripted, scripted_tools
from test_kiosk_kill import waiting
from test_watch_evidence_chain import device, proof
from tmpfs import tmpfs
from video_packets import numbers, pieces, video

from detectors import Detections
from detectors.redact import Redactor
from edge.evidence import Chain, device_key
from edge.evidence.check import verify
from edge.kiosk.config import CameraSettings
from edge.kiosk.tools import Tools
from edge.kiosk.watcher import Watcher
from edge.watch.camera import Shot
from edge.watch.evidence import EvidenceMaker, Sealed
from edge.watch.proof import Case, Facts, Prover
from edge.watch.ring import PacketRing, Window
from edge.watch.source import Image
from edge.wire import Candidate, Evidence

START = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)


def run(*words: str) -> tuple[int, str, str]:
    """(exit code, stdout, stderr) of `zhuomu evidence ...`."""
    done = subprocess.run(
        [sys.executable, "-m", "zhuomu", "evidence", *words], capture_output=True, text=True, timeout=120
    )
    return done.returncode, done.stdout, done.stderr


class Quick(Redactor):
    """Hides nothing, at once: what is tested here is what happens to the pictures, not in them."""

    def __init__(self) -> None:
        self.asked = 0

    def redact(self, image: Image, vehicles: Detections | None = None, part: float = 1.0) -> Image:
        """A copy."""
        self.asked += 1
        return image.copy()


class Arrives(Scripted):
    """A bicycle that is not there at first."""

    there = False

    def detect(self, image: Image) -> Detections:
        """As the test says."""
        return super().detect(image) if self.there else Detections.empty(self.names)


def kiosk(data: Path, sealed_bytes: int = 10**8, outbox: Path | None = None) -> Tools:
    """A kiosk's tools with an evidence chain and a ring; `outbox`: its folder when it is another disk's."""
    data.mkdir(exist_ok=True)
    tools = scripted_tools(outbox or data, 1, Quick())
    return Tools(
        link=tools.link,
        store=tools.store,
        detector=Arrives(1),
        evidence=EvidenceMaker(Quick(), Sealed(data / "originals", sealed_bytes)),
        rules=tools.rules,
        anchors=tools.anchors,
        chain=Chain(data / "evidence", device_key(data), "kiosk-1"),
        rings={"cam": PacketRing(Window(2.0, 1.0))},
    )


def scene(bicycle: bool = True) -> Image:
    """640 x 240 with structure, and something white where the bicycle stands."""
    small = np.random.default_rng(4).integers(30, 220, (24, 64, 3), np.uint8)
    image = np.asarray(cv2.resize(small, (640, 240), interpolation=cv2.INTER_NEAREST), np.uint8)
    if bicycle:
        image[30:70, 30:80] = 255
    return image


def watch(tools: Tools, film: Path | None = None) -> None:
    """20 s of an empty place, then the bicycle comes and stays; with a film's packets coming beside the pictures."""
    watcher, detector = Watcher(CameraSettings("cam", "none"), tools, gone_s=60.0), tools.detector
    assert isinstance(detector, Arrives)
    packets = pieces(film)[0] if film else []
    for number in range(48):
        for piece in packets:
            if number / 2 - 0.5 < piece.mono_s - 82.0 <= number / 2:
                tools.rings["cam"].add(replace(piece, mono_s=piece.mono_s - 82.0))
        detector.there = number >= 40
        watcher.take(Shot(scene(number >= 40), START + timedelta(seconds=number / 2), number / 2, number + 1))
    watcher.finish(60.0)


def left(tools: Tools, folder: Path) -> tuple[list[Candidate], list[Evidence]]:
    """What lies in the outbox; closes it."""
    tools.desk.close()
    tools.link.outbox.close()
    return waiting(folder)


def fill(disk: Path) -> Path:
    """Take a disk's last byte."""
    path = disk / "filler"
    with path.open("wb", buffering=0) as filler, pytest.raises(OSError, match="No space"):
        while True:
            filler.write(bytes(1024))
    return path


def test_a_candidate_has_picture_crop_before_and_clip_and_names_its_record(tmp_path: Path) -> None:
    """All sealed in the chain, the redacted copies in the outbox, and the clip is the film's own moment."""
    tools = kiosk(tmp_path / "data")
    watch(tools, video(tmp_path / "a.mp4"))
    ((candidate,), evidence) = left(tools, tmp_path / "data")
    assert [r.kind for r in candidate.evidence] == ["frame", "crop", "before"] and candidate.evidence_missing == ""
    assert {e.sha256 for e in evidence} == {r.sha256 for r in candidate.evidence}
    report = verify(tmp_path / "data", device_key(tmp_path / "data").public, candidate.evidence_record or "none")
    assert report.holds and report.files_checked == 4, report.faults
    (clip,) = (tmp_path / "data" / "originals").glob("*.mp4")
    shown = numbers(clip)
    assert len(shown) >= 50 and shown[0] % 25 == 0
    (line,) = [json.loads(row) for row in next((tmp_path / "data" / "evidence").glob("*.jsonl")).open()]
    body = line["record"]["body"]
    assert body["before"]["at"] <= "2026-11-24T08:00:19" and body["missing"] == {}
    assert body["clip"]["from_ms"] <= -1900 and body["clip"]["to_ms"] <= 1000
    assert {s["sha256"] for s in body["sent"]} == {e.sha256 for e in evidence}


def test_without_packets_or_an_empty_place_the_manifest_says_why(tmp_path: Path) -> None:
    """A picture folder: no clip; a thing that was there from the first picture: no picture from before."""
    tools = kiosk(tmp_path / "data")
    watcher, tools.detector.there = Watcher(CameraSettings("cam", "none"), tools, gone_s=60.0), True  # type: ignore[attr-defined]
    for number in range(4):
        watcher.take(Shot(scene(), START + timedelta(seconds=number / 2), number / 2, number + 1))
    watcher.finish(60.0)
    ((candidate,), _) = left(tools, tmp_path / "data")
    assert [r.kind for r in candidate.evidence] == ["frame", "crop"]
    line = json.loads(next((tmp_path / "data" / "evidence").glob("*.jsonl")).read_text())
    assert set(line["record"]["body"]["missing"]) == {"before", "clip"}


def test_on_a_full_disk_the_candidate_leaves_without_evidence_and_says_so(tmp_path: Path) -> None:
    """Originals and chain on a real disk without a free byte; room comes back, and the chain goes on whole."""
    with tmpfs(tmp_path / "disk", "1m") as disk:
        tools = kiosk(disk / "data", outbox=tmp_path)
        filler = fill(disk)
        watch(tools)
        ((candidate,), evidence) = left(tools, tmp_path)
        assert candidate.evidence == [] and evidence == [] and candidate.evidence_record is None
        assert "no evidence" in candidate.evidence_missing and "No space left" in candidate.evidence_missing
        assert tools.prover.counters["evidence_unsealed"] == 1
        assert not list((disk / "data" / "originals").iterdir())
        filler.unlink()
        Chain(disk / "data" / "evidence", device_key(disk / "data"), "kiosk-1").append(proof(1))
        assert verify(disk / "data").records == 1


def test_with_the_outbox_on_the_full_disk_too_nothing_is_lost_once_there_is_room(tmp_path: Path) -> None:
    """What SQLite cannot take waits and is counted; with room again it is filed, once."""
    with tmpfs(tmp_path / "disk", "2m") as disk:
        tools = kiosk(disk / "data")
        watcher, detector = Watcher(CameraSettings("cam", "none"), tools, gone_s=60.0), tools.detector
        assert isinstance(detector, Arrives)
        detector.there, filler = True, fill(disk)
        watcher._save = lambda mono_s: None  # type: ignore[method-assign]  # as if the disk filled between two saves
        for number in range(4):
            watcher.take(Shot(scene(), START + timedelta(seconds=number / 2), number / 2, number + 1))
        watcher.finish(60.0)
        assert watcher.postponed > 0
        filler.unlink()
        watcher.finish(60.0)
        ((candidate,), _) = left(tools, disk / "data")
        assert "No space left" in candidate.evidence_missing


def test_originals_over_their_budget_go_with_a_record_and_verify_knows(tmp_path: Path) -> None:
    """Deleted by the device itself is not missing."""
    sealed = Sealed(tmp_path / "originals", 60_000)
    chain = device(tmp_path, 0)
    maker = EvidenceMaker(Quick(), sealed)
    prover, rng = Prover(maker, chain), np.random.default_rng(1)
    for number in range(12):
        image = rng.integers(0, 255, (120, 160, 3), np.uint8)
        facts = Facts(f"c{number}", "cam", "bike", "r", "1", "m", "0" * 64, START, float(number))
        prover.prove(Case(facts, image, (10.0, 10.0, 60.0, 60.0), Detections.empty(("car",))))
    report = verify(tmp_path, device_key(tmp_path).public)
    assert report.holds, report.faults
    assert report.candidates == 12 and report.files_deleted == sealed.deleted > 0
    assert sum(p.stat().st_size for p in (tmp_path / "originals").iterdir()) <= 60_000


def test_below_the_floor_of_the_disk_the_oldest_make_room_and_then_nothing_is_kept(tmp_path: Path) -> None:
    """The outbox has the rest of the disk."""
    with tmpfs(tmp_path / "disk", "1m") as disk:
        sealed = Sealed(disk / "originals", 10**8, free_bytes_min=512 * 1024)
        for number in range(8):
            sealed.keep_bytes(bytes([number]) * 100_000, "image/jpeg")
        assert sealed.deleted >= 3 and shutil.disk_usage(disk).free >= 500 * 1024
        with pytest.raises(OSError, match="No space left: "):
            sealed.keep_bytes(bytes(700_000), "image/jpeg")


def test_verify_says_in_words_and_json_whether_the_evidence_holds(tmp_path: Path) -> None:
    """Exit 0 when it does, 1 with the first broken link, 2 when there is nothing to verify."""
    device(tmp_path)
    code, out, _ = run("verify", str(tmp_path), "--key", str(tmp_path / "device.pub"))
    assert code == 0 and "6 records" in out and "the evidence holds" in out
    (tmp_path / "originals" / proof(2).frame.name).unlink()
    code, out, _ = run("verify", str(tmp_path))
    assert code == 1 and "first broken link 首个断点: record 3: missing file" in out and "give --key" in out
    code, out, _ = run("verify", str(tmp_path), "--json")
    told = json.loads(out)
    assert code == 1 and told["holds"] is False and told["faults"][0]["record"] == 3 and told["key_given"] is False
    code, _, err = run("verify", str(tmp_path / "none"))
    assert code == 2 and "no evidence here" in err and err.count("\n") == 1


def test_an_exported_candidate_proves_itself_and_who_took_it_is_recorded(tmp_path: Path) -> None:
    """The ZIP verifies with the device's key alone; a changed picture or a foreign key does not; nothing is written
    over."""
    device(tmp_path)
    out, name = tmp_path / "c.zip", "kiosk-1.0002"
    words = ("--data", str(tmp_path), "--candidate", name, "--out", str(out))
    code, said, err = run("export", *words, "--by", "Li Hua", "--why", "hearing 12")
    assert code == 0, err
    report = verify(out, device_key(tmp_path).public)
    assert report.holds and report.files_checked == 1 and report.records == 5 and said == f"{out}\n"
    notes = verify(tmp_path).notes
    assert notes == [f"record 7: Li Hua took out candidate {name} (hearing 12)"]
    assert run("export", *words)[0] == 2
    with zipfile.ZipFile(out) as packed, zipfile.ZipFile(tmp_path / "d.zip", "w") as other:
        for entry in packed.namelist():
            data = packed.read(entry)
            other.writestr(entry, data[::-1] if entry.endswith(".jpg") else data)
    assert "changed byte in" in verify(tmp_path / "d.zip").faults[0].words
    assert verify(out, device_key(tmp_path / "other").public).faults[0].what == "wrong signature"
    code, shown, _ = run("key", "--data", str(tmp_path))
    assert code == 0 and device_key(tmp_path).public.pem in shown
    code, _, err = run("export", "--data", str(tmp_path), "--candidate", "x", "--out", str(tmp_path / "e.zip"))
    assert code == 2 and "no evidence record of candidate x" in err
