"""What docks report: progress, readiness, pictures, health, a return that was broken off.

Source: DJI Cloud API documentation v1.11, Dock 2: wayline, file, hms.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from drone.dji import fields, words
from drone.dji.dock import Dock
from drone.dji.messages import Envelope, body, shown
from drone.dji.task import State

Say = Callable[[str, str], None]


def _progress(dock: Dock, envelope: Envelope, say: Say) -> None:
    told = body(envelope, fields.Progress, dock.sn)
    flight_id = told.output.ext.flight_id or envelope.bid
    task = dock.tasks.get(flight_id)
    if task is None:
        say(dock.sn, f"进度属于未知任务 progress of a flight that was not ordered here: {shown(flight_id)}")
        return
    dock.calls.drop(flight_id)  # it flies: an execute that is sent again could only start it anew
    before = (task.state, task.waypoint)
    if task.progress(told.output, told.result, envelope.timestamp) and before != (task.state, task.waypoint):
        dock.tell(task)


def _ready(dock: Dock, envelope: Envelope, _say: Say) -> None:
    for flight_id in body(envelope, fields.Ready, dock.sn).flight_ids:
        task = dock.tasks.get(flight_id)
        if task is not None and task.conditional and task.state in (State.PREPARING, State.PREPARED):
            dock.execute(task)


def _uploaded(dock: Dock, envelope: Envelope, say: Say) -> None:
    told = body(envelope, fields.FileUploaded, dock.sn)
    if not told.file.object_key.startswith(f"{dock.sn}/"):
        say(
            dock.sn,
            f"照片不在本机场目录 not in this dock's folder: {shown(told.file.object_key)}",
        )
        return
    task = dock.tasks.get(told.file.ext.flight_id)
    count = told.flight_task
    if task is None or task.uploaded_file(told.file.object_key, count.uploaded_file_count, count.expected_file_count):
        say(dock.sn, f"照片已上传 picture uploaded: {shown(told.file.object_key)}")


def _health(dock: Dock, envelope: Envelope, say: Say) -> None:
    """Every new alarm once, until it has left the list of those kept."""
    known = {(alarm["code"], alarm["device_type"]) for alarm in dock.alarms}
    for alarm in body(envelope, fields.Health, dock.sn).alarms:
        if (alarm.code, alarm.device_type) in known:
            continue
        known.add((alarm.code, alarm.device_type))
        dock.alarms.append({**msgspec.to_builtins(alarm), "at_ms": envelope.timestamp})
        where = "空中 in the air" if alarm.in_the_sky else "地面 on the ground"
        say(dock.sn, f"健康告警 health {words.of(words.LEVELS, alarm.level)}: {shown(alarm.code)}, {where}")


def _homing(dock: Dock, envelope: Envelope, say: Say) -> None:
    told = body(envelope, fields.ExitHoming, dock.sn)
    if told.action == 1:
        why = words.of(words.HOMING, told.reason)
        say(dock.sn, f"返航已中断,请再次下发返航 it has stopped coming home ({why}); order it home again")
    else:
        say(dock.sn, "继续返航 it comes home again")


EVENTS: dict[str, Callable[[Dock, Envelope, Say], None]] = {
    "flighttask_progress": _progress,
    "flighttask_ready": _ready,
    "file_upload_callback": _uploaded,
    "hms": _health,
    "device_exit_homing_notify": _homing,
}
