"""A kiosk's rule file as the desk edits it: TOML text to plain data and back. What rules mean only a kiosk knows
(edge/watch/rules.py), and it refuses what it cannot use with the line that is wrong."""

import json
import math
import tomllib
from datetime import date
from typing import Any

import msgspec

Book = dict[str, Any]
TEXT_MAX = 100_000
LISTS = ("rule", "permit", "zone")
DATES = ("since", "until", "holidays", "workdays")  # JSON has them as text, TOML as dates


class NotRules(ValueError):
    """The text is no rule file; `str()` is one line."""


def parsed(text: str) -> Book:
    """Raises NotRules."""
    if len(text) > TEXT_MAX:
        raise NotRules(f"规则文件过长 over {TEXT_MAX} characters")
    try:
        book = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise NotRules(f"不是 TOML not TOML: {error}") from error
    for name in LISTS:
        rows = book.get(name, [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise NotRules(f"[[{name}]] 应为表 must be tables")
    if not book.get("rule") or not isinstance(book.get("version"), str):
        raise NotRules("缺少 version 或 [[rule]] a rule file has a version and at least one [[rule]]")
    return book


def of_json(text: str) -> Book:
    """From a kiosk's own word (msgspec's JSON of its rule book). Raises NotRules."""
    try:
        found = msgspec.json.decode(text, type=Book)
    except msgspec.DecodeError as error:
        raise NotRules(f"岗亭所述规则无法读取 the kiosk's word cannot be read: {error}") from error
    return parsed(text_of(found))


def version_of(text: str) -> str:
    """The version that a rule file gives itself; "" for what is no rule file."""
    try:
        return str(parsed(text)["version"])
    except NotRules:
        return ""


def text_of(book: Book) -> str:
    """TOML that reads back as the same."""
    flat = {name: value for name, value in book.items() if name not in LISTS}
    lines = [f"{name} = {_value(name, value)}" for name, value in flat.items() if value not in (None, "", [])]
    for name in LISTS:
        for row in book.get(name) or []:
            lines += ["", f"[[{name}]]"]
            lines += [f"{key} = {_value(key, value)}" for key, value in row.items() if value is not None]
    return "\n".join(lines) + "\n"


def _value(name: str, value: Any) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(name, part) for part in value) + "]"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str) and name in DATES:
        return value
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    # A JSON string is a TOML basic string, but for DEL, which TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
