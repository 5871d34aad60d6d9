"""`zhuomu bench registry`: how long the desk waits for a registry with very many cases, on SQLite and on PostgreSQL."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from bench.machine import machine, versions
from bench.postgres import NoPostgres, PostgresServer
from bench.registry_asks import EVALUATION, MONTH, Ask, asks, plans, sampled, whole_tables
from bench.registry_fill import DAYS, FIRST, fill, play, sample_problem
from gateway.database import Database, sqlite_url
from gateway.registry import evaluation, queries, tables
from gateway.registry.migrations import MIGRATIONS
from gateway.registry.opened import DATABASE

KINDS = ("sqlite", "postgresql")
# What a small server of a city's would be given; the rest as PostgreSQL comes.
POSTGRES = ("shared_buffers=512MB", "work_mem=16MB", "max_wal_size=4GB")
WEEKS_MIN = 8
SAMPLE_REPORTS, SAMPLE_WEEKS = 210, 5  # of one week, played for the comparison
SLOW_ROUNDS = 3
WARM_ROUNDS = 3
PACKAGES = ("zhuomu", "SQLAlchemy", "psycopg", "msgspec")


def registry(
    cases: Annotated[int, typer.Option(min=1000, max=20_000_000, help="How many cases.")] = 1_000_000,
    a_week: Annotated[int, typer.Option(min=50, help="Reports a week; the city's 4,270 a day by default.")] = 29_890,
    rounds: Annotated[int, typer.Option(min=5, max=100_000, help="Times that each question is asked.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="One seed, one set of rows and questions.")] = 1,
    databases: Annotated[str, typer.Option(help="Which, as sqlite,postgresql.")] = ",".join(KINDS),
    keep: Annotated[Path | None, typer.Option(help="Fill (once) and keep the SQLite file in this folder.")] = None,
    check: Annotated[bool, typer.Option(help="Evaluate the month in Python too, and compare.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """How long map, queue, case page and evaluation take with very many cases. 百万案件性能。

    Exit status 1 when databases or ways of counting disagree, or a hot question reads a table whole.
    """
    kinds = [kind.strip() for kind in databases.split(",")]
    if not kinds or set(kinds) - set(KINDS):
        _fail(f"--databases '{databases}': give one or more of {', '.join(KINDS)}")
    try:
        told = run(cases, a_week, rounds, seed, kinds, keep, check)
    except NoPostgres as error:
        _fail(f"{error}; or leave it out: --databases sqlite")
    sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n" if as_json else _words(told))
    if told["problems"]:
        raise typer.Exit(1)


def run(
    cases: int, a_week: int, rounds: int, seed: int, kinds: list[str], keep: Path | None, check: bool
) -> dict[str, Any]:
    """Fill, ask, explain, compare. Raises NoPostgres."""
    reports = min(a_week, cases // WEEKS_MIN)
    told: dict[str, Any] = {"machine": machine(), "versions": versions(*PACKAGES), "seed": seed}
    with ExitStack() as stack:
        opened = {kind: stack.enter_context(_opened(kind, keep, stack)) for kind in kinds}
        empty = [database for database in opened.values() if not _known(database)]
        told["fill"] = _filled(empty, cases, reports, seed) if empty else {"problem": "", "kept": True}
        told["databases"] = {kind: _measured(found, rounds, seed, check) for kind, found in opened.items()}
        if "postgresql" in opened:
            with opened["postgresql"].read() as tx:
                told["versions"]["server"] = tx.exec_driver_sql("SHOW server_version").scalar()
            told["postgres_settings"] = POSTGRES
    return told | {"problems": problems(told), "load_1min_after": machine()["load_1min"]}


def problems(told: dict[str, Any]) -> list[str]:
    """What is wrong, whatever the machine's speed; one line each."""
    found = [told["fill"]["problem"]] if told["fill"]["problem"] else []
    for kind, measured in told["databases"].items():
        found += [f"{kind} {name} reads {step}" for name, ask in measured["asks"].items() for step in ask["whole"]]
        if measured["python_agrees"] is False:
            found.append(f"{kind}: SQL and Python count the month differently")
    for name in ("cases", "evaluation_sha256"):
        if len({str(measured[name]) for measured in told["databases"].values()}) > 1:
            found.append(f"the databases differ in {name}")
    return found


def _opened(kind: str, keep: Path | None, stack: ExitStack) -> closing[Database]:
    if kind == "postgresql":
        server = stack.enter_context(closing(PostgresServer(sync=True, settings=POSTGRES)))
        url = server.new_url()
    else:
        folder = keep or Path(stack.enter_context(TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        url = sqlite_url(folder / DATABASE)
    return closing(Database(url, tables.metadata, tables.SCHEMA_VERSION, MIGRATIONS))


def _known(database: Database) -> int:
    with database.read() as tx:
        return queries.cases_ever(tx)


def _filled(databases: list[Database], cases: int, reports: int, seed: int) -> dict[str, Any]:
    began_s = time.monotonic()
    week = play(FIRST, reports, seed)
    played_s = time.monotonic() - began_s
    problem = sample_problem(SAMPLE_REPORTS, SAMPLE_WEEKS, seed)
    began_s = time.monotonic()
    weeks = -(-cases // week.ended.cases)
    for _many in _shown(fill(databases, week, weeks), weeks):
        pass
    told: dict[str, Any] = {"weeks": weeks, "reports_a_week": week.ended.cases, "played_s": round(played_s, 1)}
    told |= {"told_again_s": round(time.monotonic() - began_s, 1), "waiting": week.waiting.cases, "problem": problem}
    return told


def _shown(steps: Iterator[int], total: int) -> Iterator[int]:
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("fill", total=total)
        for step in steps:
            progress.advance(task)
            yield step


def _measured(database: Database, rounds: int, seed: int, check: bool) -> dict[str, Any]:
    questions = asks(sampled(database, seed))
    timed = {name: _timed(database, name, ask, rounds, seed) for name, ask in questions.items()}
    period = evaluation.month(*MONTH)
    with database.read() as tx:
        found = evaluation.count(tx, period)
        began_s = time.monotonic()
        agrees = evaluation.count_rows(tx, period) == found if check else None
        python_s = round(time.monotonic() - began_s, 2)
        events = queries.newest_event(tx)
    told: dict[str, Any] = {"cases": _known(database), "events": events, "size_mb": _size_mb(database)}
    told |= {"evaluation_sha256": evaluation.digest(found), "python_agrees": agrees}
    return told | {"evaluation_python_s": python_s if check else None, "asks": timed}


def _timed(database: Database, name: str, ask: Ask, rounds: int, seed: int) -> dict[str, Any]:
    """ms from the begin of the reading transaction to the last row in Python; cpu_ms: this process's own share."""
    pick, took = Random(seed), list[float]()
    whole = [] if name == EVALUATION else whole_tables(plans(database, ask, pick))
    many = SLOW_ROUNDS if name == EVALUATION else rounds
    busy = 0.0
    for turn in range(WARM_ROUNDS + many):
        began, cpu = time.perf_counter(), time.process_time()
        with database.read() as tx:
            ask(tx, pick)
        if turn >= WARM_ROUNDS:
            took.append((time.perf_counter() - began) * 1e3)
            busy += (time.process_time() - cpu) * 1e3 / many
    took.sort()
    p95 = took[min(len(took) - 1, int(0.95 * len(took)))]
    told = {"p50_ms": median(took), "p95_ms": p95, "max_ms": took[-1], "cpu_ms": busy}
    return {name: round(ms, 2) for name, ms in told.items()} | {"whole": whole}


def _size_mb(database: Database) -> float:
    query = "SELECT pg_database_size(current_database())"
    if database.is_sqlite:
        query = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
    with database.read() as tx:
        return round(int(tx.exec_driver_sql(query).scalar_one()) / 1e6, 1)


def _words(told: dict[str, Any]) -> str:
    lines = []
    for kind, measured in told["databases"].items():
        lines.append(f"{kind}: {measured['cases']} cases, {measured['events']} events, {measured['size_mb']} MB")
        for name, ask in measured["asks"].items():
            lines.append(
                f"  {name:18} p50 {ask['p50_ms']:9.2f} ms  p95 {ask['p95_ms']:9.2f} ms  cpu {ask['cpu_ms']:9.2f} ms"
            )
    lines += [f"problem: {line}" for line in told["problems"]]
    return "\n".join(lines) + f"\nload {told['machine']['load_1min']}, {DAYS} days a week of {told['fill']}\n"


def _fail(text: str) -> None:
    sys.stderr.write(f"error: {text}\n")
    raise typer.Exit(2)
