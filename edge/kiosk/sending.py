"""The thread that uploads large evidence, one file at a time, and waits longer each time that nothing goes."""

import random
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from edge.kiosk.config import UploadSettings
from edge.kiosk.uploads import UploadQueue, Waiting
from edge.link import Link, Outbox
from edge.link.leave import Leave
from edge.link.upload import Clip, NotUploaded, Uploader, Went
from edge.watch.large import LargeFiles

IDLE_S = 1.0
BACKOFF_FIRST_S = 1.0
BACKOFF_S_MAX = 300.0
JOIN_S = 5.0
SPOOL = "uploads"

log = structlog.get_logger()


class Sending:
    """Everything of it: the spool of full pictures, the queue, the leave to upload, the thread."""

    def __init__(
        self,
        settings: UploadSettings,
        data: Path,
        outbox: Outbox,
        free_bytes_min: int,
        rng: random.Random | None = None,
    ) -> None:
        self.files = LargeFiles(data / SPOOL, settings.pictures, settings.clips, free_bytes_min)
        self.queue = UploadQueue(outbox, self.files.folder, settings)
        self._device = outbox.device
        self._url = settings.url
        self._rng = rng or random.Random()
        self._stop = threading.Event()
        self._link: Link | None = None
        self._leave = Leave(lambda message: self._link is not None and self._link.say(message))
        self._uploader = Uploader(self._url, self._stop, self._rng, token=self._leave.token)
        self._thread = threading.Thread(target=self._run, name="uploads", daemon=True)
        self._later = 0

    @property
    def handlers(self) -> dict[str, Callable[[Any], None]]:
        """For the link."""
        return {"grant": self._leave.given}

    def counters(self) -> dict[str, int]:
        """Since the start, for the health message. `uploads_put_off`: attempts that did not get to the end."""
        more = {"uploads_put_off": self._later, "uploads_unanswered": self._leave.unanswered}
        return {**self.queue.counters(), **more, "uploads_no_room": self.files.no_room}

    def start(self, link: Link) -> None:
        """Begin; the link may come up later."""
        self._link = link
        self._thread.start()

    def stop(self) -> None:
        """End between two chunks; what is left goes on after the next start."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(JOIN_S)
        self._uploader.close()

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            try:
                failures = 0 if self._round() else failures + 1
            except sqlite3.Error as error:
                failures += 1
                log.error("uploads.unreadable", reason=str(error))
            ceiling_s = min(BACKOFF_S_MAX, BACKOFF_FIRST_S * 2 ** min(failures - 1, 10))
            self._stop.wait(self._rng.uniform(0.5, 1.0) * ceiling_s if failures else 0.0)

    def _round(self) -> bool:
        """One file; False when it did not go and another would not either."""
        self.queue.tidy()
        one = self.queue.next()
        if one is None:
            self._stop.wait(IDLE_S)
            return True
        if not one.path.is_file():
            self.queue.end(one, "gone")
            return True
        try:
            went = self._uploader.once(self._clip(one))
        except NotUploaded as error:
            log.warning("upload.given_up", file=one.path.name, candidate=one.candidate_id, reason=str(error))
            self.queue.end(one, "refused")
            return True
        if went is Went.DONE:
            log.info("upload.done", file=one.path.name, candidate=one.candidate_id, part=one.kind)
            self.queue.end(one, "done")
            return True
        self._later += 1
        if went is Went.DAMAGED:
            self.queue.damaged(one)
        return False

    def _clip(self, one: Waiting) -> Clip:
        media_type: Any = "video/mp4" if one.path.suffix == ".mp4" else "image/jpeg"
        return Clip(one.path, self._device, one.candidate_id, one.redacted, media_type, one.kind)
