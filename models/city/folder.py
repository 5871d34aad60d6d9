"""The set on disk: everything new is staged beside it and moved into place, the manifest last."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from models.city.judged import Entry, LabelingError, ignored, yolo
from models.labelled import CLASSES

PARTS = ("images", "labels", "ignore", "todo")
STAGE = ".part"
MANIFEST = "manifest.jsonl"


def read_manifest(out: Path) -> dict[str, Entry]:
    """What earlier runs put into a set, by picture file name. Raises LabelingError."""
    file = out / MANIFEST
    try:
        lines = file.read_bytes().splitlines() if file.exists() else []
        entries = [msgspec.json.decode(line, type=Entry) for line in lines]
    except msgspec.DecodeError as error:
        raise LabelingError(f"{file}: not a manifest of this command ({error}); choose another folder") from error
    except OSError as error:
        raise LabelingError(f"{file}: cannot be read ({error.strerror}); choose another folder") from error
    return {entry.image: entry for entry in entries}


class Folder:
    """`put` stages a file, `commit` moves all of them into place. When something fails the set is as it was."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self._stage = out / STAGE
        self._names: list[str] = []

    def __enter__(self) -> Folder:
        shutil.rmtree(self._stage, ignore_errors=True)
        self._try(lambda: _make_parts(self._stage))
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._stage, ignore_errors=True)
        with suppress(OSError):
            self.out.rmdir()  # succeeds only where nothing was made: an empty folder is no set

    def put(self, name: str, data: bytes) -> None:
        """Stage one file, unless the same bytes lie there already. Raises LabelingError."""
        target = self.out / name

        def write() -> None:
            if not (target.is_file() and target.read_bytes() == data):
                (self._stage / name).write_bytes(data)
                self._names.append(name)

        self._try(write)

    def commit(self, keep: set[str]) -> None:
        """Move what is staged, in the order in which it was put, then remove pictures and labels of no entry in
        `keep` (file names without ending). Raises LabelingError."""
        self._try(lambda: _make_parts(self.out))
        self._try(lambda: [(self._stage / name).replace(self.out / name) for name in self._names])
        for part in PARTS:
            for file in (self.out / part).glob("city-*"):
                if f"{part}/{file.stem}" not in keep:
                    self._try(file.unlink)

    def _try(self, work: Callable[[], object]) -> None:
        try:
            work()
        except OSError as error:
            words = error.strerror or str(error)
            raise LabelingError(
                f"{self.out}: cannot be written ({words}); make room or choose another folder; the set is as it was"
            ) from error


def _make_parts(folder: Path) -> None:
    for part in PARTS:
        (folder / part).mkdir(parents=True, exist_ok=True)


def write_entry(folder: Folder, entry: Entry, data: bytes) -> None:
    """A picture with its label file and its ignored boxes."""
    stem = entry.image.rpartition(".")[0]
    own = CLASSES.index(entry.label)
    folder.put(f"images/{entry.image}", data)
    folder.put(f"labels/{stem}.txt", "".join(yolo(own, box) for box in entry.boxes).encode())
    folder.put(f"ignore/{stem}.txt", "".join(yolo(i, box) for i, box in ignored(entry)).encode())


def write_lists(folder: Folder, entries: list[Entry], todo: str) -> None:
    """The pictures of each part, the pages for people, the class list, and at the very end the manifest."""
    for part in ("train", "val"):
        folder.put(f"{part}.txt", "".join(f"./images/{e.image}\n" for e in entries if e.part == part).encode())
    folder.put("todo.txt", todo.encode())
    folder.put("classes.txt", "".join(f"{name}\n" for name in CLASSES).encode())
    folder.put(MANIFEST, b"".join(msgspec.json.encode(e) + b"\n" for e in entries))
