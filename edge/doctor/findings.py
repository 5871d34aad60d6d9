"""What a check says: how bad, where, what, and what to do, in English and Chinese."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from msgspec import Struct

from edge.care.pulse import Snapshot
from edge.kiosk.config import KioskSettings

Severity = Literal["ok", "note", "warning", "error"]
EXITS: dict[Severity, int] = {"ok": 0, "note": 0, "warning": 1, "error": 2}
RUNNING_S = 60.0  # a kiosk that runs writes its status every ten seconds


class Words(Struct, frozen=True):
    """The same in both languages."""

    en: str
    zh: str


class Finding(Struct, frozen=True, kw_only=True):
    """`code`: what was looked at and how it was found, as `broker.refused`; `where`: which part; `do`: empty when all
    is well."""

    code: str
    severity: Severity
    where: str
    what: Words
    do: Words = Words("", "")


@dataclass(frozen=True)
class Patient:
    """The kiosk that is looked at. `status`: what its process wrote last, None where it never ran; `running`: it runs
    now; `rules`, `release`: what is in force."""

    settings: KioskSettings
    data: Path
    status: Snapshot | None
    running: bool
    release: Path | None = None


def fine(code: str, where: str, en: str, zh: str) -> Finding:
    """All is well."""
    return Finding(code=code, severity="ok", where=where, what=Words(en, zh))


def note(code: str, where: str, en: str, zh: str) -> Finding:
    """Worth knowing, nothing to be done."""
    return Finding(code=code, severity="note", where=where, what=Words(en, zh))


def bad(severity: Severity, code: str, where: str, what: tuple[str, str], do: tuple[str, str]) -> Finding:
    """Something is wrong. `what`, `do`: English, Chinese."""
    return Finding(code=code, severity=severity, where=where, what=Words(*what), do=Words(*do))


def exit_status(findings: Iterable[Finding]) -> int:
    """0: all well, 1: something to look after, 2: something does not work."""
    return max((EXITS[finding.severity] for finding in findings), default=0)
