"""What an operation does to an order: the state rules that settle every conflict, as one pure function.

The table is in docs/sync.md. A field that nobody contests is merged; where two words cannot both stand, the first
stands and the other becomes a visible rejection, with a review by people where work was done.
"""

import re
from dataclasses import dataclass
from typing import Literal

import msgspec

from edge.wire import PHOTO_BYTES_MAX, RANK, ErrorCode, Op, Order, Outcome
from gateway.sync.held import Held

SOFT = frozenset({"accepted", "arrived"})
FINAL = frozenset({"disposed", "returned"})
WITHOUT_ORDER = frozenset({"shift_on", "shift_off", "track", "read", "sign", "answer", "report"})
NEED_REASON = frozenset({"returned", "extend", "suspend", "sign"})
NEED_NOTICE = frozenset({"sign", "answer"})
# What everybody may do; the rest is a matter of the crew's rights.
FREE = WITHOUT_ORDER - {"report"}
NOTICE_ID = re.compile(r"[A-Za-z0-9-]{1,128}")
PHOTOS_SHOWN_MAX = 64


@dataclass(frozen=True)
class Judged:
    """`order`: as it is now, None when it did not change. `forward`: what the registry is to be told."""

    outcome: Outcome
    order: Order | None = None
    forward: Literal["", "ops", "extend", "suspend"] = ""
    code: int = 0
    reason: str = ""
    review: bool = False


LATE = Judged("late")


def judge(held: Held | None, op: Op, crew: str, rights: frozenset[str] | None = None) -> Judged:
    """One operation of a crew's handset on the order that it names. `rights`: see `ports.Books.rights`."""
    bad = _unfit(op) or _unlawful(op, crew, rights)
    if bad is not None:
        return bad
    if op.kind in WITHOUT_ORDER:
        return Judged("applied")
    if held is None:
        return _no(ErrorCode.UNKNOWN_REFERENCE, f"there is no work order '{op.order_id}'")
    if crew != held.crew and crew not in held.past:
        return _no(ErrorCode.WRONG_CREW, f"work order {op.order_id} was never given to crew {crew}")
    if op.base_version > held.order.version:
        at = f"{op.order_id} is at version {held.order.version}"
        return _no(ErrorCode.FORBIDDEN_STATE, f"made on version {op.base_version}, but {at}")
    if op.kind == "photo":
        return _merge(held.order, op)
    return _on_ended(held, op, crew) or _on_open(held.order, op)


def _unfit(op: Op) -> Judged | None:
    if op.kind in NEED_REASON and not op.note.strip():
        return _no(ErrorCode.REASON_MISSING, f"'{op.kind}' needs a reason in its note")
    if op.kind == "extend" and op.hours is None:
        return _no(ErrorCode.REASON_MISSING, "'extend' needs its hours")
    if op.kind in NEED_NOTICE and not NOTICE_ID.fullmatch(op.notice_id):
        return _no(ErrorCode.UNKNOWN_REFERENCE, f"'{op.kind}' needs the notice that it answers")
    if op.kind == "report" and (op.case_class is None or not op.points):
        return _no(ErrorCode.REASON_MISSING, "'report' needs a class and a place")
    large = [reference.size_bytes for reference in op.evidence if reference.size_bytes > PHOTO_BYTES_MAX]
    if large:
        return _no(ErrorCode.TOO_LARGE, f"a photo of {large[0]} bytes, the limit is {PHOTO_BYTES_MAX}")
    return None


def _unlawful(op: Op, crew: str, rights: frozenset[str] | None) -> Judged | None:
    if rights is None or op.kind in FREE or op.kind in rights:
        return None
    return _no(ErrorCode.NO_RIGHT, f"crew {crew} may not do '{op.kind}'; its rights: {', '.join(sorted(rights))}")


def _on_ended(held: Held, op: Op, crew: str) -> Judged | None:
    """The work that it speaks of is over: recalled, given to others, closed, or begun anew. None when it is not."""
    order = held.order
    if not held.open_for(crew):
        word = order.state if crew == held.crew else f"now crew {held.crew}'s"
        code, reason = ErrorCode.FORBIDDEN_STATE, f"work order {order.order_id} is {word}"
    elif op.base_version < held.attempt_version:
        code = ErrorCode.STALE_VERSION
        reason = f"made on version {op.base_version}; version {held.attempt_version} of {order.order_id} is new work"
    else:
        return None
    if op.kind in SOFT:
        return LATE
    return _no(code, reason, review=op.kind in FINAL)


def _on_open(order: Order, op: Op) -> Judged:
    if op.kind in SOFT:
        return LATE if RANK[op.kind] <= RANK[order.step] else _step(order, op)
    if op.kind in FINAL:
        return _final(order, op)
    if order.step in FINAL or order.asked:
        word = f"asked to {order.asked}" if order.asked else order.step
        return _no(ErrorCode.FORBIDDEN_STATE, f"work order {order.order_id} is {word} already")
    asked: Literal["extend", "suspend"] = "extend" if op.kind == "extend" else "suspend"
    return Judged("applied", _asking(order, asked, op), asked)


def _asking(order: Order, asked: Literal["extend", "suspend"], op: Op) -> Order:
    photos = _photos(order, op)
    return msgspec.structs.replace(order, asked=asked, answer="", answer_words="", photos=photos)


def _final(order: Order, op: Op) -> Judged:
    if order.step == op.kind:
        return _merge(order, op)
    if order.step in FINAL:
        reason = f"'{op.kind}', but {order.step_by} has {order.step} work order {order.order_id} already"
        return _no(ErrorCode.FORBIDDEN_STATE, reason, review=True)
    return _step(order, op)


def _step(order: Order, op: Op) -> Judged:
    changed = {"step": op.kind, "step_by": op.device, "step_at": op.at, "photos": _photos(order, op)}
    return Judged("applied", msgspec.structs.replace(order, **changed), "ops")


def _merge(order: Order, op: Op) -> Judged:
    photos = _photos(order, op)
    return Judged("merged", msgspec.structs.replace(order, photos=photos) if photos != order.photos else None)


def _photos(order: Order, op: Op) -> list[str]:
    """Joined; the order shows the first 64, all of them belong to its incident."""
    new = [r.sha256 for r in op.evidence if r.sha256 not in order.photos]
    return [*order.photos, *dict.fromkeys(new)][:PHOTOS_SHOWN_MAX]


def _no(code: ErrorCode, reason: str, review: bool = False) -> Judged:
    return Judged("rejected", None, "", int(code), reason, review)
