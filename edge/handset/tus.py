"""One photo to the gateway by tus 1.0.0 (docs/uploads.md): asks how much is there and sends the rest.

The photo's hash is the upload's name, so after a kill the same question finds what had arrived, and what the centre has
from whomever is at its end at once.
"""

from collections.abc import Callable
from dataclasses import dataclass

import httpx
import structlog

from edge.link.tus import announce, patch

CHUNK_BYTES = 256 * 1024
Read = Callable[[str, int, int], bytes]  # (sha256, offset, size_bytes) -> bytes
log = structlog.get_logger()


@dataclass(frozen=True)
class Photo:
    """What is sent, and the leave to."""

    device: str
    sha256: str
    size_bytes: int
    media_type: str
    kind: str
    path: str
    token: str


def send(client: httpx.Client, photo: Photo, read: Read, stopped: Callable[[], bool]) -> bool:
    """True when the centre has all of it and has proven the hash; False: again, or another way."""
    try:
        ended = _send(client, photo, read, stopped)
    except (httpx.HTTPError, OSError, KeyError, ValueError) as error:
        ended = f"{type(error).__name__}: {error}"
    if ended:
        log.info("handset.upload_broke_off", device=photo.device, sha256=photo.sha256, reason=ended)
    return not ended


def _send(client: httpx.Client, photo: Photo, read: Read, stopped: Callable[[], bool]) -> str:
    """Why it ended before its end; "" when it did not."""
    words = {"device": photo.device, "sha256": photo.sha256, "media_type": photo.media_type, "kind": photo.kind}
    words |= {"redacted": "false", "purpose": "photo"}
    made = announce(client, photo.path, photo.token, photo.size_bytes, words)
    if made.status_code != 201:
        return f"HTTP {made.status_code}: {made.text[:200]}"
    offset = int(made.headers["Upload-Offset"])
    while offset < photo.size_bytes:
        chunk = read(photo.sha256, offset, CHUNK_BYTES)
        if not chunk:
            return "the photo is gone from this handset"
        if stopped():
            return "stopped"
        answer = patch(client, made.headers["Location"], photo.token, offset, chunk)
        if answer.status_code != 204:
            return f"HTTP {answer.status_code}: {answer.text[:200]}"
        offset = int(answer.headers["Upload-Offset"])
    return "" if offset == photo.size_bytes else f"the centre speaks of {offset} of {photo.size_bytes} bytes"
