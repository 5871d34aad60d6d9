"""The terminal's commands that only look: list, show, shelf, notices. They work offline."""

from datetime import UTC, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.table import Table

from edge.handset.phone import DATA, Data, Device, Host, OrderId, Phone, Port, fail, out, standing
from edge.wire import Order, WireError

ZONE = ZoneInfo("Asia/Shanghai")
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


def list_(device: Device, data: Data = DATA, host: Host = "127.0.0.1", port: Port = 1883) -> None:
    """What is to do, most urgent first; works offline. 待办工单。"""
    phone = Phone(device, data, host, port)
    table = Table("工单 order", "类别 class", "时限 deadline", "状态 state", "进度 step", "催办 urged", title=device)
    for order in phone.handset.replica.orders():
        table.add_row(
            order.order_id, CLASSES[order.case_class], _due(order), *_words(order), str(order.reminders or "")
        )
    out.print(table)
    standing(phone)


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


def _words(order: Order) -> tuple[str, str]:
    asked = {"extend": " 已申请延期 asked to extend", "suspend": " 已申请挂账 asked to suspend"}.get(order.asked, "")
    answer = {"granted": " 已批准 granted", "refused": " 未批准 refused"}.get(order.answer, "")
    return STATES[order.state], STEPS[order.step] + asked + answer


def _due(order: Order) -> str:
    local = order.deadline.astimezone(ZONE)
    left = order.deadline - datetime.now(UTC)
    return f"{local:%m-%d %H:%M}" + (" 超时 overdue" if left < timedelta() else "")
