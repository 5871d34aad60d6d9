"""The gateway's process: connection, intake, forwarding, mirror, sender, API and console, and their orderly end."""

import secrets
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import structlog
from fastapi import FastAPI

from edge.link.mqtt import Connection, Group, Incoming
from edge.link.settings import SettingsError
from edge.link.spans import open_spans
from edge.wire import encode, topic, up_filter
from gateway import (
    api,
    api_basemap,
    api_bulletin,
    api_map,
    api_missions,
    fleet_api,
    health,
    hooks,
    live,
    looking,
    regroup_api,
    secrets_file,
    tracing,
    tus,
)
from gateway.asks import Asker
from gateway.basemap import open_tiles
from gateway.counters import Counters
from gateway.devices import door, hook, shut
from gateway.devices.ca import CaUnusable
from gateway.devices.cut import NotCut
from gateway.devices.doorman import Doorman
from gateway.devices.phones import Phones
from gateway.down import Sender
from gateway.evidence import EvidenceStore
from gateway.follow import Follower
from gateway.forwarder import Forwarder
from gateway.grants import Grants
from gateway.ingest import Intake
from gateway.leases import Alone, Duty, Leases
from gateway.lock import DataLock
from gateway.metrics import Metrics, State
from gateway.mirror import Mirror
from gateway.missions import Missions
from gateway.people import api as people_api
from gateway.people.gate import Gate
from gateway.people.sessions import People
from gateway.people.vault import Vault
from gateway.phone import add_phone
from gateway.ports import listen
from gateway.registry import city, standard
from gateway.registry_desk import RegistryDesk
from gateway.retention import Retention
from gateway.s3 import Bucket
from gateway.s3_store import S3Store
from gateway.schema import open_database
from gateway.server import Server, ready_line
from gateway.settings import GatewaySettings
from gateway.sight import Sight
from gateway.store import BatchStore, Outcome
from gateway.sync import http as sync_http
from gateway.sync.cutter import Cutter
from gateway.sync.speaker import Speaker
from gateway.sync.tokens import Tokens
from gateway.targets import routes
from gateway.targets.base import TIMEOUT_S
from gateway.times import utc_now
from gateway.uploads import Uploads

DRAIN_S = 1.5
BACKOFF_S_MAX = 0.5  # one gateway may knock often; thousands of devices wait behind it
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
log = structlog.get_logger()


class Gateway:
    """Builds the parts and owns their threads. A thread that dies takes the process with it, to be started again."""

    def __init__(self, settings: GatewaySettings) -> None:
        self.settings = settings
        self.counters = Counters()
        self.failed = False
        self.stopping = False
        self.targets = settings.all_targets()
        self.database = open_database(settings.url())
        self.pictures = self._pictures(settings)
        self.spans = open_spans(settings.trace, "zhuomu-gateway", settings.client_id, self.counters.add)
        self.registry = httpx.Client(
            base_url=settings.embedded_url() or settings.registry_url,
            headers=settings.registry_headers(),
            timeout=TIMEOUT_S,
            trust_env=False,
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

    def _pictures(self, s: GatewaySettings) -> EvidenceStore:
        """On the disk, or behind it in a bucket. Raises SettingsError."""
        root = Path(s.data) / "evidence"
        if not s.s3.endpoint:
            return EvidenceStore(root, s.evidence_bytes_max)
        if not s.s3.bucket:
            raise SettingsError("[s3] endpoint without bucket: name the bucket, which must be there already")
        bucket = Bucket(s.s3, utc_now)
        return S3Store(root, s.evidence_bytes_max, bucket, s.s3.spool_bytes_max, self.counters)

    def _connection(self, s: GatewaySettings) -> Connection:
        line: dict[str, Any] = {"on_message": self._incoming, "backoff_max_s": BACKOFF_S_MAX}
        if not s.group:
            return Connection(s.broker, s.client_id, subscriptions=[(up_filter(), 1)], **line)
        # Births are kept by the broker, and what is kept it gives to no group: every gateway hears of them by itself.
        births = [(topic("up", "+", "presence"), 1)]
        group = Group(s.group, [(up_filter(), 1)], s.batch_messages_max)
        return Connection(s.broker, s.client_id, subscriptions=births, group=group, **line)

    def _duty(self, s: GatewaySettings) -> Duty:
        """Who may do what cannot be done by two gateways at once."""
        if self.database.is_sqlite:
            return Alone()
        holder = f"{s.client_id}@{socket.gethostname()}-{secrets.token_hex(4)}"
        ways = [f"{kind}-{target.name}" for target in self.targets for kind in ("forward", "follow")]
        return Leases(self.database, holder, ["mirror", "down", "sync", "retention", *ways])

    def _build(self, s: GatewaySettings) -> None:
        store = BatchStore(self.database, self.pictures, self.counters, utc_now, s.dead_letters_max)
        doorman = Doorman(s.identity, s.rate_factor, self.database)
        doorman.on_lapsed = self._lapsed
        self.tokens = Tokens(self.database)
        proof = s.identity.require or s.people.required
        self.grants = Grants(self.database, s.uploads, doorman, self.counters, utc_now, proof)
        cutter, may = Cutter(s.broker), self.duty.may
        self.speaker = Speaker(self.database, self.connection, self.counters, utc_now, self.tokens, cutter, may("sync"))
        self.intake = Intake(s, store, self.counters, self.connection, self._committed, doorman)
        self.shutter = shut.Shutter(s, self.database, utc_now)
        self.sender = Sender(
            self.database, self.connection, self.counters, utc_now, s.resend_s, s.resend_s_max, may("down")
        )
        self.missions = Missions(Path(s.data) / "missions", s.drones, utc_now)
        self.asker = Asker(self.database, self.counters, utc_now, self.sender.wake.set)
        self.retention = Retention(s, self.database, self.pictures, self.counters, utc_now, may("retention"))

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
                spans=self.spans,
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
        runs |= {"duty": self.duty.run, "sync": self.speaker.run}
        if isinstance(self.pictures, S3Store):
            runs["s3"] = self.pictures.run
        if self.settings.embedded_url():
            runs["mirror"] = self.mirror.run
        runs |= {f"forward-{forwarder.target.name}": forwarder.run for forwarder in self.forwarders}
        return runs | {f"follow-{name}": follower.run for name, follower in self.followers.items()}

    def _ends(self) -> list[Callable[[], None]]:
        """What stops the threads but the intake's."""
        ways = [*(f.stop for f in self.forwarders), *(f.stop for f in self.followers.values())]
        ours = [self.mirror.stop, self.sender.stop, self.speaker.stop, self.retention.stop, self.duty.stop]
        return [*ways, *ours, *([self.pictures.stop] if isinstance(self.pictures, S3Store) else [])]

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
        self.spans.stop()
        self.registry.close()
        self.database.close()

    def _incoming(self, incoming: Incoming) -> None:
        self.intake.put(incoming)

    def claimed(self) -> None:
        """A device claimed anew: the broker must learn that its former certificates are void. A new device's file
        needs nothing of the broker, so a broker that cannot be told is no reason to refuse it."""
        try:
            self.shutter.refresh()
        except (SettingsError, NotCut, CaUnusable, OSError) as error:
            self.counters.add("identity_not_told")
            log.error("identity.broker_not_told", reason=str(error))

    def _lapsed(self, devices: frozenset[str]) -> None:
        """Certificates that ran out unrenewed: brokers do not look again at a session that is there."""
        threading.Thread(target=self.shutter.cut_all, args=(devices, self._not_cut), name="cut", daemon=True).start()

    def _not_cut(self, _device: str) -> None:
        self.counters.add("identity_not_cut")

    def _committed(self, outcome: Outcome) -> None:
        self.metrics.committed(outcome)
        for one in outcome.traced:
            tracing.taken(self.spans, one, outcome.began_ns)
        if outcome.accepted:
            for forwarder in self.forwarders:
                forwarder.wake()
        self.speaker.photos(outcome.heard.photos)
        for asked in outcome.heard.asked:
            answer = encode(self.grants.answer(asked))
            self.connection.publish(topic("down", asked.ask.device, "grant"), answer, 1)
        if outcome.heard.pulls or outcome.accepted or outcome.refused:
            self.speaker.hear(outcome.heard.pulls)
        if outcome.births:
            self.sender.born(outcome.births)
        if outcome.there:
            self.speaker.found(outcome.there)

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
    if faults := settings.people.faults():
        raise SettingsError(faults[0])
    if settings.console and not settings.people.required and settings.host not in LOOPBACK:
        words = "operators must sign in anywhere but on loopback: set [people] required = true, or console = false"
        raise SettingsError(f"host = '{settings.host}': {words}")
    sock = listen(settings.host, settings.port)
    Path(settings.data).mkdir(parents=True, exist_ok=True)
    # Two gateways on one SQLite file would do the same work twice; on PostgreSQL they share a folder of pictures.
    with DataLock(Path(settings.data), exclusive=settings.url().startswith("sqlite")):
        return _serve(settings, sock)


def app_of(gateway: Gateway) -> FastAPI:
    """Everything that is served. Where operators sign in, the gate stands before all of it."""
    app = FastAPI(title="zhuomu gateway", docs_url=None, redoc_url=None, openapi_url=None)
    s = gateway.settings
    people = People(gateway.database, Vault(Path(s.data)), s.people, utc_now)
    doors = people_api.Door(people, s.people)
    sight = sight_of(s)
    people_api.add_people(app, doors, gateway.database, s.people, gateway.counters, time.monotonic)
    shows = looking.guard(gateway.database, sight, doors)
    api.add_routes(app, gateway.database, gateway.pictures, gateway.counters, shows)
    api_basemap.add_basemap(app, open_tiles(s.map))
    api_map.add_map(app, gateway.database, sight, doors)
    api_bulletin.add_bulletin(app, RegistryDesk(gateway.registry))
    api_missions.add_missions(app, gateway.missions, doors)
    api_map.add_second_looks(app, gateway.database)
    sync_http.add_routes(app, gateway.database, gateway.tokens, utc_now)
    add_phone(app, gateway.settings)
    well, render = gateway.is_well, gateway.metrics.render
    health.add_health(app, gateway.database, gateway.counters, gateway.is_up, well, render)
    _add_identity(app, gateway)
    data, news = Path(gateway.settings.data), gateway.sender.wake.set
    fleet_api.add_fleet(app, gateway.database, data, gateway.settings.fleet_token, utc_now, news)
    regroup_api.add_regroup(app, gateway.database, utc_now, doors.person)
    uploads = Uploads(Path(gateway.settings.data) / "tus", gateway.settings.uploads, gateway.counters)
    tus_door = tus.Door(gateway.database, gateway.pictures, uploads, gateway.counters, utc_now, gateway.grants)
    tus.add_uploads(app, tus_door)
    live.add_live(app, gateway.asker, doors)
    hooks.add_hooks(app, gateway.database, gateway.targets, gateway.counters, utc_now, gateway.sender.wake.set)
    if s.console:
        from gateway.console import pages  # NiceGUI takes a second to import; a gateway without a page need not wait

        pages.add_pages(app, gateway, doors, sight)
    if s.people.required:
        app.add_middleware(Gate, door=doors, counters=gateway.counters)
    return app


def sight_of(settings: GatewaySettings) -> Sight:
    """The city and the filing standard by which places are known. Raises SettingsError."""
    places = city.read(Path(settings.city)) if settings.city else city.synthetic()
    return Sight(places, standard.read(Path(settings.standard)) if settings.standard else standard.read())


def _add_identity(app: FastAPI, gateway: Gateway) -> None:
    """The devices' door, and the broker's questions when a secret for them is set."""
    s = gateway.settings
    days = s.identity.certificate_days
    registrar = door.Registrar(gateway.database, lambda: shut.authority_of(s), gateway.counters, utc_now, days)
    registrar.on_change = gateway.claimed
    phones = Phones(gateway.database, gateway.counters, utc_now, days)
    phones.on_change = gateway.claimed
    door.add_door(app, registrar, phones, gateway.counters, time.monotonic)
    if s.identity.hook_secret_file:
        good = secrets_file.read(Path(s.identity.hook_secret_file), "[identity] hook_secret_file")
        hook.add_hook(app, gateway.database, gateway.counters, utc_now, good, s.broker.password or "")


def _serve(settings: GatewaySettings, sock: socket.socket) -> bool:
    gateway = Gateway(settings)
    app = app_of(gateway)
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
