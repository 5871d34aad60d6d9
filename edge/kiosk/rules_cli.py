"""`zhuomu rules`: look at a rule file before it is rolled out, and replay it over what the kiosk has seen."""

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge.link import SettingsError

if TYPE_CHECKING:
    from edge.kiosk.replay import Comparison
    from edge.watch.rules import RuleBook

SHOWN_MAX = 50

app = typer.Typer(no_args_is_help=True, help="Rules as data: check and replay. 立案规则：检查与回放。")


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="The rule file (TOML).")],
    config: Annotated[
        Path | None, typer.Option(help="A kiosk's settings: are the zones that the rules name drawn there?")
    ] = None,
) -> None:
    """Is this file usable? Prints its rules, remarks, or the one line that is wrong. 检查规则文件。"""
    from rich.console import Console

    from edge.kiosk.config import load_settings
    from edge.kiosk.rulefile import load_rules, remarks
    from edge.watch.daytime import LOCAL_TIME

    try:
        book = load_rules(file)
        kinds = {z.kind for c in load_settings(config).camera for z in c.zone} if config else None
    except SettingsError as error:
        raise _refused(error) from error
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(_rules_table(book))
    for words in remarks(book, kinds, datetime.now(LOCAL_TIME).year):
        console.print(f"note: {words}", highlight=False, markup=False)
    console.print(f"ok: {file} version {book.version}", highlight=False, markup=False)


@app.command()
def replay(
    db: Annotated[Path, typer.Option(help="The kiosk's file: <data>/<device>.db. It may be in use.")],
    rules: Annotated[
        Path | None, typer.Option(help="Rule file to replay; none: those that were in force at each moment.")
    ] = None,
    start: Annotated[
        str, typer.Option("--from", help="2026-11-24T08:00, Asia/Shanghai where no offset is given.")
    ] = "",
    end: Annotated[str, typer.Option("--to", help="Up to, not including; as --from.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """What would these rules have filed over the stored sightings, beside what was filed? 用已存观测回放规则。"""
    from edge.kiosk.replay import NothingStored, replay_file
    from edge.kiosk.rulefile import load_rules

    try:
        book = load_rules(rules) if rules else None
        span = (_moment("--from", start), _moment("--to", end))
        found = replay_file(db, book, *span)
    except (SettingsError, NothingStored) as error:
        raise _refused(error) from error
    version = book.version if book else "in force"
    if as_json:
        sys.stdout.write(json.dumps({"rules": version, **found.to_dict()}, ensure_ascii=False) + "\n")
    else:
        _print(version, found)


def _refused(error: Exception) -> typer.Exit:
    sys.stderr.write(f"error: {error}\n")
    return typer.Exit(2)


def _moment(option: str, text: str) -> datetime | None:
    from edge.watch.daytime import LOCAL_TIME

    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"{option} {text}: no moment; write for example 2026-11-24T08:00") from None
    return at if at.tzinfo else at.replace(tzinfo=LOCAL_TIME)


def _rules_table(book: "RuleBook") -> object:
    from rich.table import Table

    table = Table("rule 规则", "class 小类", "where 区域", "when 时段", "dwell 停留", "standard 标准")
    for rule in book.rule:
        known = book.table.find(rule.class_code) if book.table else None
        where = ", ".join([*rule.zones, *rule.streets]) or "anywhere"
        when = ", ".join([*rule.hours, *rule.days]) or "always"
        words = f"{known.name_zh} {known.limit_words}" if known else ""
        table.add_row(rule.name, rule.class_code, where, when, f"{rule.dwell_s:g} s", words)
    for permit in book.permit:
        when = ", ".join([permit.hours, *permit.days])
        grace = f"+ {permit.grace_s:g} s" if permit.grace_s else ""
        table.add_row(f"permit: {permit.name}", permit.case_class, permit.zone, when, grace, "")
    return table


def _print(version: str, found: "Comparison") -> None:
    from rich.console import Console
    from rich.table import Table

    from edge.kiosk.sightrows import moment
    from edge.watch.daytime import LOCAL_TIME

    console = Console(width=None if sys.stdout.isatty() else 160)
    table = Table("", "at 时间", "camera 摄像头", "class 小类", "rule 规则", "dwell 停留", "zone 区域", "place 位置")
    lines = [("+", w, w.at, w.rule) for w in found.added] + [("=", w, w.at, w.rule) for w in found.same]
    lines += [("-", f, moment(f.at_us), f.rule) for f in found.dropped]  # type: ignore[misc]
    lines.sort(key=lambda line: line[2])
    for sign, one, at, rule in lines[:SHOWN_MAX]:
        local = f"{at.astimezone(LOCAL_TIME):%Y-%m-%d %H:%M:%S}"
        table.add_row(sign, local, one.camera, one.class_code, rule, f"{one.dwell_s:.1f} s", one.zone, one.spot_id)
    console.print(table)
    if len(lines) > SHOWN_MAX:
        console.print(f"{len(lines) - SHOWN_MAX} more lines; --json gives all")
    words = f"{len(found.same)} as filed, {len(found.added)} more (+), {len(found.dropped)} fewer (-)"
    console.print(f"rules {version}: {len(found.would)} would be filed, {len(found.filed)} were: {words}", markup=False)
