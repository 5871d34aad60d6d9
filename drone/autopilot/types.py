"""What the rooms around the autopilot speak of: mission items, where things are addressed, events and their words."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class MissionType(IntEnum):
    """Which of the autopilot's lists; values of MAV_MISSION_TYPE."""

    MISSION = 0
    FENCE = 1


@dataclass(frozen=True)
class MissionItem:
    """One item of a mission or a fence, as plain data with the fields of MISSION_ITEM_INT.

    x: latitude * 1e7, y: longitude * 1e7 (WGS-84), z: metres in the frame's sense of height. p1..p4 mean what the
    command says (https://mavlink.io/en/messages/common.html); NaN stands for "not given".
    """

    seq: int
    frame: int
    command: int
    current: int = 0
    autocontinue: int = 1
    p1: float = 0.0
    p2: float = 0.0
    p3: float = 0.0
    p4: float = 0.0
    x: int = 0
    y: int = 0
    z: float = 0.0


@dataclass(frozen=True)
class Address:
    """A MAVLink system and component."""

    system: int
    component: int


# The ground station: 255 is what ArduPilot's SYSID_MYGCS expects, 190 is MAV_COMP_ID_MISSIONPLANNER.
GROUND = Address(255, 190)


class Kind(StrEnum):
    """What an event is about; one word for people's filters and for the table of words."""

    LINK_UP = "link_up"
    LINK_LOST = "link_lost"
    LINK_BACK = "link_back"
    REBOOTED = "rebooted"
    LOOP_STALLED = "loop_stalled"
    MODE = "mode"
    PILOT = "pilot"
    FAILSAFE = "failsafe"
    ARMED = "armed"
    DISARMED = "disarmed"
    TEXT = "text"
    BATTERY_RETURN = "battery_return"
    FENCE_BREACH = "fence_breach"
    FENCE_CLEAR = "fence_clear"
    WAYPOINT = "waypoint"
    AGAIN = "again"
    VERIFIED = "verified"
    DROPPED_FIELD = "dropped_field"
    PARAMETER = "parameter"
    PARAMETER_MISSING = "parameter_missing"
    NOT_READY = "not_ready"
    TAKE_OFF = "take_off"
    FLYING = "flying"
    PAUSED = "paused"
    SECOND_LOOK = "second_look"
    RETURNING = "returning"
    LANDED = "landed"
    DONE = "done"
    REFUSED = "refused"


@dataclass(frozen=True)
class Event:
    """Something that people or logs want to know, at the loop's time in seconds. detail: numbers and names."""

    kind: Kind
    at_s: float
    detail: str = ""


class Why(StrEnum):
    """Why something was refused; `words` says each in Chinese and English, with what to do."""

    NO_LINK = "no_link"
    NOT_COPTER = "not_copter"
    LINK_LOST = "link_lost"
    UPLOAD_SILENT = "upload_silent"
    UPLOAD_REFUSED = "upload_refused"
    DOWNLOAD_SILENT = "download_silent"
    DOWNLOAD_REFUSED = "download_refused"
    DIFFERS = "differs"
    COMMAND_REFUSED = "command_refused"
    COMMAND_SILENT = "command_silent"
    PARAMETER_REFUSED = "parameter_refused"
    NOT_READY = "not_ready"
    ALREADY_ARMED = "already_armed"
    MODE_NOT_TAKEN = "mode_not_taken"
    NOT_ARMED = "not_armed"
    DISARMED_HIGH = "disarmed_high"
    REBOOTED = "rebooted"
    NO_TAKEOFF_ITEM = "no_takeoff_item"
    STOPPED = "stopped"
    LEFT = "left"


@dataclass(frozen=True)
class Refusal:
    """The end of an attempt that did not work: why, and the numbers and names that belong to it."""

    why: Why
    detail: str = ""
