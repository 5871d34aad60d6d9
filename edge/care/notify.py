"""Words to systemd: ready, alive, stopping. Source: sd_notify(3), the datagram protocol of NOTIFY_SOCKET."""

import os
import socket
import time
from collections.abc import Mapping

import structlog

SHARE = 3  # of WatchdogSec: so often is said that all is well

log = structlog.get_logger()


class Notifier:
    """Says nothing where no supervisor asked for it. One thread at a time; `alive` is cheap to call in every round of
    the loop that must not stand still."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        name = environment.get("NOTIFY_SOCKET", "")
        self._address = f"\0{name[1:]}" if name.startswith("@") else name
        self._every_s = _watchdog_s(environment) / SHARE
        self._said_s = float("-inf")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) if name else None
        if self._socket is not None:
            self._socket.setblocking(False)

    @property
    def watched(self) -> bool:
        """Whether a supervisor ends this process when it falls silent."""
        return self._every_s > 0 and self._socket is not None

    def ready(self, words: str) -> None:
        """The process does its work now."""
        self._say("READY=1", f"STATUS={_line(words)}")

    def alive(self, mono_s: float) -> None:
        """The loop goes round; told a third of WatchdogSec apart."""
        if self.watched and mono_s - self._said_s >= self._every_s:
            self._said_s = mono_s
            self._say("WATCHDOG=1")

    def renew(self) -> None:
        """Tell it now: what comes next (a new start of the same process) takes a while."""
        if self.watched:
            self._say("WATCHDOG=1")

    def starting_anew(self, words: str) -> None:
        """The same process begins again. Not STOPPING=1: systemd would wait for its end, and then bring it about."""
        self._say("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}", f"STATUS={_line(words)}")

    def stopping(self, words: str) -> None:
        """The process ends in good order."""
        self._say("STOPPING=1", f"STATUS={_line(words)}")

    def _say(self, *lines: str) -> None:
        if self._socket is None:
            return
        try:
            self._socket.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            log.warning("notify.unheard", reason=error.strerror or str(error))


def _watchdog_s(environment: Mapping[str, str]) -> float:
    """Seconds of silence after which the supervisor acts, 0 where it does not watch this process."""
    asked, pid = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    if not asked.isdigit() or (pid and pid != str(os.getpid())):
        return 0.0
    return int(asked) / 1e6


def _line(words: str) -> str:
    return " ".join(words.split())
