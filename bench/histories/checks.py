"""What must hold at the end of a history, checked against the truth of what was made, not by the code under test."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from edge.wire import RANK, Entry, Notice, Order
from gateway.sync.held import Held

if TYPE_CHECKING:
    from bench.histories.history import History
    from bench.histories.phone import Phone

OPEN = ("dispatched", "rework")
_ENTRY: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(Entry)


def in_step(history: "History") -> bool:
    """Whether nothing is under way any more."""
    for phone in history.phones.values():
        if phone.replica.pending() or phone.replica.photos_waiting() or list(_differences(history, phone)):
            return False
    return not history.books.t.waiting


def all_of(history: "History") -> list[str]:
    """Every invariant that did not hold, in words."""
    wrong = list(_operations(history))
    for phone in history.phones.values():
        wrong += _differences(history, phone)
        wrong += _left(phone)
        wrong += _photos(history, phone)
    return [*wrong, *_states(history.books.changes)]


def _operations(history: "History") -> Iterator[str]:
    """None lost, none applied twice, none rejected in silence."""
    t = history.books.t
    for op_id, (device, seq) in history.made.items():
        name = f"operation {seq} of {device}"
        if t.judged[op_id] != 1:
            yield f"{name} was judged {t.judged[op_id]} times"
        judged = t.outcomes.get(op_id)
        if judged is None:
            continue
        if t.told[op_id] != (1 if judged.forward else 0):
            yield f"{name} was told to the registry {t.told[op_id]} times"
        shelved = bool(history.phones[device].book.get(f"shelved/{history.phones[device].book.epoch}/{seq}"))
        if shelved != (judged.outcome == "rejected"):
            yield f"{name} was {judged.outcome}, but lies {'' if shelved else 'not '}on the shelf"


def _differences(history: "History", phone: "Phone") -> Iterator[str]:
    """Every device converges on its crew's log."""
    crew = history.books.crew_of(phone.device)
    now = history.centre_now()
    want = {}
    for (mine, key), entry in history.books.t.log.items():
        expired = isinstance(entry, Notice) and entry.expires <= now
        if mine == crew and isinstance(entry, Order | Notice) and not expired:
            want[key] = entry
    for name, body in phone.book.rows("select key, body from things"):
        key = str(name)
        assert isinstance(body, bytes)
        have = _ENTRY.decode(body)
        if isinstance(have, Notice) and have.expires <= now:
            continue
        if want.pop(key, None) != have:
            yield f"{phone.device} has {key} at rev {have.rev}, which is not what its crew's log says"
    yield from (f"{phone.device} lacks {key}" for key in want)


def _left(phone: "Phone") -> Iterator[str]:
    for op, _, _ in phone.replica.pending():
        yield f"{phone.device} still waits for the checkpoint of its operation {op.seq}"
    for sha256, *_ in phone.replica.photos_waiting():
        yield f"{phone.device} still holds photo {sha256[:8]}"


def _photos(history: "History", phone: "Phone") -> Iterator[str]:
    """A photo whose arrival was acknowledged is there, with its row."""
    for sha256 in phone.proven:
        if sha256 not in history.books.t.photos or not history.centre.pictures.path(sha256).is_file():
            yield f"photo {sha256[:8]} was acknowledged to {phone.device}, and is missing"


def _states(changes: list[tuple[Held | None, Held]]) -> Iterator[str]:
    """No order goes where the rules forbid: no step on an ended order, no step back within one attempt."""
    for before, after in changes:
        if before is None:
            continue
        old, new = before.order, after.order
        name = f"order {new.order_id}"
        if new.version < old.version:
            yield f"{name} went back from version {old.version} to {new.version}"
        if new.version == old.version and old.state not in OPEN and new.step != old.step:
            yield f"{name} is {old.state}, and was {new.step} all the same"
        same = new.attempt == old.attempt and after.crew == before.crew
        if same and RANK[new.step] < RANK[old.step]:
            yield f"{name} went back from {old.step} to '{new.step}'"
        if same and RANK[old.step] == 3 and new.step != old.step:
            yield f"{name} was {old.step}, then {new.step}: one word was written over the other"
