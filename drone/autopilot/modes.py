"""ArduCopter's flight modes, as `custom_mode` in its heartbeat carries them."""

from drone.autopilot.commands import Command, command
from drone.autopilot.wire import mav

AUTO = mav.COPTER_MODE_AUTO
AUTO_RTL = mav.COPTER_MODE_AUTO_RTL  # AUTO while it flies a landing sequence
GUIDED = mav.COPTER_MODE_GUIDED
BRAKE = mav.COPTER_MODE_BRAKE
RTL = mav.COPTER_MODE_RTL
LAND = mav.COPTER_MODE_LAND
LOITER = mav.COPTER_MODE_LOITER
SMART_RTL = mav.COPTER_MODE_SMART_RTL

IN_MISSION = frozenset({AUTO, AUTO_RTL})
GOING_HOME = frozenset({RTL, SMART_RTL, LAND})

COPTERS = frozenset(
    {
        mav.MAV_TYPE_QUADROTOR,
        mav.MAV_TYPE_COAXIAL,
        mav.MAV_TYPE_HELICOPTER,
        mav.MAV_TYPE_TRICOPTER,
        mav.MAV_TYPE_HEXAROTOR,
        mav.MAV_TYPE_OCTOROTOR,
        mav.MAV_TYPE_DECAROTOR,
        mav.MAV_TYPE_DODECAROTOR,
    }
)


def mode_name(mode: int | None) -> str:
    """A mode's name as ArduPilot's documents have it."""
    entry = mav.enums["COPTER_MODE"].get(mode)
    return str(entry.name).removeprefix("COPTER_MODE_") if entry is not None else str(mode)


def set_mode(mode: int) -> Command:
    """DO_SET_MODE. That it was taken is read from the heartbeat."""
    return command(mav.MAV_CMD_DO_SET_MODE, mav.MAV_MODE_FLAG_CUSTOM_MODE_ENABLED, mode)
