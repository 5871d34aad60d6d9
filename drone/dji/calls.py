"""Services asked of one dock: sent, sent again with the same tid, answered, or given up; a pure machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from drone.dji.messages import Out, down, pack

ANSWER_S = 8.0  # docks are on 4G; an answer usually takes under a second
TRIES_MAX = 4
OPEN_MAX = 20

Data = Callable[[int], Any]
"""Makes the data at the moment of sending, from our clock in ms."""
Done = Callable[["Answer"], None]


@dataclass(frozen=True)
class Answer:
    """How a call ended. result: 0, a code, or None when nobody answered; tries: how often it was sent; unix_ms: the
    dock's clock; status: what some services tell beside it."""

    method: str
    result: int | None
    tries: int
    unix_ms: float = 0
    status: str = ""


@dataclass
class _Open:
    method: str
    tid: str
    bid: str
    data: Data
    done: Done
    tries: int = 0
    due_s: float = 0.0


class CallsFull(RuntimeError):
    """Too many services wait for this dock; `str()` is one line."""


class Calls:
    """Open calls of one dock. unexpected: answers that belong to no open call (late, twice, or foreign)."""

    def __init__(self, sn: str) -> None:
        self.sn = sn
        self.unexpected = 0
        self._open: dict[str, _Open] = {}

    def ask(self, method: str, tid: str, bid: str, data: Data, done: Done) -> None:
        """Begin a call; it goes out at the next tick. Raises CallsFull."""
        if len(self._open) >= OPEN_MAX:
            raise CallsFull(f"{self.sn}: {OPEN_MAX} commands wait for an answer; is the dock on line?")
        self._open[tid] = _Open(method, tid, bid, data, done)

    def answered(self, tid: str, method: str, result: int, unix_ms: float, status: str = "") -> None:
        """An answer; one that fits no open call changes nothing."""
        call = self._open.get(tid)
        if call is None or (method and method != call.method):
            self.unexpected += 1
            return
        del self._open[tid]
        call.done(Answer(call.method, result, call.tries, unix_ms, status))

    def drop(self, bid: str) -> None:
        """Forget the calls of one business: what they ask for is no longer wanted."""
        self._open = {tid: call for tid, call in self._open.items() if call.bid != bid}

    def tick(self, now_s: float, unix_ms: int) -> list[Out]:
        """What is to be sent now; calls without an answer end here."""
        out = []
        for call in list(self._open.values()):
            if now_s < call.due_s:
                continue
            if call.tries >= TRIES_MAX:
                del self._open[call.tid]
                call.done(Answer(call.method, None, call.tries))
                continue
            call.tries += 1
            call.due_s = now_s + ANSWER_S
            data = pack(call.tid, call.bid, call.method, call.data(unix_ms), unix_ms, self.sn)
            out.append(Out(down(self.sn, "services"), data))
        return out

    def __len__(self) -> int:
        return len(self._open)
