"""Statements that run once or more for every message: compiled once per dialect, then given to the driver as text.

SQLAlchemy looks a statement up in its cache, builds a context and names the result's columns anew with each execution,
which costs several times what SQLite needs for the row itself.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

Values = dict[str, Any]


class Quick:
    """A select or update with `bindparam`s, or an insert of `columns`; without expanding parameters and without types
    that need a conversion (texts, numbers, booleans do not)."""

    def __init__(self, statement: sa.Select[Any] | sa.Insert | sa.Update, columns: tuple[str, ...] = ()) -> None:
        self._statement = statement.inline() if isinstance(statement, sa.Insert) else statement
        self._columns = list(columns) or None
        self._compiled: dict[str, tuple[str, Values, list[str]]] = {}

    def rows(self, tx: sa.Connection, values: Values) -> list[Any]:
        """What a select finds, as plain tuples in the order of its columns. Raises sqlalchemy.exc.DBAPIError."""
        cursor = self._run(tx, values)
        found = list(cursor.fetchall())
        cursor.close()
        return found

    def run(self, tx: sa.Connection, values: Values) -> None:
        """Execute an insert or update. Raises sqlalchemy.exc.DBAPIError."""
        self._run(tx, values).close()

    def _run(self, tx: sa.Connection, values: Values) -> Any:
        text, params, names = self._text(tx.dialect)
        found = {**params, **values}
        given: Any = [found[name] for name in names] if names else {name: found[name] for name in params}
        cursor = tx.connection.cursor()
        try:
            cursor.execute(text, given)
        except tx.dialect.loaded_dbapi.Error as error:
            # As SQLAlchemy would raise it: its own classes, our "handle_error" listener, lost connections given up.
            tx._handle_dbapi_exception(error, text, given, cursor, None)
        return cursor

    def _text(self, dialect: Dialect) -> tuple[str, Values, list[str]]:
        """(SQL, parameters with their constants, their order where the driver counts them)."""
        if dialect.name not in self._compiled:
            compiled: Any = self._statement.compile(dialect=dialect, column_keys=self._columns)
            order = list(compiled.positiontup) if compiled.positional else []
            self._compiled[dialect.name] = (str(compiled), dict(compiled.params), order)
        return self._compiled[dialect.name]
