"""One patrol from the first heartbeat to the last: link, preparation, air. Pure machine: everything that is sent comes
out of `tick` and `receive`, the ground station's heartbeat too, so that it stops when this loop stops."""

from dataclasses import dataclass

from drone.autopilot.air import Air, Orders, Phase
from drone.autopilot.camera import Capture, Captures
from drone.autopilot.commands import Commands, command
from drone.autopilot.detour import Aim
from drone.autopilot.gimbal import GimbalAttitude, attitude
from drone.autopilot.items import comes_home, last_seq, takeoff_height_m
from drone.autopilot.modes import COPTERS, mode_name
from drone.autopilot.prepare import Plan, Preparation
from drone.autopilot.timesync import TimeSync
from drone.autopilot.types import GROUND, Address, Event, Kind, Refusal, Why
from drone.autopilot.vehicle import Vehicle
from drone.autopilot.wire import Message, addressed_to, mav

HEARTBEAT_S = 1.0
STALLED_S = 2.0
CAPTURES_MAX = 1000
# Message id -> how often, in microseconds: 5 Hz where it is and looks, 1 Hz how it does.
STREAMS = {
    mav.MAVLINK_MSG_ID_GLOBAL_POSITION_INT: 200_000,
    mav.MAVLINK_MSG_ID_ATTITUDE: 100_000,
    mav.MAVLINK_MSG_ID_GIMBAL_DEVICE_ATTITUDE_STATUS: 100_000,
    mav.MAVLINK_MSG_ID_SYS_STATUS: 1_000_000,
    mav.MAVLINK_MSG_ID_GPS_RAW_INT: 1_000_000,
    mav.MAVLINK_MSG_ID_EXTENDED_SYS_STATE: 1_000_000,
    mav.MAVLINK_MSG_ID_MISSION_CURRENT: 1_000_000,
    mav.MAVLINK_MSG_ID_FENCE_STATUS: 1_000_000,
    mav.MAVLINK_MSG_ID_SYSTEM_TIME: 1_000_000,
}


@dataclass(frozen=True)
class Options:
    """How to fly. dry_run: upload and verify, no arming. height_m: of the take-off when the plan names none."""

    dry_run: bool = False
    height_m: float | None = None
    set_parameters: bool = True
    link_wait_s: float = 30.0
    ready_wait_s: float = 120.0
    return_at_percent: int = 25
    system: int | None = None


class Flight:
    """Done when `outcome` is set: True, or why not."""

    def __init__(self, plan: Plan, options: Options, own: Address = GROUND) -> None:
        self.outcome: bool | Refusal | None = None
        self.own = own
        self.vehicle = Vehicle(options.system)
        self.timesync = TimeSync()
        self.air: Air | None = None
        self.gimbal: GimbalAttitude | None = None
        self._plan = plan
        self._options = options
        self._captures = Captures()
        self._pictures: list[Capture] = []
        self.pictures_dropped = 0
        self._commands: Commands | None = None
        self._preparation: Preparation | None = None
        self._events: list[Event] = []
        self._started_s: float | None = None
        self._beat_s = 0.0
        self._ticked_s: float | None = None
        self._stop = False

    # What the operator may ask for.

    def pause(self, now_s: float) -> bool:
        """Hold; see `Air.pause`."""
        return self.air is not None and self.air.pause(now_s)

    def resume(self, now_s: float) -> bool:
        """Go on; see `Air.resume`."""
        return self.air is not None and self.air.resume(now_s)

    def look(self, aim: Aim, now_s: float) -> bool:
        """A second look in the middle of the mission; see `Air.look`."""
        return self.air is not None and self.air.look(aim, now_s)

    def return_home(self, now_s: float) -> bool:
        """Come home; see `Air.return_home`."""
        return self.air is not None and self.air.return_home(now_s)

    def stop(self, now_s: float) -> None:
        """End this session. What flies by our order is sent home first, and the heartbeat goes on until the vehicle has
        acknowledged that; what a pilot has, and what stands, is left as it is."""
        self._stop = True
        if not self.return_home(now_s):
            self.outcome = self.outcome or Refusal(Why.STOPPED, mode_name(self.vehicle.state.mode))

    def left_unacknowledged(self) -> Refusal:
        """The operator leaves before the vehicle has acknowledged its return: what it was doing when last heard."""
        return Refusal(Why.LEFT, mode_name(self.vehicle.state.mode))

    def events(self) -> list[Event]:
        """What happened since the last call."""
        said, self._events = self._events, []
        return said

    def pictures(self) -> list[Capture]:
        """Pictures reported since the last call."""
        taken, self._pictures = self._pictures, []
        return taken

    # What the line brings.

    def receive(self, message: Message, now_s: float) -> list[Message]:
        """One message from the line; what to answer."""
        self._note(self.vehicle.receive(message, now_s), now_s)
        if self.vehicle.address is None or message.get_srcSystem() != self.vehicle.address.system:
            return []
        if not addressed_to(message, self.own):
            return []
        out = self.timesync.receive(message, now_s)
        self._see(message, now_s)
        if self._preparation is not None:
            out += self._preparation.receive(message, now_s)
        if self._commands is not None:
            out += self._commands.receive(message, now_s)
        return out

    def tick(self, now_s: float) -> list[Message]:
        """One step of the loop. Call it often; the machines keep their own times."""
        if self._started_s is None:
            self._started_s = now_s
        out = self._heartbeat(now_s)
        self._note(self.vehicle.tick(now_s), now_s)
        for taken in self._captures.tick(now_s):
            self._keep(taken)
        if self.outcome is None:
            out += self._step(now_s)
        for part in (self._preparation, self.air):
            self._events += part.events() if part is not None else []
        return out

    def _step(self, now_s: float) -> list[Message]:
        address = self.vehicle.address
        if address is None or not self.vehicle.linked:
            return self._without_link(now_s)
        out = self.timesync.tick(now_s)
        if self._commands is None:
            self._greet(address, now_s)
        elif self.air is not None:
            out += self.air.tick(now_s)
            self._landed_or_stopped(now_s)
        elif self._preparation is not None:
            out += self._commands.tick(now_s) + self._preparation.tick(now_s)
            self._commands.answers()  # streams that a vehicle does not have are no reason to stay on the ground
            self._prepared(now_s)
        return out

    def _without_link(self, now_s: float) -> list[Message]:
        """In the air the vehicle's own failsafe decides (a return is asked for blindly: perhaps we are heard and
        only do not hear); on the ground patience ends."""
        if self.air is not None and self.air.phase is Phase.RETURNING:
            return self.air.tick(now_s)
        since_s = self._started_s if self.vehicle.address is None else self.vehicle.lost_since_s
        if self.air is None and now_s - (since_s or 0.0) > self._options.link_wait_s:
            why = Why.NO_LINK if self.vehicle.address is None else Why.LINK_LOST
            self.outcome = Refusal(why, f"{self._options.link_wait_s:g} s")
        return []

    def _greet(self, address: Address, now_s: float) -> None:
        state = self.vehicle.state
        if state.autopilot is None:
            return  # it has just rebooted: its next heartbeat says what it is
        self._commands = Commands(self.own, address)
        refusal = self._unfit()
        if refusal is not None:
            self.outcome = refusal
            return
        self._ask_streams()
        settings = self._options.set_parameters and not self._options.dry_run
        self._preparation = Preparation(self._plan, self.own, address, state, set_parameters=settings)

    def _unfit(self) -> Refusal | None:
        state, options = self.vehicle.state, self._options
        if state.armed:
            return Refusal(Why.ALREADY_ARMED, mode_name(state.mode))
        if options.dry_run:
            return None
        copter = state.vehicle_type in COPTERS and state.autopilot == mav.MAV_AUTOPILOT_ARDUPILOTMEGA
        if not copter:
            return Refusal(Why.NOT_COPTER, f"autopilot {state.autopilot}, type {state.vehicle_type}")
        return None if self._height_m is not None else Refusal(Why.NO_TAKEOFF_ITEM)

    def _prepared(self, now_s: float) -> None:
        preparation = self._preparation
        if preparation is None or preparation.outcome is None:
            return
        self._events += preparation.events()
        self._preparation = None
        if preparation.outcome is not True:
            self.outcome = preparation.outcome
        elif self._options.dry_run:
            self._events.append(Event(Kind.DONE, now_s, "dry run"))
            self.outcome = True
        elif self._commands is not None:
            self.air = Air(self._orders(), self.vehicle, self._commands, now_s)

    def _orders(self) -> Orders:
        items, options = self._plan.items, self._options
        height, home = self._height_m or 0.0, comes_home(items)
        return Orders(height, 1, last_seq(items), home, options.ready_wait_s, options.return_at_percent)

    @property
    def _height_m(self) -> float | None:
        return self._options.height_m or takeoff_height_m(self._plan.items)

    def _landed_or_stopped(self, now_s: float) -> None:
        air = self.air
        if air is None:
            return
        if air.outcome is not None:
            self._events += air.events()
            self.outcome = air.outcome
        if self._stop and (air.outcome is True or air.returning or air.phase is Phase.HANDS_OFF):
            self.outcome = Refusal(Why.STOPPED, mode_name(self.vehicle.state.mode))

    def _ask_streams(self) -> None:
        if self._commands is not None:
            for message_id, interval_us in STREAMS.items():
                self._commands.ask(command(mav.MAV_CMD_SET_MESSAGE_INTERVAL, message_id, interval_us))

    def _see(self, message: Message, now_s: float) -> None:
        if message.get_type() == "GIMBAL_DEVICE_ATTITUDE_STATUS":
            self.gimbal = attitude(message) or self.gimbal
        taken = self._captures.receive(message, now_s)
        if taken is not None:
            self._keep(taken)

    def _keep(self, taken: Capture) -> None:
        if len(self._pictures) >= CAPTURES_MAX:
            self.pictures_dropped += 1
        else:
            self._pictures.append(taken)

    def _note(self, events: list[Event], now_s: float) -> None:
        self._events += events
        for event in events:
            if event.kind is Kind.REBOOTED:
                self._rebooted(now_s)
            elif event.kind is Kind.LINK_BACK and self.air is not None:
                self.air.link_back(now_s)

    def _rebooted(self, now_s: float) -> None:
        self.timesync.reset()
        self._captures.reset()
        if self.air is not None:
            self.air.rebooted(now_s)
            self._ask_streams()
        elif self._preparation is not None:
            self._commands, self._preparation = None, None  # from the greeting on, once more

    def _heartbeat(self, now_s: float) -> list[Message]:
        if self._ticked_s is not None and now_s - self._ticked_s > STALLED_S:
            self._events.append(Event(Kind.LOOP_STALLED, now_s, f"{now_s - self._ticked_s:.1f} s"))
        self._ticked_s = now_s
        if now_s < self._beat_s:
            return []
        self._beat_s = now_s + HEARTBEAT_S
        kinds = (mav.MAV_TYPE_GCS, mav.MAV_AUTOPILOT_INVALID, 0, 0, mav.MAV_STATE_ACTIVE, 3)
        return [mav.MAVLink_heartbeat_message(*kinds)]
