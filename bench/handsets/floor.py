"""The floor: the same clients only connecting and subscribing on the same broker, in the same loop."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from edge.handset.line import Line
from edge.handset.loop import Loop
from edge.link import Broker
from edge.wire import Presence, down_filter, encode, topic


class Bare:
    """As much of a handset as a loop needs, with nothing to say."""

    bulk = None

    def __init__(self, device: str, broker: Broker, tls: Any = None) -> None:
        self.device = device
        self.session = self
        self.on_poke: Callable[[], None] = lambda: None
        will = (topic("up", device, "presence"), encode(Presence(device=device, kind="handset", online=False)))
        self.line = Line(broker, device, down_filter(device), will, lambda: None, lambda name, payload: None, tls)

    @property
    def wake_s(self) -> float:
        """At once while it has no connection, never again afterwards."""
        return 0.0 if self.line.sock is None else time.monotonic() + 60.0

    def turn(self, readable: bool = False, writable: bool = False) -> None:
        """Connect, or read and write."""
        if self.line.sock is None:
            self.line.connect()
        else:
            self.line.turn(readable, writable)

    def end(self) -> None:
        """Say goodbye."""
        self.line.bye()


def floor_s(clients: Sequence[Bare], limit_s: float) -> float | None:
    """Seconds until the broker has confirmed every subscription; None: not within `limit_s`."""
    loop = Loop(clients)  # type: ignore[arg-type]
    began_s = time.monotonic()
    loop.run(lambda: all(c.line.listening for c in clients) or time.monotonic() - began_s > limit_s)
    took_s = time.monotonic() - began_s
    there = all(c.line.listening for c in clients)
    loop.close()
    return took_s if there else None
