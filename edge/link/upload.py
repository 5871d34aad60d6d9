"""Sends a file that is too large for MQTT to the gateway by tus 1.0.0, going on where it was when something broke.

Nothing needs to be remembered for that: whoever asks for the same content again is told how much of it has arrived.
What a device needs to be let in is in `leave`. Told in docs/uploads.md.
"""

import hashlib
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Literal

import httpx

from edge.link.tus import announce, patch
from edge.wire import UPLOAD_PATH

CHUNK_BYTES = 1024 * 1024
BACKOFF_FIRST_S = 0.5
BACKOFF_MAX_S = 60.0
TIMEOUT_S = 20.0
GIVEN_UP = frozenset({400, 403, 404, 405, 412, 413, 415})
NO_TOKEN, DAMAGED, STOPPED = 401, 460, -1


class NotUploaded(RuntimeError):
    """The gateway will not have this file, or the file cannot be read; `str()` says why. Trying again is of no use."""


class NotNow(RuntimeError):
    """Nobody is there to ask, or the day's bytes are spent; `str()` says which. Later it may be of use."""


class Went(Enum):
    """How one attempt went. DAMAGED: the gateway found other bytes than those that were meant, and deleted them."""

    DONE = "done"
    LATER = "later"
    DAMAGED = "damaged"


@dataclass(frozen=True)
class Clip:
    """A file and what it is. Only what is `redacted` is shown to anyone at the centre."""

    path: Path
    device: str
    candidate_id: str
    redacted: bool
    media_type: Literal["video/mp4", "image/jpeg", "image/png"] = "video/mp4"
    kind: Literal["frame", "crop", "before", "after", "look", "clip"] = "clip"


# (file, sha256, size in bytes, whether the last one was refused) -> a token. Raises NotUploaded, NotNow.
AskToken = Callable[[Clip, str, int, bool], str]


class Uploader:
    """One file at a time. `stop`: ends it between two chunks. `token`: leave to upload, "" where none is needed."""

    def __init__(
        self,
        gateway_url: str,
        stop: threading.Event,
        rng: random.Random | None = None,
        on_offset: Callable[[int], None] = lambda _offset: None,
        client: httpx.Client | None = None,
        token: AskToken = lambda clip, sha256, size, refused: "",
    ) -> None:
        self._token = token
        self._client = client or httpx.Client(base_url=gateway_url, timeout=TIMEOUT_S, trust_env=False)
        self._stop = stop
        self._rng = rng or random.Random()
        self._on_offset = on_offset
        self.retries = 0

    def send(self, clip: Clip) -> bool:
        """Until the gateway has the whole file and its hash is right; False when stopped before. Raises NotUploaded."""
        attempt, reached = 0, 0
        while not self._stop.is_set():
            if self.once(clip) is Went.DONE:
                return True
            self.retries += 1
            attempt = 0 if self._offset > reached else attempt + 1
            reached = max(reached, self._offset)
            ceiling_s = min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2 ** min(attempt, 10))
            self._stop.wait(self._rng.uniform(0.5, 1.0) * ceiling_s)
        return False

    def once(self, clip: Clip) -> Went:
        """One attempt, as far as it goes. Raises NotUploaded."""
        sha256, size = _measure(clip.path)
        try:
            return self._let_in(clip, sha256, size)
        except (httpx.HTTPError, NotNow):
            return Went.LATER

    def close(self) -> None:
        """Of the connection."""
        self._client.close()

    _offset = 0
    _leave = ""

    def _let_in(self, clip: Clip, sha256: str, size: int) -> Went:
        """With the token at hand, and when it has run out with another, once."""
        for refused in (False, True):
            self._leave = self._token(clip, sha256, size, refused)
            status = self._go_on(clip, sha256, size)
            if status != NO_TOKEN or not self._leave:
                break
        if status == 0:
            return Went.DONE
        return Went.DAMAGED if status == DAMAGED else Went.LATER

    def _go_on(self, clip: Clip, sha256: str, size: int) -> int:
        """Ask where it stands and send the rest; 0, or the status with which it ended before its end."""
        made = announce(self._client, UPLOAD_PATH, self._leave, size, _words(clip, sha256))
        _check(made)
        if made.status_code != 201:
            return made.status_code
        self._offset = int(made.headers["Upload-Offset"])
        with clip.path.open("rb") as file:
            while self._offset < size and not self._stop.is_set():
                file.seek(self._offset)
                chunk = file.read(CHUNK_BYTES)
                answer = patch(self._client, made.headers["Location"], self._leave, self._offset, chunk)
                if answer.status_code != 204:
                    _check(answer)
                    return answer.status_code
                self._offset = int(answer.headers["Upload-Offset"])
                self._on_offset(self._offset)
        return 0 if self._offset == size else STOPPED


def _words(clip: Clip, sha256: str) -> dict[str, str]:
    words = {"device": clip.device, "sha256": sha256, "media_type": clip.media_type, "kind": clip.kind}
    return words | {"redacted": "true" if clip.redacted else "false", "candidate_id": clip.candidate_id}


def _check(answer: httpx.Response) -> None:
    # 404 in the middle: the upload has expired or is done; the next POST tells which.
    if answer.status_code in GIVEN_UP and not (answer.status_code == 404 and answer.request.method == "PATCH"):
        raise NotUploaded(f"the gateway does not take the file: HTTP {answer.status_code}: {answer.text[:300]}")


def _measure(path: Path) -> tuple[str, int]:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size
    except OSError as error:
        raise NotUploaded(f"{path}: cannot be read ({error.strerror})") from error
