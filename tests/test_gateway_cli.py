"""How the two processes start, refuse to start, and end."""

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from gateway_helpers import REPOSITORY, Centre

from gateway.lock import DataLock

_RUN = "from gateway import cli; import typer; typer.run(cli.{})"


def run(command: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-c", _RUN.format(command), *arguments]
    environment = {"PYTHONPATH": str(REPOSITORY), "PATH": "/usr/bin"}
    return subprocess.run(program, capture_output=True, text=True, timeout=30, cwd=cwd, env=environment, check=False)


@pytest.mark.parametrize("command", ["gateway", "registry"])
def test_a_port_in_use_is_one_clear_line_and_exit_2_and_writes_nothing(command: str, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ended = run(command, "--data", "here", "--port", port, cwd=tmp_path)
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"error: HTTP port 127.0.0.1:{port}: Address already in use")
    assert ended.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["gateway", "registry"])
@pytest.mark.parametrize(
    ("text", "words"),
    [(None, "no such file"), ("prot = 1", "prot"), ("port = [", "not valid TOML"), ('port = "x"', "port")],
)
def test_a_bad_settings_file_is_one_clear_line_and_exit_2(
    command: str, text: str | None, words: str, tmp_path: Path
) -> None:
    config = tmp_path / "settings.toml"
    if text is not None:
        config.write_text(text)
    ended = run(command, "--config", str(config), cwd=tmp_path)
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: ")
    assert str(config) in ended.stderr
    assert words in ended.stderr
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_both_processes_with_status_0_within_five_seconds(number: int, tmp_path: Path) -> None:
    centre = Centre(tmp_path)
    centre.start()
    try:
        for name in ("gateway", "registry"):
            started = time.monotonic()
            assert centre.end(name, number) == 0
            assert time.monotonic() - started < 5.0
            last = (tmp_path / f"{name}.err").read_text().splitlines()[-1]
            assert json.loads(last)["event"] == f"{name}.stopped"
    finally:
        centre.stop()


def test_the_gateway_says_ready_only_when_the_broker_is_there(tmp_path: Path) -> None:
    centre = Centre(tmp_path)
    try:
        centre.start("registry")
        centre.start("broker", "gateway")
        assert centre.http.get("/healthz").json()["broker"] is True
    finally:
        centre.stop()


def test_a_second_gateway_on_one_sqlite_file_is_refused_in_one_line(tmp_path: Path) -> None:
    """Several gateways share a PostgreSQL, see configs/cluster/; on one file they would do everything twice."""
    with DataLock(tmp_path, exclusive=True):
        ended = run("gateway", "--data", str(tmp_path), "--port", "0", cwd=tmp_path)
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert ended.stderr.startswith(f"error: {tmp_path}: a gateway runs there")
