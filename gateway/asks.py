"""Questions to devices: written down, sent until the answer is there (gateway/down.py), given up after a while."""

import secrets
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from edge.wire import Answer, Ask, UnknownReference, encode
from edge.wire.asks import LeaveAsk, ReplayAsk, WatchAsk
from gateway.asks_tables import asks
from gateway.counters import Counters
from gateway.database import Database
from gateway.times import Clock, to_text

KEPT_MAX = 500
OPEN_MAX = 8  # of one device
GIVEN_UP_S = 300.0
POLL_S = 0.1
What = ReplayAsk | WatchAsk | LeaveAsk


class NotAnswered(RuntimeError):
    """There is no answer; `status` as HTTP has them, `str()` is for the page, both languages."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


class Asker:
    """`wake`: the sender looks at once. Safe from several threads."""

    def __init__(self, database: Database, counters: Counters, clock: Clock, wake: Callable[[], None]) -> None:
        self._database = database
        self._counters = counters
        self._clock = clock
        self._wake = wake

    def ask(self, device: str, what: What, person: str) -> str:
        """Send it; returns the ask's id. Raises NotAnswered: too much is open already; a WireError: too large."""
        with self._database.write() as tx:
            ask_id = put(tx, device, what, person, self._clock())
        self._counters.add("asks")
        self._wake()
        return ask_id

    def answer(self, ask_id: str, timeout_s: float) -> Answer:
        """Wait for a device's answer. Raises NotAnswered: refused by the device, or none in time (then nobody waits
        for it any more)."""
        end = time.monotonic() + timeout_s
        while True:
            with self._database.read() as tx:
                found = row_of(tx, ask_id)
            if found["state"] in ("answered", "refused"):
                return good(msgspec.json.decode(found["answer"], type=Answer))
            if time.monotonic() >= end:
                break
            time.sleep(POLL_S)
        self.give_up(ask_id)
        raise NotAnswered(504, f"设备 {timeout_s:.0f} 秒内未应答 no answer of the device in {timeout_s:.0f} s")

    def give_up(self, ask_id: str) -> None:
        """It is sent no more; a late answer changes nothing."""
        with self._database.write() as tx:
            mine = sa.and_(asks.c.ask_id == ask_id, asks.c.state == "asked")
            if tx.execute(sa.update(asks).where(mine).values(state="given_up", waiting=False)).rowcount:
                self._counters.add("asks_given_up")


def put(tx: sa.Connection, device: str, what: What, person: str, now: datetime) -> str:
    """Write an ask down. Raises NotAnswered, a WireError."""
    ask = Ask(ask_id=secrets.token_hex(16), what=what)
    payload = encode(ask)
    _tidy(tx, now)
    mine = sa.and_(asks.c.device == device, asks.c.state == "asked")
    if (tx.scalar(sa.select(sa.func.count()).select_from(asks).where(mine)) or 0) >= OPEN_MAX:
        raise NotAnswered(503, f"{device}: {OPEN_MAX} 个请求未应答 {OPEN_MAX} questions are open there; try later")
    kind = {ReplayAsk: "replay", WatchAsk: "watch", LeaveAsk: "leave"}[type(what)]
    row: dict[str, Any] = {"ask_id": ask.ask_id, "device": device, "kind": kind, "person": person[:128]}
    row |= {"at": to_text(now), "state": "asked", "answered_at": "", "attempts": 0, "next_at": to_text(now)}
    tx.execute(sa.insert(asks), row | {"payload": payload, "answer": b"", "waiting": True})
    return ask.ask_id


def answered(tx: sa.Connection, message: Answer, payload: bytes, now: str) -> None:
    """A device's answer; a second one, or one that nobody waits for, changes nothing. Raises UnknownReference."""
    found = tx.execute(sa.select(asks.c.device, asks.c.state).where(asks.c.ask_id == message.ask_id)).first()
    if found is None or found.device != message.device:
        raise UnknownReference(f"answer to '{message.ask_id}': {message.device} was never asked this")
    if found.state != "asked":
        return
    state = "answered" if message.status < 300 else "refused"
    values = {"state": state, "answer": payload, "answered_at": now, "waiting": False, "payload": b""}
    tx.execute(sa.update(asks).where(asks.c.ask_id == message.ask_id).values(values))


def row_of(tx: sa.Connection, ask_id: str) -> dict[str, Any]:
    """An ask as it stands. Raises NotAnswered."""
    row = tx.execute(sa.select(asks).where(asks.c.ask_id == ask_id)).mappings().first()
    if row is None:
        raise NotAnswered(404, "没有此请求 no such question; it may have been forgotten")
    return dict(row)


def good(answer: Answer) -> Answer:
    """The same. Raises NotAnswered when the device refused."""
    if answer.status >= 300:
        raise NotAnswered(answer.status, f"{answer.error_zh} {answer.error}".strip())
    return answer


def _tidy(tx: sa.Connection, now: datetime) -> None:
    old = to_text(now - timedelta(seconds=GIVEN_UP_S))
    stale = sa.and_(asks.c.state == "asked", asks.c.at < old)
    tx.execute(sa.update(asks).where(stale).values(state="given_up", waiting=False))
    edge = tx.scalar(sa.select(asks.c.at).order_by(asks.c.at.desc()).offset(KEPT_MAX).limit(1))
    if edge is not None:
        tx.execute(sa.delete(asks).where(asks.c.at <= edge))
