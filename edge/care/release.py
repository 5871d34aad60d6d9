"""A release: a network's files, the picture it must know, and the signature over both; on disk and over the line.

`release.json` names every file by hash; `release.sig` is the Ed25519 signature of its exact bytes, base64. A release is
named by the sha256 of its `release.json`, so that who wishes for one wishes for every byte of it.
"""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from edge.evidence.key import PublicKey

MANIFEST_NAME, SIGNATURE_NAME = "release.json", "release.sig"
FILES_MAX = 16
FILE_BYTES_MAX = 512 * 1024**2
MANIFEST_BYTES_MAX = 256 * 1024
PlainName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]


class ReleaseRefused(RuntimeError):
    """A release that may not be run; `str()` is one line: what, where, what to do."""


class Part(Struct, frozen=True, kw_only=True):
    """One file."""

    name: PlainName
    size_bytes: Annotated[int, Meta(ge=1, le=FILE_BYTES_MAX)]
    sha256: Sha256


class Thing(Struct, frozen=True, kw_only=True):
    """What the network must find in the golden picture. `box`: x1, y1, x2, y2 px of the picture."""

    name: Annotated[str, Meta(min_length=1, max_length=128)]
    score: Annotated[float, Meta(ge=0, le=1)]
    box: tuple[float, float, float, float]


class Golden(Struct, frozen=True, kw_only=True):
    """The self-test. Each thing must be found with `iou_min` and a score no further off than `score_off_max`; of what
    scores `extra_score` or more, at most `extra_max` may be something else."""

    picture: PlainName
    things: Annotated[list[Thing], Meta(min_length=1, max_length=200)]
    iou_min: Annotated[float, Meta(ge=0.3, le=1)] = 0.7
    score_off_max: Annotated[float, Meta(ge=0, le=0.5)] = 0.15
    extra_score: Annotated[float, Meta(ge=0, le=1)] = 0.5
    extra_max: Annotated[int, Meta(ge=0, le=100)] = 2


class Release(Struct, frozen=True, kw_only=True):
    """`release.json`. `network`: the file that is loaded, its own manifest and weights among `files` beside it; `size`
    and `backend` as in a kiosk's `[model]`."""

    name: Annotated[str, Meta(min_length=1, max_length=100)]
    network: PlainName
    files: Annotated[list[Part], Meta(min_length=1, max_length=FILES_MAX)]
    golden: Golden
    backend: str = "openvino"
    size: Annotated[int, Meta(ge=0, le=4096)] = 0

    @property
    def bytes_total(self) -> int:
        """Of all its files."""
        return sum(part.size_bytes for part in self.files)


def parsed(manifest: bytes) -> Release:
    """Bytes of a `release.json` -> Release. Raises ReleaseRefused."""
    try:
        release = msgspec.json.decode(manifest, type=Release)
    except msgspec.DecodeError as error:
        raise ReleaseRefused(f"{MANIFEST_NAME}: {error}; make it with `zhuomu release make`") from error
    names = [part.name for part in release.files]
    if len(set(names)) != len(names) or {MANIFEST_NAME, SIGNATURE_NAME} & set(names):
        raise ReleaseRefused(f"{MANIFEST_NAME}: a file stands twice or has a reserved name; make it anew")
    missing = {release.network, release.golden.picture} - set(names)
    if missing:
        raise ReleaseRefused(f"{MANIFEST_NAME}: {', '.join(sorted(missing))} is not among its files; make it anew")
    return release


def named(manifest: bytes) -> str:
    """What a release is called over the line."""
    return hashlib.sha256(manifest).hexdigest()


def check_signature(manifest: bytes, signature: bytes, keys: Sequence[PublicKey]) -> None:
    """Raises ReleaseRefused unless one of the keys signed these very bytes."""
    if not keys:
        raise ReleaseRefused("no key is trusted here; name public keys as [care] keys in the kiosk's own file")
    try:
        raw = base64.b64decode(signature.strip(), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ReleaseRefused(f"{SIGNATURE_NAME}: not base64 ({error}); sign the release anew") from error
    if not any(key.signed(raw, manifest) for key in keys):
        known = ", ".join(key.fingerprint for key in keys)
        raise ReleaseRefused(f"{SIGNATURE_NAME}: no trusted key signed this release (trusted here: {known})")


def read_release(folder: Path, keys: Sequence[PublicKey] | None = None) -> Release:
    """A release that lies in a folder, every byte checked against its manifest; the signature too where `keys` are
    given. Raises ReleaseRefused."""
    try:
        manifest = (folder / MANIFEST_NAME).read_bytes()
        if keys is not None:
            check_signature(manifest, (folder / SIGNATURE_NAME).read_bytes(), keys)
        release = parsed(manifest)
        for part in release.files:
            check_file(folder / part.name, part)
    except OSError as error:
        raise ReleaseRefused(f"{error.filename}: cannot be read ({error.strerror}); fetch the release anew") from error
    return release


def check_file(path: Path, part: Part) -> None:
    """Raises ReleaseRefused when a file is not the one that the manifest names, OSError when it is not there."""
    size = path.stat().st_size
    if size != part.size_bytes:
        raise ReleaseRefused(f"{path.name}: {size} bytes, the manifest says {part.size_bytes}; fetch it anew")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != part.sha256:
        raise ReleaseRefused(f"{path.name}: sha256 {found[:12]}... is not the manifest's {part.sha256[:12]}...")
