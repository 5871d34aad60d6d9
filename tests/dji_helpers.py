"""Docks for tests: settings, a flight, and machine and simulated docks together in virtual time."""

import itertools
import json
import random
from dataclasses import dataclass, field

from drone.dji.calls import Answer
from drone.dji.cloud import Cloud
from drone.dji.order import FlyOrder, prepare_data
from drone.dji.requests import Resource
from drone.dji.settings import DockEntry, Organization, Settings, Storage
from drone.dji.task import Task
from drone.mission.plan import Fence, Flight, Waypoint
from drone.mission.wpml import to_kmz
from drone.sim.dock import Script, SimDock

A, B = "7CTDM0000000000A", "7CTDM0000000000B"
PLANE_A, PLANE_B = "1581F00000000000000A", "1581F00000000000000B"
CODES = {A: "CODE-FOR-DOCK-A", B: "CODE-FOR-DOCK-B"}
PLANES = {A: PLANE_A, B: PLANE_B}
STEP_S = 0.05
HOME = (300_000_000, 1_200_000_000)
FENCE = Fence(((HOME, (300_100_000, 1_200_000_000), (300_100_000, 1_200_100_000)),))
FLIGHT = Flight(
    HOME,
    60.0,
    8.0,
    -90.0,
    (
        Waypoint(300_010_000, 1_200_000_000, 60.0, 5.0),
        Waypoint(300_020_000, 1_200_000_000, 60.0),
        Waypoint(*HOME, 60.0),
    ),
)


def settings(**more: object) -> Settings:
    docks = tuple(DockEntry(sn, f"dock {sn[-1]}", CODES[sn], (PLANES[sn],)) for sn in (A, B))
    base = {"organization": Organization("org", "城管"), "docks": docks, "whip": "https://live.test/whip/{camera}"}
    return Settings(**{**base, "storage": Storage("http://store.test", "patrols"), **more})  # type: ignore[arg-type]


@dataclass
class World:
    """The cloud and its docks on a line with faults, all in virtual time; one seed, one history."""

    script: Script = field(default_factory=Script)
    loss: float = 0.0
    twice: float = 0.0
    late: float = 0.0
    seed: int = 0
    now_s: float = 1000.0
    cut: bool = False

    def __post_init__(self) -> None:
        ids = itertools.count()
        self.rng = random.Random(self.seed)
        self.cloud = Cloud(settings(), lambda: f"id-{next(ids)}")
        self.files: dict[str, bytes] = {}
        self.docks = {sn: SimDock(sn, PLANES[sn], CODES[sn], "org", self.files.get, self.script) for sn in (A, B)}
        self.lines: list[str] = []
        self.up: list[tuple[float, str, bytes]] = []
        self.down: list[tuple[float, str, bytes]] = []
        self.sent = 0

    @property
    def unix_ms(self) -> int:
        return 1_700_000_000_000 + round(self.now_s * 1000)

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / STEP_S)):
            self.step()

    def until(self, condition: object, seconds: float = 120.0, what: str = "condition") -> None:
        assert callable(condition)
        for _ in range(round(seconds / STEP_S)):
            if condition():
                return
            self.step()
        raise AssertionError(f"{what} did not come in {seconds} s: {self.lines[-5:]}")

    def step(self) -> None:
        self.now_s += STEP_S
        for dock in self.docks.values():
            dock.tick(self.now_s, self.unix_ms)
            for topic, message in dock.take():
                self._post(self.up, topic, json.dumps(message).encode())
        for topic, payload in self._due("up"):
            self.cloud.receive(topic, payload, self.now_s, self.unix_ms)
        self.cloud.tick(self.now_s, self.unix_ms)
        for out in self.cloud.take():
            self._post(self.down, out.topic, out.payload)
        for topic, payload in self._due("down"):
            self.docks[topic.split("/")[2]].receive(topic, json.loads(payload), self.now_s, self.unix_ms)
        self.lines += [notice.text for notice in self.cloud.notices]
        self.cloud.notices.clear()

    def fly(self, sn: str = A, conditional: bool = False, flight_id: str = "flight-1") -> Task:
        kmz = to_kmz_of(FLIGHT)
        url = f"http://files.test/wayline/token/{flight_id}.kmz"
        self.files[url] = kmz
        resource = Resource(url, md5(kmz))
        task = Task(flight_id, sn, conditional=conditional)
        data = prepare_data(flight_id, url, resource.fingerprint, FLIGHT, FlyOrder())
        self.cloud.docks[sn].prepare(task, resource, data)
        return task

    def order(self, method: str, follow: object, data: object = None, sn: str = A) -> list[Answer]:
        answers: list[Answer] = []

        def done(answer: Answer) -> None:
            assert callable(follow)
            follow(answer)
            answers.append(answer)

        self.cloud.docks[sn].ask(method, data or {}, done)
        return answers

    def _post(self, line: list[tuple[float, str, bytes]], topic: str, payload: bytes) -> None:
        if self.cut or self.rng.random() < self.loss:
            return
        for _ in range(2 if self.rng.random() < self.twice else 1):
            wait = self.rng.uniform(0.1, 3.0) if self.rng.random() < self.late else 0.0
            line.append((self.now_s + wait, topic, payload))
            self.sent += 1

    def _due(self, name: str) -> list[tuple[str, bytes]]:
        line: list[tuple[float, str, bytes]] = getattr(self, name)
        setattr(self, name, [row for row in line if row[0] > self.now_s])
        return [(topic, payload) for at_s, topic, payload in line if at_s <= self.now_s]


def to_kmz_of(flight: Flight) -> bytes:
    from drone.mission.plan import Plan

    return to_kmz(Plan(FENCE, (flight,)))[0]


def md5(content: bytes) -> str:
    import hashlib

    return hashlib.md5(content, usedforsecurity=False).hexdigest()
