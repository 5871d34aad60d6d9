"""Broker and gateway as processes of their own below one folder, and what each has cost so far."""

import getpass
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx

from bench.processes import NotThere, cpu_s, listens, mosquitto
from edge.link import Broker
from edge.up.ports import free_port

START_S_MAX = 60.0
_MOSQUITTO = """listener {port} 127.0.0.1
persistence false
max_inflight_messages 1000
max_queued_messages 100000
message_size_limit 409600
set_tcp_nodelay true
user {user}
{more}
"""
_GATEWAY = """data = "{data}"
port = {http}
registry_url = "http://127.0.0.1:{nobody}"
console = false
log_level = "warning"

[broker]
port = {port}
"""


class Centre:
    """mosquitto and the gateway. `tls`: lines for a second listener of mosquitto's, whose port is `tls_port`."""

    def __init__(self, folder: Path, tls: str = "") -> None:
        self.folder = folder
        self.port, self.tls_port, self.http_port = free_port(), free_port(), free_port()
        self._tls = tls
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def broker(self) -> Broker:
        """Where it is; the gateway and whoever comes without TLS."""
        return Broker(port=self.port)

    @property
    def http(self) -> str:
        """The gateway's address."""
        return f"http://127.0.0.1:{self.http_port}"

    def start_broker(self) -> None:
        """Until it takes connections. Raises NotThere."""
        program = mosquitto()
        more = self._tls.format(port=self.tls_port) if self._tls else ""
        config = self.folder / "mosquitto.conf"
        user = getpass.getuser()  # started by root, mosquitto would become somebody who cannot read the keys
        config.write_text(_MOSQUITTO.format(port=self.port, user=user, more=f"allow_anonymous true\n{more}"))
        self._start("broker", [program, "-c", str(config)])
        self._await("broker", lambda: listens(self.port))

    def start_gateway(self) -> None:
        """Until it answers. Raises NotThere."""
        self.http_port = free_port()  # chosen late: others take free ports too
        config = self.folder / "gateway.toml"
        where = {"data": self.folder / "gateway", "http": self.http_port, "nobody": free_port(), "port": self.port}
        config.write_text(_GATEWAY.format(**where))
        self._start("gateway", [sys.executable, "-m", "zhuomu", "gateway", "--config", str(config)])
        self._await("gateway", self._is_ready)

    def kill_broker(self) -> None:
        """SIGKILL: everything that it held is gone."""
        process = self._processes.pop("broker")
        process.send_signal(signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        """Both, in good order."""
        for process in reversed(self._processes.values()):
            process.terminate()
            process.wait(20)
        self._processes.clear()

    def cpu_s(self, name: str) -> float:
        """Processor seconds of `broker` or `gateway` since it was started; 0 when it does not run."""
        process = self._processes.get(name)
        return cpu_s(process.pid) if process is not None else 0.0

    def counters(self) -> dict[str, int]:
        """The gateway's."""
        return dict(httpx.get(f"{self.http}/api/counters", trust_env=False).raise_for_status().json())

    def _start(self, name: str, command: Sequence[str]) -> None:
        with (self.folder / f"{name}.err").open("ab") as err:
            self._processes[name] = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=err)

    def _is_ready(self) -> bool:
        try:
            return bool(httpx.get(f"{self.http}/api/counters", trust_env=False).is_success)
        except httpx.HTTPError:
            return False

    def _await(self, name: str, there: Callable[[], bool]) -> None:
        end_s = time.monotonic() + START_S_MAX
        while not there():
            if self._processes[name].poll() is not None or time.monotonic() > end_s:
                last = (self.folder / f"{name}.err").read_text(errors="replace").splitlines()[-1:]
                raise NotThere(f"the {name} did not start: {' '.join(last) or 'no word of it'}")
            time.sleep(0.01)
