"""Reading a mission or a fence from a vehicle: pure machine. Source: https://mavlink.io/en/services/mission.html."""

from dataclasses import dataclass

from drone.autopilot.items import ITEMS_MAX, from_message
from drone.autopilot.retry import ANSWER_S, ITEM_S, Retry
from drone.autopilot.types import Address, MissionItem, MissionType, Refusal, Why
from drone.autopilot.upload import result_name
from drone.autopilot.wire import Message, addressed_to, mav, source


@dataclass(frozen=True)
class Downloaded:
    """The whole list as the vehicle holds it, seq 0 first (on ArduPilot that is home)."""

    items: tuple[MissionItem, ...]


class Download:
    """One list on its way down. Done when `outcome` is set."""

    def __init__(self, kind: MissionType, own: Address, of: Address) -> None:
        self.outcome: Downloaded | Refusal | None = None
        self._kind = kind
        self._own = own
        self._of = of
        self._count: int | None = None
        self._items: list[MissionItem] = []
        self._retry = Retry(ANSWER_S)

    def tick(self, now_s: float) -> list[Message]:
        """What is due now: the question for the list or for the next item."""
        if self.outcome is not None or not self._retry.due(now_s):
            return []
        if self._retry.spent:
            have = "?" if self._count is None else str(self._count)
            self.outcome = Refusal(Why.DOWNLOAD_SILENT, f"{len(self._items)}/{have}")
            return []
        self._retry.sent(now_s)
        target = (self._of.system, self._of.component)
        if self._count is None:
            return [mav.MAVLink_mission_request_list_message(*target, int(self._kind))]
        return [mav.MAVLink_mission_request_int_message(*target, len(self._items), int(self._kind))]

    def receive(self, message: Message, now_s: float) -> list[Message]:
        """A message from the line; what to answer."""
        if self.outcome is not None or source(message) != self._of or not addressed_to(message, self._own):
            return []
        if getattr(message, "mission_type", None) != self._kind:
            return []
        name = message.get_type()
        if name == "MISSION_COUNT" and self._count is None:
            return self._counted(message.count, now_s)
        if name == "MISSION_ITEM_INT" and self._count is not None and message.seq == len(self._items):
            self._items.append(from_message(message))
            return self._next(now_s)
        if name == "MISSION_ACK" and message.type != mav.MAV_MISSION_ACCEPTED:
            # The vehicle's word to our question. ACCEPTED is no answer to one: it is left over from an upload.
            self.outcome = Refusal(Why.DOWNLOAD_REFUSED, result_name(message.type))
        return []

    def _counted(self, count: int, now_s: float) -> list[Message]:
        if count > ITEMS_MAX:
            self.outcome = Refusal(Why.DOWNLOAD_REFUSED, f"{count} > {ITEMS_MAX}")
            return []
        self._count = count
        return self._next(now_s)

    def _next(self, now_s: float) -> list[Message]:
        if len(self._items) < (self._count or 0):
            self._retry.fresh(ITEM_S)
            return self.tick(now_s)
        self.outcome = Downloaded(tuple(self._items))
        done = mav.MAV_MISSION_ACCEPTED
        return [mav.MAVLink_mission_ack_message(self._of.system, self._of.component, done, int(self._kind))]
