"""A bucket behind an S3 API: put, get and delete by content. The client and its settings."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import httpx
import msgspec
from msgspec import Meta

from gateway import secrets_file
from gateway.sigv4 import EMPTY, Credentials, signed
from gateway.times import Clock

MIB = 1024 * 1024
CHUNK_BYTES = 256 * 1024
GONE = 404


class S3Settings(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`[s3]`. `endpoint`: "" keeps evidence on the disk alone. `secret_file`: the secret access key. `spool_bytes_max`:
    what may wait on the disk for a bucket that is away; past it nothing more is taken, and devices keep theirs."""

    endpoint: Annotated[str, Meta(pattern=r"^(https?://[^\s/]+)?$")] = ""
    bucket: Annotated[str, Meta(pattern=r"^([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])?$")] = ""
    region: str = "us-east-1"
    prefix: Annotated[str, Meta(pattern=r"^([A-Za-z0-9_-]+/)*$")] = "evidence/"
    key_id: str = ""
    secret_file: str = ""
    timeout_s: Annotated[float, Meta(gt=0, le=300)] = 20.0
    spool_bytes_max: Annotated[int, Meta(ge=MIB)] = 8192 * MIB


class S3Failed(RuntimeError):
    """The bucket cannot be reached, or refuses; `str()` is one line."""


class Bucket:
    """Path-style addresses, as every S3 server has them. Keys: `<prefix>ab/abcdef...`, the content's sha256; the server
    is told that hash in each signature, and proves the bytes by it."""

    def __init__(self, settings: S3Settings, clock: Clock, client: httpx.Client | None = None) -> None:
        secret = secrets_file.read(Path(settings.secret_file), "[s3] secret_file")[0] if settings.secret_file else ""
        self._credentials = Credentials(settings.key_id, secret, settings.region)
        self._base = f"{settings.endpoint}/{settings.bucket}/{settings.prefix}"
        self._clock = clock
        self._client = client or httpx.Client(timeout=settings.timeout_s, trust_env=False)

    def put(self, sha256: str, path: Path) -> None:
        """The whole file, or nothing of it. Raises S3Failed, OSError."""
        with path.open("rb") as file:
            size = path.stat().st_size
            self._ask("PUT", sha256, sha256, content=_pieces(file), headers={"content-length": str(size)})

    def delete(self, sha256: str) -> None:
        """One that is not there is gone too. Raises S3Failed."""
        self._ask("DELETE", sha256, EMPTY)

    @contextmanager
    def get(self, sha256: str) -> "Iterator[httpx.Response | None]":
        """The answer whose bytes are still to be read; None when it is not there. Raises S3Failed."""
        url = self._url(sha256)
        try:
            with self._client.stream("GET", url, headers=self._headers("GET", url, EMPTY)) as answer:
                if answer.status_code == GONE:
                    yield None
                    return
                _check(answer)
                yield answer
        except httpx.HTTPError as error:
            raise S3Failed(f"GET {url}: {error or type(error).__name__}") from error

    def close(self) -> None:
        """Of the connections."""
        self._client.close()

    def _ask(self, method: str, sha256: str, payload: str, **values: object) -> None:
        url = self._url(sha256)
        headers = self._headers(method, url, payload) | dict(values.pop("headers", {}))  # type: ignore[call-overload]
        try:
            answer = self._client.request(method, url, headers=headers, **values)  # type: ignore[arg-type]
        except httpx.HTTPError as error:
            raise S3Failed(f"{method} {url}: {error or type(error).__name__}") from error
        if not (method == "DELETE" and answer.status_code == GONE):
            _check(answer)

    def _headers(self, method: str, url: str, payload: str) -> dict[str, str]:
        return signed(self._credentials, method, url, payload, self._clock())

    def _url(self, sha256: str) -> str:
        return f"{self._base}{sha256[:2]}/{sha256}"


def _check(answer: httpx.Response) -> None:
    if answer.status_code >= 300:
        answer.read()
        words = " ".join(answer.text.split())[:200]
        raise S3Failed(f"{answer.request.method} {answer.request.url}: HTTP {answer.status_code}: {words}")


def _pieces(file: object) -> Iterator[bytes]:
    while piece := file.read(CHUNK_BYTES):  # type: ignore[attr-defined]
        yield piece
