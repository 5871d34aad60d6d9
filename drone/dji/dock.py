"""One dock with its aircraft: who is on line, what they report, its tasks, commands and live pictures. Pure."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from drone.dji import words
from drone.dji.calls import Answer, Calls
from drone.dji.fields import SubDevice
from drone.dji.osd import AircraftOsd, DockOsd
from drone.dji.requests import Resource
from drone.dji.settings import DockEntry
from drone.dji.task import ENDS, Task
from drone.telemetry.buffer import Buffer
from drone.telemetry.sample import Telemetry

SEEN_MAX = 500
TASKS_MAX = 100
ALARMS_MAX = 50
ONLINE_S = 30.0
SAMPLES_MAX = 2000  # over an hour at 0.5 Hz
LATE_S = 60.0  # osd older than the newest by more than this: the clock was set back, not a late message


@dataclass
class Aircraft:
    """What is known of an aircraft. late: osd that came after newer ones."""

    sn: str
    model: tuple[int, int] | None = None
    osd: AircraftOsd = field(default_factory=AircraftOsd)
    last: Telemetry | None = None
    buffer: Buffer = field(default_factory=lambda: Buffer(limit=SAMPLES_MAX))
    late: int = 0

    def heard(self, osd: AircraftOsd, sample: Telemetry) -> bool:
        """Take an osd; False for a late one."""
        newest = self.last.at_s if self.last else 0.0
        if newest - LATE_S <= sample.at_s <= newest:
            self.late += 1
            return False
        if sample.at_s < newest:
            self.buffer = Buffer(limit=SAMPLES_MAX)
        self.osd, self.last = osd, sample
        self.buffer.add(sample)
        return True


class Dock:
    """One dock. say: tells people a line; new_id: makes a unique text."""

    def __init__(self, entry: DockEntry, say: Callable[[str, str], None], new_id: Callable[[], str]) -> None:
        self.entry, self.sn = entry, entry.sn
        self.calls = Calls(entry.sn)
        self.osd = DockOsd()
        self.now_s = 0.0
        self.heard_s: float | None = None
        self.model: tuple[int, int] | None = None
        self.aircraft = {sn: Aircraft(sn) for sn in entry.aircraft}
        self.present: list[str] = []
        self.tasks: OrderedDict[str, Task] = OrderedDict()
        self.resources: dict[str, Resource] = {}
        self.alarms: deque[dict[str, Any]] = deque(maxlen=ALARMS_MAX)
        self.live: dict[str, str] = {}
        self.replies: OrderedDict[tuple[str, str, str], dict[str, Any]] = OrderedDict()
        self._state_ms: dict[str, float] = {}
        self._say, self._new_id = say, new_id

    @property
    def own(self) -> frozenset[str]:
        """Serial numbers that this dock may speak for."""
        return frozenset({self.sn, *self.aircraft})

    @property
    def active(self) -> Task | None:
        """The task that is not over."""
        return next((task for task in reversed(self.tasks.values()) if not task.over), None)

    def online(self, now_s: float) -> bool:
        """Whether it was heard of late."""
        return self.heard_s is not None and now_s - self.heard_s < ONLINE_S

    def topology(self, model: tuple[int, int], devices: list[SubDevice]) -> None:
        """update_topo: which aircraft are on. One of an unlisted dock is learned from it."""
        self.model = model
        for device in devices:
            plane = self.aircraft.setdefault(device.sn, Aircraft(device.sn))
            plane.model = (device.type, device.sub_type)
        self.present = [device.sn for device in devices]

    def osd_news(self, name: str, news: DockOsd, unix_ms: float) -> None:
        """A part of the dock's properties; an older one of the same channel than the newest is passed over."""
        newest = self._state_ms.get(name, 0.0)
        if newest - LATE_S * 1000 <= unix_ms < newest:
            return
        self._state_ms[name] = unix_ms
        self.osd = self.osd.with_news(news)

    def add(self, task: Task, resource: Resource | None) -> None:
        """Keep a task; the oldest that are over leave."""
        self.tasks[task.flight_id] = task
        if resource is not None:
            self.resources[task.flight_id] = resource
        for flight_id in [key for key, old in self.tasks.items() if old.state in ENDS][: len(self.tasks) - TASKS_MAX]:
            del self.tasks[flight_id]
            self.resources.pop(flight_id, None)

    def prepare(self, task: Task, resource: Resource, data: Callable[[int], Any]) -> None:
        """Begin a task: prepare, and execute as soon as that is answered (conditional: as soon as it is ready)."""

        def answered(answer: Answer) -> None:
            task.prepared(answer)
            self.tell(task)
            if not task.over and not task.conditional:
                self.execute(task)

        self.add(task, resource)
        self.calls.ask("flighttask_prepare", self._new_id(), task.flight_id, data, answered)

    def execute(self, task: Task) -> None:
        """Let a prepared task fly."""

        def answered(answer: Answer) -> None:
            task.executing(answer)
            self.tell(task)

        task.started(self.now_s)
        self.calls.ask(
            "flighttask_execute", self._new_id(), task.flight_id, lambda _: {"flight_id": task.flight_id}, answered
        )

    def ask(self, method: str, data: Any, done: Callable[[Answer], None], bid: str = "") -> None:
        """Any other service."""
        self.calls.ask(method, self._new_id(), bid or self._new_id(), lambda _: data, done)

    def watch(self, now_s: float) -> bool:
        """Silence and tasks that the dock has forgotten; True when something changed."""
        task = self.active
        if task is None or self.heard_s is None:
            return False
        changed = task.silence(now_s - self.heard_s, now_s)
        if changed:
            lost = "链路中断,任务可能仍在执行 / link lost, the task may still go on"
            self._say(self.sn, lost if task.lost else "链路恢复 / link is back")
        if task.forgotten(now_s, self.osd.mode_code == 0, self.osd.drone_in_dock == 1):
            self.tell(task)
            changed = True
        return changed

    def anew(self, now_s: float, unix_ms: float) -> None:
        """It asks for its configuration: it has started or logged in anew, and what it said before is old."""
        self.osd = DockOsd(live_capacity=self.osd.live_capacity)
        task = self.active
        if task is not None and task.anew(now_s, unix_ms):
            self.tell(task)

    def remember(self, key: tuple[str, str, str], reply: dict[str, Any]) -> None:
        """What was answered to a message, for when it comes again."""
        self.replies[key] = reply
        while len(self.replies) > SEEN_MAX:
            self.replies.popitem(last=False)

    def tell(self, task: Task) -> None:
        """A line about a task that has changed."""
        told = task.as_json()
        self._say(self.sn, f"{task.flight_id} {told['state_zh']} {task.state.value} {task.why}".rstrip())

    def as_json(self, now_s: float) -> dict[str, Any]:
        """For people and files."""
        charge = self.osd.drone_charge_state
        return {
            "sn": self.sn,
            "name": self.entry.name,
            "online": self.online(now_s),
            "mode": words.of(words.DOCK_MODES, self.osd.mode_code) if self.osd.mode_code is not None else None,
            "aircraft_in_dock": None if self.osd.drone_in_dock is None else self.osd.drone_in_dock == 1,
            "charge_percent": charge.capacity_percent if charge else None,
            "wind_mps": self.osd.wind_speed,
            "rainfall": self.osd.rainfall,
            "aircraft": [_plane(plane, self.present) for plane in self.aircraft.values()],
            "task": self.active.as_json() if self.active else None,
            "live": dict(self.live),
            "alarms": list(self.alarms),
        }


def _plane(plane: Aircraft, present: list[str]) -> dict[str, Any]:
    position = plane.last.position if plane.last else None
    battery = plane.osd.battery
    mode = plane.osd.mode_code
    return {
        "sn": plane.sn,
        "on": plane.sn in present,
        "mode": words.of(words.AIRCRAFT_MODES, mode) if mode is not None else None,
        "lat": position.lat if position else None,
        "lon": position.lon if position else None,
        "heights_m": {datum.value: m for datum, m in position.heights} if position else {},
        "battery_percent": battery.capacity_percent if battery else None,
        "late": plane.late,
    }
