"""A person's order carried out on the machine: checked, asked of the dock, and answered when the dock has answered."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from drone.dji.calls import Answer, CallsFull, Done
from drone.dji.control import Order, Resolve, Told
from drone.dji.dock import Dock
from drone.dji.order import OrderError, live_data, model_of, prepare_data, shown, video_of
from drone.dji.requests import Resource
from drone.dji.store import StoreError
from drone.dji.task import BEGUN, State, Task, said
from drone.mission.plan import Plan
from drone.mission.wpml import to_kmz

if TYPE_CHECKING:
    from drone.dji.service import Service

LIVE_ALREADY = 513003  # as errors.toml words them
NOT_LIVE = 513011


def carry_out(service: Service, order: Order, resolve: Resolve) -> None:
    """Never raises: what cannot be done is resolved as an error of one line."""
    try:
        verb = VERBS.get(order.verb)
        if verb is None:
            raise OrderError(f"{order.verb!r} is no order; known: {', '.join(VERBS)}")
        verb(service, order, resolve)
    except (OrderError, CallsFull, StoreError) as error:
        resolve(Told(error=str(error)))


def _dock(service: Service, order: Order) -> Dock:
    dock = service.cloud.docks.get(order.sn)
    if dock is None:
        known = ", ".join(service.cloud.docks)
        raise OrderError(f"{order.sn or 'no dock'}: not in the settings; its docks: {known}")
    if not dock.online(time.monotonic()):
        raise OrderError(f"{dock.sn}: 机场不在线 not on line; check its power, network and broker settings")
    return dock


def _list(service: Service, _order: Order, resolve: Resolve) -> None:
    now_s = time.monotonic()
    docks = [dock.as_json(now_s) for dock in service.cloud.docks.values()]
    counts = dict(service.cloud.counts) | {"dropped": service.dropped, "files_refused": service.files.refused}
    for told in docks:
        told["bound"] = told["sn"] in service.cloud.bound
    resolve({"docks": docks, "counts": counts, "broker": service.connection.connected})


def _task(service: Service, order: Order, resolve: Resolve) -> None:
    for dock in service.cloud.docks.values():
        task = dock.tasks.get(order.flight_id)
        if task is not None:
            resolve(task.as_json() | {"over": task.over})
            return
    raise OrderError(f"{order.flight_id}: no such flight; `zhuomu drone dock list` shows those under way")


def _fly(service: Service, order: Order, resolve: Resolve) -> None:
    dock = _dock(service, order)
    if order.flight is None or order.fence is None:
        raise OrderError("no flight to fly; give a plan")
    if dock.sn not in service.cloud.bound:
        raise OrderError(f"{dock.sn}: 机场未绑定 not bound; type its binding code into DJI Pilot first")
    if dock.active is not None:
        raise OrderError(f"{dock.sn}: flight {dock.active.flight_id} is {dock.active.state.value}; one at a time")
    plane = next(iter(dock.aircraft.values()), None)
    flight_id = str(uuid.uuid4())
    kmz = to_kmz(Plan(order.fence, (order.flight,)), model_of(plane.model if plane else None))[0]
    url, fingerprint = service.wayline(kmz, flight_id)
    data = prepare_data(flight_id, url, fingerprint, order.flight, order.how)
    task = Task(flight_id, dock.sn, conditional=order.how.conditions is not None)
    dock.prepare(task, Resource(url, fingerprint), data)
    dock.tell(task)
    resolve({"flight_id": flight_id})


def _steered(method: str, follow: Callable[[Task, Answer], None], states: frozenset[State]) -> Verb:
    """An order about the task under way, which must be in one of `states`."""

    def verb(service: Service, order: Order, resolve: Resolve) -> None:
        dock = _dock(service, order)
        task = dock.active
        if task is None or task.state not in states:
            now = task.state.value if task else "nothing is under way"
            raise OrderError(f"{dock.sn}: {method} is of no use now ({now})")

        def done(answer: Answer) -> None:
            follow(task, answer)
            dock.tell(task)
            resolve(_told(answer))

        data: Any = {"flight_ids": [task.flight_id]} if method == "flighttask_undo" else {}
        dock.ask(method, data, done)

    return verb


def _home(service: Service, order: Order, resolve: Resolve) -> None:
    """Allowed with no task known too: whatever is in the air shall come home."""
    dock = _dock(service, order)

    def done(answer: Answer) -> None:
        if dock.active is not None:
            dock.active.returning(answer)
            dock.tell(dock.active)
        resolve(_told(answer))

    dock.ask("return_home", {}, done)


def _live(service: Service, order: Order, resolve: Resolve) -> None:
    """Where an answer is lost, the call sent again meets its own success ("live already"); and so does a camera that
    was live elsewhere. Either way it is stopped and started once more, so that the picture goes to our URL."""
    dock = _dock(service, order)
    video = video_of(order.video, dock.osd.live_capacity, dock.own, dock.sn)
    data = live_data(video, service.settings.whip, order.quality, service.live_token)

    def done(answer: Answer) -> None:
        if answer.result == 0:
            dock.live[video] = shown(data["url"])
        resolve(_told(answer) | {"video": video, "url": shown(data["url"])})

    def started_anew(answer: Answer) -> None:
        done(replace(answer, result=0) if answer.result == LIVE_ALREADY else answer)  # it was stopped: this is ours

    def stopped(answer: Answer) -> None:
        if answer.result in (0, NOT_LIVE):
            _next(dock, "live_start_push", data, started_anew, resolve)
        else:
            done(answer)

    def started(answer: Answer) -> None:
        if answer.result == LIVE_ALREADY:
            _next(dock, "live_stop_push", {"video_id": video}, stopped, resolve)
        else:
            done(answer)

    dock.ask("live_start_push", data, started)


def _next(dock: Dock, method: str, data: dict[str, Any], done: Done, resolve: Resolve) -> None:
    """A call that follows from an answer."""
    try:
        dock.ask(method, data, done)
    except CallsFull as error:
        resolve(Told(error=str(error)))


def _unlive(service: Service, order: Order, resolve: Resolve) -> None:
    dock = _dock(service, order)
    video = order.video or next(iter(dock.live), "")
    video = video_of(video, dock.osd.live_capacity, dock.own, dock.sn)

    def done(answer: Answer) -> None:
        over = replace(answer, result=0) if answer.result == NOT_LIVE else answer  # ended before, or sent again
        if over.result == 0:
            dock.live.pop(video, None)
        resolve(_told(over) | {"video": video})

    dock.ask("live_stop_push", {"video_id": video}, done)


def _told(answer: Answer) -> Told:
    if answer.result == 0:
        return {"ok": True, "method": answer.method, "tries": answer.tries}
    return {"error": said(answer)}


Verb = Callable[["Service", Order, Resolve], None]
FLIES = frozenset({State.STARTING, State.FLYING})
VERBS: dict[str, Verb] = {
    "list": _list,
    "task": _task,
    "fly": _fly,
    "pause": _steered("flighttask_pause", lambda task, a: task.paused(a, State.PAUSED), FLIES),
    "resume": _steered("flighttask_recovery", lambda task, a: task.paused(a, State.FLYING), frozenset({State.PAUSED})),
    "undo": _steered("flighttask_undo", Task.undone, frozenset({State.PREPARING, State.PREPARED}) | BEGUN),
    "home": _home,
    "live": _live,
    "unlive": _unlive,
}
