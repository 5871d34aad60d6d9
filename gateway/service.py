"""The gateway's process: connection, intake, forwarding, mirror, sender, API and console, and their orderly end."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import structlog
from fastapi import FastAPI

from edge.link.mqtt import Connection, Incoming
from edge.wire import up_filter
from gateway import api, tables
from gateway.counters import Counters
from gateway.database import Database
from gateway.decide import Decider
from gateway.down import Sender
from gateway.evidence import EvidenceStore
from gateway.forward import TIMEOUT_S, Forwarder
from gateway.ingest import Intake
from gateway.migrations import MIGRATIONS
from gateway.mirror import Mirror
from gateway.ports import listen
from gateway.server import Server, ready_line
from gateway.settings import GatewaySettings
from gateway.store import BatchStore, Outcome
from gateway.times import utc_now

DRAIN_S = 1.5
log = structlog.get_logger()


class Gateway:
    """Builds the parts and owns their threads. A thread that dies takes the process with it, to be started again."""

    def __init__(self, settings: GatewaySettings) -> None:
        data = Path(settings.data)
        self.settings = settings
        self.counters = Counters()
        self.failed = False
        self.database = Database(settings.url(), tables.metadata, tables.SCHEMA_VERSION, MIGRATIONS)
        self.pictures = EvidenceStore(data / "evidence", settings.evidence_bytes_max)
        self.registry = httpx.Client(base_url=settings.registry_url, timeout=TIMEOUT_S, trust_env=False)
        self.connection = Connection(
            settings.broker, settings.client_id, subscriptions=[(up_filter(), 1)], on_message=self._incoming
        )
        self._build(settings)
        self._threads = [
            threading.Thread(target=self._guard, args=(name, run), name=name, daemon=True)
            for name, run in (
                ("intake", self.intake.run),
                ("forward", self.forwarder.run),
                ("mirror", self.mirror.run),
                ("down", self.sender.run),
            )
        ]
        self.on_failure: Callable[[], None] = lambda: None

    def _build(self, s: GatewaySettings) -> None:
        store = BatchStore(self.database, self.pictures, self.counters, utc_now, s.dead_letters_max)
        self.intake = Intake(s, store, self.counters, self.connection, self._committed)
        self.forwarder = Forwarder(self.database, self.registry, self.counters, utc_now, s.forward_workers)
        self.sender = Sender(self.database, self.connection, self.counters, utc_now, s.resend_s, s.resend_s_max)
        self.mirror = Mirror(self.database, self.registry, self.counters, utc_now, s.poll_s, self.sender.wake)

    def start(self) -> None:
        """Begin to take in."""
        for thread in self._threads:
            thread.start()
        self.connection.start()

    def stop(self) -> None:
        """Drain, commit, receipt, close; within about four seconds."""
        self.intake.stop(DRAIN_S)
        for part in (self.forwarder, self.mirror, self.sender):
            part.stop()
        deadline = time.monotonic() + DRAIN_S + 0.5
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self.connection.stop(1.0)
        self.registry.close()
        self.database.close()

    def _incoming(self, incoming: Incoming) -> None:
        self.intake.put(incoming)

    def _committed(self, outcome: Outcome) -> None:
        if outcome.accepted:
            self.forwarder.wake()
        if outcome.births:
            self.sender.born(outcome.births)

    def _guard(self, name: str, run: Callable[[], None]) -> None:
        try:
            run()
        except Exception:
            log.exception("gateway.thread_died", thread=name)
            self.failed = True
            self.on_failure()


def run(settings: GatewaySettings) -> bool:
    """Serve until SIGTERM or SIGINT; False when a part failed. Raises PortInUse, SchemaMismatch."""
    sock = listen(settings.host, settings.port)
    Path(settings.data).mkdir(parents=True, exist_ok=True)
    gateway = Gateway(settings)
    app = FastAPI(title="zhuomu gateway", docs_url=None, redoc_url=None, openapi_url=None)
    api.add_routes(app, gateway.database, gateway.pictures, gateway.counters, lambda: gateway.connection.connected)
    if settings.console:
        from gateway.console import page  # NiceGUI takes a second to import; a gateway without a page need not wait

        decider = Decider(gateway.registry)
        page.add_console(app, gateway.database, gateway.counters, lambda: gateway.connection.connected, decider)
    ended = threading.Event()

    def say_ready() -> None:
        while not ended.is_set():
            if gateway.connection.wait_connected(0.5):
                ready_line("gateway.ready", sock)
                return

    server = Server(app, sock, on_started=say_ready)
    gateway.on_failure = server.stop
    gateway.start()
    server.run()
    ended.set()
    gateway.stop()
    log.info("gateway.stopped", failed=gateway.failed)
    return not gateway.failed
