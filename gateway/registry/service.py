"""The registry's process: database, API, and a thread for the timers, one for what is done nightly."""

import threading
from pathlib import Path

import structlog
from sqlalchemy.exc import OperationalError

from edge.link.settings import SettingsError
from edge.link.spans import open_spans
from gateway.database import Database
from gateway.ports import listen
from gateway.registry import api, city, open311, standard, tables
from gateway.registry.cases import Rules
from gateway.registry.duty import check as duty_check
from gateway.registry.duty import office as duty_office
from gateway.registry.duty.round import Rounds
from gateway.registry.gate import LOOPBACK, Gate
from gateway.registry.migrations import MIGRATIONS
from gateway.registry.nightly import Nightly
from gateway.registry.settings import RegistrySettings
from gateway.registry.store import Registry
from gateway.server import Server, ready_line
from gateway.times import utc_now

TICK_S = 0.25
log = structlog.get_logger()


def run(settings: RegistrySettings) -> None:
    """Serve until SIGTERM or SIGINT. Raises SettingsError, PortInUse, SchemaMismatch, VersionChanged before
    anything is served."""
    if settings.auto_file_policy.problem():
        raise SettingsError(f"[auto_file_policy]: {settings.auto_file_policy.problem()}")
    if not settings.keys and settings.host not in LOOPBACK:
        words = "callers must prove a role anywhere but on loopback: give each a key with `zhuomu registry key`"
        raise SettingsError(f"host = '{settings.host}': {words}")
    table = standard.read(Path(settings.standard)) if settings.standard else standard.read()
    places = city.read(Path(settings.city)) if settings.city else None
    office = _office(settings, table, places)
    sock = listen(settings.host, settings.port)
    Path(settings.data).mkdir(parents=True, exist_ok=True)
    database = Database(settings.url(), tables.metadata, tables.SCHEMA_VERSION, MIGRATIONS)
    policy = None if settings.auto_file_unmeasured else settings.auto_file_policy
    registry = Registry(
        database, table, rules(settings), frozenset(settings.auto_file), utc_now, places, policy, office
    )
    timers = Timers(registry, Rounds(registry, office) if office else None)
    spans = open_spans(settings.trace, "zhuomu-registry")
    app = api.build(registry, spans)
    # A citizen's report is always verified by a person (核实): the registry behind the door files nothing by itself.
    verified = Registry(database, table, rules(settings), frozenset(), utc_now, places, None, office)
    door = open311.open_door(app, settings.citizens, Path(settings.data), verified, table)
    app.add_middleware(Gate, keys=settings.keys)
    server = Server(app, sock, on_started=lambda: ready_line("registry.ready", sock))
    nightly = Nightly(registry, door)
    timers.start()
    nightly.start()
    server.run()
    nightly.stop()
    timers.stop()
    spans.stop()
    database.close()
    if door is not None:
        door.close()
    log.info("registry.stopped", **spans.counters())


def _office(
    settings: RegistrySettings, table: standard.Standard, places: city.City | None
) -> duty_office.Office | None:
    if not settings.duty:
        return None
    return duty_office.build(duty_check.read(Path(settings.duty), places, table), places, table.work_time)


def rules(settings: RegistrySettings) -> Rules:
    """The machine's numbers out of the settings."""
    return Rules(
        crews=tuple(settings.crews),
        recheck_s=settings.recheck_s,
        recheck_limit=settings.recheck_limit,
        check_timeout_s=settings.check_timeout_s,
        extensions_max=settings.extensions_max,
        feed_back_by_person=settings.feed_back_by_person,
    )


class Timers:
    """Runs what is due; what is due is kept in the cases, so a restart forgets nothing."""

    def __init__(self, registry: Registry, duty: Rounds | None = None) -> None:
        self._registry = registry
        self._duty = duty
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="timers", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the step under way."""
        self._stop.set()
        self._thread.join(2.0)

    def _run(self) -> None:
        while not self._stop.wait(TICK_S):
            try:
                self._registry.tick()
                if self._duty is not None:
                    self._duty.tick()
            except OperationalError as error:
                log.error("timers.database", reason=str(error.orig))
