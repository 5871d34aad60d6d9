"""Building the set: decisions and corrections become entries, entries become files, in one go or not at all."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from models.city import gateway as city_gateway
from models.city import kiosk
from models.city.corrections import Corrections, label_of, read_corrections
from models.city.folder import Folder, read_manifest, write_entry, write_lists
from models.city.gateway import Gateway
from models.city.judged import Entry, Judged, Other, Tally, entry_of, name_of, part_of
from models.city.kiosk import Hard
from models.city.todo import size_of, worksheet


@dataclass(frozen=True)
class Wanted:
    """What the person asked for."""

    out: Path
    gateway: Gateway | None = None
    kiosks: tuple[Path, ...] = ()
    corrections: Path | None = None
    person: str = ""
    unreviewed: bool = False
    val_share: float = 0.2


@dataclass
class _Work:
    """One run's state: entries by file name, pictures that wait for a person, where their bytes are."""

    wanted: Wanted
    tally: Tally
    entries: dict[str, Entry]
    hard: dict[str, Hard] = field(default_factory=dict)
    frames: dict[str, tuple[int, int]] = field(default_factory=dict)

    def data(self, entry: Entry) -> bytes | None:
        """A picture's bytes: from the set itself, from the kiosk's folder, from the gateway."""
        here = self.wanted.out / "images" / entry.image
        data = here.read_bytes() if here.is_file() else b""
        if hashlib.sha256(data).hexdigest() == entry.picture:
            return data
        if entry.image in self.hard:
            return self.hard[entry.image].file.read_bytes()
        return self.wanted.gateway.picture(entry.picture) if self.wanted.gateway else None


def make(wanted: Wanted, now: datetime) -> dict[str, Any]:
    """Build or renew the set; returns the report. Raises LabelingError, and then the set is as it was."""
    old = {n: e for n, e in read_manifest(wanted.out).items() if wanted.unreviewed or e.decision != "unreviewed"}
    work = _Work(wanted, Tally(), old)
    seen: dict[str, list[Other]] = {}
    waiting = wanted.out / "todo"
    for folder in (*([waiting] if any(waiting.glob("*.json")) else []), *wanted.kiosks):
        others, hard = kiosk.read_folder(folder, work.tally)
        seen |= others
        work.hard |= {name_of(h.example.subject.label, h.example.picture): h for h in hard}
    if wanted.gateway is not None:
        _take_decisions(work, wanted.gateway, seen)
    work.entries = {n: replace(e, part=part_of(e.camera, wanted.val_share)) for n, e in work.entries.items()}
    with Folder(wanted.out) as out:
        return _write(work, out, now)


def _take_decisions(work: _Work, gateway: Gateway, seen: dict[str, list[Other]]) -> None:
    """Words on the same class in the same picture become one entry; boxes that a person drew stay."""
    found: dict[str, list[Judged]] = {}
    for row in gateway.rows():
        judged = city_gateway.judged(row, work.wanted.unreviewed, work.tally)
        if judged is not None:
            name = name_of(judged.label, judged.picture)
            found.setdefault(name, []).append(judged)
            work.frames[name] = judged.frame
    for name, words in found.items():
        if name in work.entries and work.entries[name].complete:
            continue
        others = seen.get(words[0].picture) or (work.entries[name].others if name in work.entries else [])
        entry = entry_of(words, others, work.wanted.val_share)
        if entry is None:
            work.entries.pop(name, None)
            work.tally.skip("the same thing was confirmed and rejected")
        else:
            work.entries[name] = entry


def _write(work: _Work, out: Folder, now: datetime) -> dict[str, Any]:
    corrections = _corrections(work)
    written: list[Entry] = []
    for name, entry in sorted(work.entries.items()):
        data = _usable(work, entry)
        if data is None:
            continue
        if corrections is not None and name in corrections.boxes:
            entry = corrections.apply(entry, size_of(data) or (1, 1), now.strftime("%Y-%m-%dT%H:%M:%SZ"))
        write_entry(out, entry, data)
        written.append(entry)
    done = {e.image for e in written}
    waiting = {name: hard for name, hard in sorted(work.hard.items()) if name not in done}
    for name, hard in waiting.items():
        for ending in (".jpg", ".json"):
            out.put(f"todo/{Path(name).stem}{ending}", hard.file.with_suffix(ending).read_bytes())
    write_lists(out, written, worksheet(waiting))
    stems = {f"{part}/{e.image.rpartition('.')[0]}" for e in written for part in ("images", "labels", "ignore")}
    out.commit(stems | {f"todo/{name.rpartition('.')[0]}" for name in waiting})
    return _report(work, written, len(waiting))


def _corrections(work: _Work) -> Corrections | None:
    """Read the person's boxes; a picture that waited for them becomes an entry of the set."""
    file = work.wanted.corrections
    if file is None:
        return None
    found = read_corrections(file, work.wanted.person, lambda n: n in work.entries or n in work.hard)
    for name in found.boxes:
        if name not in work.entries:
            work.entries[name] = _from_hard(name, work.hard[name], work.wanted.val_share)
    return found


def _from_hard(name: str, hard: Hard, val_share: float) -> Entry:
    example = hard.example
    camera = f"{example.device}/{example.camera}"
    names = ("why", "reason", "device", "camera", "spot_id", "candidate_id", "model", "model_sha256")
    return Entry(
        image=name,
        picture=example.picture,
        label=label_of(name),
        part=part_of(camera, val_share),
        camera=camera,
        decision="corrected",
        boxes=[],
        absent=[],
        complete=True,
        others=kiosk.others(example),
        proofs=[{n: getattr(example, n) for n in names} | {"at": example.at.astimezone(UTC).isoformat()}],
    )


def _usable(work: _Work, entry: Entry) -> bytes | None:
    """A picture's bytes where they can be had and are the whole frame."""
    data = work.data(entry)
    if data is None:
        work.tally.skip(city_gateway.GONE)
        return None
    size = size_of(data)
    width, height = work.frames.get(entry.image, size or (1, 1))
    if size is None:
        work.tally.skip("not a picture that can be read")
    elif abs(size[0] * height - size[1] * width) > width + height:  # one pixel of rounding each way
        work.tally.skip("picture has another shape than the camera's frame")
    else:
        return data
    return None


def _report(work: _Work, written: list[Entry], waiting: int) -> dict[str, Any]:
    counted = {part: sum(e.part == part for e in written) for part in ("train", "val")}
    return {
        "folder": str(work.wanted.out),
        "decisions": dict(sorted(work.tally.decisions.items())),
        "pictures": len(written),
        **counted,
        "boxes": sum(len(e.boxes) for e in written),
        "hard_negatives": sum(len(e.absent) for e in written),
        "corrected": sum(e.decision == "corrected" for e in written),
        "todo": waiting,
        "skipped": dict(sorted(work.tally.skipped.items(), key=lambda item: (-item[1], item[0]))),
    }
