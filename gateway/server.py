"""Uvicorn on a socket of ours: a port in use is one clear error, SIGTERM and SIGINT end it in time."""

import json
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn
from fastapi import FastAPI

from gateway.ports import url_of

SHUTDOWN_S = 2


def ready_line(event: str, sock: socket.socket) -> None:
    """The one line on stdout by which a parent process learns that this one serves."""
    sys.stdout.write(json.dumps({"event": event, "url": url_of(sock)}) + "\n")
    sys.stdout.flush()


class Server(uvicorn.Server):
    """Runs in the main thread; `on_started` is called once in a thread of its own when requests are answered."""

    def __init__(self, app: FastAPI, sock: socket.socket, on_started: Callable[[], None]) -> None:
        config = uvicorn.Config(
            app, log_config=None, access_log=False, timeout_graceful_shutdown=SHUTDOWN_S, ws_ping_interval=20.0
        )
        super().__init__(config)
        self._socket = sock
        self._on_started = on_started

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Until `stop`, SIGTERM or SIGINT."""
        super().run(sockets or [self._socket])

    def stop(self) -> None:
        """End, from any thread."""
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Uvicorn's own, then the word that it serves."""
        await super().startup(sockets)
        if self.started:
            threading.Thread(target=self._on_started, name="ready", daemon=True).start()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Uvicorn raises a caught signal again at its end, which would skip our own cleaning up; this does not."""
        before = {name: signal.signal(name, self._signalled) for name in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for name, handler in before.items():
                signal.signal(name, handler)

    def _signalled(self, _number: int, _frame: FrameType | None) -> None:
        self.should_exit = True
