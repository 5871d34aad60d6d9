"""Measured precision as plain data: every cell, camera and class with its figures and whether it files by itself."""

from collections import defaultdict
from typing import Any

import sqlalchemy as sa

from gateway.registry.tables import grants, outcomes
from gateway.registry.trust.outcomes import CONFIRMED, Cell
from gateway.registry.trust.wilson import interval

Row = dict[str, Any]
_CELL = ("camera", "class_code", "hour")


def precision(tx: sa.Connection, since: str, by: tuple[str, ...] = _CELL) -> list[Row]:
    """Figures of candidates decided since `since` (UTC text), one row for each value of `by` (any of camera,
    class_code, hour); `open`: reported since then and not decided. Whole cells say whether they file by themselves."""
    columns = [outcomes.c[name] for name in by]
    counted = sa.select(*columns, outcomes.c.outcome, sa.func.count().label("many"))
    counted = counted.where(sa.or_(outcomes.c.decided_at >= since, outcomes.c.outcome == ""))
    counted = counted.where(sa.or_(outcomes.c.outcome != "", outcomes.c.reported_at >= since))
    found: dict[tuple[Any, ...], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in tx.execute(counted.group_by(*columns, outcomes.c.outcome)):
        found[tuple(row[: len(by)])][row.outcome] = row.many
    granted = _granted(tx) if by == _CELL else {}
    return [
        {**dict(zip(by, place, strict=True)), **_figures(counts), **_right(granted, by, place)}
        for place, counts in sorted(found.items())
    ]


def history(tx: sa.Connection, limit: int = 500) -> list[Row]:
    """What cells earned and lost, the newest first."""
    newest = sa.select(grants).order_by(grants.c.n.desc()).limit(limit)
    return [dict(row) for row in tx.execute(newest).mappings()]


def _figures(counts: dict[str, int]) -> Row:
    right = counts.get(CONFIRMED, 0)
    total = sum(many for outcome, many in counts.items() if outcome)
    lower, upper = interval(right, total)
    row: Row = {"right": right, "wrong": total - right, "open": counts.get("", 0)}
    return row | {"precision": right / total if total else None, "lower": lower, "upper": upper}


def _right(granted: dict[Cell, bool], by: tuple[str, ...], place: tuple[Any, ...]) -> Row:
    return {"files_by_itself": granted.get(Cell(*place), False)} if by == _CELL else {}


def _granted(tx: sa.Connection) -> dict[Cell, bool]:
    newest = sa.select(sa.func.max(grants.c.n)).group_by(*(grants.c[name] for name in _CELL))
    rows = tx.execute(sa.select(grants).where(grants.c.n.in_(newest)))
    return {Cell(row.camera, row.class_code, row.hour): row.granted for row in rows}
