"""A filing standard as the TOML text that `standard.read` reads, for people to look over and mend."""

import json
from datetime import date, time
from typing import Any

import msgspec

from gateway.registry.standard import Standard

_TABLES = ("clock", "stages")
_LISTS = ("groups", "parties", "exemptions", "moves", "score", "classes")


def text_of(standard: Standard) -> str:
    """Everything that is not a default is written, one table after the other."""
    given = {name: getattr(standard, name) for name in ("version", "city", "follows")}
    lines = [f"{name} = {_value(value)}" for name, value in given.items() if value]
    for name in _TABLES:
        lines += ["", f"[{name}]", *_fields(getattr(standard, name))]
    for name in _LISTS:
        for row in getattr(standard, name):
            lines += ["", f"[[{name}]]", *_fields(row)]
    return "\n".join(lines) + "\n"


def _fields(row: msgspec.Struct) -> list[str]:
    return [f"{name} = {_value(getattr(row, name))}" for name in row.__struct_fields__]


def _value(value: Any) -> str:
    if isinstance(value, msgspec.Struct):
        return "{ " + ", ".join(_fields(value)) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(part) for part in value) + "]"
    if isinstance(value, date | time):
        return value.isoformat()
    # A JSON string is a TOML basic string, but for DEL, which TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
