"""A kiosk's care: which settings it runs with now, what it tells of itself, and what a wish from afar becomes."""

import os
import sys
import threading
import time
from collections.abc import Callable, Set
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import structlog
from msgspec.structs import replace

from edge.care import keeper, vitals
from edge.care import state as steps
from edge.care.exporter import Page
from edge.care.fetch import Releases, client_for
from edge.care.keeper import Keeper, Start, Wish, WishRefused
from edge.care.notify import Notifier
from edge.care.pulse import CameraFigures, DiskUse, Pulse, Rates, Snapshot
from edge.care.release import ReleaseRefused
from edge.care.shelf import Shelf
from edge.care.timed import Spent
from edge.evidence import KeyUnusable
from edge.evidence.key import read_public
from edge.kiosk.config import KioskSettings, ModelSettings, beside
from edge.kiosk.wanted import RULES_NAME, WANTED_NAME, checked, merged, parsed
from edge.link import Link, SettingsError
from edge.wire import Config, Versions, Vitals

CARE_FOLDER, RELEASES_FOLDER = "care", "releases"
KINDS = ("originals", "evidence", "record", "hard", "anchors", CARE_FOLDER, RELEASES_FOLDER)

log = structlog.get_logger()


class Care:
    """`settings` and `rules` are what the kiosk runs with. `counting`: this start is one of a kiosk, not a look at its
    files; only then is anything written. Raises SettingsError."""

    def __init__(self, local: KioskSettings, settings_file: Path, counting: bool) -> None:
        self._local = local
        self._file = settings_file
        self.data = beside(settings_file, local.data)
        self._standards = beside(settings_file, local.rules).parent
        self._shelf = Shelf(self.data / CARE_FOLDER)
        self._releases = _releases(local, settings_file, self.data)
        self.start = self._started(counting)
        self.settings, self.rules, self.release = local, beside(settings_file, local.rules), ""
        self._open_in_force()

    @property
    def database(self) -> Path:
        """The device's one SQLite file."""
        return self.data / f"{self.settings.device}.db"

    @property
    def standards(self) -> Path:
        """Where the standards lie that rules name, whoever wrote the rules."""
        return self._standards

    def fall_back(self, reason: str) -> bool:
        """What is in force cannot be started: note it, so that the next start takes the version before. False where the
        kiosk's own file is in force already."""
        state = self.start.state
        if not state.in_force:
            return False
        log.error("care.unusable", config=state.in_force, reason=reason)
        self._shelf.write(steps.unusable(state, reason))
        return True

    def keeper(self, seeing: Callable[[], Set[str]]) -> Keeper:
        """What takes wishes, for a kiosk that runs."""
        return Keeper(
            self._shelf,
            self.start.state,
            check=self._check,
            releases=self._releases,
            client=lambda: client_for(self._local.care.url),
            seeing=seeing,
            probation_s=self._local.care.probation_s,
        )

    def tidy(self) -> None:
        """Networks that no version in force, on trial or before it needs; the newest few stay."""
        needed = {self.release, *(self._release_of(version) for version in self.start.state.kept)} - {""}
        self._releases.tidy(needed)

    def _started(self, counting: bool) -> Start:
        begun = keeper.start(self._shelf) if counting else keeper.look(self._shelf)
        if begun.trouble and counting:
            log.error("care.rolled_back", reason=begun.trouble, in_force=begun.state.in_force)
        return begun

    def _open_in_force(self) -> None:
        """Raises SettingsError where the version in force cannot be read; the caller may `fall_back`."""
        version = self.start.state.in_force
        if not version:
            return
        folder = self._shelf.of(version)
        try:
            wanted = parsed((folder / WANTED_NAME).read_bytes())
            self.settings = merged(self._local, wanted)
            if wanted.rules is not None:
                self.rules = folder / RULES_NAME
            if wanted.release:
                release = self._releases.checked(wanted.release)
                network = self._releases.of(wanted.release) / release.network
                threads = self._local.model.threads
                self.settings = replace(
                    self.settings, model=ModelSettings(str(network), release.backend, release.size, threads)
                )
                self.release = wanted.release
        except (OSError, WishRefused, ReleaseRefused) as error:
            raise InForceUnusable(self, f"version {version} from afar cannot be read: {error}") from error

    def _check(self, body: bytes) -> Wish:
        wish = checked(body, self._local, self.settings, self._standards)
        return Wish(wish.files, wish.cameras, wish.changed, wish.release, wish.release == self.release)

    def _release_of(self, version: int) -> str:
        try:
            return parsed((self._shelf.of(version) / WANTED_NAME).read_bytes()).release or ""
        except (OSError, WishRefused):
            return ""


class InForceUnusable(SettingsError):
    """The version from afar cannot be read any more; `care` can fall back."""

    def __init__(self, care: Care, words: str) -> None:
        super().__init__(words)
        self.care = care


class Caring:
    """The care of a kiosk that runs: one of each part, started and ended with it."""

    def __init__(
        self, care: Care, cameras: Callable[[], CameraFigures], queues: Callable[[], dict[str, float]], software: str
    ) -> None:
        self._care = care
        self._cameras = cameras
        self._queues = queues
        self._software = software
        self._begun_s = time.monotonic()
        self._link: Link | None = None
        self._counters: Callable[[], dict[str, int]] = dict
        self._rules: Callable[[], str] = str
        self._model = ("", "")
        self._rates = Rates()
        self._disk = DiskUse({kind: care.data / kind for kind in KINDS} | {"database": self._database()})
        self.detecting = Spent()
        self.keeper = care.keeper(self._seeing)
        self.pulse = Pulse(self._measure, care.data / CARE_FOLDER)
        self._page = Page(lambda: self.pulse.snapshot)
        self.notifier = Notifier()

    @property
    def restart(self) -> threading.Event:
        """Set when the process has to be started anew with other settings."""
        return self.keeper.restart

    def offer(self, wish: Config) -> None:
        """For the link: a wish came in."""
        if self._care.settings.care.remote:
            self.keeper.offer(wish)
        else:
            self.keeper.refuse(
                wish.version, "this kiosk takes no settings from afar; see [care] remote in its own file"
            )

    def condition(self) -> tuple[Vitals, Versions]:
        """For the health message."""
        return self.pulse.snapshot.vitals, self._versions()

    def cameras(self) -> CameraFigures:
        """For the health message."""
        return self.pulse.snapshot.cameras

    def begin(
        self, link: Link, counters: Callable[[], dict[str, int]], rules: Callable[[], str], model: tuple[str, str]
    ) -> None:
        """The kiosk runs. `model`: name and sha256."""
        self._link, self._counters, self._rules, self._model = link, counters, rules, model
        self.pulse.start()
        self.keeper.begin()
        self._page.start(self._care.settings.care.metrics_port)
        self._care.tidy()
        self.notifier.ready(f"{len(self._care.settings.camera)} cameras, config {self.keeper.state.in_force}")

    def round(self, mono_s: float) -> None:
        """One round of the main loop is done: say so, and judge what is on trial."""
        self.notifier.alive(mono_s)
        self.keeper.watch(mono_s, self._seen())

    def end(self) -> None:
        """The kiosk stops in good order, for ever or to start anew."""
        if self.restart.is_set():
            self.notifier.starting_anew("other settings hold")
        else:
            self.notifier.stopping("sending what waits")
        self.keeper.close()
        self.pulse.stop()
        self._page.stop()

    def _seen(self) -> Set[str]:
        """Cameras that have given a picture since the start."""
        if not self.keeper.state.trial:
            return set()
        return {name for name, figures in self._cameras().items() if float(figures.get("frames", 0)) > 0}

    def _seeing(self) -> Set[str]:
        """Cameras that give pictures now."""
        return {name for name, told in self._cameras().items() if 0 <= float(told.get("age_s", -1)) < 30.0}

    def _database(self) -> Path:
        return self._care.database

    def _measure(self) -> Snapshot:
        link = self._link
        assert link is not None
        rows, size = link.outbox.size
        return Snapshot(
            at=datetime.now(UTC),
            pid=os.getpid(),
            device=link.outbox.device,
            outbox_rows=rows,
            outbox_bytes=size,
            connected=link.connected,
            last_receipt_at=link.last_receipt_at,
            cameras=self._rates.add(self._cameras(), time.monotonic()),
            dropped=link.outbox.dropped | self._counters(),
            vitals=self._vitals(link),
            versions=self._versions(),
        )

    def _vitals(self, link: Link) -> Vitals:
        offset = link.clock_offset_s
        kernel = vitals.kernel_offset_s() if offset is None else None
        detect_ms = self.detecting.mean_ms()
        return Vitals(
            uptime_s=round(time.monotonic() - self._begun_s, 1),
            rss_bytes=vitals.rss_bytes(),
            handles=vitals.handles(),
            temperature_c=vitals.temperature_c(),
            clock_offset_s=offset if offset is not None else kernel,
            clock_source="gateway" if offset is not None else "kernel" if kernel is not None else "",
            disk_free_bytes=vitals.disk_free_bytes(self._care.data),
            disk_used=self._disk.now(time.monotonic()),
            queues={"outbox": float(link.outbox.size[0]), **self._queues()},
            times_ms={} if detect_ms is None else {"detect": round(detect_ms, 2)},
        )

    def _versions(self) -> Versions:
        state = self.keeper.state
        return Versions(
            software=self._software[:128],
            model=self._model[0][:128],
            model_sha256=self._model[1],
            release=self._care.release,
            rules=self._rules()[:128],
            config=state.in_force,
            config_state=state.word,
            config_refused=state.refused,
            config_reason=state.reason,
        )


def _releases(local: KioskSettings, settings_file: Path, data: Path) -> Releases:
    try:
        keys = [read_public(beside(settings_file, name)) for name in local.care.keys]
    except KeyUnusable as error:
        raise SettingsError(f"{settings_file}: [care] keys: {error}") from error
    return Releases(data / RELEASES_FOLDER, keys, local.care.releases_max, local.care.release_bytes_max)


def run_again() -> NoReturn:
    """This process, started anew under the same number, so that whoever watches it sees no end. The settings are read
    again; views are not learnt anew a second time."""
    sys.stdout.flush()
    sys.stderr.flush()
    words = [word for word in sys.orig_argv[1:] if word != "--new-views"]
    os.execv(sys.executable, [sys.executable, *words])
