"""A second look at a place in the middle of a mission: GUIDED to a viewpoint, camera on the place, back to where the
mission was left. Pure machine inside `Air`, which watches the pilot's hand, the battery and the link meanwhile.

Not a change of the mission: an upload is not atomic, and a half one would be flown. ArduCopter goes on with the item it
was at when AUTO comes back (MIS_RESTART 0, its default).
"""

import math
from dataclasses import dataclass

from drone.autopilot.commands import Command, command
from drone.autopilot.modes import GUIDED, IN_MISSION, set_mode
from drone.autopilot.vehicle import State
from drone.autopilot.wire import mav

ARRIVED_M = 1.5
MODE_WAIT_S = 5.0
LEG_SLACK_S = 15.0
SPEED_MPS_MIN = 1.0
M_PER_E7 = 111_320.0 / 1e7
TARGETING = 2.0  # MAV_MOUNT_MODE_MAVLINK_TARGETING


@dataclass(frozen=True)
class Aim:
    """view: latitude, longitude in 1e-7 degrees and metres above home, of where to look from; target: of the place on
    the ground; hold_s: how long; pitch_deg: the camera's in the mission, to be set again after it."""

    view: tuple[int, int, float]
    target: tuple[int, int]
    hold_s: float
    pitch_deg: float


class Detour:
    """Over when `done`; `looked` says whether the viewpoint was reached and the time of looking was spent there."""

    def __init__(self, aim: Aim, state: State, now_s: float) -> None:
        self.aim = aim
        self.done = False
        self.looked = False
        self._left = (round((state.lat or 0.0) * 1e7), round((state.lon or 0.0) * 1e7), state.alt_home_m or 0.0)
        self._stage = "guided"
        self._since_s = now_s
        self._leg_s = distance_m(self._left[:2], aim.view[:2]) / SPEED_MPS_MIN + LEG_SLACK_S
        self._guided = False

    def begin(self) -> list[Command]:
        """What to ask first."""
        return [set_mode(GUIDED)]

    @property
    def turned_back(self) -> bool:
        """It was in GUIDED and somebody has put it back into the mission."""
        return self._guided and self._stage == "overtaken"

    def tick(self, state: State, now_s: float, idle: bool) -> list[Command]:
        """What to ask now. idle: nothing of ours is under way."""
        if self.done:
            return []
        if state.mode == GUIDED:
            self._guided = True
        elif self._guided and state.mode in IN_MISSION:
            self._stage, self.done = "overtaken", True
            return []
        waited = now_s - self._since_s
        if waited > (MODE_WAIT_S if self._stage == "guided" else self._leg_s + self.aim.hold_s):
            return self.abandon()
        if self._stage == "guided":
            return self._go("out", now_s, [reposition(self.aim.view), look_at(self.aim.target)]) if self._guided else []
        if self._stage == "out":
            return self._go("look", now_s, []) if self._at(state, self.aim.view) and idle else []
        if self._stage == "look":
            if waited < self.aim.hold_s:
                return []
            self.looked = True
            return self._go("back", now_s, [*look_away(self.aim.pitch_deg), reposition(self._left)])
        if self._at(state, self._left) and idle:
            self.done = True
        return []

    def abandon(self) -> list[Command]:
        """No further: camera as the mission wants it, and on with the mission."""
        self.done = True
        return look_away(self.aim.pitch_deg)

    def _go(self, stage: str, now_s: float, commands: list[Command]) -> list[Command]:
        self._stage, self._since_s = stage, now_s
        return commands

    def _at(self, state: State, place: tuple[int, int, float]) -> bool:
        if state.lat is None or state.lon is None:
            return False
        off = distance_m((round(state.lat * 1e7), round(state.lon * 1e7)), place[:2])
        return off <= ARRIVED_M and abs((state.alt_home_m or 0.0) - place[2]) <= ARRIVED_M


def distance_m(a: tuple[int, int], b: tuple[int, int]) -> float:
    """Metres between places near each other, in 1e-7 degrees."""
    shrink = math.cos(math.radians(a[0] / 1e7))
    return math.hypot((a[0] - b[0]) * M_PER_E7, (a[1] - b[1]) * M_PER_E7 * shrink)


def reposition(place: tuple[int, int, float]) -> Command:
    """Fly there in GUIDED, heading as it is; height above home."""
    p = (-1.0, 0.0, 0.0, math.nan, float(place[0]), float(place[1]), place[2])
    return Command(mav.MAV_CMD_DO_REPOSITION, p, "DO_REPOSITION", as_int=True)


def look_at(target: tuple[int, int]) -> Command:
    """Camera (and nose) towards a place on the ground, at home's height."""
    p = (0.0, 0.0, 0.0, 0.0, float(target[0]), float(target[1]), 0.0)
    return Command(mav.MAV_CMD_DO_SET_ROI_LOCATION, p, "DO_SET_ROI_LOCATION", as_int=True)


def look_away(pitch_deg: float) -> list[Command]:
    """Camera as a mission sets it."""
    none = command(mav.MAV_CMD_DO_SET_ROI_NONE)
    return [none, command(mav.MAV_CMD_DO_MOUNT_CONTROL, pitch_deg, 0, 0, 0, 0, 0, TARGETING)]
