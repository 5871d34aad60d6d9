"""From standing ready to standing again: arm, take off, AUTO, pause, resume, return; the pilot's hand respected.

Pure machine over `Commands` (what we ask) and `State` (what the vehicle says). Only the heartbeat proves a mode. When
it shows a mode that we did not ask for, a pilot or a failsafe has the vehicle: from then on nothing is commanded until
AUTO comes back from there (or, after a failsafe, until the operator asks).
"""

from dataclasses import dataclass
from enum import StrEnum

from drone.autopilot.commands import Answered, Commands, command
from drone.autopilot.detour import Aim, Detour
from drone.autopilot.modes import AUTO, BRAKE, GOING_HOME, GUIDED, IN_MISSION, RTL, mode_name, set_mode
from drone.autopilot.types import Event, Kind, Refusal, Why
from drone.autopilot.vehicle import Vehicle
from drone.autopilot.wire import Message, mav

MODE_WAIT_S = 10.0
ARM_WAIT_S = 10.0
ARM_ATTEMPTS_MAX = 3  # right after the checks pass, estimates still settle
ARM_AGAIN_S = 3.0
CLIMB_MPS_MIN = 0.3  # slower than this is no climb
CLIMBED = 0.9  # of the height: then AUTO may take over
RETURN_AGAIN_S = 3.0
ON_GROUND_M = 3.0  # above home; a disarming higher up is no landing
DISARMED_HIGH_S = 5.0  # how long it may take to hear of the landing, or of a reboot
PAUSE, CONTINUE = 0.0, 1.0


class Phase(StrEnum):
    """Where a flight is."""

    READY = "ready"  # waits for the pre-arm checks
    GUIDED = "guided"  # mode asked for
    ARM = "arm"
    TAKE_OFF = "take_off"
    START = "start"  # AUTO asked for
    FLYING = "flying"
    PAUSED = "paused"
    LOOKING = "looking"  # a second look: GUIDED away from the mission and back
    RETURNING = "returning"
    HANDS_OFF = "hands_off"  # a pilot or a failsafe has it
    DONE = "done"


# Modes that are ours in a phase; None: any (on the ground nobody is overruled yet).
OURS: dict[Phase, frozenset[int] | None] = {
    Phase.READY: None,
    Phase.GUIDED: None,
    Phase.ARM: frozenset({GUIDED}),
    Phase.TAKE_OFF: frozenset({GUIDED}),
    Phase.START: frozenset({GUIDED, BRAKE}) | IN_MISSION,
    Phase.FLYING: IN_MISSION,
    Phase.PAUSED: IN_MISSION | {BRAKE},
    Phase.LOOKING: IN_MISSION | {GUIDED},
    Phase.RETURNING: frozenset({GUIDED, BRAKE, RTL}) | IN_MISSION,
    Phase.HANDS_OFF: None,
    Phase.DONE: None,
}


@dataclass(frozen=True)
class Orders:
    """What the operator wants of a flight. height_m: above home, of the take-off. last_seq: its reaching ends
    the mission; None: only the vehicle can tell."""

    height_m: float
    first_seq: int
    last_seq: int | None
    comes_home: bool
    ready_wait_s: float = 120.0
    return_at_percent: int = 25


class Air:
    """One flight. Done when `outcome` is set (True: landed after the mission or a return)."""

    def __init__(self, orders: Orders, vehicle: Vehicle, commands: Commands, now_s: float) -> None:
        self.outcome: bool | Refusal | None = None
        self.phase = Phase.READY
        self.by_failsafe = False
        self._orders = orders
        self._vehicle = vehicle
        self._commands = commands
        self._since_s = now_s
        self._events: list[Event] = []
        self._battery_said = False
        self._return_asked_s: float | None = None
        self._return_acked = False
        self._after_reboot = False
        self._link_back_s: float | None = None
        self._disarmed_s: float | None = None
        self._attempts = 0
        self._not_before_s = 0.0
        self._detour: Detour | None = None
        self.looks_done = 0

    # What the operator may ask for.

    def pause(self, now_s: float) -> bool:
        """Hold where it is; False when the flight is not ours to hold."""
        if self.phase is not Phase.FLYING:
            return False
        self._commands.ask(command(mav.MAV_CMD_DO_PAUSE_CONTINUE, PAUSE))
        return True

    def resume(self, now_s: float) -> bool:
        """Go on with the mission, also after a failsafe's return; never out of a pilot's hand."""
        taken = self.phase is Phase.HANDS_OFF and not self.by_failsafe
        if taken or self.phase not in (Phase.PAUSED, Phase.HANDS_OFF) or not self._vehicle.state.armed:
            return False
        if self._vehicle.state.mode in IN_MISSION:
            self._commands.ask(command(mav.MAV_CMD_DO_PAUSE_CONTINUE, CONTINUE))
        else:
            self._go(Phase.START, now_s)
            self._commands.ask(set_mode(AUTO))
        return True

    def look(self, aim: Aim, now_s: float) -> bool:
        """Leave the mission for a second look and come back to it; False when the flight is not ours to lead away."""
        state = self._vehicle.state
        if self.phase is not Phase.FLYING or state.mode != AUTO or state.lat is None or not self._commands.idle:
            return False
        self._detour = Detour(aim, state, now_s)
        for one in self._detour.begin():
            self._commands.ask(one)
        self._say(Kind.SECOND_LOOK, now_s, f"{aim.target[0] / 1e7:.6f}, {aim.target[1] / 1e7:.6f}")
        self._go(Phase.LOOKING, now_s)
        return True

    def return_home(self, now_s: float) -> bool:
        """Come home now, before anything else that waits. False: nothing of ours flies, or others have it."""
        if self.phase in (Phase.READY, Phase.GUIDED, Phase.HANDS_OFF, Phase.DONE):
            return False
        if self.phase is not Phase.RETURNING:
            self._commands.clear()
            if self.phase is Phase.ARM:  # the order to arm may still be on its way
                self._commands.ask(command(mav.MAV_CMD_COMPONENT_ARM_DISARM, 0))
            self._go(Phase.RETURNING, now_s)
            self._return_asked_s = None
            self._return_acked = False
            self._say(Kind.RETURNING, now_s)
        return True

    @property
    def returning(self) -> bool:
        """The return was acknowledged and the heartbeat shows it."""
        acked = self.phase is Phase.RETURNING and self._return_acked
        return acked and self._vehicle.state.mode in GOING_HOME

    def events(self) -> list[Event]:
        """What happened since the last call."""
        said, self._events = self._events, []
        return said

    # What the line brings.

    def receive(self, message: Message, now_s: float) -> list[Message]:
        """Commands' acknowledgements; the state has already been read by `Vehicle`."""
        return self._commands.receive(message, now_s)

    def link_back(self, now_s: float) -> None:
        """The line was away: whatever was waited for gets its whole time again."""
        self._since_s = now_s
        self._link_back_s = now_s

    def rebooted(self, now_s: float) -> None:
        """The autopilot has started anew: it knows nothing of our commands, and we nothing of its mode."""
        self._commands.clear()
        if self.phase in (Phase.READY, Phase.GUIDED):
            self._go(Phase.READY, now_s)
        else:
            self.by_failsafe = False
            self._after_reboot = True
            self._go(Phase.HANDS_OFF, now_s)

    def tick(self, now_s: float) -> list[Message]:
        """One step: answers, the pilot's hand, then what this phase has to do."""
        if self.outcome is not None:
            return []
        for answer in self._commands.answers():
            self._answered(answer, now_s)
        self._watch_mode(now_s)
        self._watch_battery(now_s)
        if self.outcome is None:
            _STEPS[self.phase](self, now_s)
        return self._commands.tick(now_s)

    # Phases.

    def _ready(self, now_s: float) -> None:
        state = self._vehicle.state
        if state.armed:
            self._refuse(Why.ALREADY_ARMED, mode_name(state.mode))
        elif now_s < self._not_before_s:
            return
        elif state.ready and state.mode is not None:
            self._attempts += 1
            self._commands.ask(set_mode(GUIDED))
            self._go(Phase.GUIDED, now_s)
        elif self._waited(now_s) > self._orders.ready_wait_s:
            self._refuse(Why.NOT_READY, self._vehicle.reasons(now_s - 60.0) or f"fix {state.fix}")

    def _guided(self, now_s: float) -> None:
        if self._vehicle.state.mode == GUIDED and self._commands.idle:
            self._commands.ask(command(mav.MAV_CMD_COMPONENT_ARM_DISARM, 1))
            self._go(Phase.ARM, now_s)
        elif self._waited(now_s) > MODE_WAIT_S:
            self._refuse(Why.MODE_NOT_TAKEN, f"GUIDED, {mode_name(self._vehicle.state.mode)}")

    def _arm(self, now_s: float) -> None:
        if self._vehicle.state.armed and self._commands.idle:
            height = self._orders.height_m
            self._commands.ask(command(mav.MAV_CMD_NAV_TAKEOFF, 0, 0, 0, 0, 0, 0, height))
            self._say(Kind.TAKE_OFF, now_s, f"{height:g} m")
            self._go(Phase.TAKE_OFF, now_s)
        elif self._waited(now_s) > ARM_WAIT_S:
            self._refuse(Why.NOT_ARMED, self._vehicle.reasons(self._since_s))

    def _take_off(self, now_s: float) -> None:
        state = self._vehicle.state
        if not state.armed:
            self._refuse(Why.NOT_ARMED, self._vehicle.reasons(self._since_s))
        elif (state.alt_home_m or 0.0) >= CLIMBED * self._orders.height_m:
            self._commands.ask(command(mav.MAV_CMD_DO_SET_MISSION_CURRENT, self._orders.first_seq))
            self._commands.ask(set_mode(AUTO))
            self._go(Phase.START, now_s)
        elif self._waited(now_s) > 20.0 + self._orders.height_m / CLIMB_MPS_MIN:
            self._say(Kind.NOT_READY, now_s, f"{state.alt_home_m} m of {self._orders.height_m:g} m")
            self.return_home(now_s)

    def _start(self, now_s: float) -> None:
        if self._vehicle.state.mode in IN_MISSION:
            self._say(Kind.FLYING, now_s)
            self._go(Phase.FLYING, now_s)
        elif self._waited(now_s) > MODE_WAIT_S:
            self._say(Kind.NOT_READY, now_s, f"AUTO, {mode_name(self._vehicle.state.mode)}")
            self.return_home(now_s)

    def _flying(self, now_s: float) -> None:
        state = self._vehicle.state
        if state.armed is False:
            self._landed(now_s)
        elif not self._orders.comes_home and self.phase is Phase.FLYING and self._at_its_end:
            self.return_home(now_s)

    def _looking(self, now_s: float) -> None:
        state, detour = self._vehicle.state, self._detour
        if state.armed is False or detour is None:
            self._landed(now_s)
            return
        for one in detour.tick(state, now_s, self._commands.idle):
            self._commands.ask(one)
        if not detour.done:
            return
        self.looks_done += detour.looked
        if detour.turned_back:  # whoever did it, the mission goes on
            self._go(Phase.FLYING, now_s)
        elif self._commands.idle:
            self._commands.ask(set_mode(AUTO))
            self._go(Phase.START, now_s)

    def _returning(self, now_s: float) -> None:
        state = self._vehicle.state
        if not self._commands.idle:
            return
        if state.armed is False:
            self._landed(now_s)
        elif (state.mode != RTL or not self._return_acked) and self._due(now_s):
            self._return_asked_s = now_s
            self._commands.ask(set_mode(RTL))

    def _hands_off(self, now_s: float) -> None:
        state = self._vehicle.state
        if state.armed is False:
            if self._after_reboot:
                self._refuse(Why.REBOOTED, mode_name(state.mode))
            else:
                self._landed(now_s)
        elif state.armed and state.mode in IN_MISSION:
            self._say(Kind.FLYING, now_s)
            self._go(Phase.FLYING, now_s)

    def _nothing(self, now_s: float) -> None:
        """After the end there is nothing to do."""

    # Parts of them.

    @property
    def _at_its_end(self) -> bool:
        state, last = self._vehicle.state, self._orders.last_seq
        return state.complete or (last is not None and state.reached == last)

    def _answered(self, answer: Answered, now_s: float) -> None:
        number = answer.command.number
        if number == mav.MAV_CMD_SET_MESSAGE_INTERVAL:
            return  # a stream that a vehicle does not have is no reason to stay on the ground
        if answer.refusal is None:
            self._accepted(answer, now_s)
        elif self.phase is Phase.LOOKING and self._detour is not None:
            self._say(Kind.REFUSED, now_s, answer.refusal.detail)
            if not self._detour.done:
                self._detour.abandon()
        elif number == mav.MAV_CMD_DO_PAUSE_CONTINUE and self.phase is Phase.FLYING:
            self._commands.ask(set_mode(BRAKE))  # not every state of AUTO can pause; BRAKE holds without a stick
            self._go(Phase.PAUSED, now_s)
        elif self.phase in (Phase.GUIDED, Phase.ARM) and self._attempts < ARM_ATTEMPTS_MAX:
            self._say(Kind.REFUSED, now_s, answer.refusal.detail)
            self._not_before_s = now_s + ARM_AGAIN_S
            self._go(Phase.READY, now_s)
        elif self.phase in (Phase.GUIDED, Phase.ARM):
            self._refuse(answer.refusal.why, f"{answer.refusal.detail} {self._vehicle.reasons(self._since_s)}".strip())
        elif self.phase is Phase.TAKE_OFF and number == mav.MAV_CMD_NAV_TAKEOFF:
            self._commands.ask(command(mav.MAV_CMD_COMPONENT_ARM_DISARM, 0))  # ArduPilot refuses it in the air
            self._refuse(answer.refusal.why, f"{answer.refusal.detail} {self._vehicle.reasons(self._since_s)}".strip())
        else:
            self._say(Kind.REFUSED, now_s, answer.refusal.detail)

    def _accepted(self, answer: Answered, now_s: float) -> None:
        number, first = answer.command.number, answer.command.p[0]
        if number == mav.MAV_CMD_DO_PAUSE_CONTINUE and first == PAUSE and self.phase is Phase.FLYING:
            self._say(Kind.PAUSED, now_s)
            self._go(Phase.PAUSED, now_s)
        elif number == mav.MAV_CMD_DO_PAUSE_CONTINUE and first == CONTINUE and self.phase is Phase.PAUSED:
            self._say(Kind.FLYING, now_s)
            self._go(Phase.FLYING, now_s)
        elif number == mav.MAV_CMD_DO_SET_MODE and answer.command.p[1] == RTL:
            self._return_acked = True

    def _watch_mode(self, now_s: float) -> None:
        """Whose hand is on it. A return that the heartbeat already shows is only ours while it stays RTL."""
        state = self._vehicle.state
        ours = frozenset({RTL}) if self.returning else OURS[self.phase]
        if ours is None or state.mode is None or state.mode in ours or (self.phase is Phase.ARM and not state.armed):
            return
        self.by_failsafe = self._failsafe(now_s)
        self._commands.clear()
        self._after_reboot = False
        self._say(Kind.FAILSAFE if self.by_failsafe else Kind.PILOT, now_s, mode_name(state.mode))
        self._go(Phase.HANDS_OFF, now_s)

    def _failsafe(self, now_s: float) -> bool:
        """Whether the autopilot itself has changed the mode: it says so, or it goes home after a time without us."""
        state = self._vehicle.state
        recent = self._vehicle.reasons(now_s - 5.0).lower()
        alone = self._link_back_s is not None and now_s - self._link_back_s < 5.0 and state.mode in GOING_HOME
        return alone or state.critical or state.breached or "failsafe" in recent or "fence" in recent

    def _watch_battery(self, now_s: float) -> None:
        percent = self._vehicle.state.battery_percent
        airborne = self.phase in (Phase.TAKE_OFF, Phase.START, Phase.FLYING, Phase.PAUSED, Phase.LOOKING)
        if percent is None or percent > self._orders.return_at_percent or not airborne or self._battery_said:
            return
        self._battery_said = True
        self._say(Kind.BATTERY_RETURN, now_s, f"{percent} % <= {self._orders.return_at_percent} %")
        self.return_home(now_s)

    def _due(self, now_s: float) -> bool:
        return self._return_asked_s is None or now_s - self._return_asked_s >= RETURN_AGAIN_S

    def _landed(self, now_s: float) -> None:
        height_m = self._vehicle.state.alt_home_m or 0.0
        if height_m > ON_GROUND_M and not self._vehicle.state.on_ground:
            self._disarmed_s = self._disarmed_s if self._disarmed_s is not None else now_s
            if now_s - self._disarmed_s > DISARMED_HIGH_S:
                self._refuse(Why.DISARMED_HIGH, f"{height_m:.1f} m")
            return
        self._say(Kind.LANDED, now_s)
        self._go(Phase.DONE, now_s)
        self.outcome = True

    def _refuse(self, why: Why, detail: str) -> None:
        self.outcome = Refusal(why, detail)

    def _go(self, phase: Phase, now_s: float) -> None:
        self.phase = phase
        self._since_s = now_s

    def _waited(self, now_s: float) -> float:
        return now_s - self._since_s

    def _say(self, kind: Kind, now_s: float, detail: str = "") -> None:
        self._events.append(Event(kind, now_s, detail))


_STEPS = {
    Phase.READY: Air._ready,
    Phase.GUIDED: Air._guided,
    Phase.ARM: Air._arm,
    Phase.TAKE_OFF: Air._take_off,
    Phase.START: Air._start,
    Phase.FLYING: Air._flying,
    Phase.PAUSED: Air._flying,
    Phase.LOOKING: Air._looking,
    Phase.RETURNING: Air._returning,
    Phase.HANDS_OFF: Air._hands_off,
    Phase.DONE: Air._nothing,
}
