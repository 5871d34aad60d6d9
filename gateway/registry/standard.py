"""The filing standard (立案标准): class codes and time limits as a versioned table, read from a TOML file."""

from pathlib import Path

import msgspec

from edge.link.settings import load
from edge.wire import CaseClass

DEMO = Path(__file__).with_name("standard_demo.toml")
UNKNOWN_LIMIT_HOURS = 24.0


class CaseType(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """One class (大类-小类) of the standard."""

    code: str
    case_class: CaseClass
    name_zh: str
    name_en: str
    limit_hours: float
    closed_when: str


class Standard(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A city's table in one version."""

    version: str
    city: str
    classes: list[CaseType]

    def limit_hours(self, code: str) -> float:
        """How long a case of this class may take; UNKNOWN_LIMIT_HOURS for a code that is not in the table."""
        return next((c.limit_hours for c in self.classes if c.code == code), UNKNOWN_LIMIT_HOURS)

    def knows(self, code: str) -> bool:
        """Whether the table has the code."""
        return any(c.code == code for c in self.classes)


def read(path: Path = DEMO) -> Standard:
    """Raises edge.link.settings.SettingsError."""
    return load(path, Standard)
