"""Docks on real brokers: the service as its own process, people's commands, and who the broker lets speak for whom."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from click.testing import Result
from conftest import RealBroker, free_port, missing, mosquitto, until
from dji_helpers import CODES, FENCE, FLIGHT, PLANE_A, PLANE_B, PLANES, A, B, settings
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from typer.testing import CliRunner

from drone.dji.acl import acl_of
from drone.dji.binding import added
from drone.dji.settings import read_settings
from drone.dock_cli import app
from drone.mission.plan import Plan
from drone.sim.dock import Script, SimDock
from drone.sim.dock_link import DockLink, Faults, fetch
from edge.link.mqtt import Broker
from edge.link.settings import SettingsError


class Rig:
    """The service as people run it, its settings, and simulated docks beside it."""

    def __init__(self, folder: Path, broker: RealBroker) -> None:
        self.folder, self.broker = folder, broker
        self.config = folder / "docks.toml"
        self.docks: dict[str, SimDock] = {}
        self.links: dict[str, DockLink] = {}
        self.process: subprocess.Popen[bytes] | None = None
        tables = [
            f'[[docks]]\nsn = "{sn}"\nname = "d"\nbinding_code = "{CODES[sn]}"\naircraft = ["{PLANES[sn]}"]'
            for sn in (A, B)
        ]
        head = [
            f'data = "{folder}/d"',
            'whip = "https://live.test/whip/{camera}"',
            f"[broker]\nport = {broker.port}",
            '[organization]\nid = "org"\nname = "城管"',
            f"[files]\nport = {free_port()}",
            '[storage]\nendpoint = "http://store.test"\nbucket = "patrols"',
        ]
        self.config.write_text("\n".join(head + tables), encoding="utf-8")
        (folder / "plan.json").write_bytes(msgspec.json.encode(Plan(FENCE, (FLIGHT,))))

    def start(self) -> None:
        log = (self.folder / "log").open("ab")
        command = [sys.executable, "-m", "zhuomu", "drone", "dock", "run", "--config", str(self.config)]
        self.process = subprocess.Popen(command, stdout=log, stderr=log)
        until(lambda: self.ask("list").exit_code == 0, 60, "the service's socket")

    def stop(self, how: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(30)

    def dock(self, sn: str, script: Script | None = None, faults: Faults | None = None) -> SimDock:
        self.docks[sn] = SimDock(sn, PLANES[sn], CODES[sn], "org", fetch, script or Script())
        self.links[sn] = DockLink(self.docks[sn], Broker(port=self.broker.port), faults, seed=7)
        return self.docks[sn]

    def ask(self, *words: str) -> Result:
        """A command as people type it, in this process: only the service is another one."""
        return CliRunner().invoke(app, [*words, "--config", str(self.config)])

    def seen(self, sn: str) -> dict[str, object]:
        told = json.loads(self.ask("list", "--json").stdout)
        return next(dict(dock) for dock in told["docks"] if dock["sn"] == sn)

    def close(self) -> None:
        for link in self.links.values():
            link.close()
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[[RealBroker], Rig]]:
    rigs: list[Rig] = []

    def made(broker: RealBroker) -> Rig:
        rigs.append(Rig(tmp_path, broker))
        return rigs[-1]

    yield made
    for rig in rigs:
        rig.close()


@pytest.fixture
def mqtt(tmp_path: Path) -> Iterator[RealBroker]:
    folder = tmp_path / "mosquitto"
    folder.mkdir()
    real = mosquitto(folder)
    real.start()
    yield real
    real.kill()


@pytest.mark.slow
def test_a_whole_flight_by_the_command_line_over_a_bad_line(
    mqtt: RealBroker, make: Callable[[RealBroker], Rig]
) -> None:
    """Bound, flown, pictures counted, live started and stopped, with a tenth of all messages lost and some twice."""
    rig = make(mqtt)
    rig.start()
    dock = rig.dock(A, Script(leg_s=0.2), Faults(loss=0.1, twice=0.2, late=0.2))
    until(lambda: rig.seen(A)["bound"] and rig.seen(A)["mode"], 60, "the dock bound")
    flown = rig.ask("fly", A, str(rig.folder / "plan.json"))
    assert flown.exit_code == 0, flown.stdout + flown.stderr
    assert "已完成 done 100 %" in flown.stdout and len(dock.flown) == 1
    dock.live[f"{PLANE_A}/81-0-0/normal-0"] = "https://elsewhere.test/whip"  # as after a lost answer, or of another
    started = rig.ask("live", A, "--video", f"{PLANE_A}/81-0-0/normal-0")
    assert json.loads(started.stdout)["url"] == f"https://live.test/whip/{PLANE_A}", started.stderr
    assert dock.live == {f"{PLANE_A}/81-0-0/normal-0": f"https://live.test/whip/{PLANE_A}"}
    assert rig.ask("live", A, "--stop").exit_code == 0 and dock.live == {}
    assert PLANE_A in rig.ask("list").stdout
    assert rig.stop() == 0


@pytest.mark.slow
def test_after_a_kill_in_flight_the_service_knows_its_docks_and_the_flight(
    mqtt: RealBroker, make: Callable[[RealBroker], Rig]
) -> None:
    rig = make(mqtt)
    rig.start()
    dock = rig.dock(A, Script(leg_s=4.0))
    until(lambda: rig.seen(A)["bound"] and rig.seen(A)["mode"], 60, "the dock bound")
    flown = rig.ask("fly", A, str(rig.folder / "plan.json"), "--no-follow")
    assert flown.exit_code == 0, flown.stderr
    until(lambda: bool(dock.flown), 30, "take-off")
    second = rig.ask("fly", A, str(rig.folder / "plan.json"))
    assert second.exit_code == 2 and "one at a time" in second.stderr
    rig.stop(signal.SIGKILL)
    rig.start()
    until(lambda: bool(rig.seen(A)["task"]), 30, "the flight known again")
    assert rig.seen(A)["bound"]
    assert rig.ask("pause", A).exit_code == 0 and dock._flight is not None and dock._flight["paused"]
    assert rig.ask("resume", A).exit_code == 0
    assert rig.ask("home", A).exit_code == 0
    until(lambda: rig.seen(A)["task"] is None, 30, "the end of the flight")
    assert list(dock.ended.values()) == ["canceled"]


@pytest.mark.slow
def test_errors_of_the_command_line_are_one_line_each(mqtt: RealBroker, make: Callable[[RealBroker], Rig]) -> None:
    rig = make(mqtt)
    alone = rig.ask("list")
    assert alone.exit_code == 2 and "start `zhuomu drone dock run`" in alone.stderr
    rig.start()
    for words, part in (
        (("status", "NOPE"), "add it with `zhuomu drone dock bind`"),
        (("fly", A, str(rig.folder / "plan.json")), "not on line"),
        (("fly", A, str(rig.folder / "none.json")), "cannot be read"),
        (("fly", A, str(rig.folder / "plan.json"), "--flight", "2"), "it has 1 flights"),
        (("home", "NOPE"), "not in the settings"),
    ):
        told = rig.ask(*words)
        assert told.exit_code == 2 and part in told.stderr and told.stderr.count("\n") == 1, told.stderr
    twice = subprocess.run(
        [sys.executable, "-m", "zhuomu", "drone", "dock", "run", "--config", str(rig.config)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert twice.returncode == 2 and "already runs" in twice.stderr
    assert rig.stop() == 0


def test_on_both_brokers_a_dock_is_bound_and_flies(broker: RealBroker, make: Callable[[RealBroker], Rig]) -> None:
    rig = make(broker)
    rig.start()
    dock = rig.dock(B, Script(leg_s=0.1))
    until(lambda: rig.seen(B)["bound"] and rig.seen(B)["mode"], 60, "the dock bound")
    flown = rig.ask("fly", B, str(rig.folder / "plan.json"))
    assert flown.exit_code == 0 and len(dock.flown) == 1, flown.stdout + flown.stderr


def test_a_wayline_is_served_under_its_own_secret_path_alone(
    mqtt: RealBroker, make: Callable[[RealBroker], Rig]
) -> None:
    rig = make(mqtt)
    rig.start()
    rig.dock(A, Script(leg_s=5.0))
    until(lambda: rig.seen(A)["bound"] and rig.seen(A)["mode"], 60, "the dock bound")
    flight_id = rig.ask("fly", A, str(rig.folder / "plan.json"), "--no-follow").stdout.strip()
    saved = json.loads((rig.folder / "d" / "docks.json").read_bytes())
    url = saved["resources"][flight_id]["url"]
    assert fetch(url) == (rig.folder / "d" / f"{flight_id}.kmz").read_bytes()
    token = url.split("/")[-2]
    for other in (url.replace(token, "x" * len(token)), url.replace(flight_id, "../docks"), url + "x", url[:-4]):
        assert fetch(other) is None
    assert oct((rig.folder / "d" / "control.sock").stat().st_mode)[-3:] == "600"


def test_with_the_access_rules_a_dock_can_speak_only_for_its_own_numbers(tmp_path: Path) -> None:
    """A dock's own login; what it publishes in another's name never reaches us. The broker is Debian's mosquitto."""
    if shutil.which("mosquitto_passwd") is None:
        missing("mosquitto_passwd")
    real = mosquitto(tmp_path)
    conf = Path(real.command[2])
    (tmp_path / "acl").write_text(acl_of(settings()), encoding="utf-8")
    (tmp_path / "passwd").touch()
    for name in (A, B, "zhuomu-docks"):
        subprocess.run(
            ["mosquitto_passwd", "-b", str(tmp_path / "passwd"), name, "pw"], check=True, capture_output=True
        )
    for name in ("acl", "passwd"):
        (tmp_path / name).chmod(0o600)
    text = conf.read_text(encoding="utf-8").replace("allow_anonymous true", "allow_anonymous false")
    conf.write_text(f"{text}\npassword_file {tmp_path}/passwd\nacl_file {tmp_path}/acl\n", encoding="utf-8")
    real.start()
    try:
        heard: list[str] = []
        ours = _client(real.port, "zhuomu-docks")
        ours.on_message = lambda _c, _d, message: heard.append(message.topic)
        ready: list[int] = []
        ours.on_subscribe = lambda *_: ready.append(1)
        ours.subscribe([("thing/product/#", 1), ("sys/product/+/status", 1)])
        until(lambda: ready, 10, "the subscription")
        dock = _client(real.port, A)
        foreign = [f"thing/product/{B}/events", f"thing/product/{B}/requests", f"thing/product/{PLANE_B}/osd"]
        foreign += [f"sys/product/{B}/status", f"thing/product/{A}/services", f"thing/product/{A}/osd/x"]
        own = [f"sys/product/{A}/status", f"thing/product/{PLANE_A}/osd", f"thing/product/{A}/requests"]
        for topic in (*foreign, *own):
            dock.publish(topic, b"{}", qos=1)
        until(lambda: len(heard) >= len(own), 10, "its own messages")
        assert sorted(heard) == sorted(own)
        for client in (ours, dock):
            client.disconnect()
            client.loop_stop()
    finally:
        real.kill()


def _client(port: int, name: str) -> Client:
    client = Client(CallbackAPIVersion.VERSION2, client_id=name)
    client.username_pw_set(name, "pw")
    client.connect("127.0.0.1", port)
    client.loop_start()
    until(client.is_connected, 10, f"{name} connected")
    return client


def test_bind_adds_a_dock_with_a_code_of_its_own_and_refuses_one_twice(tmp_path: Path) -> None:
    config = tmp_path / "docks.toml"
    shutil.copy(Path(__file__).parent.parent / "configs" / "docks.toml", config)
    code = added(config, A, '西门 "2"', (PLANE_A,))
    dock = read_settings(config).docks[-1]
    assert (dock.sn, dock.name, dock.binding_code, dock.aircraft) == (A, '西门 "2"', code, (PLANE_A,))
    for sn, planes in ((A, ()), (B, (PLANE_A,)), ("x y", ())):
        with pytest.raises(SettingsError):
            added(config, sn, "n", planes)
    assert len(read_settings(config).docks) == 2
