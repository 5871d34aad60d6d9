"""Commands with their acknowledgements: one at a time, tries, IN_PROGRESS. Pure machine.

Source: https://mavlink.io/en/services/command.html. An ACCEPTED says that the vehicle will try: whether a mode was
taken or motors run is read from its heartbeat (`flight`).
"""

from collections import deque
from dataclasses import dataclass

from drone.autopilot.retry import ANSWER_S, Retry
from drone.autopilot.types import Address, Refusal, Why
from drone.autopilot.wire import Message, addressed_to, mav, source

QUEUE_MAX = 32
PROGRESS_S = 10.0  # how long one IN_PROGRESS is good for
PROGRESS_MAX = 30  # how many of them, then it counts as silent
BUSY_S = 1.0  # TEMPORARILY_REJECTED: ask again after this


class QueueFull(Exception):
    """More commands wait than a vehicle can be asked; the caller floods."""


@dataclass(frozen=True)
class Command:
    """A MAV_CMD with its seven parameters. as_int: send COMMAND_INT, with p5 and p6 as latitude and longitude * 1e7 in
    the frame given. name: for people."""

    number: int
    p: tuple[float, float, float, float, float, float, float]
    name: str
    to: Address | None = None
    as_int: bool = False
    frame: int = mav.MAV_FRAME_GLOBAL_RELATIVE_ALT


@dataclass(frozen=True)
class Answered:
    """How a command ended. refusal None: accepted."""

    command: Command
    refusal: Refusal | None


def command(number: int, *p: float, to: Address | None = None) -> Command:
    """A COMMAND_LONG; parameters that are left out are 0."""
    seven = (*p, *([0.0] * (7 - len(p))))
    entry = mav.enums["MAV_CMD"].get(number)
    name = str(entry.name).removeprefix("MAV_CMD_") if entry is not None else str(number)
    return Command(number, (seven[0], seven[1], seven[2], seven[3], seven[4], seven[5], seven[6]), name, to)


class Commands:
    """The line of commands to one vehicle."""

    def __init__(self, own: Address, to: Address) -> None:
        self._own = own
        self._to = to
        self._waiting: deque[Command] = deque()
        self._current: Command | None = None
        self._retry = Retry(ANSWER_S)
        self._progress = 0
        self._answered: list[Answered] = []

    @property
    def idle(self) -> bool:
        """Nothing waits and nothing is under way."""
        return self._current is None and not self._waiting

    def ask(self, command: Command) -> None:
        """Queue a command. Raises QueueFull."""
        if len(self._waiting) >= QUEUE_MAX:
            raise QueueFull(f"{QUEUE_MAX} commands wait; the next is {self._waiting[0].name}")
        self._waiting.append(command)

    def clear(self) -> None:
        """Forget what waits and what is under way: something more important comes, or the vehicle has rebooted."""
        self._waiting.clear()
        self._current = None

    def answers(self) -> list[Answered]:
        """What ended since the last call."""
        done, self._answered = self._answered, []
        return done

    def tick(self, now_s: float) -> list[Message]:
        """What is due now: the first try of the next command, or a further try of this one."""
        if self._current is None:
            if not self._waiting:
                return []
            self._current = self._waiting.popleft()
            self._retry = Retry(ANSWER_S)
            self._progress = 0
        if not self._retry.due(now_s):
            return []
        if self._retry.spent or self._progress > PROGRESS_MAX:
            self._end(Refusal(Why.COMMAND_SILENT, self._current.name))
            return self.tick(now_s)
        self._retry.sent(now_s)
        return [self._message(self._current, self._retry.tries - 1)]

    def receive(self, message: Message, now_s: float) -> list[Message]:
        """A message from the line; what to send next."""
        current = self._current
        if current is None or message.get_type() != "COMMAND_ACK" or message.command != current.number:
            return []
        if source(message) != (current.to or self._to) or not addressed_to(message, self._own):
            return []
        if message.result == mav.MAV_RESULT_IN_PROGRESS:
            self._progress += 1
            self._retry.extend(now_s, PROGRESS_S)
            return []
        if message.result == mav.MAV_RESULT_TEMPORARILY_REJECTED and not self._retry.spent:
            self._retry.extend(now_s, BUSY_S)
            return []
        accepted = message.result == mav.MAV_RESULT_ACCEPTED
        refusal = Refusal(Why.COMMAND_REFUSED, f"{current.name} {_result(message.result)}")
        self._end(None if accepted else refusal)
        return self.tick(now_s)

    def _end(self, refusal: Refusal | None) -> None:
        if self._current is not None:
            self._answered.append(Answered(self._current, refusal))
        self._current = None

    def _message(self, c: Command, confirmation: int) -> Message:
        to = c.to or self._to
        if c.as_int:
            place = (int(c.p[4]), int(c.p[5]), c.p[6])
            return mav.MAVLink_command_int_message(to.system, to.component, c.frame, c.number, 0, 0, *c.p[:4], *place)
        return mav.MAVLink_command_long_message(to.system, to.component, c.number, confirmation, *c.p)


def _result(result: int) -> str:
    entry = mav.enums["MAV_RESULT"].get(result)
    return str(entry.name).removeprefix("MAV_RESULT_") if entry is not None else str(result)
