"""Duty in the terminal: sign a handover, answer a call-out, report what one sees. 交接班、应急、上报。"""

import uuid
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from edge.handset.looks import CLASSES
from edge.handset.phone import DATA, WAIT_S, Data, Device, Host, Phone, Photos, Port, fail, out, read_photo
from edge.wire import CaseClass, OpKind, Point, WireError

NoticeId = Annotated[str, typer.Argument(help="The notice, as `zhuomu handset notices` shows it. 通知编号")]


def add(app: typer.Typer) -> None:
    """The commands."""
    for command in (sign, answer, report, here):
        app.command(command.__name__)(command)


def sign(
    notice_id: NoticeId,
    name: Annotated[str, typer.Argument(help="Who signs. 签字人")],
    device: Device,
    data: Data = DATA,
    host: Host = "127.0.0.1",
    port: Port = 1883,
    wait_s: float = WAIT_S,
) -> None:
    """Sign a handover: as the crew that gives, or the one that takes. 交接班签字。"""
    _say(Phone(device, data, host, port), "sign", wait_s, note=name, notice_id=notice_id)


def answer(
    notice_id: NoticeId,
    device: Device,
    data: Data = DATA,
    host: Host = "127.0.0.1",
    port: Port = 1883,
    wait_s: float = WAIT_S,
) -> None:
    """Your crew goes to a call-out; the first ones are taken. 应急响应。"""
    _say(Phone(device, data, host, port), "answer", wait_s, notice_id=notice_id)


def report(
    case_class: Annotated[str, typer.Argument(help="stall, poster, bike or litter. 类别")],
    device: Device,
    lat: Annotated[float, typer.Option(min=-90, max=90, help="Where it is (WGS-84). 纬度")],
    lon: Annotated[float, typer.Option(min=-180, max=180, help="经度")],
    note: Annotated[str, typer.Option(help="What you see. 说明")] = "",
    photo: Photos = None,
    data: Data = DATA,
    host: Host = "127.0.0.1",
    port: Port = 1883,
    wait_s: float = WAIT_S,
) -> None:
    """Report what you see; a person at the centre looks before it is filed. 上报。"""
    if case_class not in CLASSES:
        fail(f"'{case_class}': give one of {', '.join(CLASSES)}")
    photos = [(read_photo(path), "before") for path in photo or ()]
    points = [Point(at=datetime.now(UTC), lat=lat, lon=lon)]
    kind: CaseClass = case_class  # type: ignore[assignment]
    phone = Phone(device, data, host, port)
    _say(phone, "report", wait_s, note=note, case_class=kind, points=points, photos=photos)


def here(
    device: Device,
    lat: Annotated[float, typer.Option(min=-90, max=90, help="Where you are (WGS-84). 纬度")],
    lon: Annotated[float, typer.Option(min=-180, max=180, help="经度")],
    data: Data = DATA,
) -> None:
    """Where the crew is now, on a shift alone; goes up thinned, at the latest at the shift's end. 轨迹点。"""
    phone = Phone(device, data, "127.0.0.1", 1883)
    if phone.handset.book.get("shift") != "shift_on":
        fail("no track is kept off duty; begin with `zhuomu handset shift on`")
    now = datetime.now(UTC)
    try:
        phone.handset.replica.locate(Point(at=now, lat=lat, lon=lon), str(uuid.uuid4()))
    except WireError as error:
        fail(f"{error} (code {int(error.code)})")
    out.print("已记录 recorded")


def _say(phone: Phone, kind: OpKind, wait_s: float, **values: Any) -> None:
    try:
        phone.handset.replica.do(kind, datetime.now(UTC), str(uuid.uuid4()), **values)
    except WireError as error:
        fail(f"{error} (code {int(error.code)})")
    out.print(f"已记录 recorded: {kind}")
    phone.bring_out(wait_s)
