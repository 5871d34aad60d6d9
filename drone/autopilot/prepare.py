"""On the ground: parameters that keep the flight safe, the fence, the mission, each read back. Pure machine."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from drone.autopilot.items import numbered, with_home
from drone.autopilot.params import Parameter, Silent, same
from drone.autopilot.transfer import Transfer
from drone.autopilot.types import Address, Event, Kind, MissionItem, MissionType, Refusal, Why
from drone.autopilot.vehicle import State
from drone.autopilot.wire import Message, mav


@dataclass(frozen=True)
class Plan:
    """What to fly. items: seq 0 is the first command (no home); fence: the fence's points, may be empty.

    parameters: what must hold in the autopilot before it flies, name to value.
    """

    items: tuple[MissionItem, ...]
    fence: tuple[MissionItem, ...] = ()
    home: tuple[int, int, float] | None = None  # lat * 1e7, lon * 1e7, metres above mean sea level
    parameters: dict[str, float] = field(default_factory=dict)


# Without it ArduCopter flies on for ever when the ground station falls silent (its default is 0; measured).
GCS_FAILSAFE = {"FS_GCS_ENABLE": 1.0}
FENCE_ON = {"FENCE_ENABLE": 1.0}


class Preparation:
    """The steps in their order. Done when `outcome` is set (True: the vehicle holds everything)."""

    def __init__(self, plan: Plan, own: Address, to: Address, state: State, *, set_parameters: bool) -> None:
        self.outcome: bool | Refusal | None = None
        self._own = own
        self._to = to
        self._ardupilot = state.autopilot == mav.MAV_AUTOPILOT_ARDUPILOTMEGA
        self._home = plan.home or _here(state)
        wanted = dict(plan.parameters)
        if self._ardupilot and set_parameters:
            wanted = {**GCS_FAILSAFE, **(FENCE_ON if plan.fence else {}), **wanted}
        self._steps = self._all_steps(plan, wanted)
        self._step: Transfer | Parameter | None = None
        self._wanted = wanted
        self._failures = 0
        self._events: list[Event] = []

    def events(self) -> list[Event]:
        """What happened since the last call."""
        said, self._events = self._events, []
        return said

    def tick(self, now_s: float) -> list[Message]:
        """What is due now."""
        if self.outcome is not None:
            return []
        if self._step is None:
            self._step = next(self._steps, None)
            if self._step is None:
                self.outcome = True
                return []
        out = self._step.tick(now_s)
        self._advance(now_s)
        return out

    def receive(self, message: Message, now_s: float) -> list[Message]:
        """A message from the line; what to answer."""
        if self.outcome is not None or self._step is None:
            return []
        out = self._step.receive(message, now_s)
        self._advance(now_s)
        return out

    def _advance(self, now_s: float) -> None:
        step = self._step
        if isinstance(step, Transfer) and len(step.history) > self._failures:
            self._failures = len(step.history)
            last = step.history[-1]
            self._say(Kind.AGAIN, now_s, f"{step.kind.name} {self._failures}: {last.why} {last.detail}")
        if step is None or step.outcome is None:
            return
        self._step = None
        self._failures = 0
        if isinstance(step, Transfer):
            self._transferred(step, now_s)
        else:
            self._parameter(step, now_s)

    def _transferred(self, step: Transfer, now_s: float) -> None:
        result = step.outcome
        if isinstance(result, Refusal):
            self.outcome = Refusal(result.why, f"{step.kind.name}: {result.detail}")
        elif result is not None:
            for line in result.dropped:
                self._say(Kind.DROPPED_FIELD, now_s, line)
            self._say(Kind.VERIFIED, now_s, f"{step.kind.name} {result.count}")

    def _parameter(self, step: Parameter, now_s: float) -> None:
        result = step.outcome
        if isinstance(result, Silent):
            # A parameter that a vehicle does not have cannot be wrong, but people must know what does not protect them.
            self._say(Kind.PARAMETER_MISSING, now_s, result.name)
        elif result is not None and not same(result.value, self._wanted[result.name]):
            held = f"{result.name} {result.value:g} != {self._wanted[result.name]:g}"
            self.outcome = Refusal(Why.PARAMETER_REFUSED, held)
        elif result is not None:
            self._say(Kind.PARAMETER, now_s, f"{result.name} = {result.value:g}")

    def _all_steps(self, plan: Plan, wanted: dict[str, float]) -> Iterator[Transfer | Parameter]:
        """Fence before the parameter that switches it on: ArduPilot does not arm with an empty fence that is on."""
        if plan.fence:
            yield self._transfer(numbered(plan.fence), MissionType.FENCE, False)
        for name, value in wanted.items():
            yield Parameter(name, value, self._own, self._to)
        home_first = self._ardupilot
        items: Sequence[MissionItem] = with_home(plan.items, self._home) if home_first else numbered(plan.items)
        yield self._transfer(items, MissionType.MISSION, home_first)

    def _transfer(self, items: Sequence[MissionItem], kind: MissionType, home_first: bool) -> Transfer:
        return Transfer(items, kind, self._own, self._to, home_first=home_first)

    def _say(self, kind: Kind, now_s: float, detail: str) -> None:
        self._events.append(Event(kind, now_s, detail))


def _here(state: State) -> tuple[int, int, float]:
    """Where the vehicle stands; zeros before it knows (ArduPilot sets home itself when it arms)."""
    if state.lat is None or state.lon is None:
        return (0, 0, 0.0)
    return (round(state.lat * 1e7), round(state.lon * 1e7), state.alt_msl_m or 0.0)
