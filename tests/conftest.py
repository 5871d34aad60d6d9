"""What all tests share: free ports, real brokers, the folder of real photographs, waiting without sleeping."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edge.link.logs import to_stderr
from edge.up.ports import free_port

if TYPE_CHECKING:
    from postgres_server import PostgresServer

REPOSITORY = Path(__file__).parent.parent


@pytest.fixture(scope="session", autouse=True)
def _logs() -> None:
    to_stderr()


def missing(what: str) -> None:
    """A part that a test needs is not there: a failure in CI, a skip with its reason elsewhere."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing, and CI may skip nothing")
    pytest.skip(f"{what} is missing")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real photographs, clips and flights: $ZHUOMU_SHARED or ../shared."""
    path = Path(os.environ.get("ZHUOMU_SHARED", REPOSITORY.parent / "shared"))
    if not (path / "data").is_dir():
        missing(f"the shared data folder {path} (set ZHUOMU_SHARED)")
    return path


def until(condition: Callable[[], object], timeout_s: float = 20.0, what: str = "condition") -> None:
    """Wait for a condition; fail with its name when the time is over."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {timeout_s} s for {what}")
        time.sleep(0.02)


@dataclass
class RealBroker:
    """A broker process that can be killed and started again on the same port."""

    name: str
    port: int
    command: list[str]
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it takes connections."""
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(self._listens, 20.0, f"{self.name} on port {self.port}")

    def kill(self) -> None:
        """SIGKILL, no goodbye."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def _listens(self) -> bool:
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0


def mosquitto(folder: Path) -> RealBroker:
    """Debian's mosquitto with the project's own example settings, on a free port."""
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        missing("mosquitto (apt-get install mosquitto)")
    port = free_port()
    text = (REPOSITORY / "configs" / "mosquitto" / "mosquitto.conf").read_text(encoding="utf-8")
    text = text.replace("listener 1883 127.0.0.1", f"listener {port} 127.0.0.1")
    text = text.replace("listener 9001 127.0.0.1", f"listener {free_port()} 127.0.0.1")
    text = text.replace("persistence_location /var/lib/mosquitto/", f"persistence_location {folder}/")
    if os.geteuid() == 0:
        text += "\nuser root\n"
    (folder / "mosquitto.conf").write_text(text, encoding="utf-8")
    return RealBroker("mosquitto", port, [str(program), "-c", str(folder / "mosquitto.conf")])


def embedded(folder: Path) -> RealBroker:
    """The embedded broker (amqtt) on a free port."""
    port = free_port()
    return RealBroker("amqtt", port, [sys.executable, "-m", "zhuomu", "broker", "--port", str(port)])


_IOTCORE = """id = 0
[router]
id = 0
max_connections = 2000
max_outgoing_packet_count = 1000
max_segment_size = 104857600
max_segment_count = 10
{listener}
"""
_LISTENER = """[v{version}.1]
name = "v{version}-1"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1
[v{version}.1.connections]
connection_timeout_ms = 60000
max_payload_size = 524288
max_inflight_count = 1000
dynamic_filters = true
"""


def iotcore_command(folder: Path, port: int, version: int = 4) -> list[str]:
    """rumqttd out of PyPI's iotcore, on loopback; MQTT 3.1.1 (`version` 4) and 5 each have a port of their own."""
    config = folder / "rumqttd.toml"
    config.write_text(_IOTCORE.format(listener=_LISTENER.format(version=version, port=port)), encoding="utf-8")
    # In this very process, so that killing it kills the broker; it would log every packet as an error.
    code = f"import iotcore, logging; logging.disable(); iotcore.Broker(config_path={str(config)!r}).run_forever()"
    return [sys.executable, "-c", code]


def iotcore(folder: Path) -> RealBroker:
    """A third broker, written in Rust."""
    port = free_port()
    return RealBroker("iotcore", port, iotcore_command(folder, port))


@pytest.fixture(params=["mosquitto", "amqtt", "iotcore"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RealBroker]:
    """The same test on every broker."""
    folder = tmp_path / "broker"
    folder.mkdir()
    real = {"mosquitto": mosquitto, "amqtt": embedded, "iotcore": iotcore}[request.param](folder)
    real.start()
    yield real
    if real.process is not None and real.process.poll() is None:
        real.process.terminate()
        real.process.wait(10)


@pytest.fixture(scope="session")
def postgres() -> Iterator["PostgresServer"]:
    """One server for the whole session; each test takes a database of its own (`new_url`)."""
    from postgres_server import PostgresServer

    server = PostgresServer()
    yield server
    server.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The same test on both databases: the URL of an empty one."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.sqlite3'}"
    return str(request.getfixturevalue("postgres").new_url())
