"""What survives a restart of ours: who is bound, tasks, and their wayline files. One JSON file, replaced whole."""

from __future__ import annotations

import fcntl
import hashlib
import os
from pathlib import Path
from typing import IO

import msgspec

from drone.dji.cloud import Cloud
from drone.dji.requests import Resource
from drone.dji.task import Task

BYTES_MAX = 50_000_000


class StoreError(RuntimeError):
    """The data folder cannot be used; `str()` is one line."""


class Saved(msgspec.Struct):
    """The whole file. bound: serial number to name; resources: by flight."""

    bound: dict[str, str] = {}
    tasks: list[Task] = []
    resources: dict[str, Resource] = {}


class Store:
    """The data folder, held by one process: `with` is not needed, the lock ends with the process. Raises StoreError."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock: IO[bytes] = (folder / "lock").open("wb")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreError(f"{folder}: `zhuomu drone dock run` already runs with it; stop that one first") from None
        except OSError as error:
            raise StoreError(f"{folder}: cannot be used ({error.strerror}); choose another data folder") from None

    def close(self) -> None:
        """Let another process have the folder."""
        self._lock.close()

    def load(self) -> Saved:
        """What was saved; nothing when there is none yet. Raises StoreError for a file that cannot be read."""
        path = self.folder / "docks.json"
        try:
            if path.stat().st_size > BYTES_MAX:
                raise StoreError(f"{path}: larger than {BYTES_MAX // 1_000_000} MB; move it away, docks are bound anew")
            return msgspec.json.decode(path.read_bytes(), type=Saved)
        except FileNotFoundError:
            return Saved()
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise StoreError(f"{path}: cannot be read ({error}); move it away, docks are bound anew") from None

    def save(self, saved: Saved) -> None:
        """Replace the file, durably. Raises StoreError."""
        path, new = self.folder / "docks.json", self.folder / "docks.json.new"
        try:
            with new.open("wb") as file:
                file.write(msgspec.json.encode(saved))
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
        except OSError as error:
            raise StoreError(f"{path}: cannot be written ({error.strerror}); free some disk") from None

    def keep_wayline(self, flight_id: str, kmz: bytes) -> str:
        """Store a wayline file; its MD5, which is what the protocol asks for. Raises StoreError."""
        try:
            (self.folder / f"{flight_id}.kmz").write_bytes(kmz)
        except OSError as error:
            raise StoreError(f"{self.folder}: a wayline cannot be written ({error.strerror}); free some disk") from None
        return hashlib.md5(kmz, usedforsecurity=False).hexdigest()

    def tidy(self, kept: set[str]) -> None:
        """Delete wayline files of flights that are forgotten."""
        for path in self.folder.glob("*.kmz"):
            if path.stem not in kept:
                path.unlink(missing_ok=True)


def restore(cloud: Cloud, saved: Saved) -> None:
    """Give tasks back to their docks; those of docks that left the settings are dropped."""
    for task in saved.tasks:
        dock = cloud.docks.get(task.dock_sn)
        if dock is not None:
            task.since_s = task.sign_s = None  # they counted on the clock of the last run
            dock.add(task, saved.resources.get(task.flight_id))


def state_of(cloud: Cloud) -> Saved:
    """What is to be saved."""
    tasks = [task for dock in cloud.docks.values() for task in dock.tasks.values()]
    resources = {key: value for dock in cloud.docks.values() for key, value in dock.resources.items()}
    return Saved(cloud.bound, tasks, resources)
