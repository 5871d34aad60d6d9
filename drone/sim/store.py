"""The mission protocol of the simulated ArduCopter, after its MissionItemProtocol.cpp: asks with MISSION_REQUEST, again
after 1.0 s, gives up after 8 s; replaces item by item, so a broken upload leaves a mixture; keeps only what a command
uses, heights in centimetres."""

import math
from collections.abc import Callable
from dataclasses import replace

from drone.autopilot.items import from_message, to_message
from drone.autopilot.types import Address, MissionItem, MissionType
from drone.autopilot.wire import Message, mav, source

AGAIN_S = 1.0
GIVE_UP_S = 8.0
KNOWN = {
    16,
    17,
    18,
    19,
    20,
    21,
    22,
    82,
    93,
    112,
    115,
    177,
    178,
    195,
    197,
    201,
    205,
    206,
    207,
    1000,
    2000,
    *range(5000, 5005),
}
LOCATION = {16, 17, 18, 19, 21, 22, 82, 195, 201, *range(5000, 5005)}
KEPT = {
    16: "1",
    18: "13",
    19: "1",
    82: "1",
    93: "1234",
    115: "1234",
    177: "12",
    178: "123",
    205: "123",
    206: "1",
    207: "1",
    2000: "123",
}
FRAMES = {0: 0, 5: 0, 3: 3, 6: 3, 10: 10, 11: 10}


def kept(item: MissionItem) -> MissionItem:
    """An item as ArduPilot gives it back."""
    fence = item.command >= 5000
    keep = "1" if fence else KEPT.get(item.command, "1234" if item.command == 1000 else "")
    p = {n: (v if str(n) in keep and not math.isnan(v) else 0.0) for n, v in enumerate(params(item), 1)}
    placed = item.command in LOCATION
    x, y = (item.x, item.y) if placed else (0, 0)
    z = round(item.z * 100) / 100 if placed and not fence else 0.0
    frame = FRAMES.get(item.frame, item.frame) if placed and not fence else 0
    return replace(item, frame=frame, current=0, autocontinue=1, p1=p[1], p2=p[2], p3=p[3], p4=p[4], x=x, y=y, z=z)


def params(item: MissionItem) -> tuple[float, float, float, float]:
    return item.p1, item.p2, item.p3, item.p4


class Store:
    """One list (mission or fence) and the transfer that may be under way. damage: what a test does to items on their
    way into memory."""

    def __init__(self, kind: MissionType, capacity: int = 724) -> None:
        self.kind = kind
        self.items: list[MissionItem] = []
        self.receiving = False
        self.uploads = 0
        self.damage: Callable[[MissionItem], MissionItem] = lambda item: item
        self._capacity = capacity
        self._gcs = Address(0, 0)
        self._next = 0
        self._last = 0
        self._received_s = 0.0
        self._asked_s = 0.0

    def receive(self, m: Message, now_s: float) -> list[Message]:
        handler = getattr(self, "_on_" + m.get_type().lower(), None)
        return handler(m, now_s) if handler is not None else []

    def tick(self, now_s: float) -> list[Message]:
        if not self.receiving:
            return []
        if now_s - self._received_s > GIVE_UP_S:
            self.receiving = False
            return [self._ack(self._gcs, mav.MAV_MISSION_OPERATION_CANCELLED)]
        if now_s - self._asked_s > AGAIN_S:
            return [self._ask(now_s)]
        return []

    def reboot(self) -> None:
        """Items are in its EEPROM, the transfer is not."""
        self.receiving = False

    def _on_mission_count(self, m: Message, now_s: float) -> list[Message]:
        gcs = source(m)
        if self.receiving and gcs != self._gcs:
            return [self._ack(gcs, mav.MAV_MISSION_DENIED)]
        if m.count > self._capacity:
            return [self._ack(gcs, mav.MAV_MISSION_NO_SPACE)]
        self.items = self.items[: m.count]
        self._gcs = gcs
        if m.count == 0:
            return [self._ack(gcs, mav.MAV_MISSION_ACCEPTED)]
        self.uploads += 1
        self.receiving, self._next, self._last, self._received_s = True, 0, m.count - 1, now_s
        return [self._ask(now_s)]

    def _on_mission_item_int(self, m: Message, now_s: float) -> list[Message]:
        gcs = source(m)
        if not self.receiving:
            return [self._ack(gcs, mav.MAV_MISSION_ERROR)]
        if m.seq != self._next:
            return [self._ack(gcs, mav.MAV_MISSION_INVALID_SEQUENCE)]
        if gcs != self._gcs:
            return [self._ack(gcs, mav.MAV_MISSION_DENIED)]
        item = from_message(m)
        if item.command not in KNOWN:
            self.receiving = False
            return [self._ack(gcs, mav.MAV_MISSION_UNSUPPORTED)]
        self.items[m.seq : m.seq + 1] = [self.damage(kept(item))]
        self._received_s = now_s
        self._next += 1
        if self._next > self._last:
            self.receiving = False
            return [self._ack(gcs, mav.MAV_MISSION_ACCEPTED)]
        return [self._ask(now_s)]

    def _on_mission_request_list(self, m: Message, now_s: float) -> list[Message]:
        gcs = source(m)
        if self.receiving:
            return [self._ack(gcs, mav.MAV_MISSION_DENIED)]
        return [mav.MAVLink_mission_count_message(gcs.system, gcs.component, len(self.items), int(self.kind))]

    def _on_mission_request_int(self, m: Message, now_s: float) -> list[Message]:
        gcs = source(m)
        if self.receiving:
            return [self._ack(gcs, mav.MAV_MISSION_DENIED)]
        if m.seq >= len(self.items):
            return [self._ack(gcs, mav.MAV_MISSION_INVALID_SEQUENCE)]
        return [to_message(replace(self.items[m.seq], seq=m.seq), gcs, self.kind)]

    def _on_mission_clear_all(self, m: Message, now_s: float) -> list[Message]:
        if not self.receiving:
            self.items.clear()
        return [self._ack(source(m), mav.MAV_MISSION_ERROR if self.receiving else mav.MAV_MISSION_ACCEPTED)]

    def _ask(self, now_s: float) -> Message:
        self._asked_s = now_s
        return mav.MAVLink_mission_request_message(self._gcs.system, self._gcs.component, self._next, int(self.kind))

    def _ack(self, gcs: Address, result: int) -> Message:
        return mav.MAVLink_mission_ack_message(gcs.system, gcs.component, result, int(self.kind))
