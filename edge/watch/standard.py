"""A city's filing standard (立案标准) as the street's end needs it: code -> name, filing condition, time limit.

The registry (gateway) has its own reader of the same file with clocks, groups and departments; what is not needed here
is not read. Another city's table is another file.
"""

import tomllib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

# urgent_hour 紧急工作时 runs on. hour 工作时 and day 工作日 stop outside the city's shifts, which the registry knows.
Unit = Literal["urgent_hour", "hour", "day"]
_WORDS: dict[Unit, str] = {"urgent_hour": "urgent hours", "hour": "working hours", "day": "working days"}


class StandardError(ValueError):
    """A table that cannot be used; `str()` is one line: file, what, what to do."""


class Limit(Struct, frozen=True):
    """An amount of time on one of the three clocks."""

    amount: Annotated[float, Meta(gt=0)]
    unit: Unit


class CityClass(Struct, frozen=True):
    """One class (小类) of the table. `case_class` "": only people report it. The limit (处置时限) is given as plain
    `limit_hours` or as `limit`, the filing condition (立案条件) as `filing_condition` or `filed_when`."""

    code: Annotated[str, Meta(min_length=1, max_length=128)]
    name_zh: str
    name_en: str
    closed_when: str
    case_class: str = ""
    limit_hours: Annotated[float, Meta(gt=0)] | None = None
    limit: Limit | None = None
    filing_condition: Annotated[str, Meta(max_length=2000)] = ""
    filed_when: Annotated[str, Meta(max_length=2000)] = ""

    @property
    def condition(self) -> str:
        """When it is filed, in the standard's words; "" where the table does not say."""
        return self.filing_condition or self.filed_when

    @property
    def limit_words(self) -> str:
        """The time limit in words, such as "2 urgent hours"; "" where the table does not say."""
        if self.limit is not None:
            return f"{self.limit.amount:g} {_WORDS[self.limit.unit]}"
        return "" if self.limit_hours is None else f"{self.limit_hours:g} hours"

    def deadline(self, filed_at: datetime) -> datetime | None:
        """When a case filed then is due, where its clock runs on; None for working time, which the registry reckons."""
        if self.limit is not None:
            return filed_at + timedelta(hours=self.limit.amount) if self.limit.unit == "urgent_hour" else None
        return None if self.limit_hours is None else filed_at + timedelta(hours=self.limit_hours)


class Standard(Struct, frozen=True):
    """One city's table in one version."""

    version: Annotated[str, Meta(min_length=1, max_length=64)]
    city: Annotated[str, Meta(min_length=1, max_length=64)]
    classes: Annotated[list[CityClass], Meta(min_length=1, max_length=1000)]

    def find(self, code: str) -> CityClass | None:
        """The class of that code."""
        return next((c for c in self.classes if c.code == code), None)


def load_standard(path: Path) -> Standard:
    """Read a table. Raises StandardError."""
    try:
        standard = msgspec.toml.decode(path.read_bytes(), type=Standard)
    except OSError as error:
        raise StandardError(
            f"{path}: the standard cannot be read ({error.strerror}); mend `standard` in the rule file"
        ) from error
    except msgspec.ValidationError as error:
        raise StandardError(f"{path}: {error}; compare with configs/standard/") from error
    except (msgspec.DecodeError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StandardError(f"{path}: not valid TOML: {error}; mend that line") from error
    codes = [c.code for c in standard.classes]
    double = sorted({code for code in codes if codes.count(code) > 1})
    if double:
        raise StandardError(f"{path}: class {double[0]} stands twice; keep one of them")
    return standard
