"""A real kiosk, a real broker and a real gateway: what is wished at the centre runs in the street, or says why not."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from conftest import free_port, until
from gateway_helpers import Centre, Process
from typer.testing import CliRunner

from detectors.manifest import located
from edge.care import pack
from edge.care.pulse import Snapshot, read_status
from edge.care.release import Release, named
from edge.sim.clip import write_clip
from gateway import fleet_releases

TOKEN = "a token of some length"
PATIENCE_S = 240.0
RULES = """version = "{version}"
[[rule]]
name = "bikes"
case_class = "bike"
class_code = "04-10"
labels = ["bicycle"]
dwell_s = 90.0
"""


class Field:
    """A centre, a kiosk with one camera, and a supervisor's socket."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.centre = Centre(folder, gateway={"fleet_token": TOKEN, "resend_s": 1.0})
        self.centre.start("broker", "gateway")
        self.metrics_port = free_port()
        self.made: Release | None = None
        self.key = folder / "release.key"
        pack.new_key(self.key)
        write_clip(folder / "street.mp4", 2.0, fps=5, width=640, height=360)
        (folder / "rules.toml").write_text(RULES.format(version="local"))
        (folder / "kiosk.toml").write_text(self._settings())
        self.ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.ear.bind(str(folder / "notify"))
        self.ear.setblocking(False)
        os.environ |= {"NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": "30000000"}
        try:
            command = [sys.executable, "-m", "zhuomu", "kiosk", "--config", str(folder / "kiosk.toml")]
            self.kiosk = Process(command, folder / "kiosk.err")
        finally:
            del os.environ["NOTIFY_SOCKET"], os.environ["WATCHDOG_USEC"]
        self.kiosk.ready()

    def wish(self, document: dict[str, Any]) -> int:
        """A rollout for this kiosk; returns its version."""
        order = {"document": document, "by": "wang", "scope": "device:kiosk-1"}
        token = {"Authorization": f"Bearer {TOKEN}"}
        answer = self.centre.http.post("/api/fleet/rollouts", json=order, headers=token).raise_for_status()
        return int(answer.json()["version"])

    def becomes(self, version: int, outcome: str) -> dict[str, Any]:
        """Wait for what became of a version; the fleet's view of the kiosk then."""

        def stands() -> bool:
            return bool(self.centre.get(f"/api/fleet/rollouts/{version}")["outcomes"].get(outcome))

        until(stands, PATIENCE_S, f"{outcome} of config {version}: {(self.folder / 'kiosk.err').read_text()[-3000:]}")
        (seen,) = self.centre.get("/api/fleet/devices")
        return dict(seen)

    def release(self, name: str, golden_score: float | None = None, key: Path | None = None) -> str:
        """A signed release of the quantised network at the gateway; `golden_score`: what its first thing must score;
        `key`: who signs."""
        if self.made is None:
            own = pack.read_key(self.key)
            self.made = pack.make(
                located(Path("street-int8")), self.folder / "made", own, pack.golden_picture(), "made"
            )
        golden = self.made.golden
        if golden_score is not None:
            first, *rest = golden.things
            golden = msgspec.structs.replace(golden, things=[msgspec.structs.replace(first, score=golden_score), *rest])
        release = msgspec.structs.replace(self.made, name=name, golden=golden)
        pack.write(self.folder / "made", release, pack.read_key(key or self.key))
        return fleet_releases.add(self.folder / "made", self.folder / "gateway")

    def status(self) -> Snapshot:
        """What the kiosk wrote last."""
        found = read_status(self.folder / "data" / "care")
        assert found is not None
        return found

    def heard(self) -> list[str]:
        """What the supervisor was told since the last time."""
        said: list[str] = []
        while True:
            try:
                said += self.ear.recv(1000).decode().splitlines()
            except BlockingIOError:
                return said

    def doctor(self) -> tuple[int, dict[str, Any]]:
        """Exit status and report of `zhuomu doctor --json` beside the running kiosk."""
        command = [sys.executable, "-m", "zhuomu", "doctor", "--config", str(self.folder / "kiosk.toml"), "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)

    def stop(self) -> None:
        """All of it."""
        self.kiosk.end(signal.SIGKILL)
        self.centre.stop()
        self.ear.close()

    def _settings(self) -> str:
        return (
            'device = "kiosk-1"\ndata = "data"\nrules = "rules.toml"\n'
            f'[broker]\nport = {self.centre.mqtt_port}\n[model]\nthreads = 1\n[gate]\nmode = "off"\n'
            f'[care]\nurl = "http://127.0.0.1:{self.centre.http_port}"\nkeys = ["release.pub"]\nprobation_s = 2.0\n'
            f"metrics_port = {self.metrics_port}\n"
            '[[camera]]\nname = "north"\nsource = "' + str(self.folder / "street.mp4") + '"\ndetect_fps = 1.0\n'
        )


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    """One for all tests of this file, in their order."""
    one = Field(tmp_path_factory.mktemp("field"))
    yield one
    one.stop()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_rules_settings_and_network_from_afar_run_once_they_have_proved_themselves(field: Field) -> None:
    """In one document; the process keeps its number, the supervisor hears of each start, the centre of each version."""
    pid = field.kiosk.process.pid
    release = field.release("street-new")
    version = field.wish({"rules": RULES.format(version="afar"), "gone_s": 60.0, "release": release})
    seen = field.becomes(version, "applied")
    assert (seen["config"], seen["config_state"], seen["rules"]) == (version, "good", "afar")
    assert (seen["model"], seen["release"]) == ("street-3-int8", release)
    assert seen["cameras"]["north"]["age_s"] >= 0
    assert seen["rss_bytes"] > 0 and seen["disk_free_bytes"] > 0
    assert field.status().pid == pid == field.kiosk.process.pid
    said = field.heard()
    assert said.count("READY=1") == 2 and "WATCHDOG=1" in said and "RELOADING=1" in said
    assert "STOPPING=1" not in said, "systemd would take the switch for the end"
    page = httpx.get(f"http://127.0.0.1:{field.metrics_port}/metrics", trust_env=False).text
    assert f'config="{version}"' in page and 'zhuomu_camera_frames_total{camera="north"}' in page
    assert 'zhuomu_kiosk_time_milliseconds{work="detect"}' in page


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_what_cannot_be_used_is_refused_in_words_and_changes_nothing(field: Field) -> None:
    """The kiosk's own name and broker, rules with a mistake, another file as a camera, a network that fails its test, a
    network that nobody trusted signed: each refused before anything is done."""
    before = field.status().versions.config
    field.heard()
    wrong = field.release("street-bad", golden_score=0.2)
    stranger = field.folder / "stranger.key"
    pack.new_key(stranger)
    unsigned = field.release("street-strange", key=stranger)
    camera = {"name": "north", "source": "/etc/passwd"}
    for document, words in (
        ({"broker": {"host": "192.0.2.1"}}, "what may be changed from afar is rules, camera"),
        ({"rules": RULES.format(version="x").replace("90.0", '"long"')}, "document, rules, line 7"),
        ({"camera": [camera]}, "is a file; from afar give rtsp://"),
        ({"release": wrong}, "self-test: the golden picture's"),
        ({"release": unsigned}, "no trusted key signed"),
        ({"release": "0" * 64}, "the gateway has no such release"),
    ):
        version = field.wish(document)
        seen = field.becomes(version, "refused")
        assert seen["config"] == before and seen["refused"] == version
        assert words in seen["reason"]
        assert any(words in trouble for trouble in seen["troubles"])
    assert "READY=1" not in field.heard()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_version_under_which_a_camera_is_blind_is_undone(field: Field) -> None:
    """It passes every check, runs on trial, and is given up after its probation; the one before runs again."""
    before = field.status().versions.config
    north = {"name": "north", "source": str(field.folder / "street.mp4"), "detect_fps": 1.0}
    blind = {"name": "south", "source": f"rtsp://127.0.0.1:{free_port()}/none"}
    version = field.wish({"camera": [north, blind]})
    seen = field.becomes(version, "refused")
    assert "camera south gave no picture" in seen["reason"]
    assert (seen["config"], seen["config_state"]) == (before, "good")
    until(lambda: field.status().cameras.keys() == {"north"}, PATIENCE_S, "the old settings")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_doctor_looks_at_a_running_kiosk_without_disturbing_it(field: Field) -> None:
    """It finds broker, cameras, network and outbox well and writes nothing into the data folder."""
    pid = field.status().pid
    status, report = field.doctor()
    by_code = {finding["code"]: finding for finding in report["findings"]}
    assert status == report["exit"] < 2, [f for f in report["findings"] if f["severity"] == "error"]
    for code in ("config.ok", "broker.ok", "model.golden", "outbox.ok", "kiosk.running", "evidence.ok"):
        assert by_code[code]["severity"] == "ok", by_code[code]
    assert by_code["camera.ok"]["where"] == "north"
    assert field.kiosk.process.poll() is None and field.status().pid == pid


def test_the_shipped_golden_picture_is_known_by_the_network_that_ships() -> None:
    """Float32, within the tolerance that kiosks use; the quantised one is looked at by the doctor's tests."""
    from detectors import load_detector
    from edge.care.golden import SCORE_MIN, check_golden
    from edge.doctor.model import shipped_golden

    golden = shipped_golden()
    detector = load_detector(min_score=SCORE_MIN, threads=1)
    assert check_golden(detector, pack.golden_picture(), golden) == ""
    first, *rest = golden.things
    moved = msgspec.structs.replace(first, box=(0.0, 0.0, 9.0, 9.0))
    wrong = check_golden(detector, pack.golden_picture(), msgspec.structs.replace(golden, things=[moved, *rest]))
    assert wrong == f"the golden picture's {first.name} at (0, 0) was not found"


def test_a_release_is_made_signed_and_checked_on_the_command_line(tmp_path: Path) -> None:
    """And one changed byte is told."""
    from edge.care.cli import app

    run = CliRunner()
    assert run.invoke(app, ["key", str(tmp_path / "k.key")]).exit_code == 0
    assert (tmp_path / "k.key").stat().st_mode & 0o777 == 0o600
    out = tmp_path / "made"
    arguments = ["make", str(out), "--model", "street-int8", "--key", str(tmp_path / "k.key")]
    made = run.invoke(app, arguments)
    assert made.exit_code == 0, made.output
    assert made.stdout.strip() == named((out / "release.json").read_bytes())
    assert msgspec.json.decode((out / "release.json").read_bytes(), type=Release).network == "street-int8.xml"
    assert run.invoke(app, ["check", str(out), "--key", str(tmp_path / "k.pub")]).exit_code == 0
    weights = out / "street-int8.bin"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    broken = run.invoke(app, ["check", str(out)])
    assert broken.exit_code == 2
    assert "street-int8.bin: sha256" in broken.output
