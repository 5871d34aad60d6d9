"""SQLAlchemy engines as we want them: SQLite's pragmas, PostgreSQL's driver, its timeouts, lost connections."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError

from edge.link.settings import SettingsError

WRITER = "zm_writer"
BUSY_TIMEOUT_S = 5.0
CONNECT_TIMEOUT_S = 5
LOCK_TIMEOUT_MS = 10_000
# A gateway that hangs or whose machine lost its power in the middle of a transaction gives the others way after this.
HUNG_WRITER_MS = 3000
HUNG_WRITER_ENDS = sa.func.set_config("idle_in_transaction_session_timeout", str(HUNG_WRITER_MS), True)
PATIENTLY = sa.text("SET LOCAL lock_timeout = 0")
SCHEMA_LOCK = sa.select(sa.func.pg_advisory_xact_lock(sa.literal(0x7A68756F6D75, sa.BigInteger)))  # "zhuomu"


def sqlite_url(path: Path) -> str:
    """File path -> SQLAlchemy URL."""
    return f"sqlite:///{path}"


def make(url: str) -> sa.Engine:
    """An engine for `sqlite:///...` or `postgresql://...` (psycopg 3). Raises SettingsError."""
    try:
        parsed = sa.make_url(url)
    except ArgumentError:
        raise SettingsError("database_url is no URL; write it like postgresql://user@host/name") from None
    name = parsed.get_backend_name()
    if name == "sqlite":
        return _sqlite(parsed)
    if name == "postgresql":
        return _postgresql(parsed)
    raise SettingsError(f"database_url: '{name}' is neither sqlite nor postgresql; use one of them")


def _sqlite(url: sa.URL) -> sa.Engine:
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False})
    event.listen(engine, "connect", _sqlite_connect)
    event.listen(engine, "begin", _sqlite_begin)
    return engine


def _postgresql(url: sa.URL) -> sa.Engine:
    connect = {"connect_timeout": CONNECT_TIMEOUT_S, "options": f"-c lock_timeout={LOCK_TIMEOUT_MS} -c timezone=UTC"}
    # A dead server or network is noticed within seconds, not after TCP's two hours.
    connect |= {"keepalives_idle": 2, "keepalives_interval": 1, "keepalives_count": 3, "tcp_user_timeout": 5000}
    try:
        engine = sa.create_engine(
            url.set(drivername="postgresql+psycopg"), connect_args=connect, pool_pre_ping=True, pool_size=10
        )
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise SettingsError(f"PostgreSQL needs its driver ({error}); run: pip install 'zhuomu[postgresql]'") from None
    event.listen(engine, "handle_error", _lost_connection)
    return engine


def _lost_connection(context: Any) -> None:
    """However a connection was lost (the server's timeouts call themselves internal errors): one class, try again."""
    if context.is_disconnect and not isinstance(context.sqlalchemy_exception, OperationalError):
        raise OperationalError(
            context.statement, context.parameters, context.original_exception, connection_invalidated=True
        ) from context.original_exception


def _sqlite_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver must not begin transactions behind SQLAlchemy's back
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-32000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _sqlite_begin(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get(WRITER, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
