"""What the registry's duty says in its events, into the crews' logs: rights, notices, urgings, answers."""

from datetime import datetime
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from edge.wire import Notice
from gateway.bulk import Bulk
from gateway.duty_tables import crew_rights
from gateway.sync.books import SqlBooks
from gateway.sync.desk import Desk
from gateway.times import from_text

# Words for one log, rights of all: not for the console's feed, which everybody at the centre sees.
PRIVATE = frozenset({"notices", "rights"})


class Words(msgspec.Struct, kw_only=True, frozen=True):
    """One notice for one log."""

    crew: str
    notice_id: str
    title: str
    text: str
    expires: datetime


class Urging(msgspec.Struct, kw_only=True, frozen=True):
    """Urge the crew of an order (催办)."""

    order_id: str
    words: str


class Answer(msgspec.Struct, kw_only=True, frozen=True):
    """A person's word on an extension or suspension."""

    order_id: str
    kind: str
    answer: Literal["granted", "refused"]
    words: str = ""


class Right(msgspec.Struct, kw_only=True, frozen=True):
    """What a crew may do."""

    crew: str
    kind: str
    may: list[str]


class Told(msgspec.Struct, kw_only=True, frozen=True):
    """The parts of an event's data that are for the logs. `rights`: of every crew, when a new plan is in force."""

    notices: list[Words] = []
    urge: list[Urging] = []
    answers: list[Answer] = []
    rights: list[Right] | None = None


def apply(tx: sa.Connection, bulk: Bulk, data: dict[str, Any], at: str, now: str) -> None:
    """Take over what one event says; after its orders. `at`: when it happened."""
    if not data.keys() & {"notices", "urge", "answers", "rights"}:
        return
    told = msgspec.convert(data, Told)
    desk = Desk(SqlBooks(tx, bulk, now), lambda: from_text(now))
    if told.rights is not None:
        _rights(tx, told.rights)
    for words in told.notices:
        desk.notice(words.crew, _notice(words, at))
    for urging in told.urge:
        desk.remind(urging.order_id, urging.words)
    for answer in told.answers:
        desk.answered(answer.order_id, answer.kind, answer.answer, answer.words)


def public(data: dict[str, Any]) -> dict[str, Any]:
    """An event's data as the feed may show it."""
    return {name: value for name, value in data.items() if name not in PRIVATE}


def _notice(words: Words, at: str) -> Notice:
    instant = from_text(at)
    return Notice(notice_id=words.notice_id, title=words.title, text=words.text, at=instant, expires=words.expires)


def _rights(tx: sa.Connection, rights: list[Right]) -> None:
    """The new plan's, in place of the old one's."""
    tx.execute(sa.delete(crew_rights))
    if rights:
        tx.execute(sa.insert(crew_rights), msgspec.to_builtins(rights))
