"""The city's set without a centre: geometry of what was judged, the kiosk's folder, corrections, and bad input."""

import hashlib
import json
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest
from conftest import REPOSITORY, free_port
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from edge.kiosk.example import Example, Seen
from models.city import gateway as city_gateway
from models.city.folder import read_manifest
from models.city.gateway import Reviewed
from models.city.judged import Judged, Tally, entry_of, part_of, rest_of, shares
from models.cli import app
from models.recipe import city as recipe

runner = CliRunner()
corner, side = st.integers(0, 19), st.integers(1, 20)
box = st.tuples(corner, corner, side, side).map(
    lambda b: (b[0] / 20, b[1] / 20, min(20, b[0] + b[2]) / 20, min(20, b[1] + b[3]) / 20)
)


def label(out: Path, *args: str) -> Result:
    """The command."""
    return runner.invoke(app, ["label", str(out), *args])


def refused(result: Result, words: str) -> None:
    """One clear line on stderr, nothing on stdout, status 2."""
    assert result.exit_code == 2 and result.stdout == ""
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1
    assert words in result.stderr, result.stderr


# What was judged


@given(st.lists(box, max_size=5))
@settings(deadline=None)
def test_judged_boxes_and_the_rest_cover_the_picture_and_never_overlap(boxes: list[tuple[float, ...]]) -> None:
    """At the middle of each twentieth: in exactly one strip, or in a judged box."""
    strips = rest_of(boxes)  # type: ignore[arg-type]
    for x in range(20):
        for y in range(20):
            point = ((x + 0.5) / 20, (y + 0.5) / 20)
            inside = [b[0] < point[0] < b[2] and b[1] < point[1] < b[3] for b in (*boxes,)]
            times = sum(b[0] < point[0] < b[2] and b[1] < point[1] < b[3] for b in strips)
            assert times == (0 if any(inside) else 1)


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        ((10, 20, 30, 40), (0.1, 0.1, 0.3, 0.2)),
        ((-50, -50, 50, 100), (0.0, 0.0, 0.5, 0.5)),
        ((90, 150, 500, 500), (0.9, 0.75, 1.0, 1.0)),
        ((200, 10, 300, 40), None),
    ],
)
def test_a_box_in_shares_is_cut_at_the_edges(pixels: tuple[float, ...], expected: tuple[float, ...] | None) -> None:
    assert shares(pixels, 100, 200) == expected


def word(there: bool, box: tuple[float, float, float, float], decision: str = "confirmed") -> Judged:
    """One decision on a bicycle."""
    return Judged("a" * 64, "bicycle", box, there, decision, "kiosk-1/cam", (100, 100), {})


def test_two_words_on_one_picture_are_one_line_with_both_boxes() -> None:
    entry = entry_of([word(True, (0.0, 0.0, 0.2, 0.2)), word(False, (0.5, 0.5, 0.9, 0.9), "rejected")], [], 0.0)
    assert entry is not None and entry.decision == "mixed"
    assert (entry.boxes, entry.absent) == ([(0.0, 0.0, 0.2, 0.2)], [(0.5, 0.5, 0.9, 0.9)])


def test_the_same_box_confirmed_and_rejected_teaches_nothing() -> None:
    assert entry_of([word(True, (0.0, 0.0, 0.2, 0.2)), word(False, (0.0, 0.0, 0.2, 0.21))], [], 0.0) is None


def test_about_a_fifth_of_the_cameras_is_kept_for_measuring() -> None:
    parts = [part_of(f"kiosk-{i}/cam", 0.2) for i in range(1000)]
    assert 150 < parts.count("val") < 250


def row(**values: Any) -> Reviewed:
    """A row of /api/reviewed as the gateway gives it."""
    base: dict[str, Any] = {
        name: "x" for name in Reviewed.__struct_fields__ if name not in ("evidence", "box", "handled", "score")
    }
    base |= {"box": [10, 10, 50, 50], "frame_width": 100, "frame_height": 100, "score": 0.5, "handled": True}
    base |= {"label": "bicycle", "decision": "confirmed", "cause": "", "case_id": "c"}
    base["evidence"] = [{"sha256": "b" * 64, "kind": "frame", "url": "/evidence/b"}]
    return msgspec.convert(base | values, Reviewed)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"decision": "unreviewed"}, "looked at by nobody"),
        ({"decision": "waiting"}, "waits for a decision"),
        ({"decision": "witness"}, "not the picture that was judged"),
        ({"decision": "rejected", "cause": "other"}, "without saying whether"),
        ({"decision": "rejected", "cause": ""}, "without saying whether"),
        ({"label": "spaceship"}, "unknown class 'spaceship'"),
        ({"evidence": []}, "no whole picture"),
        ({"box": [200, 200, 300, 300]}, "outside the picture"),
    ],
)
def test_what_teaches_nothing_is_counted_with_its_reason(values: dict[str, Any], why: str) -> None:
    tally = Tally()
    assert city_gateway.judged(row(**values), False, tally) is None
    ((found, count),) = tally.skipped.items()
    assert why in found and count == 1


def test_unreviewed_things_are_taken_when_asked_for_and_stay_marked() -> None:
    found = city_gateway.judged(row(decision="unreviewed"), True, Tally())
    assert found is not None and found.there and found.decision == "unreviewed" and found.proof["handled"] is True


# The kiosk's folder and a person's boxes


def a_hard_one(folder: Path, number: int = 1, **values: Any) -> str:
    """A grey example as a kiosk keeps it, its picture half the frame's size; returns its name in the set."""
    folder.mkdir(exist_ok=True)
    noise = np.random.default_rng(number).integers(0, 255, (120, 160, 3), np.uint8)
    data = cv2.imencode(".jpg", noise)[1].tobytes()
    digest = hashlib.sha256(data).hexdigest()
    fields: dict[str, Any] = {"why": "grey", "reason": "score 0.31 under 0.35", "device": "kiosk-1", "camera": "cam"}
    fields |= {"at": datetime(2026, 11, 23, tzinfo=UTC), "spot_id": "s", "candidate_id": "", "model": "m"}
    fields |= {"model_sha256": "1" * 64, "picture": digest, "frame_width": 320, "frame_height": 240}
    fields["subject"] = Seen(label="bicycle", score=0.31, box=(40.0, 60.0, 140.0, 160.0))
    fields["detections"] = [Seen(label="person", score=0.9, box=(0.0, 0.0, 32.0, 24.0))]
    example = Example(**(fields | values))
    (folder / f"{number:04d}-grey.json").write_bytes(msgspec.json.encode(example))
    (folder / f"{number:04d}-grey.jpg").write_bytes(data)
    return f"city-{example.subject.label}_{digest[:16]}.jpg"


def test_a_grey_example_waits_for_a_person_whose_box_makes_it_a_picture_of_the_set(tmp_path: Path) -> None:
    """The kiosk's folder is needed once: what waits is kept in todo/, its hint in the picture's own pixels."""
    name, out = a_hard_one(tmp_path / "hard"), tmp_path / "set"
    assert json.loads(label(out, "--kiosk", str(tmp_path / "hard"), "--json").stdout)["todo"] == 1
    sheet = (out / "todo.txt").read_text()
    assert f"# todo/{name} 20 30 70 80\n" in sheet and (out / "todo" / name).is_file()
    mine = tmp_path / "mine.txt"
    mine.write_text(sheet.replace(f"# todo/{name} 20", f"todo/{name} 40"))
    done = label(out, "--corrections", str(mine), "--person", "Wang Fang", "--val-share", "0", "--json")
    report = json.loads(done.stdout)
    assert (report["pictures"], report["corrected"], report["todo"]) == (1, 1, 0)
    assert (out / "labels" / f"{Path(name).stem}.txt").read_text() == "4 0.343750 0.458333 0.187500 0.416667\n"
    assert (out / "ignore" / f"{Path(name).stem}.txt").read_text() == "10 0.050000 0.050000 0.100000 0.100000\n"
    assert list((out / "todo").iterdir()) == []
    (entry,) = read_manifest(out).values()
    assert entry.proofs[0]["why"] == "grey" and entry.proofs[1]["person"] == "Wang Fang"
    assert list(recipe.city_pictures(out)) == [name]


def test_none_makes_a_hard_negative_for_the_whole_picture(tmp_path: Path) -> None:
    name, out = a_hard_one(tmp_path / "hard"), tmp_path / "set"
    (tmp_path / "mine.txt").write_text(f"{name} none\n")
    args = ["--kiosk", str(tmp_path / "hard"), "--corrections", str(tmp_path / "mine.txt"), "--person", "W"]
    assert label(out, *args).exit_code == 0
    assert (out / "labels" / f"{Path(name).stem}.txt").read_text() == ""
    assert (out / "images" / name).is_file()


def test_a_broken_sidecar_is_named_and_the_others_are_used(tmp_path: Path) -> None:
    a_hard_one(tmp_path / "hard", 1)
    (tmp_path / "hard" / "0002-grey.json").write_text('{"why": "grey"')
    a_hard_one(tmp_path / "hard", 3)
    (tmp_path / "hard" / "0003-grey.jpg").unlink()
    a_hard_one(tmp_path / "hard", 4)
    (tmp_path / "hard" / "0004-grey.jpg").write_bytes(b"another picture")
    report = json.loads(label(tmp_path / "set", "--kiosk", str(tmp_path / "hard"), "--json").stdout)
    assert report["todo"] == 1 and len(report["skipped"]) == 3
    assert any(why.startswith("0002-grey.json: cannot be read") for why in report["skipped"])
    assert any("0003-grey.jpg: cannot be read" in why for why in report["skipped"])
    assert any("0004-grey.jpg: not the picture" in why for why in report["skipped"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{name} 1 2 3\n", "mine.txt:1: expected"),
        ("{name} 10 10 500 500\n", "leaves the picture, 160 x 120"),
        ("city-bicycle_0000000000000000.jpg none\n", "neither in images/ nor in todo/"),
    ],
)
def test_a_wrong_correction_is_one_line_and_changes_nothing(tmp_path: Path, text: str, words: str) -> None:
    name, out = a_hard_one(tmp_path / "hard"), tmp_path / "set"
    label(out, "--kiosk", str(tmp_path / "hard"))
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    (tmp_path / "mine.txt").write_text(text.format(name=name))
    refused(label(out, "--corrections", str(tmp_path / "mine.txt"), "--person", "W"), words)
    assert {p: p.read_bytes() for p in out.rglob("*") if p.is_file()} == before


# Bad input


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ([], "nothing to label; give --gateway"),
        (["--corrections", "x.txt"], "say who drew the boxes with --person"),
        (["--corrections", "/nowhere/x.txt", "--person", "W"], "No such file"),
        (["--kiosk", "/nowhere"], "no hard examples"),
        (["--gateway", "localhost"], "give http://HOST:PORT"),
        (["--gateway", "http://[::"], "give http://HOST:PORT"),
    ],
)
def test_wrong_arguments_are_one_line_and_make_no_folder(tmp_path: Path, args: list[str], words: str) -> None:
    refused(label(tmp_path / "set", *args), words)
    assert not (tmp_path / "set").exists()


def test_a_gateway_that_does_not_answer_is_one_line_and_makes_no_folder(tmp_path: Path) -> None:
    refused(label(tmp_path / "set", "--gateway", f"http://127.0.0.1:{free_port()}"), "no answer")
    assert not (tmp_path / "set").exists()


@pytest.fixture(params=[(200, b"<html>"), (404, b"{}"), (500, b"{}")])
def stranger(request: pytest.FixtureRequest) -> Iterator[str]:
    """A web server that is no gateway."""
    status, body = request.param

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_server_that_is_no_gateway_is_one_line(tmp_path: Path, stranger: str) -> None:
    refused(label(tmp_path / "set", "--gateway", stranger), "gateway")
    assert not (tmp_path / "set").exists()


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    a_hard_one(tmp_path / "hard")
    (tmp_path / "file").write_text("in the way")
    refused(label(tmp_path / "file" / "set", "--kiosk", str(tmp_path / "hard")), "cannot be")


def test_when_the_disk_is_full_the_set_stays_as_it_was(tmp_path: Path) -> None:
    """A real limit on file sizes stands for the full disk: the large picture cannot be written, the small ones can."""
    hard, out = tmp_path / "hard", tmp_path / "set"
    a_hard_one(hard, 1)
    label(out, "--kiosk", str(hard))
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    a_hard_one(hard, 2)
    code = "import sys; from models.cli import app; app(sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", code, "label", str(out), "--kiosk", str(hard)],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8_000, 8_000)),
    )
    assert done.returncode == 2 and "cannot be written (File too large)" in done.stderr
    assert done.stderr.count("\n") == 1
    assert {p: p.read_bytes() for p in out.rglob("*") if p.is_file()} == before


def test_a_folder_with_another_manifest_is_left_alone(tmp_path: Path) -> None:
    a_hard_one(tmp_path / "hard")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "manifest.jsonl").write_text('{"mine": true}\n')
    refused(label(tmp_path / "set", "--kiosk", str(tmp_path / "hard")), "not a manifest of this command")
    assert [p.name for p in (tmp_path / "set").iterdir()] == ["manifest.jsonl"]


# What the recipe takes


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "make the folder with"),
        ("", "names no pictures"),
        ("./images/holiday_1.jpg\n", "no city-<class>_<hash>"),
        ("./images/city-bicycle_1.jpg\n", "listed in train.txt, but gone"),
    ],
)
def test_a_folder_that_cannot_be_trained_on_is_one_line(tmp_path: Path, text: str | None, words: str) -> None:
    if text is not None:
        (tmp_path / "train.txt").write_text(text)
    with pytest.raises(recipe.CityError, match=words):
        recipe.city_pictures(tmp_path)


def test_the_teacher_keeps_its_say_on_all_but_the_judged_class() -> None:
    taught = [[4.0, 0.9, 0, 0, 1, 1], [10.0, 0.9, 0, 0, 1, 1]]
    assert recipe.untaught("city-bicycle_1.jpg", taught) == taught[1:]
    assert recipe.untaught("city-litter_heap_1.jpg", taught) == taught
