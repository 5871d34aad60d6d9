"""The thread that renews a device's certificate in time: asked for at two thirds of its life, again after failures."""

import random
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import structlog

from edge.link import identity
from edge.link.claim import NotClaimed, renew
from edge.link.identity import IdentityUnusable

LOOK_EVERY_S = 600.0
AGAIN_S = (30.0, 3600.0)
log = structlog.get_logger()


class Renewal:
    """A failure is told and tried again with a wait that doubles from AGAIN_S[0] to AGAIN_S[1], with jitter."""

    def __init__(
        self,
        folder: Path,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        rng: random.Random | None = None,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        self.renewed = 0
        self.failures = 0
        self._folder = folder
        self._clock = clock
        self._rng = rng or random.Random()
        self._look_every_s = look_every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="renewal", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """End; a request under way is not waited for."""
        self._stop.set()

    def look(self) -> float:
        """Renew if it is time. Returns after how many seconds to look again."""
        try:
            if self._clock() < identity.load(self._folder).renew_at:
                self.failures = 0
                return self._look_every_s
            until = renew(self._folder)
        except (NotClaimed, IdentityUnusable) as error:
            self.failures += 1
            wait_s = min(AGAIN_S[1], AGAIN_S[0] * 2.0 ** min(self.failures - 1, 20)) * self._rng.uniform(0.5, 1.0)
            log.warning("identity.not_renewed", reason=str(error), again_s=round(wait_s))
            return wait_s
        self.renewed += 1
        self.failures = 0
        log.info("identity.renewed", until=until.isoformat())
        return self._look_every_s

    def _run(self) -> None:
        wait_s = self._rng.uniform(0.0, min(60.0, self._look_every_s))  # a city's kiosks start together
        while not self._stop.wait(wait_s):
            wait_s = self.look()
