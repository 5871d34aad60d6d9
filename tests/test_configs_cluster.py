"""configs/cluster/ starts what it says: its script, its files, only the ports are the test's own."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from conftest import REPOSITORY, free_port, missing, until
from gateway_helpers import Device, candidate

PORTS = ("1883", "5433", "8080", "8081", "8082")
pytestmark = pytest.mark.slow


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where the user `postgres` may look into, if the tests are root's."""
    path = Path(tempfile.mkdtemp(prefix="zm-cluster-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def test_the_cluster_of_the_folder_starts_takes_in_on_both_gateways_and_ends(folder: Path) -> None:
    if not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")) and shutil.which("initdb") is None:
        missing("PostgreSQL (apt-get install postgresql)")
    ports = {port: free_port() for port in PORTS}
    configs = folder / "configs"
    configs.mkdir()
    for path in (REPOSITORY / "configs" / "cluster").iterdir():
        text = re.sub("|".join(PORTS), lambda found: str(ports[found.group()]), path.read_text(encoding="utf-8"))
        (configs / path.name).write_text(text, encoding="utf-8")
    environment = {**os.environ, "ZHUOMU": f"{sys.executable} -m zhuomu", "PYTHONPATH": str(REPOSITORY)}
    environment.pop("PYTEST_CURRENT_TEST", None)  # NiceGUI looks at it
    script = subprocess.Popen(
        ["bash", str(configs / "run.sh"), str(folder / "data")], env=environment, start_new_session=True
    )
    try:
        for port in (ports["8080"], ports["8082"]):
            until(lambda url=f"http://127.0.0.1:{port}/readyz": _is_ready(url), 240.0, f"readyz on {port}")
        kiosk = Device(ports["1883"], "kiosk-1")
        kiosk.send(*(candidate(number) for number in range(1, 41)))
        kiosk.settle(60.0)
        kiosk.stop()
        for port in (ports["8080"], ports["8082"]):
            summary = httpx.get(f"http://127.0.0.1:{port}/api/summary", trust_env=False).json()
            assert (summary["candidates"], summary["incidents"]) == (40, 40)
        took = [_accepted(ports[port]) for port in ("8080", "8082")]
        assert min(took) > 0 and sum(took) == 40, took
    finally:
        script.send_signal(signal.SIGTERM)
        code = script.wait(60)
    assert code == 0
    assert not any(_answers(port) for port in ports.values())


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _answers(port: int) -> bool:
    return _is_ready(f"http://127.0.0.1:{port}/readyz")


def _accepted(port: int) -> int:
    """How many candidates this very gateway took in, by its own metrics."""
    text = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
    line = r'^zhuomu_intake_messages_total\{channel="candidate",result="accepted"\} ([\d.]+)'
    found = re.search(line, text, re.M)
    return int(float(found.group(1))) if found else 0
