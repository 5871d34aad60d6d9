"""The whole loop as real processes: exactly one incident for each thing on the street, whoever is killed meanwhile."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from conftest import RealBroker, free_port, mosquitto, until
from rich.console import Console

from edge.up.cli import RULES
from edge.up.report import SUMMARY_KEYS
from edge.up.run import Options, Town
from models import MODELS_DIR


class Running:
    """A town in a thread of this test."""

    def __init__(self, folder: Path, seed: int, broker: tuple[str, int] | None = None) -> None:
        self.town = Town(Options([], free_port(), None, seed, folder, RULES, broker), Console(stderr=True))
        self.summary: dict[str, Any] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        self.summary = self.town.run(self._stop)

    def child(self, name: str) -> int | None:
        """A child's process id."""
        return next((c.pid for c in self.town.children if c.name == name), None)

    def kill(self, name: str) -> None:
        """SIGKILL one process and wait until the supervisor has started it again."""
        before = self.child(name)
        assert before is not None
        os.kill(before, signal.SIGKILL)
        until(lambda: self.child(name) not in (None, before), 60, f"{name} to be started again")

    def wait_for(self, seconds: float) -> None:
        """Let the street go on; fail at once when the town has died."""
        self._thread.join(seconds)
        assert self._thread.is_alive(), "the town ended before its time"

    def end(self) -> dict[str, Any]:
        """Stop and return the summary."""
        self._stop.set()
        self._thread.join(120)
        return self.summary


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mosquitto", "amqtt"])
def test_killed_processes_lose_nothing_and_double_nothing(kind: str, tmp_path: Path) -> None:
    """Kiosk, gateway and broker are each killed in the middle of a run; counts are compared against the truth."""
    outside: RealBroker | None = None
    if kind == "mosquitto":
        (tmp_path / "broker").mkdir()
        outside = mosquitto(tmp_path / "broker")
        outside.start()
    run = Running(tmp_path / "town", seed=5, broker=("127.0.0.1", outside.port) if outside else None)
    until(lambda: run.child("kiosk") is not None, 60, "the kiosk")
    run.wait_for(18)
    run.kill("kiosk")
    run.wait_for(6)
    run.kill("gateway")
    run.wait_for(6)
    if outside is not None:
        outside.kill()
        outside.start()
    else:
        run.kill("broker")
    run.wait_for(6)
    run.kill("registry")
    run.kill("handsets")
    run.wait_for(25)
    summary = run.end()
    if outside is not None:
        outside.kill()
    truth = summary["truth"]
    assert truth["due"] >= 6
    assert (truth["missed"], truth["doubled"], truth["extra"]) == ([], [], [])
    assert truth["exactly_one"] == truth["due"]
    assert summary["cases"] == summary["incidents"] == summary["work_orders"]
    assert summary["closed"] > 0
    assert (summary["outbox_left"], summary["dead_letters"]) == (0, 0)


def zhuomu(*args: str, timeout_s: float = 150) -> subprocess.CompletedProcess[str]:
    """The real command."""
    return subprocess.run(
        [sys.executable, "-m", "zhuomu", *args], capture_output=True, text=True, timeout=timeout_s, check=False
    )


@pytest.mark.slow
def test_a_real_clip_runs_through(shared: Path) -> None:
    """Traffic on a road: the loop runs, and the summary is one JSON object on stdout."""
    clip = shared / "data" / "clips" / "car-detection.mp4"
    done = zhuomu("up", "--source", str(clip), "--for", "12", "--json", "--port", str(free_port()))
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert set(SUMMARY_KEYS) <= set(summary)
    assert all(isinstance(summary[key], int) for key in SUMMARY_KEYS)
    assert (summary["outbox_left"], summary["dead_letters"]) == (0, 0)


@pytest.mark.slow
def test_ctrl_c_stops_cleanly_and_leaves_no_process(tmp_path: Path) -> None:
    """SIGINT to the command alone: it stops its children, prints the summary and ends with 0."""
    command = [
        sys.executable,
        "-m",
        "zhuomu",
        "up",
        "--json",
        "--port",
        str(free_port()),
        "--data",
        str(tmp_path / "d"),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        until(lambda: "Ctrl-C" in process.stderr.readline(), 90, "the start")  # type: ignore[union-attr]
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=90)
    assert process.returncode == 0
    assert json.loads(out)["outbox_left"] == 0
    assert len(children) == 6
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]


@pytest.mark.parametrize("kind", ["missing", "text", "rtsp", "rules", "broker", "model", "wrong_model"])
def test_bad_input_ends_at_once_with_one_clear_line(tmp_path: Path, kind: str) -> None:
    """Nothing is started; the line names the thing and the mend; nothing is left in the data folder."""
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "rules.toml").write_text('version = "1"\n[[rule]]\nname = \n')
    args = {
        "missing": ["--source", str(tmp_path / "none.mp4")],
        "text": ["--source", str(tmp_path / "text.mp4")],
        "rtsp": ["--source", f"rtsp://127.0.0.1:{free_port()}/x"],
        "rules": ["--rules", str(tmp_path / "rules.toml")],
        "broker": ["--broker", "nonsense"],
        "model": ["--model", str(tmp_path / "none.onnx")],
        "wrong_model": ["--model", str(_damaged_model(tmp_path))],
    }[kind]
    done = zhuomu("up", *args, "--for", "5", "--json", "--data", str(tmp_path / "data"), "--port", str(free_port()))
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stderr.startswith("error: ")
    assert args[1] in done.stderr
    assert not (tmp_path / "data").exists()


def _damaged_model(folder: Path) -> Path:
    """The network that ships, with one byte changed."""
    path = folder / "damaged.onnx"
    data = bytearray((MODELS_DIR / "street.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    path.with_suffix(".json").write_bytes((MODELS_DIR / "street.json").read_bytes())
    return path


def test_a_port_in_use_is_said_in_one_line() -> None:
    """With the port in it."""
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = zhuomu("up", "--port", port, "--for", "5")
    assert done.returncode == 2
    assert port in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
