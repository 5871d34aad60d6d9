"""A city's filing table (立案标准表) as a spreadsheet or CSV -> a standard; one clear line for every bad row."""

import csv
import io
import re
import unicodedata
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import msgspec
import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from gateway.registry.clocks import Limit, Unit
from gateway.registry.standard import CaseType, Group, Party, Standard
from gateway.registry.standard_check import AMOUNT_MAX

BYTES_MAX = 16 * 1024 * 1024
UNPACKED_BYTES_MAX = 128 * 1024 * 1024
ROWS_MAX = 10_000
HEADER_ROWS_MAX = 10  # a title and notes may stand above the header

# Column -> the words that head it in city tables. The first is the one that messages name.
COLUMNS: dict[str, tuple[str, ...]] = {
    "group_code": ("大类代码", "大类编码", "main class code"),
    "group_name": ("大类名称", "大类", "main class"),
    "code": ("小类代码", "小类编码", "class code"),
    "name": ("小类名称", "小类", "class"),
    "filed_when": ("立案条件", "立案标准", "filed when"),
    "limit": ("处置时限", "处理时限", "time limit"),
    "closed_when": ("结案条件", "结案标准", "结案规范", "closed when"),
    "responsible": ("责任部门", "责任单位", "处置部门", "responsible"),
    "case_class": ("检测类别", "识别类别", "detector"),
    "name_en": ("英文名称", "name in english"),
}
OPTIONAL = frozenset({"case_class", "name_en"})
CARRIED = ("group_code", "group_name")  # merged down over the rows of one main class
UNITS: dict[str, Unit] = {"紧急工作时": "urgent_hour", "紧急小时": "urgent_hour", "工作时": "hour", "工作小时": "hour"}
UNITS |= {"小时": "hour", "工作日": "day", "个工作日": "day", "天": "day", "日": "day"}
UNITS |= {"urgent hour": "urgent_hour", "hour": "hour", "working hour": "hour", "day": "day", "working day": "day"}
DETECTORS = ("", "stall", "poster", "bike", "litter")
_LIMIT = re.compile(r"^(\d+(?:\.\d+)?)\s*(?:个)?\s*(.+?)$")

Cells = dict[str, str]


class SheetError(ValueError):
    """The file is no such table at all; `str()` says what, where, what to do."""


@dataclass(frozen=True)
class Bad:
    """One cell that cannot be taken. `row`: as the spreadsheet numbers it, from 1."""

    row: int
    column: str
    problem: str

    def __str__(self) -> str:
        return f"row {self.row}, column {self.column}: {self.problem}"


def load(path: Path, version: str, city: str) -> tuple[Standard | None, list[Bad]]:
    """The table as a standard, or None and what is wrong with it, in the order of rows. Raises SheetError."""
    rows = list(_records(path))
    types: list[CaseType] = []
    groups: dict[str, Group] = {}
    parties: dict[str, Party] = {}
    bad: list[Bad] = []
    first_row: dict[str, int] = {}
    for number, cells in rows:
        found = _row(cells)
        if isinstance(found, list):
            bad += [Bad(number, column, problem) for column, problem in found]
            continue
        if found.code in first_row:
            words = f"'{found.code}' stands in row {first_row[found.code]} already; every class has a code of its own"
            bad.append(Bad(number, COLUMNS["code"][0], words))
            continue
        first_row[found.code] = number
        types.append(found)
        group = found.code[:2]
        groups.setdefault(group, Group(code=group, name_zh=cells["group_name"], name_en=cells["group_name"]))
        name = found.responsible
        parties.setdefault(name, Party(code=name, name_zh=name, name_en=name, group="A"))
    if bad or not types:
        return None, bad or [Bad(1, COLUMNS["code"][0], "no class stands below the header; add at least one row")]
    lists = {"groups": list(groups.values()), "classes": types, "parties": list(parties.values())}
    return msgspec.convert({"version": version, "city": city, **msgspec.to_builtins(lists)}, Standard), []


def limit_of(text: str) -> Limit:
    """`2紧急工作时`, `4 工作时`, `1个工作日`, `2 hours` -> a limit. Raises ValueError with the mend."""
    mend = "write a number and a unit, for example 2紧急工作时, 4工作时 or 1工作日"
    match = _LIMIT.match(text)
    unit = UNITS.get(match[2].casefold().removesuffix("s")) if match else None
    if match is None or unit is None:
        raise ValueError(f"'{text}' is no time limit; {mend}")
    amount = float(match[1])
    if not 0 < amount <= AMOUNT_MAX[unit]:
        raise ValueError(f"'{text}' must be more than 0 and at most {AMOUNT_MAX[unit]:g} {unit}s")
    return Limit(amount=amount, unit=unit)


def _row(cells: Cells) -> CaseType | list[tuple[str, str]]:
    wrong: list[tuple[str, str]] = []
    for name, heads in COLUMNS.items():
        if name not in OPTIONAL and not cells[name]:
            wrong.append((heads[0], "is empty; fill it in"))
    code, group = _code(cells["code"]), cells["group_code"].zfill(2)
    if cells["group_code"] and not re.fullmatch(r"\d{2}", group):
        wrong.append(
            (COLUMNS["group_code"][0], f"'{cells['group_code']}' is no code; write two digits, for example 04")
        )
    elif cells["code"] and code is None:
        words = f"'{cells['code']}' is no code; write 04-06 or 06, in a column formatted as text"
        wrong.append((COLUMNS["code"][0], words))
    elif code is not None and len(code) == 5 and code[:2] != group:
        wrong.append((COLUMNS["code"][0], f"'{code}' does not begin with its main class {group}; mend one of them"))
    if cells["case_class"] not in DETECTORS:
        words = f"'{cells['case_class']}' is no detector; write stall, poster, bike or litter, or leave it empty"
        wrong.append((COLUMNS["case_class"][0], words))
    limit = None
    if cells["limit"]:
        try:
            limit = limit_of(cells["limit"])
        except ValueError as error:
            wrong.append((COLUMNS["limit"][0], str(error)))
    if wrong or limit is None or code is None:
        return wrong
    plain = {name: cells[name] for name in ("filed_when", "closed_when", "responsible", "case_class")}
    names = {"code": code if len(code) == 5 else f"{group}-{code}", "name_zh": cells["name"]}
    names["name_en"] = cells["name_en"] or cells["name"]
    try:
        return msgspec.convert({**plain, **names, "limit": msgspec.to_builtins(limit)}, CaseType)
    except msgspec.ValidationError as error:
        return [("-", f"{error}; shorten the text")]


def _code(text: str) -> str | None:
    """`04-06` or `0406` -> `04-06`; `06` or `6` -> `06`; None for anything else."""
    if match := re.fullmatch(r"(\d{2})-?(\d{2})", text):
        return f"{match[1]}-{match[2]}"
    return text.zfill(2) if re.fullmatch(r"\d{1,2}", text) else None


def _records(path: Path) -> Iterator[tuple[int, Cells]]:
    """Rows below the header that hold anything, by the names of COLUMNS; merged main classes carried down."""
    rows = _csv(path) if path.suffix.lower() == ".csv" else _xlsx(path)
    columns: dict[str, int] = {}
    above: Cells = {}
    for number, row in enumerate(rows, 1):
        if number > ROWS_MAX:
            raise SheetError(f"{path}: more than {ROWS_MAX} rows; split the table, or delete the empty ones below it")
        if not columns:
            columns = _header(row)
            if not columns and number >= HEADER_ROWS_MAX:
                break
            continue
        cells = {name: _text(row[columns[name]]) if columns.get(name, len(row)) < len(row) else "" for name in COLUMNS}
        if not any(cells.values()):
            continue
        above = {name: cells[name] or above.get(name, "") for name in CARRIED}
        yield number, {**cells, **above}
    if not columns:
        need = ", ".join(heads[0] for name, heads in COLUMNS.items() if name not in OPTIONAL)
        raise SheetError(f"{path}: no header in the first {HEADER_ROWS_MAX} rows; one row must name all of: {need}")


def _header(row: list[Any]) -> dict[str, int]:
    """Name -> place in the row; empty unless all that is needed is there."""
    texts = [_text(cell).replace("\n", "").replace(" ", "").casefold() for cell in row]
    found: dict[str, int] = {}
    for name, heads in COLUMNS.items():
        wanted = [head.replace(" ", "") for head in heads]
        places = [place for place, text in enumerate(texts) if text in wanted]
        if places:
            found[name] = places[0]
    return found if set(COLUMNS) - OPTIONAL <= set(found) else {}


def _text(cell: Any) -> str:
    """A cell as text; full-width digits and letters as ordinary ones. A date is what a spreadsheet makes of 04-06."""
    if isinstance(cell, (datetime, date)):
        return f"date {cell:%Y-%m-%d}"
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return "" if cell is None else unicodedata.normalize("NFKC", str(cell)).strip()


def _csv(path: Path) -> list[list[Any]]:
    raw = _read(path)
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return list(csv.reader(io.StringIO(raw.decode(encoding), newline=""), strict=True))
        except UnicodeDecodeError:
            continue
        except csv.Error as error:
            raise SheetError(f"{path}: not readable as CSV: {error}; save it again as CSV (UTF-8)") from error
    raise SheetError(f"{path}: neither UTF-8 nor GB18030; save it again as CSV (UTF-8)")


def _xlsx(path: Path) -> list[list[Any]]:
    raw = io.BytesIO(_read(path))
    mend = "open it in a spreadsheet program and save it as .xlsx"
    try:
        with zipfile.ZipFile(raw) as packed:
            if sum(part.file_size for part in packed.infolist()) > UNPACKED_BYTES_MAX:
                raise SheetError(f"{path}: unpacks to more than {UNPACKED_BYTES_MAX >> 20} MiB; no filing table does")
        book = openpyxl.load_workbook(raw, data_only=True, read_only=True)
        rows = book.worksheets[0].iter_rows(values_only=True, max_row=ROWS_MAX + 1, max_col=64)
        return [list(row) for row in rows]
    except (zipfile.BadZipFile, InvalidFileException, KeyError, IndexError, ValueError, SyntaxError) as error:
        if isinstance(error, SheetError):
            raise
        raise SheetError(f"{path}: not an .xlsx file ({error}); {mend}") from error


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > BYTES_MAX:
            raise SheetError(f"{path}: larger than {BYTES_MAX >> 20} MiB; no filing table is")
        return path.read_bytes()
    except OSError as error:
        raise SheetError(f"{path}: cannot be read ({error.strerror}); mend the path or its permissions") from error
