"""A simulated disposal crew: on shift, takes each order, goes there, works for a while, reports it done; off shift."""

import random
import uuid
from datetime import UTC, datetime
from typing import Literal

import structlog

from edge.handset.handset import Handset
from edge.wire import Order, Point

NEXT = {"": "accepted", "accepted": "arrived", "arrived": "disposed"}
SHARES = {"": 0.1, "accepted": 0.4, "arrived": 0.5}
LOOK_S = 0.3
log = structlog.get_logger()


class Crew:
    """The people who carry a handset. `work_s`: from order to disposal, give or take a fifth. `photo`: what they send
    with each disposal, "" bytes for none."""

    def __init__(self, handset: Handset, work_s: float, rng: random.Random, photo: bytes = b"") -> None:
        self.handset = handset
        self._work_s = work_s
        self._rng = rng
        self._photo = photo
        self._since: dict[tuple[str, int, str], float] = {}
        self._look_at_s = 0.0
        self._on_shift = False

    def turn(self, now_s: float) -> None:
        """Take the steps whose time has come."""
        if now_s < self._look_at_s or self.handset.replica.wiped:
            return
        self._look_at_s = now_s + LOOK_S * self._rng.uniform(0.8, 1.2)
        if not self._on_shift:
            self._on_shift = True
            self._attend("shift_on")
        for order in self.handset.replica.orders():
            if order.step in NEXT and not order.asked and self._due(order, now_s):
                self._step(order)

    def off(self) -> None:
        """The shift ends: the track goes up, then the word that they leave."""
        if self._on_shift and not self.handset.replica.wiped:
            self._on_shift = False
            self.handset.replica.send_track(datetime.now(UTC), str(uuid.uuid4()))
            self._attend("shift_off")

    def _attend(self, kind: Literal["shift_on", "shift_off"]) -> None:
        self.handset.replica.do(kind, datetime.now(UTC), str(uuid.uuid4()))
        self.handset.session.poke()

    def _due(self, order: Order, now_s: float) -> bool:
        since_s = self._since.setdefault((order.order_id, order.version, order.step), now_s)
        return now_s - since_s >= self._work_s * SHARES[order.step] * self._rng.uniform(0.8, 1.2)

    def _step(self, order: Order) -> None:
        at = datetime.now(UTC)
        kind = NEXT[order.step]
        here = [Point(at=at, lat=order.lat, lon=order.lon, accuracy_m=5.0)]
        self.handset.replica.locate(here[0], str(uuid.uuid4()))
        # A photo of its own for each order: identical ones would be sent once.
        photo = [(self._photo + order.order_id.encode(), "after")] if self._photo and kind == "disposed" else []
        self.handset.replica.do(kind, at, str(uuid.uuid4()), order.order_id, points=here, photos=photo)  # type: ignore[arg-type]
        self.handset.session.poke()
        self._since.pop((order.order_id, order.version, order.step), None)
        log.info("crew.step", device=self.handset.device, order=order.order_id, kind=kind)
