"""Planned drone missions at the centre: plan files that `zhuomu drone plan` wrote, and the docks that may fly them.

A mission is a file. It is flown by whoever stands beside the drone (`zhuomu drone fly`), or from here where a dock's
service (`zhuomu drone dock run`) answers on this machine. What refuses a flight is the same preflight as everywhere.
"""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from drone.dji.control import ControlError, Order, ask
from drone.mission.errors import PlanError
from drone.mission.plan import Plan, pictures_of
from drone.mission.preflight import Conditions, Finding, Permission, preflight, times_s
from edge.evidence.files import write_whole
from edge.link.settings import SettingsError
from gateway.times import Clock

NAME = re.compile(r"[\w-]{1,60}")
BYTES_MAX = 5_000_000
MISSIONS_MAX = 200


class NotMission(ValueError):
    """What was asked for cannot be done; `str()` is for the page."""


class DroneSettings(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`[drones]`. `docks`: data folder of the dock service on this machine; "" nothing is flown from the desk.
    `permission`: the approval to fly (JSON, as `zhuomu drone plan --permission` takes it); `remote_id`: aircraft report
    themselves as the law wants."""

    docks: str = ""
    permission: str = ""
    remote_id: bool = False


class Mission(msgspec.Struct, frozen=True):
    """One plan file, looked at now. `minutes`: of each flight."""

    name: str
    at: datetime
    plan: Plan
    minutes: tuple[float, ...]
    pictures: int
    findings: tuple[Finding, ...]

    @property
    def may_fly(self) -> bool:
        """No check refuses."""
        return all(finding.ok for finding in self.findings)


class Missions:
    """The folder of plan files. Safe from several threads: each file is written whole."""

    def __init__(self, folder: Path, settings: DroneSettings, clock: Clock) -> None:
        self._folder = folder
        self._settings = settings
        self._clock = clock
        self._permission = _permission(settings.permission)

    @property
    def docks_here(self) -> bool:
        """Whether a dock service is named at all."""
        return bool(self._settings.docks)

    def add(self, name: str, data: bytes) -> None:
        """Take a plan.json in. Raises NotMission, OSError."""
        stem = name.removesuffix(".json").removesuffix(".plan")
        if not NAME.fullmatch(stem):
            raise NotMission("名称只用字母、数字、- 和 _ a name has letters, digits, - and _, at most 60")
        if len(data) > BYTES_MAX:
            raise NotMission(f"文件过大 over {BYTES_MAX} bytes")
        self._seen(stem, self._clock(), data)
        self._folder.mkdir(parents=True, exist_ok=True)
        if len(self._files()) >= MISSIONS_MAX and not self._path(stem).exists():
            raise NotMission(
                f"已有 {MISSIONS_MAX} 个任务，先删除旧的 {MISSIONS_MAX} missions are here; delete old ones"
            )
        write_whole(self._path(stem), data)

    def remove(self, name: str) -> None:
        """A mission goes; one that is gone is no matter."""
        if NAME.fullmatch(name):
            self._path(name).unlink(missing_ok=True)

    def listed(self) -> list[Mission]:
        """Newest first, each looked at anew; a file that has become unreadable is left out."""
        found = []
        for path in self._files():
            try:
                at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
                found.append(self._seen(path.stem, at, path.read_bytes()))
            except (NotMission, OSError):
                continue
        return sorted(found, key=lambda one: one.at, reverse=True)

    def docks(self) -> list[dict[str, Any]]:
        """What the dock service says of its docks; none when no service is named. Raises NotMission."""
        if not self.docks_here:
            return []
        try:
            return list(ask(Path(self._settings.docks), Order("list")).get("docks", []))
        except ControlError as error:
            raise NotMission(f"机场服务未应答 {error}") from error

    def fly(self, name: str, number: int, sn: str) -> str:
        """Start flight `number` (from 0) at a dock; returns the flight's id. Raises NotMission: preflight refuses, or
        the service does."""
        mission = next((one for one in self.listed() if one.name == name), None)
        if mission is None or not 0 <= number < len(mission.plan.flights):
            raise NotMission("没有此任务 no such mission or flight")
        if not mission.may_fly:
            raise NotMission("；".join(f"{one.zh} {one.en}" for one in mission.findings if not one.ok))
        order = Order("fly", sn, flight=mission.plan.flights[number], fence=mission.plan.fence)
        try:
            return str(ask(Path(self._settings.docks), order)["flight_id"])
        except ControlError as error:
            raise NotMission(str(error)) from error

    def _seen(self, name: str, at: datetime, data: bytes) -> Mission:
        on = Conditions(self._clock(), permission=self._permission, remote_id=self._settings.remote_id)
        try:
            plan = msgspec.json.decode(data, type=Plan)
            findings = preflight(plan, on)
            minutes = tuple(seconds / 60 for seconds in times_s(plan, on))
        except (msgspec.MsgspecError, PlanError) as error:
            words = "不是任务文件 no plan; give the plan.json that `zhuomu drone plan --out` wrote"
            raise NotMission(f"{words}: {error}") from error
        return Mission(name, at, plan, minutes, sum(map(pictures_of, plan.flights)), findings)

    def _files(self) -> list[Path]:
        return [path for path in self._folder.glob("*.json") if NAME.fullmatch(path.stem)]

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"


def _permission(name: str) -> Permission | None:
    if not name:
        return None
    try:
        return msgspec.json.decode(Path(name).read_bytes(), type=Permission)
    except (OSError, msgspec.MsgspecError) as error:
        raise SettingsError(f"[drones] permission = '{name}': cannot be read ({error})") from None
