"""A real centre for measurements: mosquitto and the gateway as processes of their own, on free ports below a folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx

from bench.processes import NotThere, listens, mosquitto
from edge.up.ports import free_port

START_S = 120.0
_MOSQUITTO = """listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_inflight_messages 1000
max_queued_messages 100000
set_tcp_nodelay true
"""


class Centre:
    """Where it listens, and what its gateway says. `gateway_pid`: for /proc."""

    def __init__(self, mqtt_port: int, http_port: int, gateway_pid: int) -> None:
        self.mqtt_port = mqtt_port
        self.gateway_pid = gateway_pid
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{http_port}", trust_env=False, timeout=60.0)

    def summary(self) -> dict[str, int]:
        """The gateway's counts."""
        return dict(self._http.get("/api/summary").raise_for_status().json())

    def candidates(self, most: int) -> list[dict[str, Any]]:
        """Those that it has, newest first."""
        return list(self._http.get("/api/candidates", params={"limit": most}).raise_for_status().json())

    def close(self) -> None:
        """Ask no more."""
        self._http.close()


@contextmanager
def centre(folder: Path, **gateway: Any) -> Iterator[Centre]:
    """Broker and gateway, without a registry: what is filed waits there. `gateway`: its settings. Raises NotThere."""
    program = mosquitto()
    folder.mkdir(parents=True, exist_ok=True)
    mqtt_port, http_port = free_port(), free_port()
    (folder / "mosquitto.conf").write_text(_MOSQUITTO.format(port=mqtt_port), encoding="utf-8")
    settings = {"data": str(folder / "gateway"), "port": http_port, "console": False, **gateway}
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    (folder / "gateway.toml").write_text("\n".join([*lines, "[broker]", f"port = {mqtt_port}", ""]), encoding="utf-8")
    with ExitStack() as parts:
        parts.enter_context(_process([program, "-c", str(folder / "mosquitto.conf")], folder / "mosquitto.err"))
        _await_port(mqtt_port)
        command = [sys.executable, "-m", "zhuomu", "gateway", "--config", str(folder / "gateway.toml")]
        process = parts.enter_context(_process(command, folder / "gateway.err"))
        assert process.stdout is not None
        if not process.stdout.readline():
            last = (folder / "gateway.err").read_text(encoding="utf-8").strip().splitlines()[-1:]
            raise NotThere(f"the gateway did not start: {' '.join(last)}")
        made = Centre(mqtt_port, http_port, process.pid)
        parts.callback(made.close)
        yield made


@contextmanager
def _process(command: list[str], errors: Path) -> Iterator[subprocess.Popen[str]]:
    with errors.open("ab") as stderr:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True, env=dict(os.environ))
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10.0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()


def _await_port(port: int) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if listens(port):
            return
        time.sleep(0.02)
    raise NotThere(f"mosquitto does not listen on port {port} after {START_S:g} s; look into its log")
