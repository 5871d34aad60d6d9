"""`zhuomu kiosk token` and `viewings`: who may see a kiosk's cameras live, and who did."""

import json
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from edge.link import SettingsError

Config = Annotated[Path, typer.Option(help="The kiosk's settings.")]


def token(
    config: Config,
    name: Annotated[str, typer.Option(help="Of the person who will use it; stands in the viewing log.")],
    why: Annotated[str, typer.Option(help="What the viewing is for; stands in the viewing log.")],
    camera: Annotated[list[str] | None, typer.Option(help="Which camera, can be repeated; none: every one.")] = None,
    hours: Annotated[float, typer.Option(min=0.01, max=744, help="How long it counts.")] = 8.0,
    publish: Annotated[bool, typer.Option("--publish", help="For sending pictures in (WHIP).")] = False,
) -> None:
    """Issue a token for live view. 签发实时观看令牌。"""
    import msgspec

    from edge.kiosk.config import beside, load_settings
    from edge.live.tokens import EVERY, KeyUnreadable, Tokens, token_key

    try:
        settings = load_settings(config)
        unknown = [] if publish else sorted(set(camera or []) - {c.name for c in settings.camera})
        if unknown:
            raise SettingsError(f"{config}: has no camera {unknown[0]!r}")
        tokens = Tokens(token_key(beside(config, settings.data)))
        until_s = int(time.time() + hours * 3600)
        made = tokens.issue(name, "publish" if publish else "view", camera or [EVERY], until_s, why)
    except (SettingsError, KeyUnreadable, msgspec.ValidationError) as error:
        sys.stderr.write(f"error: {error}\n")
        raise typer.Exit(2) from error
    sys.stdout.write(made + "\n")
    until = datetime.fromtimestamp(until_s, UTC).isoformat()
    sys.stderr.write(f"valid until {until}; to withdraw it, put its id into [live] revoked: {tokens.id_of(made)}\n")


def viewings(
    config: Config,
    camera: Annotated[str | None, typer.Option(help="Only this camera.")] = None,
    days: Annotated[float, typer.Option(min=0, help="How far back.")] = 30.0,
) -> None:
    """Who saw which camera live, from when to when, what for: a line of JSON each. 实时观看日志。"""
    import sqlite3

    from edge.kiosk.config import beside, load_settings
    from edge.live.viewings import read

    try:
        settings = load_settings(config)
        database = beside(config, settings.data) / f"{settings.device}.db"
        found = read(database, camera, time.time() - days * 86400)
    except (SettingsError, OSError, sqlite3.Error) as error:
        sys.stderr.write(f"error: {error}\n")
        raise typer.Exit(2) from error
    for viewing in found:
        row = {**asdict(viewing), "begun": _utc(viewing.begun), "ended": _utc(viewing.ended)}
        sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")


def _utc(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
