"""Where a proof lies: a device's data folder, a bundle (ZIP or unpacked), or a chain file alone; each is verified."""

import zipfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from edge.evidence.key import PUBLIC_NAME, KeyUnusable, PublicKey, public_of, read_public
from edge.evidence.lines import HEAD_NAME, Broken, Head, read_head, read_line, segments
from edge.evidence.records import Deleted, Proof, Record
from edge.evidence.verify import Fault, Report, check_chain, check_files, finish, numbered

CHAIN_FOLDER, ORIGINALS_FOLDER = "evidence", "originals"
BUNDLE_NAME, PART_NAME, ALSO_NAME, FILES_FOLDER = "manifest.json", "chain.jsonl", "also.jsonl", "files"


class NothingThere(RuntimeError):
    """No proof of any kind at a path; `str()` is one line."""


def verify(path: Path, key: PublicKey | None = None, expect: str = "") -> Report:
    """Check whatever lies at `path`. Without `key` the public key that lies beside it is taken: then the report says
    that nothing was changed since, but not whose device it was. `expect`: a record's hash that has to be there (a
    candidate names it at the centre). Raises NothingThere, KeyUnusable, OSError."""
    if path.is_dir() and (path / CHAIN_FOLDER).is_dir():
        report, hashes = _device(path, key)
    elif path.is_dir() and (path / PART_NAME).is_file():
        report, hashes = _bundle(_Unpacked(path), path, key)
    elif path.is_file() and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as packed:
            report, hashes = _bundle(_Packed(packed), path, key)
    elif path.is_file() and path.suffix == ".jsonl":
        report, hashes = _alone(path, key)
    else:
        raise NothingThere(
            f"{path}: no evidence here; give a kiosk's data folder (with {CHAIN_FOLDER}/ in it), an exported ZIP or "
            "a chain-*.jsonl file"
        )
    if expect and expect not in hashes:
        report.faults.append(Fault(0, "gap", f"no record has the hash {expect}: it was taken away, or never here"))
    return finish(report)


def _device(path: Path, key: PublicKey | None) -> tuple[Report, set[str]]:
    folder, originals = path / CHAIN_FOLDER, path / ORIGINALS_FOLDER
    own = key or read_public(path / PUBLIC_NAME)
    report = Report(path=str(path), key=own.fingerprint, key_given=key is not None)
    hashes: set[str] = set()
    head = _head(folder / HEAD_NAME, own, report)
    records = check_chain(_noted(_of_files(segments(folder)), hashes), own, report, head)
    check_files(records, lambda name: _opened(originals / name), report)
    return report, hashes


def _head(path: Path, key: PublicKey, report: Report) -> Head | None:
    try:
        return read_head(path.read_bytes(), key)
    except FileNotFoundError:
        return None
    except Broken as error:
        report.faults.append(Fault(0, error.what, f"{path.name}: {error.what}: {error}"))
        return None


def _alone(path: Path, key: PublicKey | None) -> tuple[Report, set[str]]:
    own = key or read_public(path.parent.parent / PUBLIC_NAME)
    report = Report(path=str(path), key=own.fingerprint, key_given=key is not None)
    report.notes.append("one file of a chain alone: its ends and the originals were not looked at")
    hashes: set[str] = set()
    check_chain(_noted(_of_files([path]), hashes), own, report, None, part=True)
    return report, hashes


class _Unpacked:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self, name: str) -> BinaryIO | None:
        return _opened(self._folder / name)


class _Packed:
    def __init__(self, packed: zipfile.ZipFile) -> None:
        self._packed = packed

    def open(self, name: str) -> BinaryIO | None:
        try:
            return self._packed.open(name)  # type: ignore[return-value]  # IO[bytes] that is only read
        except KeyError:
            return None


def _bundle(store: _Unpacked | _Packed, path: Path, key: PublicKey | None) -> tuple[Report, set[str]]:
    own = key or _public(store, path)
    report = Report(path=str(path), key=own.fingerprint, key_given=key is not None)
    hashes: set[str] = set()
    records = check_chain(_noted(_lines(store, PART_NAME), hashes), own, report, None, part=True)
    manifest = next((line for _, line in _lines(store, BUNDLE_NAME)), b"")
    try:
        wanted = read_line(manifest, own)
    except Broken as error:
        report.faults.append(Fault(0, error.what, f"{BUNDLE_NAME}: {error.what}: {error}"))
        return report, hashes
    if wanted.sha256 not in hashes:
        words = f"{BUNDLE_NAME} names record {wanted.record.seq}, which is not in {PART_NAME}"
        report.faults.append(Fault(wanted.record.seq, "gap", words))
    named = [r for r in records if r.seq == wanted.record.seq]
    check_files(named + _also(store, own, report), lambda name: store.open(f"{FILES_FOLDER}/{name}"), report)
    return report, hashes


def _also(store: _Unpacked | _Packed, key: PublicKey, report: Report) -> list[Record]:
    """Signed records from elsewhere in the chain: which of the originals the device has deleted."""
    found: list[Record] = []
    for where, line in _lines(store, ALSO_NAME):
        try:
            found.append(read_line(line, key).record)
        except Broken as error:
            report.faults.append(Fault(0, error.what, f"{where}: {error.what}: {error}"))
    return [record for record in found if isinstance(record.body, Deleted)]


def _public(store: _Unpacked | _Packed, path: Path) -> PublicKey:
    stream = store.open(PUBLIC_NAME)
    if stream is None:
        raise KeyUnusable(f"{path}: holds no {PUBLIC_NAME}; give --key")
    with stream:
        try:
            return public_of(stream.read(10_000))
        except ValueError as error:
            raise KeyUnusable(f"{path}: its {PUBLIC_NAME} cannot be read ({error}); give --key") from error


def _lines(store: _Unpacked | _Packed, name: str) -> Iterator[tuple[str, bytes]]:
    stream = store.open(name)
    if stream is not None:
        with stream:
            yield from numbered(name, stream)


def _of_files(paths: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    for path in paths:
        with path.open("rb") as stream:
            yield from numbered(path.name, stream)


def _noted(lines: Iterable[tuple[str, bytes]], hashes: set[str]) -> Iterator[tuple[str, bytes]]:
    """Pass lines on and keep the hashes that they state (`check_chain` says whether they are true)."""
    for where, line in lines:
        with suppress(Broken):
            hashes.add(read_line(line, None).sha256)
        yield where, line


def _opened(path: Path) -> BinaryIO | None:
    try:
        return path.open("rb")
    except FileNotFoundError:
        return None


def proof_lines(folder: Path, candidate: str) -> Iterator[tuple[bytes, Record, bool]]:
    """(line, record, whether it is this candidate's manifest) of a device's chain; broken lines are passed over."""
    for _, line in _of_files(segments(folder)):
        try:
            record = read_line(line, None).record
        except Broken:
            continue
        yield line, record, isinstance(record.body, Proof) and record.body.candidate == candidate
