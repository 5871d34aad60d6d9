"""Backup and restore: database (SQLite's online backup) and pictures in one tar file, proved before it counts.

A backup can be made while the gateway runs. A restore never overwrites: what was there is put aside.
"""

import hashlib
import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import IO

import msgspec

from edge.wire import SCHEMA_VERSION as WIRE_VERSION
from gateway.evidence import SHA256
from gateway.lock import DataLock
from gateway.tables import SCHEMA_VERSION
from gateway.times import to_text

DATABASE = "gateway.sqlite3"
MANIFEST = "manifest.json"
MANIFEST_BYTES_MAX = 64 * 1024
CHUNK = 1024 * 1024
FORMAT = "zhuomu-gateway-backup-1"


class NotDone(RuntimeError):
    """Nothing was changed; `str()` says why and what to do."""


class Manifest(msgspec.Struct, kw_only=True, frozen=True):
    """The first member. `changed_at`: the newest change in the database, as UTC text."""

    format: str
    schema_version: int
    wire_version: int
    made_at: str
    changed_at: str
    database_sha256: str
    pictures: int
    pictures_missing: int


def backup(data: Path, target: Path, now: datetime) -> Manifest:
    """Write `target`. Raises NotDone, OSError, sqlite3.Error."""
    source = data / DATABASE
    if not source.is_file():
        raise NotDone(f"{source}: no database there; name the gateway's data directory with --data")
    if target.exists():
        raise NotDone(f"{target} exists already; a backup overwrites nothing, choose another name")
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".zhuomu-backup-") as folder:
        copy = Path(folder) / DATABASE
        _online_copy(source, copy)
        pictures = [(name, data / "evidence" / name[:2] / name) for name in _stored(copy)]
        there = [(name, path) for name, path in pictures if path.is_file()]
        manifest = Manifest(
            format=FORMAT,
            schema_version=_version(copy),
            wire_version=WIRE_VERSION,
            made_at=to_text(now),
            changed_at=_changed_at(copy),
            database_sha256=_sha256(copy),
            pictures=len(there),
            pictures_missing=len(pictures) - len(there),
        )
        written = Path(folder) / "backup.tar"
        _write(written, manifest, copy, there)
        os.link(written, target)  # fails when somebody else made it meanwhile, where a rename would overwrite
    return manifest


def restore(source: Path, data: Path, now: datetime) -> Manifest:
    """Put a backup into `data`. Raises NotDone, InUse, OSError, sqlite3.Error, tarfile.TarError."""
    data.mkdir(parents=True, exist_ok=True)
    with (
        DataLock(data, exclusive=True),
        tempfile.TemporaryDirectory(dir=data, prefix=".zhuomu-restore-") as folder,
    ):
        unpacked = Path(folder)
        manifest = _unpack(source, unpacked)
        _prove(unpacked / DATABASE, manifest)
        _refuse_newer(data / DATABASE, manifest)
        _put_aside(data, now)
        for picture in (unpacked / "evidence").glob("*/*"):
            place = data / "evidence" / picture.parent.name / picture.name
            place.parent.mkdir(parents=True, exist_ok=True)
            picture.replace(place)
        (unpacked / DATABASE).replace(data / DATABASE)
    return manifest


def _online_copy(source: Path, copy: Path) -> None:
    """A consistent copy beside running writers, without a WAL of its own."""
    with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as old, closing(sqlite3.connect(copy)) as new:
        old.backup(new)
        new.execute("PRAGMA journal_mode=DELETE")


def _write(path: Path, manifest: Manifest, copy: Path, pictures: list[tuple[str, Path]]) -> None:
    words = path.with_name(MANIFEST)
    words.write_bytes(msgspec.json.encode(manifest))
    with path.open("wb") as file:
        with tarfile.open(fileobj=file, mode="w") as tar:
            tar.add(words, MANIFEST)
            tar.add(copy, DATABASE)
            for name, picture in pictures:
                tar.add(picture, f"evidence/{name[:2]}/{name}")
        file.flush()
        os.fsync(file.fileno())


def _unpack(source: Path, folder: Path) -> Manifest:
    """Only members that a backup has, under names of our own making; pictures are proved by their hash."""
    pictures = 0
    with tarfile.open(source, mode="r:") as tar:
        manifest = _manifest(tar)
        for member in tar:
            name = member.name.rpartition("/")[2]
            file = tar.extractfile(member) if member.isreg() else None
            if file is None:
                raise NotDone(f"{source}: '{member.name[:100]}' is no plain file; this is no backup of ours")
            if member.name == DATABASE:
                _copy(file, folder / DATABASE)
            elif SHA256.fullmatch(name) and member.name == f"evidence/{name[:2]}/{name}":
                if _copy(file, folder / member.name) != name:
                    raise NotDone(f"{source}: picture {name} is damaged; use another backup")
                pictures += 1
            elif member.name != MANIFEST:
                raise NotDone(f"{source}: '{member.name[:100]}' is not part of a backup; this is none of ours")
    if pictures != manifest.pictures or not (folder / DATABASE).is_file():
        raise NotDone(f"{source}: holds {pictures} pictures of {manifest.pictures}; it was cut off, use another backup")
    return manifest


def _manifest(tar: tarfile.TarFile) -> Manifest:
    member = tar.next()
    file = tar.extractfile(member) if member is not None and member.name == MANIFEST and member.isreg() else None
    try:
        manifest = msgspec.json.decode(file.read(MANIFEST_BYTES_MAX) if file else b"", type=Manifest)
    except msgspec.DecodeError:
        raise NotDone(f"{tar.name!s}: does not begin with a manifest; this is no backup of ours") from None
    if manifest.format != FORMAT or manifest.schema_version > SCHEMA_VERSION:
        what = f"format {manifest.format}, schema {manifest.schema_version}"
        raise NotDone(f"{tar.name!s}: {what}; this software knows {FORMAT}, schema {SCHEMA_VERSION}: update it first")
    return manifest


def _prove(copy: Path, manifest: Manifest) -> None:
    if _sha256(copy) != manifest.database_sha256:
        raise NotDone("the database in the backup is damaged (its sha256 differs); use another backup")
    with closing(sqlite3.connect(copy)) as database:
        found = [row[0] for row in database.execute("PRAGMA integrity_check")]
    if found != ["ok"]:
        raise NotDone(f"the database in the backup fails its integrity check: {found[0]}; use another backup")


def _refuse_newer(present: Path, manifest: Manifest) -> None:
    if not present.is_file():
        return
    version, changed_at = _version(present), _changed_at(present)
    if version > manifest.schema_version or changed_at > manifest.changed_at:
        what = f"schema {version}, last changed {changed_at}"
        old = f"schema {manifest.schema_version}, last changed {manifest.changed_at}"
        raise NotDone(f"{present}: newer ({what}) than the backup ({old}); move it away yourself if it shall go")


def _put_aside(data: Path, now: datetime) -> None:
    """The present database, its WAL with it, is renamed and kept."""
    for path in (data / f"{DATABASE}{end}" for end in ("", "-wal", "-shm")):
        if path.exists():
            path.replace(path.with_name(f"before-restore-{now:%Y%m%dT%H%M%S%f}-{path.name}"))


def _stored(database: Path) -> Iterator[str]:
    with closing(sqlite3.connect(database)) as copy:
        rows = copy.execute("SELECT sha256 FROM evidence WHERE stored ORDER BY sha256").fetchall()
    return (name for (name,) in rows if SHA256.fullmatch(name))


def _version(database: Path) -> int:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as copy:
        return int(copy.execute("SELECT version FROM zhuomu_schema").fetchone()[0])


def _changed_at(database: Path) -> str:
    """The newest of: a receipt, a line of the feed, a device heard."""
    parts = ("messages", "received_at"), ("feed", "at"), ("devices", "last_heard")
    query = " UNION ALL ".join(f"SELECT max({column}) FROM {table}" for table, column in parts)
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as copy:
        return max((row[0] or "" for row in copy.execute(query)), default="")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _copy(file: IO[bytes], target: Path) -> str:
    """Copy and hash; returns the hash."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as out:
        shutil.copyfileobj(file, out, CHUNK)
        out.flush()
        os.fsync(out.fileno())
    return _sha256(target)
