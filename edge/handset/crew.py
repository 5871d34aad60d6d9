"""A simulated disposal crew: takes each order, goes there, works for a while, reports it done; again after rework."""

import random
import threading
import time

import structlog

from edge.handset.orders import Kind, Order, Orders
from edge.link import Broker, Link, Outbox
from edge.wire import Work

NEXT: dict[str, Kind] = {"received": "accepted", "accepted": "arrived", "arrived": "disposed"}
TICK_S = 0.1

log = structlog.get_logger()


class Crew:
    """One handset and the people who carry it. `work_s`: from order to disposal, give or take a fifth."""

    def __init__(self, outbox: Outbox, broker: Broker, work_s: float, rng: random.Random, software: str = "") -> None:
        self.orders = Orders(outbox, time.time)
        self.link = Link(outbox, broker, "handset", handlers={"work": self._work}, software=software, rng=rng)
        self._work_s = work_s
        self._rng = rng

    def run(self, stop: threading.Event, drain_s: float = 10.0) -> None:
        """Work until told to stop, then bring out what is left."""
        self.link.start()
        while not stop.wait(TICK_S):
            for order in self.orders.open():
                if self._due(order):
                    self.orders.step(order.work.order_id, NEXT[order.step], self.link)
                    log.info("crew.step", device=self.link.outbox.device, order=order.work.order_id, after=order.step)
        self.link.drain(drain_s)
        self.link.stop()

    def _work(self, work: Work) -> None:
        if self.orders.receive(work, self.link):
            log.info("crew.order", device=self.link.outbox.device, order=work.order_id, state=work.state)

    def _due(self, order: Order) -> bool:
        share = {"received": 0.1, "accepted": 0.4, "arrived": 0.5}[order.step]
        return time.time() - order.since_s >= self._work_s * share * self._rng.uniform(0.8, 1.2)
