"""`zhuomu registry trust`: measured precision, and thresholds out of it."""

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from gateway.registry.opened import open_registry
from gateway.registry.trust import applied, report
from gateway.registry.trust.propose import proposals
from gateway.times import to_text

app = typer.Typer(no_args_is_help=True, help="What cameras' candidates are worth. 实测准确率。")
Data = Annotated[Path, typer.Option(help="The registry's data directory")]
Days = Annotated[int, typer.Option(min=1, max=3660, help="How far back")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout")]
Number = Annotated[int, typer.Argument(help="The proposal's number")]
Person = Annotated[str, typer.Option(help="Who decides")]
Reason = Annotated[str, typer.Option(help="Why")]


@app.command("show")
def show(data: Data, days: Days = 90, as_json: Json = False) -> None:
    """Precision by camera, class and hour, with its interval; who files by itself. 按摄像头、类别、小时。"""
    database = open_registry(data)
    with database.read() as tx:
        rows = report.precision(tx, _since(days))
    database.close()
    if as_json:
        _print({"days": days, "rows": rows})
        return
    for row in rows:
        files = "files 自动立案" if row["files_by_itself"] else "asks 人工确认"
        place = f"{row['camera']:32} {row['class_code']} {row['hour']:02}h"
        figures = f"right {row['right']:5} wrong {row['wrong']:4} open {row['open']:4}"
        sys.stdout.write(f"{place}  {figures}  {row['lower']:.3f}..{row['upper']:.3f}  {files}\n")
    if not rows:
        sys.stdout.write("no candidate of a camera was decided in this time\n")


@app.command("propose")
def propose(data: Data, days: Days = 90, as_json: Json = False) -> None:
    """Thresholds out of outcomes, each replayed over later candidates that it was not fitted on. 建议阈值。"""
    database, now = open_registry(data), to_text(datetime.now(UTC))
    with database.write() as tx:
        found = proposals(tx, _since(days))
        numbers = applied.keep(tx, found, now)
    database.close()
    rows = [{"number": n, **one.body()} for n, one in zip(numbers, found, strict=True)]
    if as_json:
        _print({"proposals": rows})
        return
    for row in rows:
        what = "holds 可用" if row["holds"] else "does not hold 不可用"
        place = f"{row['camera']} {row['class_code']}"
        sys.stdout.write(f"{row['number']}: {place} from {row['threshold']:.3f}: {what}: {row['words']}\n")
    if not rows:
        sys.stdout.write("nothing to propose: records are short, good already, or no threshold would help\n")


@app.command("apply")
def apply(number: Number, data: Data, person: Person, reason: Reason) -> None:
    """Put a proposal that holds into force. 启用阈值。"""
    _settle(number, data, True, person, reason)


@app.command("dismiss")
def dismiss(number: Number, data: Data, person: Person, reason: Reason) -> None:
    """Do not use a proposal. 不采用。"""
    _settle(number, data, False, person, reason)


def _settle(number: int, data: Path, apply: bool, person: str, reason: str) -> None:
    database = open_registry(data)
    try:
        with database.write() as tx:
            row = applied.settle(tx, number, apply, person, reason, to_text(datetime.now(UTC)))
    except applied.NotApplied as error:
        _fail(str(error))
    finally:
        database.close()
    sys.stdout.write(f"{number}: {row['state']}: {row['camera']} {row['class_code']} from {row['threshold']:.3f}\n")


def _since(days: int) -> str:
    return to_text(datetime.now(UTC) - timedelta(days=days))


def _print(body: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(body, ensure_ascii=False) + "\n")


def _fail(text: str) -> NoReturn:
    sys.stderr.write(f"error: {text}\n")
    raise typer.Exit(2)
