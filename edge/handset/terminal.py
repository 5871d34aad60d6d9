"""The handset in the terminal, for a person: list, show, work, sync, shelf. 终端处置通。"""

import random
import sys
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, NoReturn
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.table import Table

from edge.handset.book import BookUnusable
from edge.handset.handset import Handset
from edge.handset.loop import Loop
from edge.link import Broker
from edge.wire import OpKind, Order, Point, WireError

ZONE = ZoneInfo("Asia/Shanghai")
WAIT_S = 10.0
STEPS = {
    "": "未接 new",
    "accepted": "已接 accepted",
    "arrived": "到场 arrived",
    "disposed": "已处置 disposed",
    "returned": "已退回 returned",
}
STATES = {
    "dispatched": "派遣 dispatched",
    "rework": "返工 rework",
    "recalled": "收回 recalled",
    "closed": "结案 closed",
}
CLASSES = {"stall": "摊点 stall", "poster": "小广告 poster", "bike": "车辆 bike", "litter": "垃圾 litter"}

Device = Annotated[str, typer.Option(envvar="ZHUOMU_HANDSET", help="This handset's name. 本机编号")]
Data = Annotated[Path, typer.Option(envvar="ZHUOMU_HANDSET_DATA", help="Folder of its own files. 数据目录")]
Host = Annotated[str, typer.Option(envvar="ZHUOMU_BROKER", help="MQTT broker. 消息服务器")]
Port = Annotated[int, typer.Option(envvar="ZHUOMU_BROKER_PORT", min=1, max=65535, help="MQTT port.")]
Photos = Annotated[list[Path] | None, typer.Option(help="JPEG or PNG, up to 40 MiB; may be given several times. 照片")]
Lat = Annotated[float | None, typer.Option(min=-90, max=90, help="Where you are (WGS-84). 纬度")]
Lon = Annotated[float | None, typer.Option(min=-180, max=180, help="经度")]
Reason = Annotated[str, typer.Option(help="Why. 原因")]
OrderId = Annotated[str, typer.Argument(help="Work order. 工单")]

DATA = Path("zhuomu-data/handset")
out = Console()


class Phone:
    """What every command is given: one handset and the way to the centre."""

    def __init__(self, device: str, data: Path, host: str, port: int) -> None:
        try:
            self.handset = Handset(data, device, Broker(host, port), random.Random(), "zhuomu terminal", 0.0)
        except BookUnusable as error:
            fail(str(error))

    def sync(self, wait_s: float) -> bool:
        """Bring out what waits and fetch what is new; False when the centre did not answer in time."""
        loop = Loop([self.handset])
        end_s = time.monotonic() + wait_s

        def done() -> bool:
            session, book = self.handset.session, self.handset.book
            waiting = book.number("select count(*) from ops") + book.number(
                "select count(*) from photos where done = 0"
            )
            return self.handset.replica.wiped or (session.current and not waiting)

        loop.run(lambda: done() or time.monotonic() >= end_s)
        ok = done()
        loop.run(lambda: not self.handset.line.wants_write or time.monotonic() >= end_s + 1.0)
        loop.close()
        return ok

    def work(self, kind: OpKind, order_id: str, note: str, wait_s: float, hours: float | None, **more: object) -> None:
        """One operation: kept here at once, brought out when there is a line."""
        photos = [(read_photo(path), more.get("which", "after")) for path in more.get("photos") or ()]  # type: ignore[attr-defined]
        points = _here(more.get("lat"), more.get("lon"))
        try:
            self.handset.replica.do(
                kind,
                datetime.now(UTC),
                str(uuid.uuid4()),
                order_id,
                note,
                hours=hours,
                points=points,
                photos=photos,  # type: ignore[arg-type]
            )
        except WireError as error:
            fail(f"{error} (code {int(error.code)})")
        out.print(f"已记录 recorded: {kind} {order_id}")
        self.bring_out(wait_s)

    def bring_out(self, wait_s: float) -> None:
        """Say plainly whether it got through."""
        if self.sync(wait_s):
            out.print("已同步 in step with the centre")
        else:
            out.print(
                "[yellow]离线：已保存，联网后自动上报 offline: it is kept here and goes out with the next sync[/]"
            )


def add(app: typer.Typer) -> None:
    """The commands."""
    for command in (list_, show, accept, arrive, dispose, return_, extend, suspend, photo, shift, sync, shelf, notices):
        app.command(command.__name__.rstrip("_"))(command)


def list_(device: Device, data: Data = DATA, host: Host = "127.0.0.1", port: Port = 1883) -> None:
    """What is to do, most urgent first; works offline. 待办工单。"""
    phone = Phone(device, data, host, port)
    table = Table("工单 order", "类别 class", "时限 deadline", "状态 state", "进度 step", "催办 urged", title=device)
    for order in phone.handset.replica.orders():
        table.add_row(
            order.order_id, CLASSES[order.case_class], _due(order), *_words(order), str(order.reminders or "")
        )
    out.print(table)
    _standing(phone)


def show(order_id: OrderId, device: Device, data: Data = DATA) -> None:
    """One order with everything known of it. 工单详情。"""
    phone = Phone(device, data, "127.0.0.1", 1883)
    try:
        order = phone.handset.replica.order(order_id)
    except WireError as error:
        fail(f"{error} (code {int(error.code)})")
    table = Table(show_header=False, title=order.order_id)
    state, step = _words(order)
    rows = [("类别 class", f"{CLASSES[order.case_class]} {order.class_code} {order.note}"), ("状态 state", state)]
    rows += [("进度 step", f"{step} {order.step_by}"), ("时限 deadline", _due(order)), ("案件 case", order.case_id)]
    rows += [("位置 place", f"{order.lat:.6f}, {order.lon:.6f} (WGS-84)"), ("次数 attempt", str(order.attempt))]
    rows += [("催办 urged", f"{order.reminders} {order.reminder}"), ("申请 asked", order.asked)]
    rows += [("批复 answer", f"{order.answer} {order.answer_words}")]
    rows += [("照片 photos", "\n".join(sha[:16] for sha in order.photos))]
    for name, value in rows:
        table.add_row(name, value)
    out.print(table)


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
    phone = Phone(device, data, host, port)
    if word == "off" and not phone.handset.replica.wiped:
        phone.handset.replica.send_track(datetime.now(UTC), str(uuid.uuid4()))
    phone.work(kinds[word], "", "", wait_s, None, lat=lat, lon=lon)


def sync(
    device: Device, data: Data = DATA, host: Host = "127.0.0.1", port: Port = 1883, wait_s: float = WAIT_S
) -> None:
    """Bring out what waits, fetch what is new. Exit status 1 when the centre did not answer. 同步。"""
    phone = Phone(device, data, host, port)
    ok = phone.sync(wait_s)
    phone = Phone(device, data, host, port)
    _standing(phone)
    if not ok:
        out.print("[yellow]离线 offline[/]")
        raise typer.Exit(1)


def shelf(
    device: Device,
    data: Data = DATA,
    clear: Annotated[str, typer.Option(help="Take one off the shelf, by its key. 已阅")] = "",
) -> None:
    """What the centre did not take, with code and words. 未被接受的上报。"""
    phone = Phone(device, data, "127.0.0.1", 1883)
    if clear:
        phone.handset.replica.clear(clear)
    table = Table("编号 key", "操作 operation", "工单 order", "代码 code", "原因 reason")
    for key, code, reason, op in phone.handset.replica.shelf():
        table.add_row(key, str(op.get("kind", "")), str(op.get("order_id", "")), str(code), reason)
    out.print(table)


def notices(device: Device, data: Data = DATA) -> None:
    """Words from the centre that have not expired. 通知。"""
    phone = Phone(device, data, "127.0.0.1", 1883)
    for notice in phone.handset.replica.notices(datetime.now(UTC)):
        out.print(f"[bold]{notice.title}[/] {notice.notice_id} {notice.at.astimezone(ZONE):%m-%d %H:%M}\n{notice.text}")


def fail(text: str) -> NoReturn:
    """One line on stderr, exit status 2."""
    sys.stderr.write(f"error: {text}\n")
    raise typer.Exit(2)


def _standing(phone: Phone) -> None:
    replica = phone.handset.replica
    if replica.wiped:
        out.print("[red]本机已注销并清空 this handset was revoked and emptied[/]")
        return
    waiting = f"待上报 waiting: {len(replica.pending())} 照片 photos: {len(replica.photos_waiting())}"
    out.print(f"待办 open: {len(replica.orders())}  {waiting}  未接受 shelf: {len(replica.shelf())}")


def _words(order: Order) -> tuple[str, str]:
    asked = {"extend": " 已申请延期 asked to extend", "suspend": " 已申请挂账 asked to suspend"}.get(order.asked, "")
    answer = {"granted": " 已批准 granted", "refused": " 未批准 refused"}.get(order.answer, "")
    return STATES[order.state], STEPS[order.step] + asked + answer


def _due(order: Order) -> str:
    local = order.deadline.astimezone(ZONE)
    left = order.deadline - datetime.now(UTC)
    return f"{local:%m-%d %H:%M}" + (" 超时 overdue" if left < timedelta() else "")


def read_photo(path: Path) -> bytes:
    """A photo's bytes; ends with one line when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        fail(f"{path}: cannot be read ({error.strerror}); choose another file")


def _here(lat: object, lon: object) -> list[Point]:
    if isinstance(lat, float) and isinstance(lon, float):
        return [Point(at=datetime.now(UTC), lat=lat, lon=lon)]
    return []
