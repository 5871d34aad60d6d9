"""The way back from the registry: its event feed, read with a durable cursor and applied with it in one transaction."""

import threading
from typing import Any

import httpx
import msgspec
import sqlalchemy as sa
import structlog
from sqlalchemy.exc import OperationalError

from gateway import checks, feed, incidents, work
from gateway.bulk import Bulk
from gateway.counters import Counters
from gateway.database import Database
from gateway.leases import May, always
from gateway.rounds import keep_asking
from gateway.sync import news
from gateway.tables import cursors, registry_events
from gateway.times import Clock, to_text

CURSOR = "registry"
PAGE = 500
BACKOFF_S_MAX = 5.0
log = structlog.get_logger()

_FEED_KINDS: dict[str, feed.Kind] = {
    "disposed": "disposal",
    "verdict": "verdict",
    "closed": "closed",
    "force_closed": "closed",
    "cancelled": "closed",
    "rework": "rework",
}
_STATES = {
    "reported": "reported",
    "taken": "taken",
    "filed": "filed",
    "rejected": "rejected",
    "dispatched": "dispatched",
    "accepted": "handling",
    "arrived": "handling",
    "disposed": "disposed",
    "reassigned": "dispatched",
    "returned": "filed",
    "check_requested": "checking",
    "rework": "rework",
    "needs_person": "needs_person",
    "closed": "closed",
    "force_closed": "closed",
    "cancelled": "closed",
    "suspended": "suspended",
    "resumed": "filed",
}


class RegistryEvent(msgspec.Struct, kw_only=True, frozen=True):
    """One row of the registry's feed."""

    n: int
    at: str
    case_id: str
    incident_id: str
    kind: str
    actor: str = ""
    reason: str = ""
    data: dict[str, Any] = {}


class _Page(msgspec.Struct):
    events: list[RegistryEvent]
    newest: int = 2**62


class Mirror:
    """One thread that polls and applies."""

    def __init__(
        self,
        database: Database,
        client: httpx.Client,
        counters: Counters,
        clock: Clock,
        poll_s: float,
        on_news: "threading.Event",
        may: May = always,
    ) -> None:
        self._database = database
        self._client = client
        self._counters = counters
        self._clock = clock
        self._poll_s = poll_s
        self._on_news = on_news
        self._may = may
        self._stop = threading.Event()

    def stop(self) -> None:
        """End after the page under way."""
        self._stop.set()

    def run(self) -> None:
        """Until stopped."""
        expected = (httpx.HTTPError, msgspec.DecodeError, OperationalError)
        keep_asking(
            self._stop,
            lambda: self._may() and self.round() >= PAGE,
            self._poll_s,
            expected,
            self._failed,
            BACKOFF_S_MAX,
        )

    def _more(self) -> bool:
        return self._may() and self.round() >= PAGE

    def _failed(self, error: Exception) -> None:
        self._counters.add("poll_failures")
        log.info("registry.unreachable", reason=f"{type(error).__name__}: {error}")

    def round(self) -> int:
        """Fetch and apply one page; returns how many events it held."""
        with self._database.read() as tx:
            after = _cursor(tx)
        answer = self._client.get("/events", params={"after": after, "limit": PAGE})
        answer.raise_for_status()
        page = msgspec.json.decode(answer.content, type=_Page)
        events = page.events
        if page.newest < after:
            self._counters.add("registry_went_back")
            log.error("registry.went_back", cursor=after, newest=page.newest, mend="restore the registry's database")
        if events:
            with self._database.write() as tx:
                now = to_text(self._clock())
                bulk = Bulk(tx)
                after = _cursor(tx)
                for event in events:
                    if event.n > after:
                        apply(tx, bulk, event, now)
                if events[-1].n > after:  # a gateway that hung meanwhile must not take the others back
                    _move(tx, events[-1].n)
                bulk.flush()
            self._on_news.set()
        return len(events)


def apply(tx: sa.Connection, bulk: Bulk, event: RegistryEvent, now: str) -> None:
    """Take over one step of a case."""
    row = {"n": event.n, "case_id": event.case_id, "incident_id": event.incident_id}
    told = {**event.data, "actor": event.actor, "reason": event.reason}
    bulk.add(registry_events, {**row, "kind": event.kind, "at": event.at, "data": told})
    if event.kind in _STATES:
        incidents.set_state(tx, event.incident_id, _STATES[event.kind], now, case_id=event.case_id)
    for order in event.data.get("orders", []):
        work.take_over(tx, bulk, order, now)
    if event.kind == "extended":
        work.extended(tx, bulk, event.case_id, str(event.data["deadline"]), now)
    if event.kind == "check_requested":
        checks.ask(tx, event.case_id, event.incident_id, str(event.data["check_id"]), now)
    news.apply(tx, bulk, event.data, event.at, now)
    _tell(bulk, event, now)


def _tell(bulk: Bulk, event: RegistryEvent, now: str) -> None:
    words = " ".join(
        filter(None, (event.case_id, event.kind, f"by {event.actor}" if event.actor else "", event.reason))
    )
    data = {"case_id": event.case_id, "incident_id": event.incident_id, "step": event.kind, **news.public(event.data)}
    feed.append(bulk, now, _FEED_KINDS.get(event.kind, "case"), words, data)


def _cursor(tx: sa.Connection) -> int:
    return tx.scalar(sa.select(cursors.c.after).where(cursors.c.name == CURSOR)) or 0


def _move(tx: sa.Connection, n: int) -> None:
    if not tx.execute(sa.update(cursors).where(cursors.c.name == CURSOR).values(after=n)).rowcount:
        tx.execute(sa.insert(cursors), {"name": CURSOR, "after": n})
