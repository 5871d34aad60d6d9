"""What the autopilot says of itself: state out of its messages, and events when something changed. Pure machine."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from drone.autopilot.modes import mode_name
from drone.autopilot.types import Address, Event, Kind
from drone.autopilot.wire import Message, mav, source, text

LINK_LOST_S = 3.5  # heartbeats come at 1 Hz; three in a row may be lost
REBOOT_BACK_S = 5.0  # the clock since start jumped back by more than any packet is late
REBOOT_WITNESSES = 2
TEXTS_MAX = 50
PREARM = mav.MAV_SYS_STATUS_PREARM_CHECK
# The heartbeat's own component of an autopilot.


@dataclass
class State:
    """The last word on everything; None: not heard yet. Heights in metres, lat and lon in degrees (WGS-84)."""

    autopilot: int | None = None
    vehicle_type: int | None = None
    mode: int | None = None
    armed: bool | None = None
    critical: bool = False
    boot_s: float | None = None
    lat: float | None = None
    lon: float | None = None
    alt_msl_m: float | None = None
    alt_home_m: float | None = None
    heading_deg: float | None = None
    fix: int | None = None
    ready: bool | None = None  # the pre-arm checks pass
    battery_percent: int | None = None
    battery_v: float | None = None
    on_ground: bool | None = None
    seq: int | None = None
    reached: int | None = None
    complete: bool = False  # the mission's last item is done
    breached: bool = False
    texts: deque[tuple[float, int, str]] = field(default_factory=lambda: deque(maxlen=TEXTS_MAX))


class Vehicle:
    """One vehicle, found by its heartbeat. wanted: its system id, or None for the first autopilot that is heard."""

    def __init__(self, wanted: int | None = None) -> None:
        self.address: Address | None = None
        self.state = State()
        self.linked = False
        self.lost_since_s = 0.0
        self._wanted = wanted
        self._heard_s: float | None = None
        self._back = 0
        self._events: list[Event] = []
        self._handlers: dict[str, Callable[[Message, float], None]] = {
            "HEARTBEAT": self._heartbeat,
            "SYS_STATUS": self._sys_status,
            "BATTERY_STATUS": self._battery,
            "GLOBAL_POSITION_INT": self._position,
            "GPS_RAW_INT": self._gps,
            "EXTENDED_SYS_STATE": self._landed,
            "MISSION_CURRENT": self._current,
            "MISSION_ITEM_REACHED": self._reached,
            "FENCE_STATUS": self._fence,
            "STATUSTEXT": self._text,
        }

    def receive(self, message: Message, now_s: float) -> list[Event]:
        """A message from the line; what changed."""
        if self.address is None and not self._found(message):
            return []
        if source(message) != self.address:
            return []
        self._clock_in(message, now_s)
        handler = self._handlers.get(message.get_type())
        if handler is not None:
            handler(message, now_s)
        return self._drain()

    def tick(self, now_s: float) -> list[Event]:
        """Silence is noticed here."""
        if self.linked and self._heard_s is not None and now_s - self._heard_s > LINK_LOST_S:
            self.linked = False
            self.lost_since_s = self._heard_s
            self._say(Kind.LINK_LOST, now_s, f"{now_s - self._heard_s:.1f} s")
        return self._drain()

    def reasons(self, since_s: float) -> str:
        """What the autopilot has complained of since then, newest last, each once."""
        found = [said for at, severity, said in self.state.texts if at >= since_s and severity <= 4]
        return "; ".join(dict.fromkeys(found))

    def _found(self, message: Message) -> bool:
        if message.get_type() != "HEARTBEAT" or message.autopilot == mav.MAV_AUTOPILOT_INVALID:
            return False
        address = source(message)
        if self._wanted not in (None, address.system):
            return False
        self.address = address
        return True

    def _heartbeat(self, m: Message, now_s: float) -> None:
        state = self.state
        if not self.linked:
            self.linked = True
            back = Kind.LINK_UP if self._heard_s is None else Kind.LINK_BACK
            gap = "" if back is Kind.LINK_UP else f"{now_s - self.lost_since_s:.1f} s"
            self._say(back, now_s, gap)
        self._heard_s = now_s
        state.autopilot, state.vehicle_type = m.autopilot, m.type
        state.critical = m.system_status in (mav.MAV_STATE_CRITICAL, mav.MAV_STATE_EMERGENCY)
        if m.custom_mode != state.mode:
            state.mode = m.custom_mode
            self._say(Kind.MODE, now_s, mode_name(state.mode))
        armed = bool(m.base_mode & mav.MAV_MODE_FLAG_SAFETY_ARMED)
        if armed != state.armed:
            if state.armed is not None or armed:
                self._say(Kind.ARMED if armed else Kind.DISARMED, now_s)
            state.armed = armed

    def _clock_in(self, m: Message, now_s: float) -> None:
        """Most streams carry the time since start; after a reboot they are off, but TIMESYNC is still answered."""
        boot_ms = getattr(m, "time_boot_ms", None)
        if boot_ms is not None:
            self._clock(boot_ms / 1e3, now_s)
        elif m.get_type() == "TIMESYNC" and m.tc1 > 0 and self.state.autopilot == mav.MAV_AUTOPILOT_ARDUPILOTMEGA:
            self._clock(m.tc1 / 1e9, now_s)

    def _clock(self, boot_s: float, now_s: float) -> None:
        last = self.state.boot_s
        if last is None or boot_s >= last - REBOOT_BACK_S:
            self._back = 0
            self.state.boot_s = boot_s if last is None else max(last, boot_s)
            return
        self._back += 1
        if self._back >= REBOOT_WITNESSES:
            texts = self.state.texts
            self.state = State(boot_s=boot_s, texts=texts)
            self._back = 0
            self._say(Kind.REBOOTED, now_s, f"{last:.1f} -> {boot_s:.1f} s")

    def _sys_status(self, m: Message, now_s: float) -> None:
        if m.onboard_control_sensors_present & PREARM:
            self.state.ready = bool(m.onboard_control_sensors_health & PREARM)
        if m.battery_remaining >= 0:
            self.state.battery_percent = m.battery_remaining
        if m.voltage_battery != 0xFFFF:
            self.state.battery_v = m.voltage_battery / 1e3

    def _battery(self, m: Message, now_s: float) -> None:
        if m.id == 0 and m.battery_remaining >= 0:
            self.state.battery_percent = m.battery_remaining

    def _position(self, m: Message, now_s: float) -> None:
        state = self.state
        if (m.lat, m.lon) != (0, 0):  # ArduPilot's word for "I do not know"
            state.lat, state.lon = m.lat / 1e7, m.lon / 1e7
        state.alt_msl_m, state.alt_home_m = m.alt / 1e3, m.relative_alt / 1e3
        state.heading_deg = m.hdg / 100 if m.hdg != 0xFFFF else None

    def _gps(self, m: Message, now_s: float) -> None:
        self.state.fix = m.fix_type

    def _landed(self, m: Message, now_s: float) -> None:
        known = m.landed_state != mav.MAV_LANDED_STATE_UNDEFINED
        self.state.on_ground = m.landed_state == mav.MAV_LANDED_STATE_ON_GROUND if known else None

    def _current(self, m: Message, now_s: float) -> None:
        self.state.seq = m.seq
        self.state.complete = m.mission_state == mav.MISSION_STATE_COMPLETE

    def _reached(self, m: Message, now_s: float) -> None:
        self.state.reached = m.seq
        self._say(Kind.WAYPOINT, now_s, str(m.seq))

    def _fence(self, m: Message, now_s: float) -> None:
        breached = bool(m.breach_status)
        if breached != self.state.breached:
            self.state.breached = breached
            entry = mav.enums["FENCE_BREACH"].get(m.breach_type)
            kind = str(entry.name).removeprefix("FENCE_BREACH_") if entry is not None else str(m.breach_type)
            self._say(Kind.FENCE_BREACH if breached else Kind.FENCE_CLEAR, now_s, kind if breached else "")

    def _text(self, m: Message, now_s: float) -> None:
        said = text(m.text)
        self.state.texts.append((now_s, m.severity, said))
        if m.severity <= mav.MAV_SEVERITY_WARNING:
            self._say(Kind.TEXT, now_s, said)

    def _say(self, kind: Kind, now_s: float, detail: str = "") -> None:
        self._events.append(Event(kind, now_s, detail))

    def _drain(self) -> list[Event]:
        said, self._events = self._events, []
        return said
