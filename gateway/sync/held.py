"""An order as the centre holds it, and how the registry's newer word joins what the crew has done meanwhile."""

import msgspec

from edge.wire import Order, Work

OPEN = frozenset({"dispatched", "rework"})


class Held(msgspec.Struct, kw_only=True, frozen=True):
    """`attempt_version`: the order's version at which the present attempt began; an operation made on an older one
    belongs to work that is over. `past`: crews that had it before it went to another."""

    crew: str
    order: Order
    attempt_version: int
    past: tuple[str, ...] = ()

    def open_for(self, crew: str) -> bool:
        """Whether this crew may still work on it."""
        return self.crew == crew and self.order.state in OPEN


def joined(old: Held | None, work: Work, crew: str) -> Held | None:
    """The registry's order over ours, field by field: state, deadline and attempt are the registry's, step and photos
    the crew's, as long as it is the same attempt. None when it is no news."""
    if old is None:
        return Held(crew=crew, order=_fresh(work), attempt_version=work.version)
    if work.version <= old.order.version:
        return None
    order = _fresh(work)
    if crew == old.crew and work.attempt == old.order.attempt:
        kept = {name: getattr(old.order, name) for name in ("step", "step_by", "step_at")}
        order = msgspec.structs.replace(order, **kept)
    attempt_version = old.attempt_version if work.attempt == old.order.attempt else work.version
    past = old.past if crew == old.crew or old.crew in old.past else (*old.past, old.crew)
    reminded = {name: getattr(old.order, name) for name in ("photos", "reminders", "reminder")}
    order = msgspec.structs.replace(order, urgent=order.urgent or old.order.reminders > 0, **reminded)
    return Held(crew=crew, order=order, attempt_version=attempt_version, past=past)


def recalled(held: Held, crew: str) -> Order:
    """What a crew sees of an order that went to another one."""
    words = f"went to {crew}"
    return msgspec.structs.replace(held.order, state="recalled", note=words, asked="")


def _fresh(work: Work) -> Order:
    names = ("order_id", "version", "state", "case_id", "incident_id", "case_class", "class_code", "lat", "lon")
    row = {name: getattr(work, name) for name in (*names, "deadline", "attempt", "note")}
    return Order(**row, urgent=work.attempt > 1)
