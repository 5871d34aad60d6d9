"""Sending a mission or a fence to a vehicle: pure machine, messages and times in, messages out.

Source: https://mavlink.io/en/services/mission.html. What ArduCopter does beside the book (measured on 4.6, and its
MissionItemProtocol.cpp): it asks with MISSION_REQUEST and never with _INT, asks again after 1.0 s, answers an item that
came twice with INVALID_SEQUENCE and goes on, and answers everything after the end with ERROR. It cuts its list to the
announced length at once and replaces item by item: a broken upload leaves a mixture. So the end of this machine proves
nothing; `transfer` reads the list back.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from drone.autopilot.items import to_message
from drone.autopilot.retry import ANSWER_S, Retry
from drone.autopilot.types import Address, MissionItem, MissionType, Refusal, Why
from drone.autopilot.wire import Message, addressed_to, mav, source

ASKS_MAX = 20  # for one item; ArduPilot itself gives up after 8 s
REQUESTS = ("MISSION_REQUEST", "MISSION_REQUEST_INT")


@dataclass(frozen=True)
class Uploaded:
    """The vehicle has asked for every item. confirmed: it has also said that it took the list."""

    confirmed: bool


class Upload:
    """One list on its way up. Done when `outcome` is set."""

    def __init__(self, items: Sequence[MissionItem], kind: MissionType, own: Address, to: Address) -> None:
        if [item.seq for item in items] != list(range(len(items))):
            raise ValueError("upload: items are not numbered 0, 1, 2 ...; use items.numbered")
        self.outcome: Uploaded | Refusal | None = None
        self._items = list(items)
        self._kind = kind
        self._own = own
        self._to = to
        self._asked: dict[int, int] = {}  # seq -> how often
        self._last: int | None = None
        self._retry = Retry(ANSWER_S)

    def tick(self, now_s: float) -> list[Message]:
        """What is due now: the count again, the last item again, or the end."""
        if self.outcome is not None or not self._retry.due(now_s):
            return []
        if self._retry.spent:
            self._end_silent()
            return []
        self._retry.sent(now_s)
        if self._last is None:
            return [mav.MAVLink_mission_count_message(*self._target, len(self._items), int(self._kind))]
        # Only the end is sent unasked (its answer may be lost). In between the vehicle asks again by itself, and an
        # item too many would only earn an INVALID_SEQUENCE.
        return [self._item(len(self._items) - 1)] if self._complete else []

    def receive(self, message: Message, now_s: float) -> list[Message]:
        """A message from the line; what to answer."""
        if self.outcome is not None or source(message) != self._to or not addressed_to(message, self._own):
            return []
        if getattr(message, "mission_type", None) != self._kind:
            return []
        if message.get_type() in REQUESTS:
            return self._requested(message.seq, now_s)
        if message.get_type() == "MISSION_ACK":
            self._answered(message.type)
        return []

    def _requested(self, seq: int, now_s: float) -> list[Message]:
        if seq >= len(self._items):
            return []  # left over from a longer list of ours
        self._asked[seq] = self._asked.get(seq, 0) + 1
        if self._asked[seq] > ASKS_MAX:
            self._end_silent()
            return []
        if self._last != seq:
            self._retry.fresh(ANSWER_S)
            self._last = seq
        self._retry.extend(now_s, ANSWER_S)
        return [self._item(seq)]

    def _answered(self, result: int) -> None:
        if result == mav.MAV_MISSION_ACCEPTED:
            # A late one, of the list before: the vehicle has not asked for everything.
            if self._complete:
                self.outcome = Uploaded(True)
        elif result == mav.MAV_MISSION_INVALID_SEQUENCE:
            return  # an item came twice; the vehicle asks for the one that it wants
        elif result == mav.MAV_MISSION_ERROR and self._complete and self._items:
            self.outcome = Uploaded(False)  # ArduPilot's answer to an item after the end: its ack was lost
        else:
            self.outcome = Refusal(Why.UPLOAD_REFUSED, f"{result_name(result)} ({len(self._asked)}/{len(self._items)})")

    def _end_silent(self) -> None:
        served = f"{len(self._asked)}/{len(self._items)}"
        ended = self._complete and bool(self._items)
        self.outcome = Uploaded(False) if ended else Refusal(Why.UPLOAD_SILENT, served)

    @property
    def _complete(self) -> bool:
        return len(self._asked) == len(self._items)

    def _item(self, seq: int) -> Message:
        return to_message(self._items[seq], self._to, self._kind)

    @property
    def _target(self) -> tuple[int, int]:
        return self._to.system, self._to.component


def result_name(result: int) -> str:
    """MAV_MISSION_RESULT as its word."""
    entry = mav.enums["MAV_MISSION_RESULT"].get(result)
    return str(entry.name).removeprefix("MAV_MISSION_") if entry is not None else str(result)
