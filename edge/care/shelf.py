"""Where versions lie: one folder each, whole or not there, beside one small file that says which is in force."""

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import msgspec
import structlog

from edge.care.state import State
from edge.evidence.files import private, sync_folder, write_whole

STATE_NAME = "state.json"
_FOLDER = re.compile(r"config-([0-9]+)")

log = structlog.get_logger()


class ShelfUnusable(RuntimeError):
    """The folder cannot be read or written; `str()` is one line."""


class Shelf:
    """Files of the versions in `folder`. One process writes; whoever else reads (`zhuomu doctor`) changes nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self) -> State:
        """What was written last; a fresh State where nothing was. Raises ShelfUnusable."""
        path = self.folder / STATE_NAME
        try:
            return msgspec.json.decode(path.read_bytes(), type=State)
        except FileNotFoundError:
            return State()
        except OSError as error:
            raise ShelfUnusable(f"{path}: cannot be read ({error.strerror}); mend its permissions") from error
        except msgspec.DecodeError as error:
            raise ShelfUnusable(
                f"{path}: not the state of a kiosk ({error}); move it away to run with the kiosk's own file alone"
            ) from error

    def write(self, state: State) -> None:
        """Durable when this returns. Raises ShelfUnusable."""
        try:
            self._make()
            write_whole(self.folder / STATE_NAME, msgspec.json.encode(state))
            sync_folder(self.folder)
        except OSError as error:
            raise ShelfUnusable(f"{self.folder}: cannot be written ({error.strerror}); mend the disk") from error

    def of(self, version: int) -> Path:
        """A version's folder."""
        return self.folder / f"config-{version}"

    def stage(self, version: int, files: Mapping[str, bytes]) -> Path:
        """A version's files, durable and complete when this returns; half of them never stand under its name. What a
        kill left of the same version is replaced. Raises ShelfUnusable."""
        target, part = self.of(version), self.folder / f".part-{version}"
        try:
            self._make()
            for old in (part, target):
                shutil.rmtree(old, ignore_errors=True)
            part.mkdir(mode=0o700)
            for name, data in files.items():
                _write(part / name, data)
            sync_folder(part)
            part.rename(target)
            sync_folder(self.folder)
        except OSError as error:
            shutil.rmtree(part, ignore_errors=True)
            raise ShelfUnusable(f"{target}: cannot be written ({error.strerror}); mend the disk") from error
        return target

    def tidy(self, state: State) -> None:
        """Take away what no step can need any more."""
        for path in self.folder.glob("*config-*"):
            named = _FOLDER.fullmatch(path.name)
            if named and int(named.group(1)) not in state.kept:
                shutil.rmtree(path, ignore_errors=True)
        for path in self.folder.glob(".part-*"):
            shutil.rmtree(path, ignore_errors=True)

    def _make(self) -> None:
        """Its folder, and the device's data folder around it, readable by the owner alone."""
        self.folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder.mkdir(exist_ok=True, mode=0o700)


def _write(path: Path, data: bytes) -> None:
    with os.fdopen(private(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
