"""The watchdog's word comes from the loop that can hang: a real unix datagram socket hears it, and its silence."""

import os
import socket
import threading
import time
from pathlib import Path

import pytest

from edge.care.notify import Notifier


def listening(path: Path) -> socket.socket:
    """What systemd would hold."""
    ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    ear.bind(str(path))
    ear.settimeout(10.0)
    return ear


def test_ready_alive_and_stopping_are_heard(tmp_path: Path) -> None:
    """In the words of sd_notify(3)."""
    with listening(tmp_path / "notify") as ear:
        said = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "3000000"})
        said.ready("two\ncameras")
        said.alive(100.0)
        said.alive(100.5)
        said.alive(101.1)
        said.starting_anew("other settings")
        said.stopping("bye")
        heard = [ear.recv(1000).decode() for _ in range(5)]
    assert heard.pop(3).startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert heard == ["READY=1\nSTATUS=two cameras", "WATCHDOG=1", "WATCHDOG=1", "STOPPING=1\nSTATUS=bye"]


def test_a_loop_that_hangs_is_silent(tmp_path: Path) -> None:
    """As long as it goes round it is heard again and again; once it stands still, nothing more comes."""
    stuck, end = threading.Event(), threading.Event()

    def loop(said: Notifier) -> None:
        while not end.is_set():
            if stuck.is_set():
                end.wait(60.0)
            said.alive(time.monotonic())
            end.wait(0.005)

    with listening(tmp_path / "notify") as ear:
        said = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "300000"})
        thread = threading.Thread(target=loop, args=(said,), daemon=True)
        thread.start()
        assert [ear.recv(100) for _ in range(5)] == [b"WATCHDOG=1"] * 5
        stuck.set()
        ear.settimeout(1.0)  # more than three times WatchdogSec
        last = time.monotonic()
        with pytest.raises(TimeoutError):
            while time.monotonic() - last < 30.0:
                ear.recv(100)
        end.set()
        thread.join(5.0)


def test_without_a_supervisor_nothing_is_said() -> None:
    """No socket, no watchdog; and a watchdog that is meant for another process is not ours."""
    said = Notifier({})
    said.ready("")
    said.alive(1.0)
    assert not said.watched
    other = {"NOTIFY_SOCKET": "@zhuomu-test-nobody", "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": str(os.getpid() + 1)}
    assert not Notifier(other).watched
    said = Notifier({"NOTIFY_SOCKET": "@zhuomu-test-nobody", "WATCHDOG_USEC": "1000000"})
    assert said.watched
    said.alive(1.0)  # nobody listens there: told in the log, nothing raised
