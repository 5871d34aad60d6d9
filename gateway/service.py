"""The gateway's process: connection, intake, forwarding, mirror, sender, API and console, and their orderly end."""

import secrets
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import structlog
from fastapi import FastAPI

from edge.link.mqtt import Connection, Group, Incoming
from edge.wire import topic, up_filter
from gateway import api, health, hooks, regroup_api, tus
from gateway.counters import Counters
from gateway.decide import Decider
from gateway.down import Sender
from gateway.evidence import EvidenceStore
from gateway.follow import Follower
from gateway.forwarder import Forwarder
from gateway.ingest import Intake
from gateway.leases import Alone, Duty, Leases
from gateway.lock import DataLock
from gateway.metrics import Metrics, State
from gateway.mirror import Mirror
from gateway.ports import listen
from gateway.retention import Retention
from gateway.schema import open_database
from gateway.server import Server, ready_line
from gateway.settings import GatewaySettings
from gateway.store import BatchStore, Outcome
from gateway.targets import routes
from gateway.targets.base import TIMEOUT_S
from gateway.times import utc_now
from gateway.uploads import Uploads

DRAIN_S = 1.5
log = structlog.get_logger()


class Gateway:
    """Builds the parts and owns their threads. A thread that dies takes the process with it, to be started again."""

    def __init__(self, settings: GatewaySettings) -> None:
        data = Path(settings.data)
        self.settings = settings
        self.counters = Counters()
        self.failed = False
        self.stopping = False
        self.targets = settings.all_targets()
        self.database = open_database(settings.url())
        self.pictures = EvidenceStore(data / "evidence", settings.evidence_bytes_max)
        self.registry = httpx.Client(
            base_url=settings.embedded_url() or settings.registry_url, timeout=TIMEOUT_S, trust_env=False
        )
        self.connection = self._connection(settings)
        self.duty = self._duty(settings)
        self._build(settings)
        self._build_ways(settings)
        self._threads = [
            threading.Thread(target=self._guard, args=(name, run), name=name, daemon=True)
            for name, run in self._runs().items()
        ]
        self.on_failure: Callable[[], None] = lambda: None

    def _connection(self, s: GatewaySettings) -> Connection:
        if not s.group:
            return Connection(s.broker, s.client_id, subscriptions=[(up_filter(), 1)], on_message=self._incoming)
        # Births are kept by the broker, and what is kept it gives to no group: every gateway hears of them by itself.
        births = [(topic("up", "+", "presence"), 1)]
        group = Group(s.group, [(up_filter(), 1)], s.batch_messages_max)
        return Connection(s.broker, s.client_id, subscriptions=births, on_message=self._incoming, group=group)

    def _duty(self, s: GatewaySettings) -> Duty:
        """Who may do what cannot be done by two gateways at once."""
        if self.database.is_sqlite:
            return Alone()
        holder = f"{s.client_id}@{socket.gethostname()}-{secrets.token_hex(4)}"
        ways = [f"{kind}-{target.name}" for target in self.targets for kind in ("forward", "follow")]
        return Leases(self.database, holder, ["mirror", "down", "retention", *ways])

    def _build(self, s: GatewaySettings) -> None:
        store = BatchStore(self.database, self.pictures, self.counters, utc_now, s.dead_letters_max)
        self.intake = Intake(s, store, self.counters, self.connection, self._committed)
        self.sender = Sender(
            self.database, self.connection, self.counters, utc_now, s.resend_s, s.resend_s_max, self.duty.may("down")
        )
        self.retention = Retention(s, self.database, self.pictures, self.counters, utc_now, self.duty.may("retention"))

    def _build_ways(self, s: GatewaySettings) -> None:
        """To the registries and back."""
        made = [(target, routes.build(target, self.registry)) for target in self.targets]
        self.forwarders = [
            Forwarder(
                self.database,
                way,
                routes.owns(target, self.targets),
                self.counters,
                utc_now,
                s.forward_workers,
                may=self.duty.may(f"forward-{target.name}"),
            )
            for target, way in made
        ]
        news = self.sender.wake
        self.followers = {
            target.name: Follower(
                self.database, way, target, self.counters, utc_now, news, self.duty.may(f"follow-{target.name}")
            )
            for target, way in made
            if target.kind == "open311"
        }
        self.mirror = Mirror(
            self.database, self.registry, self.counters, utc_now, s.poll_s, news, self.duty.may("mirror")
        )
        self.metrics = Metrics()
        self.intake.on_receipt = self.metrics.receipted
        self.metrics.registry.register(
            State(self.database, self.counters, self.forwarders, self.intake.waiting, self.is_up, utc_now)
        )

    def _runs(self) -> dict[str, Callable[[], None]]:
        """Threads by name."""
        runs = {"intake": self.intake.run, "down": self.sender.run, "retention": self.retention.run}
        runs["duty"] = self.duty.run
        if self.settings.embedded_url():
            runs["mirror"] = self.mirror.run
        runs |= {f"forward-{forwarder.target.name}": forwarder.run for forwarder in self.forwarders}
        return runs | {f"follow-{name}": follower.run for name, follower in self.followers.items()}

    def _ends(self) -> list[Callable[[], None]]:
        """What stops the threads but the intake's."""
        ways = [*(f.stop for f in self.forwarders), *(f.stop for f in self.followers.values())]
        return [*ways, self.mirror.stop, self.sender.stop, self.retention.stop, self.duty.stop]

    def is_up(self) -> bool:
        """Whether the broker can be reached."""
        return bool(self.connection.connected)

    def is_well(self) -> bool:
        """Whether every part runs and none is being stopped."""
        return not (self.failed or self.stopping)

    def start(self) -> None:
        """Begin to take in."""
        for thread in self._threads:
            thread.start()
        self.connection.start()

    def stop(self) -> None:
        """Drain, commit, receipt, close; within about four seconds."""
        self.stopping = True
        self.intake.stop(DRAIN_S)
        for end in self._ends():
            end()
        deadline = time.monotonic() + DRAIN_S + 0.5
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self.connection.stop(1.0)
        self.registry.close()
        self.database.close()

    def _incoming(self, incoming: Incoming) -> None:
        self.intake.put(incoming)

    def _committed(self, outcome: Outcome) -> None:
        self.metrics.committed(outcome)
        if outcome.accepted:
            for forwarder in self.forwarders:
                forwarder.wake()
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
    """Serve until SIGTERM or SIGINT; False when a part failed.

    Raises SettingsError, PortInUse, InUse, SchemaMismatch before anything is taken in.
    """
    settings.all_targets()
    sock = listen(settings.host, settings.port)
    Path(settings.data).mkdir(parents=True, exist_ok=True)
    # Two gateways on one SQLite file would do the same work twice; on PostgreSQL they share a folder of pictures.
    with DataLock(Path(settings.data), exclusive=settings.url().startswith("sqlite")):
        return _serve(settings, sock)


def _app(gateway: Gateway) -> FastAPI:
    app = FastAPI(title="zhuomu gateway", docs_url=None, redoc_url=None, openapi_url=None)
    api.add_routes(app, gateway.database, gateway.pictures, gateway.counters)
    well, render = gateway.is_well, gateway.metrics.render
    health.add_health(app, gateway.database, gateway.counters, gateway.is_up, well, render)
    regroup_api.add_regroup(app, gateway.database, utc_now)
    uploads = Uploads(Path(gateway.settings.data) / "uploads", gateway.settings.uploads, gateway.counters)
    tus.add_uploads(app, tus.Door(gateway.database, gateway.pictures, uploads, gateway.counters, utc_now))
    hooks.add_hooks(app, gateway.database, gateway.targets, gateway.counters, utc_now, gateway.sender.wake.set)
    return app


def _serve(settings: GatewaySettings, sock: socket.socket) -> bool:
    gateway = Gateway(settings)
    app = _app(gateway)
    if settings.console:
        from gateway.console import page  # NiceGUI takes a second to import; a gateway without a page need not wait

        decider = Decider(gateway.registry)
        page.add_console(app, gateway.database, gateway.counters, gateway.is_up, decider)
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
