"""`zhuomu gateway handsets`: which there are, into which crew, what a lost one leaves behind. 处置通管理。"""

import json
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import msgspec
import sqlalchemy as sa
import typer

from edge.link.settings import SettingsError, load
from edge.wire import Notice
from gateway import cli, tables, tracks
from gateway.bulk import Bulk
from gateway.database import Database, SchemaMismatch
from gateway.migrations import MIGRATIONS
from gateway.settings import GatewaySettings
from gateway.sync import handsets
from gateway.sync.books import SqlBooks
from gateway.sync.desk import Desk
from gateway.times import to_text, utc_now

app = typer.Typer(help="Handsets: list, crews, lost ones, words to crews. 处置通管理。", no_args_is_help=True)
Device = Annotated[str, typer.Argument(help="The handset's name")]
Hours = Annotated[float, typer.Option(min=0.1, help="When it expires")]


@app.command("list")
def list_(config: cli.Config = None, data: cli.Data = None) -> None:
    """Every handset, one JSON object a line. 设备清单。"""
    with _open(config, data) as tx:
        for row in handsets.listed(tx):
            _say(row)


@app.command()
def enrol(device: Device, crew: str, config: cli.Config = None, data: cli.Data = None) -> None:
    """Into a crew; several handsets of one crew share its orders. 编入班组。"""
    with _open(config, data) as tx:
        _desk(tx).enrol(device, crew)


@app.command()
def revoke(device: Device, reason: str, config: cli.Config = None, data: cli.Data = None) -> None:
    """A lost one: cut, wiped at its next contact; prints what it leaves open. 挂失并远程擦除。"""
    with _open(config, data) as tx:
        handsets.revoke(tx, device, reason, to_text(utc_now()))
        _say(handsets.unsent_work(tx, device))


@app.command()
def readmit(device: Device, config: cli.Config = None, data: cli.Data = None) -> None:
    """One that was found again. 恢复使用。"""
    with _open(config, data) as tx:
        handsets.readmit(tx, device)


@app.command()
def unsent(device: Device, config: cli.Config = None, data: cli.Data = None) -> None:
    """What a lost one leaves open, and what it said when it was wiped. 未上报的工作。"""
    with _open(config, data) as tx:
        _say(handsets.unsent_work(tx, device))


@app.command()
def reviews(config: cli.Config = None, data: cli.Data = None) -> None:
    """Work that was done and could not be taken, one JSON object a line. 待复核。"""
    with _open(config, data) as tx:
        for row in handsets.reviews(tx):
            _say(row)


@app.command()
def reviewed(device: Device, op_id: str, person: str, config: cli.Config = None, data: cli.Data = None) -> None:
    """A named person has looked at one. 已复核。"""
    with _open(config, data) as tx:
        if not handsets.reviewed(tx, device, op_id, person):
            cli.fail(f"operation {op_id} of {device} waits for no review; see `zhuomu gateway handsets reviews`")


@app.command()
def remind(order_id: str, words: str, config: cli.Config = None, data: cli.Data = None) -> None:
    """Urge the crew of an open order. 催办。"""
    with _open(config, data) as tx:
        if not _desk(tx).remind(order_id, words):
            cli.fail(f"there is no open work order '{order_id}'")


@app.command()
def notice(
    crew: str, title: str, text: str = "", hours: Hours = 24.0, config: cli.Config = None, data: cli.Data = None
) -> None:
    """Words to a crew, until they expire. 通知。"""
    now = utc_now()
    with _open(config, data) as tx:
        name = f"notice-{secrets.token_hex(6)}"
        expires = now + timedelta(hours=hours)
        _desk(tx).notice(crew, Notice(notice_id=name, title=title, text=text, at=now, expires=expires))


@app.command()
def track(
    device: Device,
    person: Annotated[str, typer.Option(help="Who looks. 查看人")],
    reason: Annotated[str, typer.Option(help="Why; kept with the name. 查看原因")],
    hours: Annotated[float, typer.Option(min=0.1, help="How far back")] = 12.0,
    config: cli.Config = None,
    data: cli.Data = None,
) -> None:
    """Where a handset was, as GeoJSON; that somebody looked is written down. 轨迹查询。"""
    if not person.strip() or not reason.strip():
        cli.fail("a track is personal data: say who looks with --person and why with --reason")
    now = utc_now()
    with _open(config, data) as tx:
        span = (to_text(now - timedelta(hours=hours)), to_text(now))
        _say(tracks.look(tx, device, span, person, reason, to_text(now)))


@app.command("track-views")
def track_views(config: cli.Config = None, data: cli.Data = None) -> None:
    """Who looked at tracks, and why, newest first, one JSON object a line. 轨迹查看记录。"""
    with _open(config, data) as tx:
        for row in tracks.views(tx, 1000):
            _say(row)


@contextmanager
def _open(config: Path | None, data: Path | None) -> Iterator[sa.Connection]:
    """A writing transaction beside the running gateway; its speaker sees what changed within half a second."""
    try:
        settings = load(config, GatewaySettings) if config else GatewaySettings()
        settings = msgspec.structs.replace(settings, data=str(data)) if data else settings
        database = Database(settings.url(), tables.metadata, tables.SCHEMA_VERSION, MIGRATIONS)
    except (SettingsError, SchemaMismatch) as error:
        cli.fail(str(error))
    except (OSError, sa.exc.SQLAlchemyError) as error:
        cli.fail(f"the gateway's database cannot be opened: {str(error).splitlines()[0]}; check --data or --config")
    try:
        with database.write() as tx:
            yield tx
    except handsets.UnknownHandset as error:
        cli.fail(str(error))
    finally:
        database.close()


def _desk(tx: sa.Connection) -> Desk:
    return Desk(SqlBooks(tx, Bulk(tx), to_text(utc_now())), utc_now)


def _say(row: object) -> None:
    sys.stdout.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")
