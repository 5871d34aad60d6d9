"""The centre of a simulated patrol as real processes: broker, registry, gateway, a disposal crew."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import httpx

from edge.up.children import Child

HOST = "127.0.0.1"
WORK_S = 0.5
HTTP_TIMEOUT_S = 10.0


class Centre:
    """Ports are free ones. with Centre(folder) as centre: ... Raises ChildFailed when a process does not come up."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mqtt_port, self.http_port, self._registry_port = _free_ports(3)
        self._children: list[Child] = []

    def __enter__(self) -> Centre:
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self._start("broker", ["broker", "--port", str(self.mqtt_port)])
            self._start("registry", ["registry", "--config", str(self._file("registry", self._registry()))])
            self._start("gateway", ["gateway", "--config", str(self._file("gateway", self._gateway()))])
            crew = ["handset", "sim", "--data", str(self.folder / "handsets"), "--port", str(self.mqtt_port)]
            self._start("handsets", [*crew, "--count", "1", "--work-s", str(WORK_S)])
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for child in reversed(self._children):
            child.stop()
        self._children.clear()

    def get(self, path: str) -> Any:
        """JSON of the gateway's API. Raises httpx.HTTPError."""
        address = f"http://{HOST}:{self.http_port}{path}"
        answer = httpx.get(address, timeout=HTTP_TIMEOUT_S, trust_env=False)
        return answer.raise_for_status().json()

    def summary(self) -> dict[str, int]:
        """The gateway's counts."""
        return dict(self.get("/api/summary"))

    def incidents(self) -> list[dict[str, Any]]:
        """All incidents with their witnesses."""
        return list(self.get("/api/incidents"))

    def _start(self, name: str, args: list[str]) -> None:
        child = Child(name, args, self.folder / f"{name}.log", lambda words: None)
        self._children.append(child)
        child.start()

    def _file(self, name: str, values: list[str]) -> Path:
        path = self.folder / f"{name}.toml"
        path.write_text("\n".join(values) + "\n", encoding="utf-8")
        return path

    def _registry(self) -> list[str]:
        return [
            f"data = {json.dumps(str(self.folder / 'registry'))}",
            f"port = {self._registry_port}",
            'crews = ["handset-1"]',
            'auto_file = ["stall", "bike", "litter"]',
            "recheck_s = 3.0",
        ]

    def _gateway(self) -> list[str]:
        return [
            f"data = {json.dumps(str(self.folder / 'gateway'))}",
            f"port = {self.http_port}",
            f'registry_url = "http://{HOST}:{self._registry_port}"',
            "console = false",
            f"[broker]\nport = {self.mqtt_port}",
        ]


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for s in sockets:
            s.bind((HOST, 0))
        return [int(s.getsockname()[1]) for s in sockets]
    finally:
        for s in sockets:
            s.close()
