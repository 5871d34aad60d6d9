"""A release over HTTP from the gateway, file by file; a download that broke off goes on where it stopped (Range)."""

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx
import structlog

from edge.care.release import (
    MANIFEST_BYTES_MAX,
    MANIFEST_NAME,
    SIGNATURE_NAME,
    Part,
    Release,
    ReleaseRefused,
    check_file,
    check_signature,
    named,
    parsed,
    read_release,
)
from edge.evidence.files import private, sync_folder
from edge.evidence.key import PublicKey

CHUNK = 256 * 1024
TIMEOUT_S = 20.0

log = structlog.get_logger()


class FetchFailed(RuntimeError):
    """The line or the disk failed; what has come stays, and a later call goes on from there. `str()` is one line."""


class Releases:
    """Releases in `folder`, one folder each, at most `kept_max` of them; `bytes_max` for one of them."""

    def __init__(self, folder: Path, keys: Sequence[PublicKey], kept_max: int, bytes_max: int) -> None:
        self.folder = folder
        self.keys = keys
        self._kept_max = kept_max
        self._bytes_max = bytes_max

    def of(self, name: str) -> Path:
        """Where a release lies. `name`: sha256 of its manifest."""
        return self.folder / name[:32]

    def has(self, name: str) -> bool:
        """Whether it lies here, whole."""
        return (self.of(name) / MANIFEST_NAME).is_file()

    def checked(self, name: str) -> Release:
        """A release that lies here, signature and every byte checked anew. Raises ReleaseRefused."""
        return read_release(self.of(name), self.keys)

    def fetch(self, client: httpx.Client, name: str, stop: Callable[[], bool]) -> Release:
        """Bring a release here, or find it. Signature and size are looked at before a network's first byte is asked
        for. Raises ReleaseRefused, FetchFailed."""
        if self.has(name):
            try:
                return self.checked(name)
            except ReleaseRefused as error:
                log.warning("care.release_damaged", release=name[:12], reason=str(error))
                shutil.rmtree(self.of(name), ignore_errors=True)
        part = self.folder / f".part-{name[:32]}"
        try:
            part.mkdir(parents=True, exist_ok=True, mode=0o700)
            release = self._manifest(client, name, part)
            for file in release.files:
                self._file(client, name, part, file, stop)
            sync_folder(part)
            part.rename(self.of(name))
            sync_folder(self.folder)
        except OSError as error:
            raise FetchFailed(f"{part}: cannot be written ({error.strerror}); mend the disk") from error
        except httpx.HTTPError as error:
            raise FetchFailed(f"release {name[:12]} from {client.base_url}: {error or type(error).__name__}") from error
        return release

    def tidy(self, needed: set[str]) -> None:
        """Keep what is needed and the newest others, `kept_max` in all; half-fetched ones of other names go."""
        keep = {self.of(name).name for name in needed}
        whole = [p for p in self.folder.glob("*") if p.is_dir() and not p.name.startswith(".")]
        whole.sort(key=lambda path: (path.name in keep, path.stat().st_mtime), reverse=True)
        for path in whole[self._kept_max :]:
            if path.name not in keep:
                shutil.rmtree(path, ignore_errors=True)
        for path in self.folder.glob(".part-*"):
            if path.name.removeprefix(".part-") not in keep:
                shutil.rmtree(path, ignore_errors=True)

    def _manifest(self, client: httpx.Client, name: str, part: Path) -> Release:
        manifest = _small(client, f"/fleet/releases/{name}/{MANIFEST_NAME}")
        if named(manifest) != name:
            raise ReleaseRefused(f"{MANIFEST_NAME} from {client.base_url} is not the one that was wished for")
        signature = _small(client, f"/fleet/releases/{name}/{SIGNATURE_NAME}")
        check_signature(manifest, signature, self.keys)
        release = parsed(manifest)
        if release.bytes_total > self._bytes_max:
            raise ReleaseRefused(f"release {release.name}: {release.bytes_total} bytes, the limit is {self._bytes_max}")
        free = shutil.disk_usage(part).free
        if release.bytes_total > free // 2:
            raise ReleaseRefused(f"release {release.name}: {release.bytes_total} bytes, only {free} are free here")
        _write(part / MANIFEST_NAME, manifest)
        _write(part / SIGNATURE_NAME, signature)
        return release

    def _file(self, client: httpx.Client, name: str, folder: Path, part: Part, stop: Callable[[], bool]) -> None:
        path = folder / part.name
        have = path.stat().st_size if path.exists() else 0
        if have > part.size_bytes:
            path.unlink()
            have = 0
        if have < part.size_bytes:
            self._download(client, f"/fleet/releases/{name}/{part.name}", path, have, part.size_bytes, stop)
        try:
            check_file(path, part)
        except ReleaseRefused:
            path.unlink()  # a damaged start must not be gone on with for ever
            raise

    def _download(
        self, client: httpx.Client, url: str, path: Path, have: int, size: int, stop: Callable[[], bool]
    ) -> None:
        headers = {"Range": f"bytes={have}-"} if have else {}
        with client.stream("GET", url, headers=headers) as answer:
            answer.raise_for_status()
            again = have if answer.status_code == httpx.codes.PARTIAL_CONTENT else 0
            flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if again else os.O_TRUNC)
            with os.fdopen(private(path, flags), "ab" if again else "wb") as out:
                for block in answer.iter_bytes(CHUNK):
                    again += len(block)
                    if again > size:
                        raise ReleaseRefused(f"{path.name}: more bytes come than the manifest names ({size})")
                    if stop():
                        raise FetchFailed(f"{path.name}: the kiosk stops; the rest is fetched after its next start")
                    out.write(block)
                out.flush()
                os.fsync(out.fileno())
        if again < size:
            raise FetchFailed(f"{path.name}: ended after {again} of {size} bytes; the rest is asked for again")


def client_for(url: str) -> httpx.Client:
    """To a gateway's HTTP side, with limits on every wait."""
    return httpx.Client(base_url=url, timeout=TIMEOUT_S, trust_env=False, follow_redirects=False)


def _small(client: httpx.Client, url: str) -> bytes:
    """A file that must fit into memory."""
    body = bytearray()
    with client.stream("GET", url) as answer:
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise ReleaseRefused(f"{url}: the gateway has no such release; add it there with `zhuomu gateway release`")
        answer.raise_for_status()
        for block in answer.iter_bytes(CHUNK):
            body += block
            if len(body) > MANIFEST_BYTES_MAX:
                raise ReleaseRefused(f"{url}: over {MANIFEST_BYTES_MAX} bytes")
    return bytes(body)


def _write(path: Path, data: bytes) -> None:
    with os.fdopen(private(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
