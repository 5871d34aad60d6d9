"""Networks for the fleet: signed releases in the data folder, named by the sha256 of their `release.json`."""

import hashlib
import os
import re
import shutil
from pathlib import Path
from typing import Any

import msgspec

MANIFEST_NAME, SIGNATURE_NAME = "release.json", "release.sig"
FOLDER = "releases"
MANIFEST_BYTES_MAX = 256 * 1024
RELEASES_MAX = 50
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class ReleaseRefused(ValueError):
    """A folder that is no release; `str()` is one line."""


class _File(msgspec.Struct):
    name: str
    size_bytes: int
    sha256: str


class _Manifest(msgspec.Struct):
    """What the gateway reads of it; devices read the rest, and check the signature."""

    name: str
    files: list[_File]


def add(source: Path, data: Path) -> str:
    """Copy a release into the gateway's data folder, every byte checked against its manifest; returns its name. Raises
    ReleaseRefused, OSError."""
    manifest, raw = _read(source)
    name = hashlib.sha256(raw).hexdigest()
    target = data / FOLDER / name
    if target.is_dir():
        return name
    if len(listed(data)) >= RELEASES_MAX:
        raise ReleaseRefused(f"{data / FOLDER} holds {RELEASES_MAX} releases; take an old one away first")
    part = target.with_name(f".part-{name}")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for one in (MANIFEST_NAME, SIGNATURE_NAME):
        shutil.copyfile(source / one, part / one)
    for file in manifest.files:
        shutil.copyfile(source / file.name, part / file.name)
        _check(part / file.name, file)
    _sync(part)
    part.rename(target)
    _sync(target.parent)
    return name


def listed(data: Path) -> list[dict[str, Any]]:
    """Releases by name and number of bytes, newest first."""
    found: list[tuple[float, dict[str, Any]]] = []
    for folder in (data / FOLDER).glob("*"):
        if _SHA256.fullmatch(folder.name):
            manifest, _ = _read(folder)
            size = sum(file.size_bytes for file in manifest.files)
            found.append((folder.stat().st_mtime, {"release": folder.name, "name": manifest.name, "size_bytes": size}))
    return [row for _, row in sorted(found, key=lambda one: one[0], reverse=True)]


def path_of(data: Path, release: str, name: str) -> Path | None:
    """A release's file, None where there is none of that name."""
    if not _SHA256.fullmatch(release) or not _PLAIN.fullmatch(name):
        return None
    path = data / FOLDER / release / name
    return path if path.is_file() else None


def _read(folder: Path) -> tuple[_Manifest, bytes]:
    path = folder / MANIFEST_NAME
    try:
        raw = path.read_bytes()
        if len(raw) > MANIFEST_BYTES_MAX:
            raise ReleaseRefused(f"{path}: over {MANIFEST_BYTES_MAX} bytes")
        manifest = msgspec.json.decode(raw, type=_Manifest)
    except (OSError, msgspec.DecodeError) as error:
        raise ReleaseRefused(f"{path}: {error}; make a release with `zhuomu release make`") from error
    if not (folder / SIGNATURE_NAME).is_file():
        raise ReleaseRefused(f"{folder / SIGNATURE_NAME}: a release without a signature runs nowhere; make it anew")
    if not all(_PLAIN.fullmatch(file.name) for file in manifest.files):
        raise ReleaseRefused(f"{path}: names a file that is none; make it anew")
    return manifest, raw


def _check(path: Path, file: _File) -> None:
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != file.sha256 or path.stat().st_size != file.size_bytes:
        raise ReleaseRefused(f"{path.name}: not the file that the manifest names; make the release anew")


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
