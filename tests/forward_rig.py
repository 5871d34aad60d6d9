"""Parts for tests of forwarding: a gateway's database with a clock of the test's own, and a real HTTP server."""

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from gateway_helpers import picture

from edge.link.mqtt import Incoming
from edge.wire import Durable, channel_of, encode, topic
from gateway import tables
from gateway.counters import Counters
from gateway.database import sqlite_url
from gateway.evidence import EvidenceStore
from gateway.follow import Follower
from gateway.forwarder import Forwarder
from gateway.schema import open_database
from gateway.store import BatchStore, Outcome
from gateway.take import take
from gateway.targets import routes
from gateway.targets.base import Target
from gateway.targets.settings import TargetSettings, check

Reply = tuple[int, str]


def url_for(folder: Path) -> str:
    """Which database a Rig opens; a test file that runs on several puts its own in place of this."""
    return sqlite_url(folder / "gateway.sqlite3")


class Rig:
    """Database and store in a folder; `now` moves only when the test moves it."""

    def __init__(self, folder: Path, *targets: TargetSettings) -> None:
        self.folder = folder
        self.now = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
        self.mono_s = 0.0
        self.counters = Counters()
        self.database = open_database(url_for(folder))
        self.pictures = EvidenceStore(folder / "evidence", 10**9)
        self.store = BatchStore(self.database, self.pictures, self.counters, lambda: self.now, 100)
        self.news = threading.Event()
        self.targets = list(targets)

    def commit(self, *messages: Durable) -> Outcome:
        """Take messages in."""
        return self.store.commit([take(incoming(m)) for m in messages])

    def forwarder(self, target: Target, name: str = "") -> Forwarder:
        """One that is run round by round."""
        settings = next(t for t in self.targets if t.name == (name or target.name))
        owns = routes.owns(settings, check(self.targets))
        return Forwarder(self.database, target, owns, self.counters, lambda: self.now, 2, monotonic=lambda: self.mono_s)

    def follower(self, target: Target) -> Follower:
        """One that is run round by round."""
        settings = next(t for t in self.targets if t.name == target.name)
        return Follower(self.database, target, settings, self.counters, lambda: self.now, self.news)

    def later(self, seconds: float) -> None:
        """Both clocks."""
        self.now += timedelta(seconds=seconds)
        self.mono_s += seconds

    def rows(self, query: Any) -> list[dict[str, Any]]:
        """What the database says."""
        with self.database.read() as tx:
            return [dict(row) for row in tx.execute(query).mappings()]

    def forwards(self) -> list[dict[str, Any]]:
        """The outbox in order."""
        return self.rows(sa.select(tables.forwards).order_by(tables.forwards.c.n))

    def incident(self, number: int = 0) -> dict[str, Any]:
        """The incident of that place in the table."""
        return self.rows(sa.select(tables.incidents).order_by(tables.incidents.c.n))[number]

    def close(self) -> None:
        """Give the database back."""
        self.database.close()


def incoming(message: Durable) -> Incoming:
    """As the broker would bring it."""
    row = channel_of(message)
    return Incoming(topic("up", message.device, row.name), encode(message), False, message.seq, row.qos)


def shown(data: bytes, seq: int) -> Any:
    """(evidence message, reference to it)."""
    from edge.wire import EvidenceRef

    message = picture(data, seq=seq)
    reference = EvidenceRef(
        sha256=message.sha256, media_type="image/jpeg", size_bytes=len(data), kind="crop", redacted=True
    )
    return message, reference


class Server:
    """A real HTTP server on a free port; `reply(method, path, headers, body)` answers, `log` keeps what came."""

    def __init__(self, reply: Callable[[str, str, Any, bytes], Reply]) -> None:
        self.log: list[tuple[str, str, dict[str, str], bytes]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.log.append((self.command, self.path, dict(self.headers), body))
                status, text = reply(self.command, self.path, self.headers, body)
                self.send_response(status)
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            do_GET = do_POST = _answer

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def bodies(self) -> list[Any]:
        """JSON of what was posted."""
        return [json.loads(body) for method, _, _, body in self.log if method == "POST"]

    def close(self) -> None:
        """End."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5.0)
