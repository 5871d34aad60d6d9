"""Does the chain hold? Every link, every file, offline; the first broken link is named in words."""

import hashlib
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from msgspec import Struct

from edge.evidence.key import PublicKey
from edge.evidence.lines import RECORD_BYTES_MAX, Broken, Head, read_line
from edge.evidence.records import NOTHING, Deleted, Exported, File, Healed, Proof, Pruned, Record

FAULTS_MAX = 20
Opened = Callable[[str], BinaryIO | None]  # file name -> its bytes, None when it is not there


class Fault(Struct, frozen=True):
    """A broken link. `record` 0: not one record's matter."""

    record: int
    what: str
    words: str


class Report(Struct, kw_only=True):
    """What was looked at and found. `faults`: by record, the first is the first broken link; at most FAULTS_MAX."""

    path: str
    key: str
    key_given: bool
    records: int = 0
    candidates: int = 0
    files_checked: int = 0
    files_deleted: int = 0
    notes: list[str] = []
    faults: list[Fault] = []

    @property
    def holds(self) -> bool:
        """Whether nothing is broken."""
        return not self.faults


@dataclass
class _Row:
    """A line as far as it could be read. `problem`: why it proves nothing."""

    where: str
    record: Record | None = None
    sha256: str = ""
    problem: Broken | None = None


@dataclass
class _Walk:
    """Where the next record should stand. `previous` None: unknown behind a broken line; `loose`: behind a broken line
    it is not known whether that line took a number."""

    expected: int | None
    previous: str | None
    loose: bool = False
    faults: list[Fault] = field(default_factory=list)


def check_chain(
    lines: Iterable[tuple[str, bytes]], key: PublicKey, report: Report, head: Head | None, part: bool = False
) -> list[Record]:
    """Look at all records in their order and put what is wrong into the report; returns those that can be read.

    `lines`: (where it stands, line without newline). `part`: a piece of a chain, which may begin and end anywhere;
    otherwise it begins with record 1 or where a later record says that older ones were pruned, and ends with the head.
    """
    rows = [_row(where, line, key) for where, line in lines]
    records = [row.record for row in rows if row.record is not None]
    first, previous = _beginning(records, part)
    walk = _Walk(first, previous)
    seqs = {record.seq for record in records}
    for row in rows:
        _step(walk, row, seqs)
    if not part:
        _ending(walk, head)
    report.records = len(rows)
    report.candidates = sum(isinstance(r.body, Proof) for r in records)
    report.notes += [note for r in records if (note := _note(r))]
    report.faults += walk.faults + [fault for r in records if (fault := _lost(r))]
    return records


def check_files(records: list[Record], opened: Opened, report: Report) -> None:
    """Read every original that the records name and compare its hash."""
    deleted = {name: r.seq for r in records if isinstance(r.body, Deleted) for name in r.body.names}
    seen: dict[str, str] = {}
    for record in records:
        for file in record.body.files if isinstance(record.body, Proof) else []:
            if file.name not in seen:
                seen[file.name] = _file_fault(file, opened, deleted, report)
            if seen[file.name]:
                what, _, words = seen[file.name].partition("|")
                report.faults.append(Fault(record.seq, what, f"record {record.seq}: {words}"))


def finish(report: Report) -> Report:
    """Order the faults by record and keep the first FAULTS_MAX."""
    report.faults = sorted(report.faults, key=lambda fault: fault.record)[:FAULTS_MAX]
    return report


def numbered(name: str, data: BinaryIO) -> Iterator[tuple[str, bytes]]:
    """(where, line) of a chain file; a last line without its end is passed on with a mark that makes it broken."""
    number = 0
    while line := data.readline(RECORD_BYTES_MAX + 1):
        number += 1
        yield f"{name} line {number}", line[:-1] if line.endswith(b"\n") else line + b"\0"


def _row(where: str, line: bytes, key: PublicKey) -> _Row:
    if line.endswith(b"\0"):
        return _Row(where, problem=Broken("torn", "is cut off before its end (power loss while it was written?)"))
    try:
        found = read_line(line, key)
    except Broken as error:
        return _Row(where, problem=error)
    return _Row(where, found.record, found.sha256)


def _beginning(records: list[Record], part: bool) -> tuple[int | None, str | None]:
    if part:
        return (records[0].seq, records[0].previous) if records else (None, None)
    stated = [(1, NOTHING)] + [(r.body.first, r.body.previous) for r in records if isinstance(r.body, Pruned)]
    found = (records[0].seq, records[0].previous) if records else None
    return found if found in stated else stated[-1]


def _step(walk: _Walk, row: _Row, seqs: set[int]) -> None:
    if row.problem is not None or row.record is None:
        _broken(walk, row, str(row.problem), row.problem.what if row.problem else "changed byte", seqs)
        return
    seq, expected = row.record.seq, walk.expected
    if walk.loose and expected is not None and seq == expected + 1:
        expected = seq
    known = walk.previous is None or row.record.previous == walk.previous
    if seq != expected:
        _out_of_row(walk, row, seq, expected or 1, seqs)
        if seq < (expected or 1):
            return
    elif not known:
        words = f"it names {row.record.previous[:12]}… as the record before it, that one has {str(walk.previous)[:12]}…"
        walk.faults.append(Fault(seq, "gap", f"record {seq} ({row.where}) does not follow record {seq - 1}: {words}"))
    walk.expected, walk.previous, walk.loose = seq + 1, row.sha256, False
    seqs.discard(seq)


def _broken(walk: _Walk, row: _Row, problem: str, what: str, seqs: set[int]) -> None:
    """A line that proves nothing stands for the record that should be here, unless that one stands elsewhere too."""
    expected = walk.expected or 1
    if expected in seqs:
        words = f"a line that belongs to no record was inserted before record {expected} ({row.where}): it {problem}"
        walk.faults.append(Fault(expected, "inserted", words))
        return
    walk.faults.append(Fault(expected, what, f"record {expected} ({row.where}): {what}: {problem}"))
    walk.expected, walk.previous, walk.loose = expected + 1, None, True


def _out_of_row(walk: _Walk, row: _Row, seq: int, expected: int, seqs: set[int]) -> None:
    if seq < expected:
        words = f"record {seq} stands again, or late, where record {expected} belongs ({row.where})"
        walk.faults.append(Fault(seq, "inserted", words))
    elif expected in seqs:
        words = f"reordered: record {seq} stands where record {expected} belongs ({row.where})"
        walk.faults.append(Fault(expected, "reordered", words))
    else:
        which = f"record {expected} is" if seq == expected + 1 else f"records {expected} to {seq - 1} are"
        walk.faults.append(
            Fault(expected, "gap", f"gap in the chain: {which} missing before record {seq} ({row.where})")
        )


def _ending(walk: _Walk, head: Head | None) -> None:
    last = (walk.expected or 1) - 1
    if head is None:
        if last:
            words = f"head.json is missing or broken: whether records behind record {last} were taken away is unknown"
            walk.faults.append(Fault(last, "missing file", words))
        return
    if head.seq > last:
        which = f"record {head.seq} is" if head.seq == last + 1 else f"records {last + 1} to {head.seq} are"
        words = f"gap at the end of the chain: {which} missing, the signed head names record {head.seq}"
        walk.faults.append(Fault(last + 1, "gap", words))
    elif head.seq == last and walk.previous is not None and head.sha256 != walk.previous:
        words = f"record {last} is not the one that the signed head names ({head.sha256[:12]}…)"
        walk.faults.append(Fault(last, "gap", words))


def _lost(record: Record) -> Fault | None:
    """Records that had been durable and were not there any more when the device started again."""
    body = record.body
    if not isinstance(body, Healed) or not body.lost_records:
        return None
    words = f"{body.lost_records} complete records before record {record.seq} were damaged or taken away"
    return Fault(record.seq, "gap", f"{words}; the device found it at a start and cut off {body.lost_bytes} bytes")


def _note(record: Record) -> str:
    """What whoever reads the report should know, though nothing is broken by it."""
    body = record.body
    if isinstance(body, Healed) and not body.lost_records:
        return f"record {record.seq}: {body.lost_bytes} bytes of an unfinished record were cut off after a power loss"
    if isinstance(body, Pruned):
        return f"record {record.seq}: records before record {body.first} were given up for room"
    if isinstance(body, Exported):
        return f"record {record.seq}: {body.by} took out candidate {body.candidate} ({body.why or 'no reason given'})"
    return ""


def _file_fault(file: File, opened: Opened, deleted: dict[str, int], report: Report) -> str:
    """kind|words, or "" when the file is as the record says or the device itself gave it up."""
    stream = opened(file.name)
    if stream is None:
        if file.name in deleted:
            report.files_deleted += 1
            return ""
        return f"missing file|missing file: {file.name} is not there, and no record says that it was deleted"
    with stream:
        try:
            digest, size = _hash(stream)
        except (OSError, zipfile.BadZipFile, zlib.error) as error:
            return f"changed byte|changed byte: {file.name} cannot be read ({error})"
    report.files_checked += 1
    if digest != file.sha256:
        return f"changed byte|changed byte in {file.name} ({size} of {file.size_bytes} bytes): hash {digest[:12]}…"
    return ""


def _hash(stream: BinaryIO) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    while block := stream.read(1024 * 1024):
        digest.update(block)
        size += len(block)
    return digest.hexdigest(), size
