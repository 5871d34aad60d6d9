"""Places in the hierarchy: a role is given at one, `dispatcher@990101`; without a place, in the whole city.

One level of supervision (the city centre), two of command (city, districts), three of management (subdistricts,
kiosks, and the departments beside them).
"""

import re
from typing import Literal

Level = Literal["city", "district", "subdistrict", "kiosk", "department"]
ORDER: tuple[Level, ...] = ("city", "district", "subdistrict", "kiosk", "department")
CITY = ""
SHAPES = "a place is a district (6 digits), a subdistrict (9), kiosk/<code> or department/<code>; none: the whole city"
_PATTERNS: tuple[tuple[Level, re.Pattern[str]], ...] = (
    ("city", re.compile("")),
    ("district", re.compile(r"\d{6}")),
    ("subdistrict", re.compile(r"\d{9}")),
    ("kiosk", re.compile(r"kiosk/[\w.-]{1,64}")),
    ("department", re.compile(r"department/[\w.-]{1,64}")),
)


def split(given: str) -> tuple[str, str]:
    """`dispatcher@990101` -> role and place; the place is "" for the whole city."""
    role, _, place = given.partition("@")
    return role, place


def level_of(place: str) -> Level | None:
    """Of a place's code; None for what is no place."""
    return next((level for level, pattern in _PATTERNS if pattern.fullmatch(place)), None)
