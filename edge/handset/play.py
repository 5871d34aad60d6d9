"""The centre's state with the crew's own pending operations played over it: what the handset shows. Pure."""

from collections.abc import Iterable

import msgspec

from edge.wire import RANK, Op, Order

OPEN = frozenset({"dispatched", "rework"})
FINAL = frozenset({"disposed", "returned"})


def played(order: Order, pending: Iterable[tuple[Op, int]]) -> Order:
    """`pending`: (operation, the order's attempt when it was made), in their order. An operation that the centre will
    not take any more (the order ended, or its work began anew) is not played: the newer word is shown."""
    for op, attempt in pending:
        order = _one(order, op, attempt)
    return order


def todo(order: Order) -> bool:
    """Whether the crew still has something to do."""
    return order.state in OPEN and order.step not in FINAL


def _one(order: Order, op: Op, attempt: int) -> Order:
    photos = list(dict.fromkeys([*order.photos, *(r.sha256 for r in op.evidence)]))[:64]
    if op.kind == "photo":
        return msgspec.structs.replace(order, photos=photos)
    if order.state not in OPEN or attempt < order.attempt:
        return order
    if op.kind == "extend" or op.kind == "suspend":
        if order.step in FINAL:
            return order
        return msgspec.structs.replace(order, asked=op.kind, answer="", answer_words="", photos=photos)
    if op.kind not in RANK:
        return order
    if order.step == op.kind and op.kind in FINAL:
        return msgspec.structs.replace(order, photos=photos)
    if RANK[op.kind] <= RANK[order.step]:
        return order
    return msgspec.structs.replace(order, step=op.kind, step_by=op.device, step_at=op.at, photos=photos)
