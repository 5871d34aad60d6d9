"""Rows that nothing in their own transaction reads again: collected, and inserted together at its end."""

from collections import defaultdict
from typing import Any

import sqlalchemy as sa


class Bulk:
    """One insert per table instead of one per row; what is never flushed was never there."""

    def __init__(self, tx: sa.Connection) -> None:
        self._tx = tx
        self._rows: dict[sa.Table, list[dict[str, Any]]] = defaultdict(list)

    def add(self, table: sa.Table, row: dict[str, Any]) -> None:
        """Keep a row; all rows of a table must have the same columns."""
        self._rows[table].append(row)

    def flush(self) -> None:
        """Insert everything, tables in the order of their first row."""
        for table, rows in self._rows.items():
            self._tx.execute(sa.insert(table), rows)
        self._rows.clear()
