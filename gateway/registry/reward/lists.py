"""What people look at: reports with their outcome, and a month's list with names for payment as CSV or XLSX."""

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import openpyxl
import sqlalchemy as sa
from openpyxl.styles import Font

from gateway.registry.reward.payees import channel
from gateway.registry.reward.policy import Channel
from gateway.registry.tables import claims

Row = dict[str, Any]
PEOPLE = ("person", "name", "account", "channel", "yuan")
CHANNELS_ZH = {"phone_credit": "话费", "transfer": "转账", "cash": "现金", "red_packet": "红包", "": "待定"}
TITLES = {
    "person": "代号 person",
    "name": "姓名 name",
    "account": "账户 account",
    "channel": "方式 channel",
    "yuan": "元 yuan",
}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def reports(tx: sa.Connection, outcome: str, limit: int) -> list[Row]:
    """Persons' reports, the newest first; outcome: "" for all."""
    k = claims.c
    query = sa.select(claims).order_by(k.received_at.desc(), k.case_id.desc()).limit(limit)
    query = query.where(k.outcome == ("" if outcome == "open" else outcome)) if outcome else query
    return [dict(row) for row in tx.execute(query).mappings()]


def payments(body: Row, contacts: Mapping[str, Mapping[str, str]], wanted: Sequence[Channel]) -> list[Row]:
    """One line for each person of a month's list, with what they left; amounts in yuan as exact text."""
    rows = []
    for one in body["people"]:
        contact = contacts.get(one["person"], {})
        how = channel(contact, wanted) or ""
        account = contact.get("account_id" if how == "red_packet" else "phone") or contact.get("email", "")
        name = f"{contact.get('last_name', '')}{contact.get('first_name', '')}"
        rows.append({"person": one["person"], "name": name, "account": account, "channel": how, "fen": one["amount"]})
    return rows


def totals(rows: list[Row]) -> dict[str, int]:
    """Channel -> fen."""
    found: Counter[str] = Counter()
    for row in rows:
        found[row["channel"]] += row["fen"]
    return dict(sorted(found.items()))


def table(body: Row, rows: list[Row], words: str) -> list[list[str]]:
    """The list as lines of cells: people, totals by channel, contractors' deductions, and what it is sealed with."""
    lines = [[f"首报奖励 first-reporter rewards {body['month']}", words], [TITLES[name] for name in PEOPLE]]
    lines += [[row["person"], row["name"], row["account"], _how(row["channel"]), yuan(row["fen"])] for row in rows]
    lines += [["合计 total", "", "", _how(how), yuan(fen)] for how, fen in totals(rows).items()]
    lines += [
        ["合计 total", "", "", "", yuan(body["paid"])],
        [],
        ["承包单位 contractor", "", "", "", "扣款 deducted, yuan"],
    ]
    lines += [[row["contractor"], "", "", "", yuan(row["amount"])] for row in body["contractors"]]
    lines += [["合计 total", "", "", "", yuan(body["deducted"])], []]
    return [*lines, ["账本 ledger", f"rows 1 to {body['last_n']}", body["head"]]]


def as_csv(lines: list[list[str]]) -> bytes:
    """UTF-8 with a byte order mark, which spreadsheets need to read Chinese; a cell is never a formula."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows([[_plain(cell) for cell in line] for line in lines])
    return ("\ufeff" + out.getvalue()).encode()


def as_xlsx(lines: list[list[str]]) -> bytes:
    """One sheet; every cell is text but the amounts."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None, "a new workbook has a sheet"
    sheet.title = "rewards"
    for y, line in enumerate(lines, 1):
        for x, text in enumerate(line, 1):
            cell = sheet.cell(y, x)
            amount = x == len(PEOPLE) and text.replace(".", "", 1).replace("-", "", 1).isdigit()
            cell.value = float(text) if amount else text
            cell.data_type = "n" if amount else "s"
            cell.number_format = "0.00" if amount else "@"
            cell.font = Font(bold=y <= 2)
    for letter, width in zip("ABCDE", (30, 16, 28, 18, 16), strict=True):
        sheet.column_dimensions[letter].width = width
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def yuan(fen: int) -> str:
    """Fen -> yuan as exact text."""
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def _how(name: str) -> str:
    return f"{CHANNELS_ZH[name]} {name}".strip()


def _plain(cell: str) -> str:
    """What citizens wrote must not run in a spreadsheet."""
    amount = cell.replace(".", "", 1).replace("-", "", 1).isdigit()
    return f"'{cell}" if cell.startswith(_FORMULA) and not amount else cell
