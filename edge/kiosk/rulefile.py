"""The rule file: read with words for whatever is wrong, and read again while the kiosk runs."""

import re
from dataclasses import dataclass
from pathlib import Path

import msgspec
import structlog

from edge.link import SettingsError, load
from edge.watch.boxes import CASE_CLASS
from edge.watch.daytime import is_empty
from edge.watch.rules import RuleBook
from edge.watch.standard import StandardError, load_standard

POLL_S = 2.0

log = structlog.get_logger()


def load_rules(path: Path, standards: Path | None = None) -> RuleBook:
    """Read a rule file and the standard that it names, which lies in `standards` or beside it. Raises SettingsError:
    file, line, what, what to do."""
    try:
        book = load(path, RuleBook)
    except SettingsError as error:
        raise _with_line(path, error) from error
    if book.table is not None:
        raise SettingsError(f"{path}: `table` is filled in by the kiosk; name the city's file as `standard` instead")
    if book.standard:
        folder = standards or path.parent
        try:
            book = msgspec.structs.replace(book, table=load_standard((folder / book.standard).resolve()))
        except StandardError as error:
            raise SettingsError(str(error)) from error
    for where, words in _mistakes(book):
        raise SettingsError(f"{path}{_line(path, where)}: {words}")
    return book


def remarks(book: RuleBook, kinds: set[str] | None, year: int) -> list[str]:
    """What is no mistake but deserves a look. `kinds`: of the zones that the kiosk's cameras have, None: unknown."""
    said = [
        f"rule {r.name!r}: the network never says {label!r} for {r.case_class}; it says {_said(r.case_class)}"
        for r in book.rule
        for label in r.labels
        if CASE_CLASS.get(label) != r.case_class
    ]
    if kinds is not None:
        wanted = {(f"rule {r.name!r}", kind) for r in book.rule for kind in r.zones}
        wanted |= {(f"permit {p.name!r}", p.zone) for p in book.permit}
        have = kinds | {z.kind for z in book.zone}
        said += [f"{who}: no camera has a zone of kind {kind!r}" for who, kind in sorted(wanted) if kind not in have]
    if any(r.days for r in book.rule) or any(p.days for p in book.permit):
        said += [
            f"the holidays of {y} are not known, weekends alone count; update chinesecalendar or list `holidays`"
            for y in (year, year + 1)
            if not book.calendar.settled(y)
        ]
    if book.table is None:
        said.append("no `standard` is named: candidates carry no filing condition, limit and deadline")
    return said


@dataclass
class RuleFile:
    """One rule file, watched. What is refused changes nothing: the book in force stays until a good file comes."""

    path: Path
    book: RuleBook
    refused: int = 0
    standards: Path | None = None
    _seen: object = None
    _polled_s: float = float("-inf")

    def __post_init__(self) -> None:
        self._seen = self._state()

    def current(self, mono_s: float) -> RuleBook:
        """The book in force. Looks at the file every POLL_S, reads it when it or its standard has changed."""
        if mono_s - self._polled_s >= POLL_S:
            self._polled_s = mono_s
            state = self._state()
            if state != self._seen:
                self._seen = state
                self._read()
        return self.book

    def _read(self) -> None:
        try:
            book = load_rules(self.path, self.standards)
            if book != self.book and book.version == self.book.version:
                raise SettingsError(
                    f"{self.path}{_line(self.path, ('version',))}: the rules changed but their version is still "
                    f"{book.version!r}; give them a new version"
                )
        except SettingsError as error:
            self.refused += 1
            log.error("rules.refused", reason=str(error), in_force=self.book.version)
            return
        if book != self.book:
            log.info("rules.changed", before=self.book.version, version=book.version)
            self.book = book

    def _state(self) -> tuple[object, ...]:
        """Of the file and its standard; a file that an editor is just replacing counts as changed twice."""
        folder = self.standards or self.path.parent
        files = [self.path, *([folder / self.book.standard] if self.book.standard else [])]
        return tuple(_stamp(path) for path in files)


def _stamp(path: Path) -> object:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


Where = tuple[str | int, ...]


def _mistakes(book: RuleBook) -> list[tuple[Where, str]]:
    """(place in the file, words) of what the form alone does not forbid."""
    found: list[tuple[Where, str]] = []
    for kind, names in (("rule", [r.name for r in book.rule]), ("permit", [p.name for p in book.permit])):
        found += [
            ((kind, i, "name"), f"{kind} name {name!r} stands twice; give each {kind} a name of its own")
            for i, name in enumerate(names)
            if name in names[:i]
        ]
    zones = [(z.camera, z.name) for z in book.zone]
    found += [
        (("zone", i, "name"), f"zone {zone[1]!r} of camera {zone[0]!r} stands twice; give each zone a name of its own")
        for i, zone in enumerate(zones)
        if zone in zones[:i]
    ]
    spans: list[tuple[Where, str]] = [(("rule", i, "hours"), h) for i, r in enumerate(book.rule) for h in r.hours]
    spans += [(("permit", i, "hours"), p.hours) for i, p in enumerate(book.permit)]
    found += [(where, f"{h} is an empty span; write 00:00-24:00 for all day") for where, h in spans if is_empty(h)]
    found += [
        (("permit", i, "until"), f"permit {p.name!r} ends on {p.until} before it begins on {p.since}; mend the days")
        for i, p in enumerate(book.permit)
        if p.since and p.until and p.until < p.since
    ]
    return found + _unknown_classes(book)


def _unknown_classes(book: RuleBook) -> list[tuple[Where, str]]:
    found: list[tuple[Where, str]] = []
    table = book.table
    for i, rule in enumerate(book.rule if table is not None else []):
        assert table is not None
        known = table.find(rule.class_code)
        if known is None:
            words = f"class {rule.class_code} is not in the standard {table.city} {table.version}"
            found.append((("rule", i, "class_code"), f"{words}; name one of its codes"))
        elif known.case_class and known.case_class != rule.case_class:
            words = f"class {rule.class_code} is {known.case_class} in the standard, the rule says {rule.case_class}"
            found.append((("rule", i, "class_code"), f"{words}; mend one of them"))
    return found


def _said(case_class: str) -> str:
    return ", ".join(label for label, of in CASE_CLASS.items() if of == case_class)


def _with_line(path: Path, error: SettingsError) -> SettingsError:
    """msgspec tells a field as `$.rule[2].dwell_s`: say also in which line that is."""
    at = re.search(r" - at `\$\.?([^`]*)`", str(error))
    if at is None:
        return error
    parts = re.findall(r"([^.\[\]]+)|\[(\d+)\]", at.group(1))
    where = tuple(int(number) if number else name for name, number in parts)
    return SettingsError(str(error).replace(f"{path}:", f"{path}{_line(path, where)}:", 1))


def _line(path: Path, where: Where) -> str:
    """ ", line N" of a field of a `[[table]]`, of the table's head where the field does not stand, "" at a loss."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    names = [str(part) for part in where if isinstance(part, str)]
    first, last = 0, len(lines)
    if len(where) > 1 and isinstance(where[1], int):
        heads = [n for n, line in enumerate(lines) if re.match(rf"\s*\[\[\s*{re.escape(str(where[0]))}\s*\]\]", line)]
        if where[1] >= len(heads):
            return ""
        first = heads[where[1]]
        last = next((n for n in range(first + 1, len(lines)) if lines[n].lstrip().startswith("[")), len(lines))
        names = names[1:]
    for n in range(first, last):
        if names and re.match(rf"\s*{re.escape(names[0])}\s*=", lines[n]):
            return f", line {n + 1}"
    return f", line {first + 1}" if first else ""
