"""From a wish of the centre to what runs: checked whole, fetched, tested, put on trial, kept or undone.

A switch is a new start of the process (the kiosk executes itself again), not a change inside it: a camera thread that
hangs, or memory that a network's runtime does not give back, ends with it, and a version that brings the process down
is the one whose start was written down before.
"""

import hashlib
import threading
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from pathlib import Path

import httpx
import structlog

from edge.care import state as steps
from edge.care.fetch import FetchFailed, Releases
from edge.care.release import ReleaseRefused
from edge.care.selftest import self_test
from edge.care.shelf import Shelf, ShelfUnusable
from edge.care.state import State
from edge.wire import Config

RETRY_S = 5.0
RETRY_S_MAX = 300.0

log = structlog.get_logger()


class WishRefused(ValueError):
    """A document that this device does not take; `str()` is one line: what, where, what to do."""


@dataclass(frozen=True)
class Wish:
    """A document that was checked whole. `files`: what is stored of it; `cameras`: the names in it; `changed`: those
    that are new or other than before; `release`: sha256 of a network's release.json, or ""; `tested`: it runs now."""

    files: Mapping[str, bytes]
    cameras: Set[str]
    changed: Set[str]
    release: str = ""
    tested: bool = False


@dataclass(frozen=True)
class Start:
    """What a process that starts now runs with. `trouble`: why it is not what was in force."""

    state: State
    trouble: str = ""


def look(shelf: Shelf) -> Start:
    """What is in force. A state that cannot be read must not keep a device from its work: its own file holds then, and
    the gateway sends again what it wishes for."""
    try:
        return Start(shelf.read())
    except ShelfUnusable as error:
        return Start(State(), str(error))


def start(shelf: Shelf) -> Start:
    """Count this start before anything is done with it. Where that cannot be written, the last good version runs: a
    trial that nobody counts could fail for ever."""
    known = look(shelf)
    before = known.state
    after = steps.begun(before)
    if after == before:
        return known
    try:
        shelf.write(after)
    except ShelfUnusable as error:
        return Start(steps.refused(before, before.trial, f"its start could not be written down: {error}"), str(error))
    return Start(after, after.reason if after.refused != before.refused else "")


class Keeper:
    """One thread that takes wishes; `watch` and `close` belong to the thread of the main loop. `check` turns a body
    into a Wish or raises WishRefused; `seeing` names the cameras that give pictures now."""

    def __init__(
        self,
        shelf: Shelf,
        state: State,
        *,
        check: Callable[[bytes], Wish],
        releases: Releases,
        client: Callable[[], httpx.Client],
        seeing: Callable[[], Set[str]],
        probation_s: float,
        test: Callable[[Path], None] = self_test,
        retry_s: float = RETRY_S,
    ) -> None:
        self._shelf = shelf
        self._check = check
        self._releases = releases
        self._client = client
        self._seeing = seeing
        self._probation_s = probation_s
        self._test = test
        self._retry_s = retry_s
        self._lock = threading.Lock()
        self._wished: Config | None = None
        self._at_work = 0
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._since_s: float | None = None
        self._thread = threading.Thread(target=self._run, name="care", daemon=True)
        self.state = state
        self.restart = threading.Event()

    def begin(self) -> None:
        """Take wishes from now on."""
        self._thread.start()

    def offer(self, wish: Config) -> None:
        """A wish came in; the newest counts. Returns at once: the gateway asks again until it hears an answer."""
        with self._lock:
            if wish.version != self._at_work:
                self._wished = wish
        self._wake.set()

    def refuse(self, version: int, reason: str) -> None:
        """A version is not taken, and why; the gateway hears it with the next health message."""
        log.error("care.refused", config=version, reason=reason, in_force=self.state.in_force)
        try:
            self._step(lambda state: steps.refused(state, version, reason))
        except ShelfUnusable as error:
            log.error("care.unwritten", reason=str(error))

    def watch(self, mono_s: float, seen: Set[str]) -> None:
        """Judge the version on trial when its time is over. `seen`: cameras that gave pictures since the start."""
        version = self.state.trial
        if not version or self.restart.is_set():
            return
        self._since_s = mono_s if self._since_s is None else self._since_s
        if mono_s - self._since_s < self._probation_s:
            return
        blind = sorted(set(self.state.must_see) - seen)
        try:
            if blind:
                self._give_up(version, f"camera {', '.join(blind)} gave no picture in {self._probation_s:.0f} s")
            else:
                self._step(lambda state: steps.proved(state, version))
                log.info("care.proved", config=self.state.good)
                self._shelf.tidy(self.state)
        except ShelfUnusable as error:
            self._since_s = mono_s  # judged again after another probation
            log.error("care.unwritten", reason=str(error))

    def close(self) -> None:
        """The process ends in good order."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(5.0)
        try:
            if not self.restart.is_set():
                self._step(steps.ended)
        except ShelfUnusable as error:
            log.error("care.unwritten", reason=str(error))

    def _give_up(self, version: int, reason: str) -> None:
        self._step(lambda state: steps.refused(state, version, reason))
        log.error("care.rolled_back", config=version, reason=reason, in_force=self.state.in_force)
        self.restart.set()

    def _step(self, step: Callable[[State], State]) -> None:
        with self._lock:
            after = step(self.state)
            if after != self.state:
                self._shelf.write(after)
                self.state = after

    def _run(self) -> None:
        while not self._stop.is_set() and not self.restart.is_set():
            self._wake.wait()
            self._wake.clear()
            with self._lock:
                wish, self._wished = self._wished, None
                self._at_work = wish.version if wish else 0
            if wish is not None and not self._stop.is_set():
                self._take(wish)
            with self._lock:
                self._at_work = 0

    def _take(self, wish: Config) -> None:
        if wish.version in (self.state.in_force, self.state.refused):
            return
        try:
            self._try(wish)
        except (WishRefused, ReleaseRefused) as error:
            self.refuse(wish.version, str(error))
        except ShelfUnusable as error:
            log.error("care.unwritten", config=wish.version, reason=str(error))

    def _try(self, wish: Config) -> None:
        if wish.version < self.state.newest:
            raise WishRefused(
                f"version {wish.version} is older than {self.state.newest}, which this kiosk knows; give the document "
                "a new version"
            )
        body = wish.body.encode()
        if hashlib.sha256(body).hexdigest() != wish.sha256:
            raise WishRefused(f"version {wish.version}: its body is not the one that its sha256 names; send it again")
        checked = self._check(body)
        if checked.release and not checked.tested and not self._ready(checked.release, wish.version):
            return
        self._shelf.stage(wish.version, checked.files)
        must_see = sorted(checked.changed | (self._seeing() & checked.cameras))
        self._step(lambda state: steps.tried(state, wish.version, must_see))
        self._shelf.tidy(self.state)
        log.info("care.trial", config=wish.version, release=checked.release[:12], must_see=must_see)
        self.restart.set()

    def _ready(self, release: str, version: int) -> bool:
        """Fetch and test a release; False when the process stops, or a newer wish came, before it was here."""
        wait_s = self._retry_s
        while True:
            try:
                with self._client() as client:
                    self._releases.fetch(client, release, self._stop.is_set)
                break
            except FetchFailed as error:
                log.warning("care.not_fetched", config=version, reason=str(error), retry_s=wait_s)
            self._stop.wait(wait_s)
            wait_s = min(RETRY_S_MAX, 2 * wait_s)
            if self._stop.is_set() or self._overtaken(version):
                return False
        self._test(self._releases.of(release))
        return True

    def _overtaken(self, version: int) -> bool:
        with self._lock:
            return self._wished is not None and self._wished.version > version
