"""The handset in the terminal, for a person: what is done on it. Looking alone is in `looks`. 终端处置通。"""

from pathlib import Path
from typing import Annotated

import typer

from edge.handset.looks import list_, notices, shelf, show
from edge.handset.phone import (
    DATA,
    WAIT_S,
    Data,
    Device,
    Host,
    Lat,
    Lon,
    OrderId,
    Phone,
    Photos,
    Port,
    Reason,
    fail,
    out,
    standing,
)
from edge.wire import OpKind


def add(app: typer.Typer) -> None:
    """The commands."""
    for command in (list_, show, accept, arrive, dispose, return_, extend, suspend, photo, shift, sync, shelf, notices):
        app.command(command.__name__.rstrip("_"))(command)


def accept(
    order_id: OrderId,
    device: Device,
    data: Data = DATA,
    host: Host = "127.0.0.1",
    port: Port = 1883,
    wait_s: float = WAIT_S,
) -> None:
    """Take an order. 接单。"""
    Phone(device, data, host, port).work("accepted", order_id, "", wait_s, None)


def arrive(
    order_id: OrderId,
    device: Device,
    data: Data = DATA,
    host: Host = "127.0.0.1",
    port: Port = 1883,
    photo: Photos = None,
    lat: Lat = None,
    lon: Lon = None,
    wait_s: float = WAIT_S,
) -> None:
    """You are there; a photo from before the work. 到场（处置前照片）。"""
    phone = Phone(device, data, host, port)
    phone.work("arrived", order_id, "", wait_s, None, photos=photo, which="before", lat=lat, lon=lon)


def dispose(
    order_id: OrderId,
    device: Device,
    data: Data = DATA,
    host: Host = "127.0.0.1",
    port: Port = 1883,
    photo: Photos = None,
    lat: Lat = None,
    lon: Lon = None,
    note: Reason = "",
    wait_s: float = WAIT_S,
) -> None:
    """The work is done; a photo from after it. 处置完成（处置后照片）。"""
    phone = Phone(device, data, host, port)
    phone.work("disposed", order_id, note, wait_s, None, photos=photo, lat=lat, lon=lon)


def return_(
    order_id: OrderId,
    device: Device,
    reason: Reason,
    data: Data = DATA,
    host: Host = "127.0.0.1",
    port: Port = 1883,
    photo: Photos = None,
    wait_s: float = WAIT_S,
) -> None:
    """Give an order back, with the reason. 退回。"""
    Phone(device, data, host, port).work("returned", order_id, reason, wait_s, None, photos=photo)


def extend(
    order_id: OrderId,
    device: Device,
    reason: Reason,
    hours: Annotated[float, typer.Option(min=0.1, help="Hours of the case's own clock. 小时")],
    data: Data = DATA,
    host: Host = "127.0.0.1",
    port: Port = 1883,
    wait_s: float = WAIT_S,
) -> None:
    """Ask for more time before the deadline. 延期申请。"""
    Phone(device, data, host, port).work("extend", order_id, reason, wait_s, hours)


def suspend(
    order_id: OrderId,
    device: Device,
    reason: Reason,
    data: Data = DATA,
    host: Host = "127.0.0.1",
    port: Port = 1883,
    wait_s: float = WAIT_S,
) -> None:
    """Ask to suspend what cannot be done now. 挂账申请。"""
    Phone(device, data, host, port).work("suspend", order_id, reason, wait_s, None)


def photo(
    order_id: OrderId,
    file: Annotated[list[Path], typer.Argument(help="JPEG or PNG. 照片")],
    device: Device,
    which: Annotated[str, typer.Option(help="before or after. 处置前/后")] = "after",
    data: Data = DATA,
    host: Host = "127.0.0.1",
    port: Port = 1883,
    wait_s: float = WAIT_S,
) -> None:
    """More photos on an order. 补充照片。"""
    if which not in ("before", "after"):
        fail(f"--which {which}: give before or after")
    Phone(device, data, host, port).work("photo", order_id, "", wait_s, None, photos=file, which=which)


def shift(
    word: Annotated[str, typer.Argument(help="on or off. 上班/下班")],
    device: Device,
    data: Data = DATA,
    host: Host = "127.0.0.1",
    port: Port = 1883,
    lat: Lat = None,
    lon: Lon = None,
    wait_s: float = WAIT_S,
) -> None:
    """Attendance. 考勤打卡。"""
    kinds: dict[str, OpKind] = {"on": "shift_on", "off": "shift_off"}
    if word not in kinds:
        fail(f"'{word}': give on or off")
    Phone(device, data, host, port).work(kinds[word], "", "", wait_s, None, lat=lat, lon=lon)


def sync(
    device: Device, data: Data = DATA, host: Host = "127.0.0.1", port: Port = 1883, wait_s: float = WAIT_S
) -> None:
    """Bring out what waits, fetch what is new. Exit status 1 when the centre did not answer. 同步。"""
    phone = Phone(device, data, host, port)
    ok = phone.sync(wait_s)
    phone = Phone(device, data, host, port)
    standing(phone)
    if not ok:
        out.print("[yellow]离线 offline[/]")
        raise typer.Exit(1)
