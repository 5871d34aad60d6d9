"""Clips, the live camera, training pictures and the command line of the sample street."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import av
import pytest
from typer.testing import CliRunner

from edge.sim import truth
from edge.sim.cli import app
from edge.sim.clip import write_clip
from edge.sim.export import CLASS_NAMES, export_training
from edge.sim.serve import Live
from edge.sim.street import Street

SMALL = {"width": 320, "height": 180}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict]]:
    folder = tmp_path_factory.mktemp("clip")
    path = write_clip(folder / "street.mp4", 5, 10, 2, **SMALL, truth_path=folder / "truth.jsonl", per_frame=True)
    return path, [json.loads(line) for line in (folder / "truth.jsonl").read_text().splitlines()]


def test_clip_decodes_with_key_frames_where_promised(clip: tuple[Path, list[dict]]) -> None:
    """Five seconds at 10 fps are 50 frames, a key frame every two seconds, no B frames."""
    with av.open(str(clip[0])) as container:
        packets = [p for p in container.demux(video=0) if p.size]
        assert [round(float(p.pts * p.time_base), 3) for p in packets if p.is_keyframe] == [0.0, 2.0, 4.0]
        assert [p.pts for p in packets] == sorted(p.pts for p in packets)
    with av.open(str(clip[0])) as container:
        frames = list(container.decode(video=0))
    assert len(frames) == 50 and (frames[0].width, frames[0].height) == (320, 180)


def test_truth_lines_say_what_a_reader_needs(clip: tuple[Path, list[dict]]) -> None:
    """One header with the homography, one line per event with place and times, one per frame with boxes inside the
    picture."""
    header, *rest = clip[1]
    events, frames = ([line for line in rest if line["type"] == kind] for kind in ("event", "frame"))
    assert header["type"] == "street" and header["datum"] == "WGS-84" and len(header["homography"]) == 3
    assert events and all(
        {"id", "class", "label", "should_file", "why_not", "lat", "lon", "from_s", "to_s"} <= set(e) for e in events
    )
    assert all(33 < e["lat"] < 35 and e["to_utc"] > e["from_utc"] for e in events)
    assert len(frames) == 50
    for box in (b["box"] for f in frames for b in f["boxes"]):
        assert 0 <= box[0] < box[2] <= 320 and 0 <= box[1] < box[3] <= 180


def test_the_box_of_an_event_is_the_one_in_the_picture() -> None:
    """What ought to be filed half a minute into the street, against the painted silhouettes; decoys have none."""
    street = Street(1)
    shown = {seen.thing.id: seen.box for seen in street.boxes(30.0)}
    lines = [truth.event_line(street, e, datetime.now(UTC)) for e in street.events(30.1, 30.0)]
    due = [line for line in lines if line["should_file"]]
    assert len(due) >= 4 and all(line["box"] is None for line in lines if line not in due)
    for line in due:
        x1, y1, x2, y2 = (share * size for share, size in zip(line["box"], (1280, 720) * 2, strict=True))
        assert shown[line["id"]] == pytest.approx((x1, y1, x2, y2), abs=5)


@pytest.fixture
def camera() -> Iterator[int]:
    live = Live(Street(2, **SMALL), fps=20)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=live.run, args=(listener,))
        thread.start()
        yield listener.getsockname()[1]
        live.stop.set()
        thread.join(10)
    assert not thread.is_alive()


def watch(port: int, frames: int) -> tuple[bool, float, float]:
    """(first packet is a key frame, first and last time in seconds) of a client that leaves again."""
    options = {"probesize": "100000", "analyzeduration": "300000"}
    with av.open(f"tcp://127.0.0.1:{port}", format="mpegts", options=options, timeout=10) as container:
        packets = []
        for packet in container.demux(video=0):
            packets.append(packet)
            if len(packets) > frames:
                break
        assert list(packets[0].decode())
    return (
        packets[0].is_keyframe,
        float(packets[0].pts * packets[0].time_base),
        float(packets[-1].pts * packets[-1].time_base),
    )


def test_camera_serves_one_client_after_another(camera: int) -> None:
    """Each client begins with a key frame, and the street's time has run on between them."""
    first, second = watch(camera, 10), watch(camera, 10)
    assert first[0] and second[0]
    assert second[1] > first[2]


def test_camera_process_says_where_it_is_and_stops_on_sigterm(tmp_path: Path) -> None:
    """The ready line carries the address, the truth file is there by then, SIGTERM ends it with status 0."""
    call = "serve(seed=2, width=320, height=180, truth_path=sys.argv[1], horizon_s=60)"
    code = f"import sys; from edge.sim.serve import serve; {call}"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "t.jsonl")], stdout=subprocess.PIPE, cwd=Path(__file__).parents[1]
    ) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        lines = [json.loads(line) for line in (tmp_path / "t.jsonl").read_text().splitlines()]
        port = int(ready["url"].rpartition(":")[2])
        assert ready["event"] == "street.ready" and watch(port, 3)[0]
        process.terminate()
        assert process.wait(10) == 0
    assert lines[0]["type"] == "street" and all(line["from_utc"].endswith("Z") for line in lines[1:])


def test_training_export_writes_pictures_with_labels_in_list_order(tmp_path: Path) -> None:
    """Every picture has a label file; class numbers follow the given list, boxes are shares of the picture."""
    names = ["bicycle", "stall"]
    export_training(tmp_path, 4, 9, names)
    assert len(list((tmp_path / "images").glob("*.jpg"))) == 4
    rows = [
        line.split() for path in sorted((tmp_path / "labels").glob("*.txt")) for line in path.read_text().splitlines()
    ]
    assert rows and {int(row[0]) for row in rows} <= {0, 1}
    assert all(0 < float(v) <= 1 for row in rows for v in row[1:])
    assert "0: bicycle" in (tmp_path / "data.yaml").read_text()


def test_training_pictures_depend_on_seed_and_number_alone(tmp_path: Path) -> None:
    """Picture 5 is the same whether a process began at 0, 4 or 5: work can be split."""
    export_training(tmp_path / "a", 2, 9, CLASS_NAMES, start=4)
    export_training(tmp_path / "b", 1, 9, CLASS_NAMES, start=5)
    assert (tmp_path / "a/images/000005.jpg").read_bytes() == (tmp_path / "b/images/000005.jpg").read_bytes()


@pytest.mark.parametrize(
    "arguments",
    [
        ["clip", "no/such/folder/a.mp4", "--for", "1"],
        ["clip", "a.mp4", "--for", "0"],
        ["clip", "a.mp4", "--size", "big"],
        ["serve", "--port", "99999"],
        ["export", "x", "--count", "0"],
        ["export", "x", "--names", "unicorn"],
    ],
)
def test_bad_input_gives_one_line_and_status_2(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line names what is wrong; no traceback, nothing written."""
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2 and len(result.stderr.strip().splitlines()) == 1 and not list(tmp_path.iterdir())
