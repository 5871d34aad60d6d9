"""A simulated ArduCopter for tests: messages and times in, messages out. It behaves like ArduCopter 4.6 where that
differs from the book (measured in simulation, see the recording sitl_patrol_rx.tlog): mission protocol in `store`,
return about 5 s after the ground station falls silent only with FS_GCS_ENABLE=1, CAMERA_FEEDBACK with the vehicle's
attitude, no arming before the pre-arm checks pass nor in AUTO, streams only when asked for, home at seq 0."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from shapely.geometry import Point, Polygon

from drone.autopilot.camera import quaternion
from drone.autopilot.modes import AUTO, BRAKE, GUIDED, IN_MISSION, LAND, RTL
from drone.autopilot.types import Address, MissionItem, MissionType
from drone.autopilot.wire import Message, addressed_to, mav, source, text
from drone.sim.flightmath import Body, to_degrees, to_metres
from drone.sim.store import Store

OWN = Address(1, 1)
HOME = (312_304_000, 1_214_737_000)  # the recording's own field
HOME_MSL_M = 4.09
GCS_SILENT_S = 5.0
AUTO_DISARM_S = 10.0
OK, REFUSED, DENIED, UNSUPPORTED, FAILED = 0, 1, 2, 3, 4


@dataclass
class Settings:
    """What a test wants of the vehicle."""

    fix_after_s: float = 3.0
    speed_mps: float = 10.0
    climb_mps: float = 3.0
    battery_percent: float = 100.0
    drain_per_s: float = 0.02
    camera_v2: bool = False
    progress_first: bool = False  # an IN_PROGRESS before each ACCEPTED of a take-off
    can_pause: bool = True
    arm_refusals: int = 0  # how often arming fails although the checks pass
    parameters: dict[str, float] = field(default_factory=lambda: {"FS_GCS_ENABLE": 0.0, "FENCE_ENABLE": 0.0})
    home: tuple[int, int] = HOME
    gps_error_m: tuple[float, float, float] = (0.0, 0.0, 0.0)  # east, north, up: what it says less what is true
    yaw_error_deg: float = 0.0


class SimCopter:
    """Ground truth is public, for tests to look at: mode, armed, body, stores, log of texts."""

    def __init__(self, settings: Settings | None = None, now_s: float = 0.0) -> None:
        self.settings = settings or Settings()
        self.stores = {kind: Store(kind) for kind in MissionType}
        self.parameters = dict(self.settings.parameters)
        self.body = Body()
        self.battery = self.settings.battery_percent
        self.pictures = 0
        self.flown: list[tuple[float, float, float]] = []
        self.mode_log: list[tuple[float, int, str]] = []
        self.commands_log: list[tuple[float, int]] = []
        self.gimbal_deg = (-60.0, 0.0)
        self._start(now_s)

    def _start(self, now_s: float) -> None:
        self._boot_s = now_s - 1.0
        self._now_s = now_s
        self.mode, self.armed, self.paused, self.breached = 0, False, False, False
        self.seq, self._trigger_m, self._shot_at = 0, 0.0, (0.0, 0.0)
        self._target_up: float | None = None
        self._target: tuple[float, float] | None = None
        self._roi: tuple[float, float] | None = None
        self._arrived_s: float | None = None
        self._armed_s = 0.0
        self._gcs_s: float | None = None
        self._intervals: dict[int, float] = {}
        self._due: dict[int, float] = {}
        self._out: list[Message] = []
        self._failsafe = False
        self._complained_s = -60.0

    # What tests do to it.

    def reboot(self, now_s: float, *, keeps_flying: bool = False) -> None:
        """Power lost and back. keeps_flying: ArduPilot's watchdog restores mode and arming."""
        before = (self.mode, self.armed, self.seq)
        for store in self.stores.values():
            store.reboot()
        self._start(now_s)
        if keeps_flying:
            self.mode, self.armed, self.seq = before

    def pilot(self, mode: int) -> None:
        """Somebody moves the switch of the remote control."""
        self._set_mode(mode, "pilot")

    # The line.

    def receive(self, m: Message, now_s: float) -> list[Message]:
        """One message from a ground station; the answers."""
        self._now_s = now_s
        if not addressed_to(m, OWN):
            return []
        name = m.get_type()
        if name == "HEARTBEAT" and m.get_srcSystem() == 255:
            self._gcs_s = now_s
            self._failsafe = False
        elif name.startswith("MISSION_"):
            self._mission(m)
        elif name == "TIMESYNC" and m.tc1 == 0:
            self._say(mav.MAVLink_timesync_message(int(self.boot_s * 1e9), m.ts1))
        elif name in ("COMMAND_LONG", "COMMAND_INT"):
            self._command(m)
        elif name == "PARAM_SET" and text(m.param_id) in self.parameters:
            self.parameters[text(m.param_id)] = m.param_value
            self._parameter(text(m.param_id))
        elif name == "PARAM_REQUEST_READ" and text(m.param_id) in self.parameters:
            self._parameter(text(m.param_id))
        elif name == "GIMBAL_MANAGER_SET_PITCHYAW":
            self.gimbal_deg = (math.degrees(m.pitch), math.degrees(m.yaw))
        return self._drain()

    def tick(self, now_s: float) -> list[Message]:
        """One step of its world."""
        dt_s, self._now_s = now_s - self._now_s, now_s
        for store in self.stores.values():
            self._out += store.tick(now_s)
        self._watch()
        self._fly(dt_s)
        self._streams()
        return self._drain()

    @property
    def boot_s(self) -> float:
        return self._now_s - self._boot_s

    @property
    def ready(self) -> bool:
        """The pre-arm checks: a fix, and no ground station lost when that is watched."""
        silent = self._gcs_s is not None and self._now_s - self._gcs_s > GCS_SILENT_S
        return self.boot_s >= self.settings.fix_after_s and not (silent and self.parameters["FS_GCS_ENABLE"])

    @property
    def last_seq(self) -> int:
        return len(self.stores[MissionType.MISSION].items) - 1

    def _mission(self, m: Message) -> None:
        store = self.stores.get(m.mission_type)
        if store is None:
            return
        if store.items and store.kind is MissionType.MISSION:  # its own home, whatever was sent
            store.items[0] = MissionItem(0, 0, 16, 0, 1, x=self.settings.home[0], y=self.settings.home[1], z=HOME_MSL_M)
        self._out += store.receive(m, self._now_s)

    def _parameter(self, name: str) -> None:
        value = self.parameters[name]
        self._say(mav.MAVLink_param_value_message(name.encode(), value, mav.MAV_PARAM_TYPE_REAL32, 1387, 65535))

    # Commands.

    def _command(self, m: Message) -> None:
        self.commands_log.append((self._now_s, m.command))
        answers: dict[int, Callable[[Message], int]] = {
            mav.MAV_CMD_SET_MESSAGE_INTERVAL: self._interval,
            mav.MAV_CMD_DO_SET_MODE: self._mode_asked,
            mav.MAV_CMD_COMPONENT_ARM_DISARM: self._arm_asked,
            mav.MAV_CMD_NAV_TAKEOFF: self._takeoff_asked,
            mav.MAV_CMD_DO_PAUSE_CONTINUE: self._pause_asked,
            mav.MAV_CMD_DO_SET_MISSION_CURRENT: self._current_asked,
            mav.MAV_CMD_DO_GIMBAL_MANAGER_PITCHYAW: self._gimbal_asked,
            mav.MAV_CMD_DO_GIMBAL_MANAGER_CONFIGURE: lambda _m: OK,
            mav.MAV_CMD_IMAGE_START_CAPTURE: self._picture_asked,
            mav.MAV_CMD_DO_REPOSITION: self._reposition_asked,
            mav.MAV_CMD_DO_SET_ROI_LOCATION: self._roi_asked,
            mav.MAV_CMD_DO_SET_ROI_NONE: self._roi_asked,
            mav.MAV_CMD_DO_MOUNT_CONTROL: self._mount_asked,
        }
        answer = answers.get(m.command)
        result = answer(m) if answer is not None else UNSUPPORTED
        gcs = source(m)
        if self.settings.progress_first and m.command == mav.MAV_CMD_NAV_TAKEOFF:
            self._say(mav.MAVLink_command_ack_message(m.command, 5, 50, 0, gcs.system, gcs.component))
        self._say(mav.MAVLink_command_ack_message(m.command, result, 0, 0, gcs.system, gcs.component))

    def _interval(self, m: Message) -> int:
        self._intervals[int(m.param1)] = m.param2 / 1e6
        return OK

    def _mode_asked(self, m: Message) -> int:
        mode = int(m.param2)
        if mode == AUTO and self.last_seq < 1:
            return FAILED
        self._set_mode(mode, "gcs")
        return OK

    def _arm_asked(self, m: Message) -> int:
        if not m.param1:
            if self.body.up > 0.2:
                return FAILED
            self._disarm()
            return OK
        if not self.ready or self.mode in (AUTO, RTL, LAND):
            self._complain("Arm: GPS 1: Bad fix" if not self.ready else "Arm: Mode not armable")
            return FAILED
        if self.settings.arm_refusals > 0:
            self.settings.arm_refusals -= 1
            self._complain("Arm: Need Position Estimate")
            return FAILED
        if not self.armed:
            self.armed, self._armed_s = True, self._now_s
        return OK

    def _takeoff_asked(self, m: Message) -> int:
        if self.mode != GUIDED or not self.armed:
            return FAILED
        self._target_up = m.param7
        return OK

    def _pause_asked(self, m: Message) -> int:
        if self.mode not in IN_MISSION or not self.settings.can_pause:
            return FAILED
        self.paused = m.param1 == 0
        return OK

    def _current_asked(self, m: Message) -> int:
        if not 0 <= m.param1 <= self.last_seq:
            return DENIED
        self.seq = max(1, int(m.param1))
        return OK

    def _gimbal_asked(self, m: Message) -> int:
        self.gimbal_deg = (m.param1, m.param2)
        return OK

    def _reposition_asked(self, m: Message) -> int:
        """DENIED outside GUIDED without the flag that changes the mode; COMMAND_INT alone carries the place."""
        if self.mode != GUIDED or not self.armed:
            return DENIED
        if m.get_type() != "COMMAND_INT":
            return UNSUPPORTED
        self._target, self._target_up = to_metres(m.x, m.y, self.settings.home), m.z
        return OK

    def _roi_asked(self, m: Message) -> int:
        named = m.command == mav.MAV_CMD_DO_SET_ROI_LOCATION
        if named and m.get_type() != "COMMAND_INT":
            return UNSUPPORTED
        self._roi = to_metres(m.x, m.y, self.settings.home) if named else None
        return OK

    def _mount_asked(self, m: Message) -> int:
        self.gimbal_deg = (m.param1, m.param3)
        return OK

    def _picture_asked(self, m: Message) -> int:
        self._picture()
        return OK

    # Its world.

    def _watch(self) -> None:
        silent = self._gcs_s is not None and self._now_s - self._gcs_s > GCS_SILENT_S
        if silent and not self._failsafe and self.parameters["FS_GCS_ENABLE"]:
            self._failsafe = True
            self._complain("GCS Failsafe", 4)
            if self.armed and self.mode != RTL:
                self._set_mode(RTL, "gcs failsafe")
        if not self.armed and not self.ready and self._now_s - self._complained_s > 10.0:
            self._complained_s = self._now_s
            self._complain("PreArm: GPS 1: Bad fix", 2)
        if self.armed and self.parameters["FENCE_ENABLE"] and not self._inside():
            if not self.breached and self.mode not in (RTL, LAND):
                self._complain("Fence Breached", 4)
                self._set_mode(RTL, "fence")
            self.breached = True
        else:
            self.breached = False

    def _inside(self) -> bool:
        items = self.stores[MissionType.FENCE].items
        corners = [to_metres(i.x, i.y, self.settings.home) for i in items if i.command == 5001]
        return len(corners) < 3 or bool(Polygon(corners).contains(Point(self.body.east, self.body.north)))

    def _fly(self, dt_s: float) -> None:
        if not self.armed or dt_s <= 0:
            return
        self.battery -= self.settings.drain_per_s * dt_s
        self.flown.append((self.body.east, self.body.north, self.body.up))
        if self.mode == GUIDED:
            self._guided(dt_s)
        elif self.mode in IN_MISSION and not self.paused:
            self._auto(dt_s)
        elif self.mode in (RTL, LAND):
            self._home(dt_s)
        self._look()
        self._trigger()

    def _look(self) -> None:
        """With a region of interest nose and camera are kept on it (AUTO_YAW_ROI)."""
        if self._roi is None or self.mode not in (*IN_MISSION, GUIDED):
            return
        east, north = self._roi[0] - self.body.east, self._roi[1] - self.body.north
        self.body.yaw_deg = math.degrees(math.atan2(east, north)) % 360
        self.gimbal_deg = (-math.degrees(math.atan2(self.body.up, math.hypot(east, north))), 0.0)

    def _guided(self, dt_s: float) -> None:
        if self._target_up is not None:
            east, north = self._target or (self.body.east, self.body.north)
            self._go(east, north, self._target_up, dt_s)
        elif self.body.up < 0.1 and self._now_s - self._armed_s > AUTO_DISARM_S:
            self._disarm()

    def _auto(self, dt_s: float) -> None:
        items = self.stores[MissionType.MISSION].items
        while self.seq <= self.last_seq:
            item = items[self.seq]
            if item.command == mav.MAV_CMD_DO_SET_CAM_TRIGG_DIST:
                self._trigger_m, self._shot_at = item.p1, (self.body.east, self.body.north)
            elif item.command == mav.MAV_CMD_NAV_RETURN_TO_LAUNCH:
                self._home(dt_s)
                return
            elif item.command == mav.MAV_CMD_DO_MOUNT_CONTROL:
                self.gimbal_deg = (item.p1, item.p3)
            elif item.command == mav.MAV_CMD_DO_SET_ROI_LOCATION:
                self._roi = to_metres(item.x, item.y, self.settings.home)
            elif item.command == mav.MAV_CMD_DO_SET_ROI_NONE:
                self._roi = None
            elif item.command < mav.MAV_CMD_NAV_LAST:
                if self._fly_to(item, dt_s) and self._held(item):
                    self._say(mav.MAVLink_mission_item_reached_message(self.seq))
                    self.seq += 1
                return
            self.seq += 1

    def _fly_to(self, item: MissionItem, dt_s: float) -> bool:
        if item.command == mav.MAV_CMD_NAV_TAKEOFF or (item.x, item.y) == (0, 0):
            return self._go(self.body.east, self.body.north, max(item.z, self.body.up), dt_s)
        east, north = to_metres(item.x, item.y, self.settings.home)
        return self._go(east, north, item.z if item.frame == 3 else item.z - HOME_MSL_M, dt_s)

    def _held(self, item: MissionItem) -> bool:
        """Whether a waypoint's time (parameter 1) has been spent there."""
        self._arrived_s = self._arrived_s if self._arrived_s is not None else self._now_s
        if item.command == mav.MAV_CMD_NAV_WAYPOINT and self._now_s - self._arrived_s < item.p1:
            return False
        self._arrived_s = None
        return True

    def _home(self, dt_s: float) -> None:
        away = math.hypot(self.body.east, self.body.north) > 0.5
        up = self.body.up if away and self.mode != LAND else 0.0
        goal = (self.body.east, self.body.north) if self.mode == LAND else (0.0, 0.0)
        if self._go(*goal, up, dt_s) and up == 0.0 and self.body.up <= 0.01:
            if self.mode in IN_MISSION:
                self._say(mav.MAVLink_mission_item_reached_message(self.seq))
            self._disarm()

    def _go(self, east: float, north: float, up: float, dt_s: float) -> bool:
        return self.body.toward(east, north, up, self.settings.speed_mps, self.settings.climb_mps, dt_s)

    def _trigger(self) -> None:
        moved = math.hypot(self.body.east - self._shot_at[0], self.body.north - self._shot_at[1])
        if self._trigger_m > 0 and self.mode in IN_MISSION and moved >= self._trigger_m:
            self._shot_at = (self.body.east, self.body.north)
            self._picture()

    def _picture(self) -> None:
        self.pictures += 1
        lat, lon = to_degrees(self.body.east, self.body.north, self.settings.home)
        up, usec = self.body.up, int((1_795_394_000 + self._now_s) * 1e6)
        if self.settings.camera_v2:
            q = quaternion(0.0, self.gimbal_deg[0], self.body.yaw_deg)
            heights = (int((HOME_MSL_M + up) * 1e3), int(up * 1e3))
            place = (lat, lon, *heights, q, self.pictures - 1, 1, b"")
            self._say(mav.MAVLink_camera_image_captured_message(int(self.boot_s * 1e3), usec, 0, *place))
        attitude = (0.0, self._pitch_deg, self.body.yaw_deg)  # the vehicle's, not the camera's
        place2 = (lat, lon, HOME_MSL_M + up, up, *attitude, 0.0, 0, self.pictures)
        self._say(mav.MAVLink_camera_feedback_message(usec, 0, 0, self.pictures, *place2))

    @property
    def _said_yaw_deg(self) -> float:
        return (self.body.yaw_deg + self.settings.yaw_error_deg) % 360

    @property
    def _pitch_deg(self) -> float:
        return -20.0 if self.body.moving and self.armed else 0.0

    def _set_mode(self, mode: int, by: str) -> None:
        if mode == BRAKE or mode != self.mode:
            self.paused = False
        self.mode = mode
        self._target_up = None if mode != GUIDED else self._target_up
        self._target = None if mode != GUIDED else self._target
        self.mode_log.append((self._now_s, mode, by))

    def _disarm(self) -> None:
        self.armed, self._target_up, self._trigger_m = False, None, 0.0

    # What it says.

    def _streams(self) -> None:
        self._every(0, 1.0, self._heartbeat)
        makers: dict[int, Callable[[], Message]] = {
            mav.MAVLINK_MSG_ID_SYS_STATUS: self._sys_status,
            mav.MAVLINK_MSG_ID_GLOBAL_POSITION_INT: self._position,
            mav.MAVLINK_MSG_ID_ATTITUDE: self._attitude,
            mav.MAVLINK_MSG_ID_GIMBAL_DEVICE_ATTITUDE_STATUS: self._gimbal,
            mav.MAVLINK_MSG_ID_MISSION_CURRENT: self._mission_current,
            mav.MAVLINK_MSG_ID_FENCE_STATUS: self._fence_status,
            mav.MAVLINK_MSG_ID_EXTENDED_SYS_STATE: self._extended,
        }
        for message_id, maker in makers.items():
            if self._intervals.get(message_id, 0.0) > 0:
                self._every(message_id, self._intervals[message_id], maker)

    def _every(self, key: int, period_s: float, maker: Callable[[], Message]) -> None:
        if self._now_s >= self._due.get(key, 0.0):
            self._due[key] = self._now_s + period_s
            self._say(maker())

    def _heartbeat(self) -> Message:
        base = 81 | (mav.MAV_MODE_FLAG_SAFETY_ARMED if self.armed else 0)
        status = 5 if self._failsafe else (4 if self.body.up > 0.1 else 3)
        return mav.MAVLink_heartbeat_message(2, 3, base, self.mode, status, 3)

    def _sys_status(self) -> Message:
        health = mav.MAV_SYS_STATUS_PREARM_CHECK if self.ready else 0
        bits = mav.MAV_SYS_STATUS_PREARM_CHECK
        return mav.MAVLink_sys_status_message(bits, bits, health, 0, 12600, 0, int(self.battery), 0, 0, 0, 0, 0, 0)

    def _position(self) -> Message:
        known = self.boot_s >= self.settings.fix_after_s
        off_east, off_north, off_up = self.settings.gps_error_m
        where = (self.body.east + off_east, self.body.north + off_north)
        lat, lon = to_degrees(*where, self.settings.home) if known else (0, 0)
        up = self.body.up + off_up
        heights = (int((HOME_MSL_M + up) * 1e3), int(up * 1e3))
        heading = int(self._said_yaw_deg * 100)
        return mav.MAVLink_global_position_int_message(int(self.boot_s * 1e3), lat, lon, *heights, 0, 0, 0, heading)

    def _attitude(self) -> Message:
        yaw = math.radians((self._said_yaw_deg + 180) % 360 - 180)
        return mav.MAVLink_attitude_message(int(self.boot_s * 1e3), 0.0, math.radians(self._pitch_deg), yaw, 0, 0, 0)

    def _gimbal(self) -> Message:
        q = quaternion(0.0, self.gimbal_deg[0], self.gimbal_deg[1])
        nan = math.nan
        return mav.MAVLink_gimbal_device_attitude_status_message(
            0, 0, int(self.boot_s * 1e3), 44, q, nan, nan, nan, 0, nan, nan, 1
        )

    def _mission_current(self) -> Message:
        complete = self.seq > self.last_seq >= 1
        state = mav.MISSION_STATE_COMPLETE if complete else mav.MISSION_STATE_ACTIVE
        return mav.MAVLink_mission_current_message(min(self.seq, max(0, self.last_seq)), max(0, self.last_seq), state)

    def _fence_status(self) -> Message:
        return mav.MAVLink_fence_status_message(int(self.breached), 0, mav.FENCE_BREACH_BOUNDARY, 0)

    def _extended(self) -> Message:
        landed = mav.MAV_LANDED_STATE_IN_AIR if self.body.up > 0.1 else mav.MAV_LANDED_STATE_ON_GROUND
        return mav.MAVLink_extended_sys_state_message(0, landed)

    def _complain(self, words: str, severity: int = 2) -> None:
        self._say(mav.MAVLink_statustext_message(severity, words.encode()))

    def _say(self, message: Message) -> None:
        self._out.append(message)

    def _drain(self) -> list[Message]:
        said, self._out = self._out, []
        return said
