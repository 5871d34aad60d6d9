"""A city's spreadsheet becomes a table that runs, or one clear line for every bad row."""

import datetime as dt
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from typer.testing import CliRunner

from gateway.registry import sheet, standard
from gateway.registry.cli import app
from gateway.registry.sheet import SheetError, limit_of

EXAMPLE = Path(__file__).parent.parent / "configs" / "standard" / "example-table.csv"
HEADER = ["大类代码", "大类名称", "小类代码", "小类名称", "立案条件", "处置时限", "结案条件", "责任部门", "检测类别"]
GOOD: list[Any] = ["04", "街面秩序", "04-06", "占道经营", "占用道路", "2紧急工作时", "清理完毕", "执法中队", "stall"]


def xlsx(folder: Path, *rows: list[Any], above: int = 0) -> Path:
    path = folder / "table.xlsx"
    book = openpyxl.Workbook()
    page = book.worksheets[0]
    for _ in range(above):
        page.append(["立案标准"])
    for row in (HEADER, *rows):
        page.append(row)
    book.save(path)
    return path


def edit(**cells: Any) -> list[Any]:
    """A good row with other cells, by column name."""
    return [cells.get(name, value) for name, value in zip(HEADER, GOOD, strict=True)]


def test_the_example_table_gives_the_classes_of_the_example_standard() -> None:
    table, bad = sheet.load(EXAMPLE, "example-1", "example")
    assert bad == [] and table is not None
    assert table.classes == standard.read(EXAMPLE.with_name("example.toml")).classes
    assert len(table.classes) == 7 and len(table.groups) == 3


def test_a_workbook_with_merged_main_classes_and_a_title_is_read(tmp_path: Path) -> None:
    second = edit(
        小类代码="04-10", 小类名称="非机动车", 处置时限="2 工作时", 检测类别="bike", 大类代码=None, 大类名称=None
    )
    table, bad = sheet.load(xlsx(tmp_path, GOOD, second, [None] * 9, above=2), "1", "x")
    assert bad == [] and table is not None
    assert [(c.code, c.limit.unit) for c in table.classes] == [("04-06", "urgent_hour"), ("04-10", "hour")]
    assert [g.name_zh for g in table.groups] == ["街面秩序"]


def test_codes_that_a_spreadsheet_keeps_as_numbers_are_taken(tmp_path: Path) -> None:
    table, bad = sheet.load(xlsx(tmp_path, edit(大类代码=4, 小类代码=6)), "1", "x")
    assert bad == [] and table is not None
    assert table.classes[0].code == "04-06"


BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "no time limit": ({"处置时限": "尽快"}, "处置时限", "'尽快' is no time limit; write a number and a unit"),
    "a unit nobody knows": ({"处置时限": "2盏茶"}, "处置时限", "is no time limit"),
    "an endless limit": ({"处置时限": "99999工作日"}, "处置时限", "at most 366 days"),
    "no number": ({"处置时限": "0工作时"}, "处置时限", "must be more than 0"),
    "an empty condition": ({"立案条件": None}, "立案条件", "is empty; fill it in"),
    "nobody": ({"责任部门": "  "}, "责任部门", "is empty; fill it in"),
    "a code turned into a date": (
        {"小类代码": dt.date(2026, 4, 6)},
        "小类代码",
        "write 04-06 or 06, in a column formatted",
    ),
    "another main class": ({"小类代码": "05-06"}, "小类代码", "does not begin with its main class 04"),
    "a main class in words": ({"大类代码": "四"}, "大类代码", "write two digits"),
    "a detector nobody has": ({"检测类别": "cat"}, "检测类别", "'cat' is no detector"),
}


@pytest.mark.parametrize(("cells", "column", "words"), BAD.values(), ids=BAD)
def test_a_bad_row_is_told_with_row_column_and_mend(
    tmp_path: Path, cells: dict[str, Any], column: str, words: str
) -> None:
    table, bad = sheet.load(
        xlsx(tmp_path, GOOD, edit(小类代码="04-07"), edit(**{"小类代码": "04-08", **cells})), "1", "x"
    )
    assert table is None
    assert [(line.row, line.column) for line in bad] == [(4, column)]
    assert words in str(bad[0])


def test_every_bad_cell_has_its_line_and_a_class_twice_names_the_first_row(tmp_path: Path) -> None:
    path = xlsx(tmp_path, GOOD, edit(处置时限="?", 结案条件=None), GOOD)
    lines = [str(line) for line in sheet.load(path, "1", "x")[1]]
    assert lines[0] == "row 3, column 结案条件: is empty; fill it in"
    assert lines[1].startswith("row 3, column 处置时限: '?' is no time limit")
    assert lines[2].startswith("row 4, column 小类代码: '04-06' stands in row 2 already")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_csv_is_read_in_the_encodings_that_offices_write(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text("\n".join(",".join(row) for row in (HEADER, GOOD)), encoding=encoding)
    table, _ = sheet.load(path, "1", "x")
    assert table is not None and table.classes[0].name_zh == "占道经营"


def test_files_that_are_no_table_are_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(b"not a zip")
    with zipfile.ZipFile(tmp_path / "b.xlsx", "w") as packed:
        packed.writestr("hello", "x")
    (tmp_path / "c.csv").write_text("甲,乙\n1,2\n")
    words = {
        "a.xlsx": "not an .xlsx file",
        "b.xlsx": "not an .xlsx file",
        "c.csv": "no header",
        "d.csv": "cannot be read",
    }
    for name, told in words.items():
        with pytest.raises(SheetError, match=told) as error:
            sheet.load(tmp_path / name, "1", "x")
        assert "\n" not in str(error.value)


def test_limits_are_read_as_cities_write_them() -> None:
    texts = {"2紧急工作时": (2, "urgent_hour"), "4 工作时": (4, "hour"), "1个工作日": (1, "day"), "0.5天": (0.5, "day")}
    texts |= {"2 urgent hours": (2, "urgent_hour"), "5 working days": (5, "day"), "2小时": (2, "hour")}
    assert {text: (limit_of(text).amount, limit_of(text).unit) for text in texts} == texts


def test_the_command_writes_a_table_that_check_accepts_or_nothing(tmp_path: Path) -> None:
    out, bad = tmp_path / "out.toml", xlsx(tmp_path, edit(处置时限="?"))
    command = ["standard", "import", str(bad), "--version", "v1", "--city", "x", "--out", str(out)]
    refused = CliRunner().invoke(app, command)
    assert refused.exit_code == 1 and not out.exists()
    assert refused.stderr.count("\n") == 1 and "row 2, column 处置时限" in refused.stderr
    command[2] = str(EXAMPLE)
    assert CliRunner().invoke(app, command).exit_code == 0
    assert CliRunner().invoke(app, ["standard", "check", str(out)]).exit_code == 0
