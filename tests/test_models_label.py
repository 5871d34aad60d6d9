"""`zhuomu model label` end to end: a rendered street, a real centre, a person's decisions, the set."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from gateway_helpers import Centre, Device, eventually
from street_run import run
from typer.testing import CliRunner, Result

from detectors import load_detector
from edge.link import Outbox
from edge.wire import Candidate, channel, decode
from models.city.folder import read_manifest
from models.city.judged import Entry, iou, shares
from models.cli import app
from models.labelled import CLASSES

runner = CliRunner()
SEED = 102


@dataclass
class City:
    """A centre at which a kiosk's candidates were judged: `words[i]` is the decision on `candidates[i]`."""

    centre: Centre
    candidates: list[Candidate]
    words: list[str]
    hard: Path

    def label(self, out: Path, *more: str) -> Result:
        """Run the command against the gateway."""
        url = f"http://127.0.0.1:{self.centre.http_port}"
        return runner.invoke(app, ["label", str(out), "--gateway", url, "--val-share", "0", *more])

    def rows(self) -> dict[str, dict[str, Any]]:
        """What the gateway tells of each candidate."""
        return {row["candidate_id"]: row for row in self.centre.get("/api/reviewed")["candidates"]}

    def of(self, word: str) -> list[Candidate]:
        """The candidates with this decision."""
        return [c for c, w in zip(self.candidates, self.words, strict=True) if w == word]


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """The first candidate is confirmed, then one each: false alarm, there but permitted, other, waiting, confirmed."""
    folder = tmp_path_factory.mktemp("city")
    found = run(folder, SEED, load_detector(min_score=0.15, threads=2), seconds=40.0).candidates
    assert len(found) >= 6, "the street files too little for this test"
    centre = Centre(folder, {}, {"crews": ["handset-1"]})
    centre.start()
    _send(folder, centre)
    city = City(centre, found, [], folder)
    eventually(lambda: [1 for r in city.rows().values() if r["case_id"]] == [1] * len(found), "the cases")
    words = ("confirmed", "false_alarm", "permitted", "other", "waiting", *["confirmed"] * (len(found) - 5))
    for candidate, word in zip(found, words, strict=True):
        _decide(centre, city.rows()[candidate.candidate_id]["case_id"], word)
    decided = {c.candidate_id for c, w in zip(found, words, strict=True) if w != "waiting"}
    eventually(lambda: all(city.rows()[i]["decision"] != "waiting" for i in decided), "the decisions")
    city.words += words
    yield city
    centre.stop()


def _send(folder: Path, centre: Centre) -> None:
    """All that waits in the kiosk's outbox goes to the gateway."""
    outbox = Outbox(folder / f"{SEED}.db", "kiosk-1")
    query = "select channel, payload from outbox where channel in ('candidate', 'evidence') order by seq"
    device = Device(centre.mqtt_port, "kiosk-1")
    for name, payload in outbox.query(query):
        device.send(decode(channel("up", str(name)), bytes(payload), "kiosk-1"))  # type: ignore[arg-type]
    device.settle()
    device.stop()
    outbox.close()


def _decide(centre: Centre, case_id: str, word: str) -> None:
    body: dict[str, Any] = {"person": "Li Min", "file": word == "confirmed"}
    if word != "confirmed":
        body |= {"reason": f"seen by myself: {word}", "cause": word}
    if word != "waiting":
        assert centre.registry_http.post(f"/cases/{case_id}/confirm", json=body).is_success


def entry_of(out: Path, candidate: Candidate) -> Entry:
    """The manifest's line that rests on a candidate."""
    entries = read_manifest(out).values()
    return next(e for e in entries if candidate.candidate_id in {p["candidate_id"] for p in e.proofs})


def rows_of(out: Path, entry: Entry, part: str = "labels") -> list[tuple[int, list[float]]]:
    """A label file's rows as class id and x1, y1, x2, y2 in shares."""
    lines = (out / part / f"{Path(entry.image).stem}.txt").read_text().splitlines()
    parsed = [[float(v) for v in line.split()] for line in lines]
    return [(int(c), [x - w / 2, y - h / 2, x + w / 2, y + h / 2]) for c, x, y, w, h in parsed]


def in_shares(candidate: Candidate) -> tuple[float, float, float, float]:
    """The candidate's box in shares of its frame."""
    box = shares(candidate.box, candidate.frame_width, candidate.frame_height)
    assert box is not None
    return box


def inside(row: list[float], point: tuple[float, float]) -> bool:
    """Whether a point lies in a box."""
    return row[0] <= point[0] <= row[2] and row[1] <= point[1] <= row[3]


@pytest.mark.slow
def test_a_confirmed_candidate_is_a_labelled_picture_with_the_candidates_own_box(city: City, tmp_path: Path) -> None:
    assert city.label(tmp_path / "set").exit_code == 0
    for candidate in [*city.of("confirmed"), *city.of("permitted")]:
        entry = entry_of(tmp_path / "set", candidate)
        assert entry.label == candidate.label
        mine = [box for class_id, box in rows_of(tmp_path / "set", entry) if CLASSES[class_id] == candidate.label]
        px = [[v * s for v, s in zip(box, (1280, 720) * 2, strict=True)] for box in mine]
        assert any(box == pytest.approx(candidate.box, abs=0.01) for box in px)
        data = (tmp_path / "set" / "images" / entry.image).read_bytes()
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert image is not None and image.shape[:2] == (720, 1280)


@pytest.mark.slow
def test_a_false_alarm_is_a_picture_without_that_box_and_the_loss_may_look_there_alone(
    city: City, tmp_path: Path
) -> None:
    city.label(tmp_path / "set")
    for candidate in city.of("false_alarm"):
        entry, box = entry_of(tmp_path / "set", candidate), in_shares(candidate)
        assert not any(iou((*row,), box) > 0.5 for _, row in rows_of(tmp_path / "set", entry))  # type: ignore[arg-type]
        strips = [row for _, row in rows_of(tmp_path / "set", entry, "ignore")]
        middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
        assert not any(inside(row, middle) for row in strips)
        assert any(inside(row, (0.01, 0.01)) for row in strips) and any(inside(row, (0.99, 0.99)) for row in strips)


@pytest.mark.slow
def test_the_manifest_names_who_decided_when_and_why_with_which_network(city: City, tmp_path: Path) -> None:
    city.label(tmp_path / "set")
    candidate = city.of("false_alarm")[0]
    (proof,) = (p for p in entry_of(tmp_path / "set", candidate).proofs if p["candidate_id"] == candidate.candidate_id)
    assert (proof["person"], proof["decision"], proof["cause"]) == ("Li Min", "rejected", "false_alarm")
    assert proof["model_sha256"] == candidate.model_sha256 and proof["decided_at"].startswith("20")
    assert proof["reason"] == "seen by myself: false_alarm"


@pytest.mark.slow
def test_what_nobody_decided_stays_out_and_the_report_says_why(city: City, tmp_path: Path) -> None:
    report = json.loads(city.label(tmp_path / "set", "--json").stdout)
    assert report["skipped"] == {"rejected without saying whether the thing was there": 1, "waits for a decision": 1}
    assert report["decisions"] == {"confirmed": len(city.of("confirmed")), "rejected": 3, "waiting": 1}
    assert report["boxes"] == len(city.of("confirmed")) + 1 and report["hard_negatives"] == 1
    named = {p["candidate_id"] for e in read_manifest(tmp_path / "set").values() for p in e.proofs}
    assert not named & {c.candidate_id for c in [*city.of("waiting"), *city.of("other")]}


@pytest.mark.slow
def test_what_the_kiosk_saw_besides_is_neither_positive_nor_negative(city: City, tmp_path: Path) -> None:
    """With the kiosk's own folder: other classes of the same picture are ignored where the detector saw them."""
    assert city.label(tmp_path / "set", "--kiosk", str(city.hard)).exit_code == 0
    entry = entry_of(tmp_path / "set", city.of("confirmed")[-1])
    seen = {o.label for o in entry.others} - {entry.label}
    kinds = {CLASSES[class_id] for class_id, _ in rows_of(tmp_path / "set", entry, "ignore")}
    assert seen and kinds == seen | {entry.label}


@pytest.mark.slow
def test_a_second_run_changes_nothing_and_keeps_what_the_gateway_has_lost(city: City, tmp_path: Path) -> None:
    out = tmp_path / "set"
    city.label(out)
    before = {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in out.rglob("*") if p.is_file()}
    city.label(out)
    assert {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in out.rglob("*") if p.is_file()} == before
    digest = read_manifest(out)[next(p.name for p in (out / "images").iterdir())].picture
    lost = city.centre.folder / "gateway" / "evidence" / digest[:2] / digest
    data = lost.read_bytes()
    lost.unlink()
    again, fresh = city.label(out), city.label(tmp_path / "fresh")
    lost.write_bytes(data)
    assert again.exit_code == fresh.exit_code == 0
    assert {p: p.read_bytes() for p in out.rglob("*") if p.is_file()} == {p: b for p, (_, b) in before.items()}
    assert "picture is not at the gateway" in fresh.stdout
    assert not any(e.picture == digest for e in read_manifest(tmp_path / "fresh").values())


@pytest.mark.slow
def test_a_persons_box_replaces_the_machines_and_stays_over_later_runs(city: City, tmp_path: Path) -> None:
    out = tmp_path / "set"
    city.label(out)
    entry = entry_of(out, city.of("confirmed")[0])
    (tmp_path / "mine.txt").write_text(f"# mine\nimages/{entry.image} 100 50 300 250\n")
    args = ["--corrections", str(tmp_path / "mine.txt"), "--person", "Wang Fang"]
    assert city.label(out, *args).exit_code == 0
    assert city.label(out).exit_code == 0
    ((_, box),) = rows_of(out, entry)
    assert box == pytest.approx([100 / 1280, 50 / 720, 300 / 1280, 250 / 720], abs=1e-5)
    mended = read_manifest(out)[entry.image]
    assert mended.decision == "corrected" and mended.proofs[-1]["person"] == "Wang Fang"
    assert not any(CLASSES[i] == entry.label for i, _ in rows_of(out, entry, "ignore"))


@pytest.mark.slow
def test_all_pictures_of_a_camera_are_in_one_part(city: City, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{city.centre.http_port}"
    parts = set()
    for share in ("0", "0.9"):
        runner.invoke(app, ["label", str(tmp_path / share), "--gateway", url, "--val-share", share])
        parts |= {frozenset(e.part for e in read_manifest(tmp_path / share).values())}
    assert all(len(part) == 1 for part in parts)
