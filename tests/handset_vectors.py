"""The Python client through the vectors that it shares with the phone page (tests/data/handset-vectors.json).

A vector is a list of steps; `run` gives what each step gave: messages that are due, what the crew sees, a refusal's
code, or None. The phone's core runs the same steps in edge/handset/page/src/core/vectors.ts.
"""

import random
from datetime import datetime
from typing import Any

import msgspec

from edge.handset.book import Book
from edge.handset.replica import Replica
from edge.handset.session import Session
from edge.wire import Delta, PhotoState, Piece, Point, Receipt, Wipe, WireError, channel_of

PIECE_BYTES = 8
KINDS: dict[str, Any] = {"delta": Delta, "receipt": Receipt, "photostate": PhotoState, "wipe": Wipe}


class Middle(random.Random):
    """Dice that always fall in the middle."""

    def uniform(self, a: float, b: float) -> float:
        """Half of both."""
        return (a + b) / 2


class Memory:
    """Photos in memory."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}

    def put(self, sha256: str, data: bytes) -> None:
        """Keep."""
        self.held[sha256] = data

    def read(self, sha256: str, offset: int, size_bytes: int) -> bytes:
        """A part."""
        return self.held.get(sha256, b"")[offset : offset + size_bytes]

    def drop(self, sha256: str) -> None:
        """Forget."""
        self.held.pop(sha256, None)


def run(vector: dict[str, Any]) -> list[Any]:
    """What each step gave, as JSON's own types."""
    replica = Replica(Book(None, vector["device"], vector["epoch"]), Memory())
    session = Session(replica, Middle(), PIECE_BYTES, bulk=True)
    return [_one(replica, session, step) for step in vector["steps"]]


def _one(replica: Replica, session: Session, step: dict[str, Any]) -> Any:
    if "do" in step:
        return _doing(lambda: _do(replica, step["do"]))
    if "locate" in step:
        return _doing(lambda: replica.locate(msgspec.convert(step["locate"], Point), step["op_id"]))
    if "send_track" in step:
        return _doing(lambda: replica.send_track(datetime.fromisoformat(step["send_track"]), step["op_id"]))
    if "hear" in step:
        kind = KINDS[step["hear"]["channel"]]
        session.handle(msgspec.convert(step["hear"]["body"], kind), step["now_s"])
    elif "up" in step:
        session.up(step["up"])
    elif "down" in step:
        session.down()
    elif "due" in step:
        session.poke()
        return [[channel_of(message).name, _told(message)] for message in session.due(step["due"])]
    else:
        return _see(replica, session, datetime.fromisoformat(step["see"]))
    return None


def _do(replica: Replica, wish: dict[str, Any]) -> Any:
    photos = [(bytes.fromhex(photo["hex"]), photo["kind"]) for photo in wish.get("photos", [])]
    more = {name: wish[name] for name in ("hours", "notice_id") if name in wish}
    at = datetime.fromisoformat(wish["at"])
    where = (wish.get("order_id", ""), wish.get("note", ""))
    points = msgspec.convert(wish.get("points", []), list[Point])
    return replica.do(wish["kind"], at, wish["op_id"], *where, points=points, photos=photos, **more)


def _doing(work: Any) -> Any:
    try:
        return msgspec.to_builtins(work())
    except WireError as error:
        return {"code": int(error.code)}


def _told(message: Any) -> Any:
    body = msgspec.to_builtins(message)
    return body | {"data": len(message.data)} if isinstance(message, Piece) else body


def _see(replica: Replica, session: Session, now: datetime) -> dict[str, Any]:
    book = replica.book
    keys = [str(key) for (key,) in book.rows("select key from things where kind = 'order' order by key")]
    meta = {"cursor": book.cursor, "through": book.through, "crew": book.get("crew")}
    return {
        "orders": msgspec.to_builtins(replica.orders()),
        "known": [replica.order(key.removeprefix("order/")).step for key in keys],
        "notices": [notice.notice_id for notice in replica.notices(now)],
        "shelf": [[key, code, words] for key, code, words, _ in replica.shelf()],
        "pending": [[op.seq, attempt, received] for op, attempt, received in replica.pending()],
        "photos": [[sha256, size, kind, have] for sha256, size, _, kind, have in replica.photos_waiting()],
        "meta": meta | {"next_seq": int(book.get("next_seq")), "wiped": replica.wiped},
        "current": session.current,
    }
