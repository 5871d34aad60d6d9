"""Wayline files over HTTP for docks, which cannot log in: each lies under a path that nobody can guess."""

from __future__ import annotations

import hmac
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import structlog

AT_ONCE_MAX = 16
TIMEOUT_S = 20.0
Tokens = Callable[[str], str | None]
"""The token of a flight's file, None for a flight that is not known."""

log = structlog.get_logger()


class Waylines(ThreadingHTTPServer):
    """Serves <folder>/<flight>.kmz under /wayline/<token>/<flight>.kmz. At most AT_ONCE_MAX at a time; others are
    turned away and counted in `refused`."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, place: tuple[str, int], folder: Path, tokens: Tokens) -> None:
        super().__init__(place, _Handler)
        self.folder, self.tokens = folder, tokens
        self.refused = 0
        self._room = threading.BoundedSemaphore(AT_ONCE_MAX)

    def start(self) -> None:
        """Serve in a thread of its own until `shutdown`."""
        threading.Thread(target=self.serve_forever, name="waylines", daemon=True).start()

    def process_request(self, request: Any, client_address: Any) -> None:
        """One thread a request, while there is room."""
        if self._room.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.refused += 1
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """As before, and give the room back."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()


class _Handler(BaseHTTPRequestHandler):
    server: Waylines
    timeout = TIMEOUT_S

    def do_GET(self) -> None:
        """The file."""
        self._send(True)

    def do_HEAD(self) -> None:
        """Its size."""
        self._send(False)

    def _send(self, whole: bool) -> None:
        content = self._content()
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/vnd.google-earth.kmz")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if whole:
            self.wfile.write(content)

    def _content(self) -> bytes | None:
        parts = self.path.split("?")[0].split("/")
        if len(parts) != 4 or parts[:2] != ["", "wayline"] or not parts[3].endswith(".kmz"):
            return None
        flight_id = parts[3].removesuffix(".kmz")
        token = self.server.tokens(flight_id)
        if token is None or not hmac.compare_digest(token.encode(), parts[2].encode()):
            return None
        try:
            return (self.server.folder / f"{flight_id}.kmz").read_bytes()
        except OSError:
            return None

    def log_message(self, format: str, *args: Any) -> None:
        """Without the path, which is the secret."""
        log.debug("waylines.asked", client=self.client_address[0])


def token_of(url: str) -> str:
    """The token in a wayline's URL."""
    return url.rsplit("/", 2)[1]
