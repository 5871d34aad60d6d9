"""tus 1.0.0 from the sending side, request by request: for whole files (`upload`) and for a handset's photos.

Told in docs/uploads.md.
"""

import base64
import hashlib
from collections.abc import Mapping

import httpx

VERSION = {"Tus-Resumable": "1.0.0"}


def announce(client: httpx.Client, path: str, token: str, size_bytes: int, words: Mapping[str, str]) -> httpx.Response:
    """What is coming; 201 says where it goes (`Location`) and how much of it is there (`Upload-Offset`). `token`: ""
    where none is needed. Raises httpx.HTTPError."""
    pairs = (f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in words.items())
    what = {"Upload-Length": str(size_bytes), "Upload-Metadata": ",".join(pairs)}
    return client.post(path, headers={**_with(token), **what})


def patch(client: httpx.Client, where: str, token: str, offset: int, chunk: bytes) -> httpx.Response:
    """The next bytes with their checksum; 204 says how much is there now (`Upload-Offset`). Raises httpx.HTTPError."""
    checksum = base64.b64encode(hashlib.sha256(chunk).digest()).decode()
    headers = {"Upload-Offset": str(offset), "Upload-Checksum": f"sha256 {checksum}"}
    headers |= {"Content-Type": "application/offset+octet-stream"}
    return client.patch(where, content=chunk, headers={**_with(token), **headers})


def _with(token: str) -> dict[str, str]:
    return {**VERSION, "Authorization": f"Bearer {token}"} if token else dict(VERSION)
