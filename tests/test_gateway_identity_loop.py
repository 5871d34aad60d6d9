"""The whole way as a city walks it, with the commands themselves: broker, gateway, claim, receipt, revocation."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import free_port, until
from gateway_helpers import REPOSITORY, Process, candidate
from secure_rig import City

from edge.link import Broker, Link, Outbox
from edge.link.tls import Tls

NAME = "kiosk-7"


def zhuomu(folder: Path, *words: str) -> dict[str, Any]:
    """A command's one JSON line."""
    command = [sys.executable, "-m", "zhuomu", *words]
    environment = {"PYTHONPATH": str(REPOSITORY), "PATH": "/usr/bin:/usr/sbin"}
    ended = subprocess.run(
        command, capture_output=True, text=True, timeout=120, cwd=folder, env=environment, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return dict(json.loads(ended.stdout.splitlines()[-1]))


@pytest.fixture
def city(tmp_path: Path) -> Iterator[City]:
    made = City(tmp_path / "city")
    yield made
    made.stop()


@pytest.mark.slow
def test_a_claimed_device_gets_its_receipts_over_tls_until_it_is_revoked(city: City, tmp_path: Path) -> None:
    http = free_port()
    config = tmp_path / "gateway.toml"
    config.write_text(
        f'data = "{city.folder}"\nport = {http}\nconsole = false\n'
        f'[broker]\nport = {city.plain_port}\nusername = "zhuomu-gateway"\npassword = "of the gateway"\n'
        f'[identity]\nrequire = true\nbroker_files = "{city.files}"\n'
        f'broker_pid_file = "{city.folder / "mosquitto.pid"}"\n'
    )
    city.write_files()
    city.start_mosquitto()
    gateway = Process([sys.executable, "-m", "zhuomu", "gateway", "--config", str(config)], tmp_path / "gateway.err")
    gateway.ready()
    code = zhuomu(tmp_path, "gateway", "device", "add", NAME, "--config", str(config))["code"]
    zhuomu(tmp_path, "claim", "--url", f"http://127.0.0.1:{http}", "--code", code, "--out", "identity")
    outbox = Outbox(tmp_path / "outbox.db", NAME)
    broker = Broker("localhost", city.tls_port, tls=Tls(identity=str(tmp_path / "identity")))
    link = Link(outbox, broker, "kiosk", handlers={}, resend_s=1.0)
    link.start()
    link.send(candidate(1, device=NAME))
    assert link.drain(60.0), f"no receipt; the line says: {link.last_error}"
    gone = zhuomu(tmp_path, "gateway", "device", "revoke", NAME, "--reason", "stolen", "--config", str(config))
    assert gone["event"] == "device.revoked"
    until(lambda: not link.connected and "revoked" in link.last_error, 60.0, "a line that is refused as revoked")
    link.send(candidate(2, device=NAME))
    time.sleep(0.5)
    assert outbox.size[0] == 1, "a device that was shut out keeps what it has"
    listed = httpx.get(f"http://127.0.0.1:{http}/api/summary", trust_env=False).json()
    assert listed["candidates"] == 1
    link.stop()
    outbox.close()
    gateway.end()
