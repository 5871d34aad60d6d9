"""From one version of the registry's schema to the next, each step frozen as it was released."""

import json
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from gateway.database import Migrations
from gateway.registry.duty import tables as duty_tables

_PLACES_2 = ("class_code", "department", "district", "subdistrict", "patrol_area", "cell")
_DUES_2 = ("verify_due", "file_due", "dispatch_due", "dispose_due", "check_due", "close_due")
_DONE_2 = (
    "verified",
    "filed",
    "rejected",
    "dispatched",
    "returned",
    "disposed",
    "extended",
    "reworked",
    "checked",
    "closed",
    "cancelled",
    "exempted",
)
_FIRST_2 = {"filed": "filed", "rejected": "rejected", "dispatched": "dispatched", "returned": "returned"}
_FIRST_2 |= {"disposed": "disposed", "rework": "reworked", "closed": "closed"}


def to_2(tx: sa.Connection) -> None:
    """Evaluation: when each thing of a case was done, out of its events, and where it counts; the standards in force.

    Schema 1 knew no time limit but the deadline of disposal; closing was due with it.
    """
    for name in ("reported_at", "reject_cause", *_PLACES_2):
        tx.execute(sa.text(f"ALTER TABLE cases ADD COLUMN {name} TEXT NOT NULL DEFAULT ''"))
    for name in (*_DUES_2, *_DONE_2):
        tx.execute(sa.text(f"ALTER TABLE cases ADD COLUMN {name} TEXT"))
    for name in ("reported_at", *_DUES_2, "filed"):
        tx.execute(sa.text(f"CREATE INDEX cases_{name} ON cases ({name})"))
    blob = "BYTEA" if tx.dialect.name == "postgresql" else "BLOB"
    tx.execute(
        sa.text(
            "CREATE TABLE standards (version TEXT NOT NULL PRIMARY KEY, city TEXT NOT NULL, sha256 TEXT NOT NULL, "
            f"body {blob} NOT NULL, first_used_at TEXT NOT NULL)"
        )
    )
    ids = list(tx.scalars(sa.text("SELECT case_id FROM cases ORDER BY case_id")))
    for case_id in ids:
        _fill_2(tx, case_id)


def _fill_2(tx: sa.Connection, case_id: str) -> None:
    one = {"id": case_id}
    body = json.loads(tx.scalar(sa.text("SELECT body FROM cases WHERE case_id = :id"), one) or b"{}")
    log = tx.execute(sa.text("SELECT kind, at, data FROM events WHERE case_id = :id ORDER BY n"), one)
    columns: dict[str, Any] = {"class_code": body["class_code"]}
    for kind, at, raw in log:
        data = json.loads(raw) if isinstance(raw, str) else raw
        if kind == "reported":
            columns["reported_at"] = at
            body["standard"] = data.get("standard", "")
        if kind == "rejected":
            columns["reject_cause"] = body["reject_cause"] = data.get("cause", "")
        if kind in _FIRST_2:
            columns.setdefault(_FIRST_2[kind], at)
        if kind == "verdict" and data.get("verdict") != "cannot_see":
            columns.setdefault("checked", at)
    if body.get("deadline"):
        columns["dispose_due"] = columns["close_due"] = _text(body["deadline"])
    body["times"] = {name: columns[name] for name in (*_DUES_2, *_DONE_2) if name in columns}
    values = ", ".join(f"{name} = :{name}" for name in (*columns, "body"))
    given = {**columns, "body": json.dumps(body).encode(), **one}
    tx.execute(sa.text(f"UPDATE cases SET {values} WHERE case_id = :id"), given)


def _text(instant: str) -> str:
    """An ISO instant of the body -> the fixed-width text of the columns."""
    return datetime.fromisoformat(instant).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def to_3(tx: sa.Connection) -> None:
    """What came with the third version, piece by piece."""
    _duty(tx)


def _duty(tx: sa.Connection) -> None:
    """Duty: open orders of crews, handovers, call-outs, second parties, leads, requests."""
    duty_tables.up(tx)


MIGRATIONS: Migrations = {1: to_2, 2: to_3}
