"""Large evidence of a kiosk goes by HTTP behind its candidate, goes on after kills and absences, and within limits."""

import hashlib
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import REPOSITORY, until
from gateway_helpers import Centre, candidate
from test_kiosk_rules_replay import Untouched
from upload_sender import KILLED_AFTER, parts
from video_packets import pieces, video

from detectors import Detections
from edge.evidence import Chain, File, device_key
from edge.kiosk.config import UploadSettings
from edge.kiosk.uploads import TRIES_MAX, UploadQueue
from edge.link import Outbox
from edge.link.leave import Leave
from edge.link.upload import Clip, NotNow, NotUploaded
from edge.watch.evidence import EvidenceMaker, Sealed
from edge.watch.large import Large, LargeFiles
from edge.watch.proof import Case, Facts, Prover
from edge.watch.ring import PacketRing
from edge.wire import ErrorCode, Refusal, UploadAsk, UploadGrant

CLIP = b"\0\0\0\x18ftypisom" + np.random.default_rng(1).bytes(5_000_000)
NOTHING = Detections.empty(("car",))


def large(folder: Path, data: bytes, name: str = "") -> Large:
    folder.mkdir(exist_ok=True)
    file = File(sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data), media_type="video/mp4")
    path = folder / (name or file.name)
    path.write_bytes(data)
    return Large(file, path, "clip", redacted=False)


@pytest.mark.slow
def test_an_upload_outlives_the_death_of_the_kiosk_and_of_the_gateway_and_holds_up_no_candidate(tmp_path: Path) -> None:
    """Where operators must sign in, so that each life of the kiosk needs a token of its own."""
    centre = Centre(tmp_path, gateway={"people": {"required": True}})
    url = f"http://127.0.0.1:{centre.http_port}"
    kiosk = tmp_path / "kiosk"
    kiosk.mkdir()
    outbox, sending, link = parts(kiosk, centre.mqtt_port, url)
    clip = large(kiosk / "originals", CLIP)
    link.send(candidate(1), within=sending.queue.adding("cand-1", [clip]))
    assert sending.queue.next() is None, "a file waits until its candidate has its receipt"
    outbox.close()
    centre.start()
    kept = tmp_path / "gateway" / "evidence" / clip.file.sha256[:2] / clip.file.sha256
    try:
        script = [
            sys.executable,
            str(REPOSITORY / "tests" / "upload_sender.py"),
            str(kiosk),
            str(centre.mqtt_port),
            url,
        ]
        assert subprocess.run(script, timeout=60, cwd=REPOSITORY).returncode == -signal.SIGKILL
        assert not kept.exists()
        centre.kill("gateway")
        outbox, sending, link = parts(kiosk, centre.mqtt_port, url)
        offsets: list[int] = []
        sending._uploader._on_offset = offsets.append
        link.start()
        sending.start(link)
        link.send(candidate(2))
        centre.start("gateway")
        until(lambda: sending.queue.counters()["uploads_done"] == 1, 60, "the clip")
        assert kept.read_bytes() == CLIP
        assert offsets[0] > KILLED_AFTER, "what had arrived was not sent again"
        assert link.drain(20.0) and sending.queue.waiting == 0
        assert centre.registry_http.get("/healthz").status_code == 200
    finally:
        sending.stop()
        link.stop()
        centre.stop()


def case(side_px: int) -> Case:
    picture = np.random.default_rng(2).integers(0, 255, (side_px // 2, side_px, 3), np.uint8)
    facts = Facts("cand-1", "cam", "bike", "r", "1", "m", "0" * 64, candidate().first_seen, 0.0)
    return Case(facts, picture, (20.0, 20.0, 90.0, 80.0), NOTHING)


def prover(folder: Path, files: LargeFiles | None) -> Prover:
    maker = EvidenceMaker(Untouched(), Sealed(folder / "originals", 10**9))  # type: ignore[arg-type]
    return Prover(maker, Chain(folder / "evidence", device_key(folder), "kiosk-1"), files)


def test_a_picture_that_mqtt_shrinks_leaves_at_its_full_size_too_and_the_record_says_so(tmp_path: Path) -> None:
    files = LargeFiles(tmp_path / "uploads", pictures=True, clips=False)
    proved = prover(tmp_path, files).prove(case(2000))
    (full,) = proved.large
    assert (full.kind, full.redacted, full.path.parent) == ("frame", True, files.folder)
    assert full.file.size_bytes > 256 * 1024 and all(len(p.data) <= 256 * 1024 for p in proved.pictures)
    assert full.file.sha256 in next((tmp_path / "evidence").glob("chain-*.jsonl")).read_text()


def test_without_an_address_nothing_large_is_made_and_a_full_disk_costs_the_picture_alone(tmp_path: Path) -> None:
    assert prover(tmp_path / "a", None).prove(case(2000)).large == ()
    files = LargeFiles(tmp_path / "b" / "uploads", True, False, 10, lambda folder: 0)
    proved = prover(tmp_path / "b", files).prove(case(2000))
    assert (proved.large, files.no_room, len(proved.pictures), proved.missing) == ((), 1, 2, "")


def test_a_clip_leaves_only_where_the_operator_sends_clips(tmp_path: Path) -> None:
    made, _ = pieces(video(tmp_path / "a.mp4", "libx264"))
    ring = PacketRing()
    for piece in made:
        ring.add(piece)
    cut = ring.cut(made[-1].mono_s)
    for clips in (False, True):
        files = LargeFiles(tmp_path / "uploads", pictures=False, clips=clips)
        proved = prover(tmp_path / str(clips), files).prove(replace(case(640), ring=ring, cut=cut))
        assert [(one.kind, one.redacted, one.path.is_file()) for one in proved.large] == [("clip", False, True)] * clips


def queue(folder: Path, **limits: float) -> tuple[Outbox, UploadQueue, list[float]]:
    outbox, now = Outbox(folder / "kiosk-1.db", "kiosk-1"), [1000.0]
    spool = folder / "uploads"
    spool.mkdir(exist_ok=True)
    made = UploadSettings(url="http://x", **limits)  # type: ignore[arg-type]
    return outbox, UploadQueue(outbox, spool, made, lambda: now[0]), now


def test_past_its_limits_the_oldest_goes_with_its_file_and_what_is_old_goes_too(tmp_path: Path) -> None:
    outbox, files, now = queue(tmp_path, queue_max=2, days_max=1.0)
    for n in range(3):
        outbox.put(candidate(n + 1), within=files.adding(f"cand-{n}", [large(tmp_path / "uploads", bytes([n]) * 9)]))
    files.tidy()
    assert (files.waiting, files.counters()["uploads_dropped"]) == (2, 1)
    assert len(list((tmp_path / "uploads").iterdir())) == 2
    now[0] += 2 * 86_400.0
    files.tidy()
    assert (files.waiting, files.counters()["uploads_expired"]) == (0, 2)
    assert list((tmp_path / "uploads").iterdir()) == []


def test_the_newest_with_a_receipt_is_next_and_one_of_a_refused_candidate_never(tmp_path: Path) -> None:
    outbox, files, _ = queue(tmp_path)
    seqs = [
        outbox.put(candidate(n), within=files.adding(f"cand-{n}", [large(tmp_path / "originals", bytes([n]))]))[0]
        for n in (1, 2, 3)
    ]
    outbox.receipted(outbox.epoch, seqs[:1])
    assert (one := files.next()) is not None and one.candidate_id == "cand-1"
    outbox.refused(outbox.epoch, [Refusal(seq=seqs[1], code=100, reason="bad")])
    outbox.receipted(outbox.epoch, seqs[2:])
    files.tidy()
    assert (one := files.next()) is not None and one.candidate_id == "cand-3"
    assert (files.waiting, files.counters()["uploads_orphaned"]) == (2, 1)
    for _ in range(TRIES_MAX):
        one = files.next()
        assert one is not None and one.candidate_id == "cand-3"
        files.damaged(one)
    assert files.counters()["uploads_refused"] == 1
    assert (tmp_path / "originals").exists() and len(list((tmp_path / "originals").iterdir())) == 3


def test_a_picture_whose_candidate_was_never_stored_is_swept_at_the_next_start(tmp_path: Path) -> None:
    outbox, files, _ = queue(tmp_path)
    outbox.put(candidate(1), within=files.adding("cand-1", [kept := large(tmp_path / "uploads", b"kept")]))
    large(tmp_path / "uploads", b"left")
    outbox.close()
    outbox, _, _ = queue(tmp_path)
    assert list((tmp_path / "uploads").iterdir()) == [kept.path]
    outbox.close()


def test_leave_is_asked_once_for_a_content_and_again_when_it_was_refused(tmp_path: Path) -> None:
    asked: list[UploadAsk] = []
    clip = Clip(tmp_path / "c.mp4", "kiosk-1", "cand-1", False)
    answers = {"a" * 64: 0, "b" * 64: int(ErrorCode.TOO_LARGE), "c" * 64: int(ErrorCode.OVER_QUOTA)}

    def say(message: object) -> bool:
        assert isinstance(message, UploadAsk)
        asked.append(message)
        if message.sha256 in answers:
            until_ = candidate().last_seen.replace(year=2999)
            code = answers[message.sha256]
            leave.given(UploadGrant(sha256=message.sha256, token=f"t{len(asked)}", expires=until_, code=code))
        return True

    leave = Leave(say, answer_s=0.01)
    words = [leave.token(clip, "a" * 64, 9, refused) for refused in (False, False, True)]
    assert words == ["t1", "t1", "t2"]
    with pytest.raises(NotUploaded, match="103"):
        leave.token(clip, "b" * 64, 9, False)
    with pytest.raises(NotNow):
        leave.token(clip, "c" * 64, 9, False)
    began = time.monotonic()
    with pytest.raises(NotNow, match="no answer"):
        leave.token(clip, "d" * 64, 9, False)
    assert time.monotonic() - began < 5.0 and leave.unanswered == 1
