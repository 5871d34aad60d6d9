"""One photo to the gateway by tus 1.0.0 (docs/uploads.md): asks how much is there and sends the rest.

The photo's hash is the upload's name, so after a kill the same question finds what had arrived, and what the centre has
from whomever is at its end at once.
"""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import httpx

VERSION = {"Tus-Resumable": "1.0.0"}
CHUNK_BYTES = 256 * 1024
Read = Callable[[str, int, int], bytes]  # (sha256, offset, size_bytes) -> bytes


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
        return _send(client, photo, read, stopped)
    except (httpx.HTTPError, OSError, KeyError, ValueError):
        return False


def _send(client: httpx.Client, photo: Photo, read: Read, stopped: Callable[[], bool]) -> bool:
    own = {**VERSION, "Authorization": f"Bearer {photo.token}"}
    made = client.post(photo.path, headers={**own, **_announce(photo)})
    if made.status_code != 201:
        return False
    offset = int(made.headers["Upload-Offset"])
    while offset < photo.size_bytes:
        chunk = read(photo.sha256, offset, CHUNK_BYTES)
        if not chunk or stopped():
            return False
        checksum = base64.b64encode(hashlib.sha256(chunk).digest()).decode()
        headers = {"Upload-Offset": str(offset), "Upload-Checksum": f"sha256 {checksum}"}
        headers |= {"Content-Type": "application/offset+octet-stream"}
        answer = client.patch(made.headers["Location"], content=chunk, headers={**own, **headers})
        if answer.status_code != 204:
            return False
        offset = int(answer.headers["Upload-Offset"])
    return offset == photo.size_bytes


def _announce(photo: Photo) -> dict[str, str]:
    words = {"device": photo.device, "sha256": photo.sha256, "media_type": photo.media_type, "kind": photo.kind}
    words |= {"redacted": "false", "purpose": "photo"}
    pairs = (f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in words.items())
    return {"Upload-Length": str(photo.size_bytes), "Upload-Metadata": ",".join(pairs)}
