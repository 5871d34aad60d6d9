"""Citizens' reports: kept with who sent them, then reported to the registry, where a person verifies each (核实)."""

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa
import structlog
from sqlalchemy.exc import OperationalError

from gateway.database import Database
from gateway.registry.citizen_tables import requests
from gateway.registry.store import Registry
from gateway.registry.tables import cases, events
from gateway.times import Clock, to_text

SOURCE = "citizen"
CLOSED_STATES = frozenset({"closed", "rejected", "cancelled", "force_closed"})
SETTLED_MAX = 50
FORGOTTEN_MAX = 500
SWEEP_EVERY = timedelta(days=1)
log = structlog.get_logger()


class IdReused(ValueError):
    """A client's own id came back with another report."""


@dataclass(frozen=True)
class Wish:
    """A request as it came, checked. `case_class`, `label`: of the service in the filing standard."""

    key_name: str
    client_id: str | None
    service_code: str
    case_class: str
    label: str
    lat: float
    lon: float
    address: str = ""
    description: str = ""
    media_url: str = ""
    photo: str = ""
    contact: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, list[str]] = field(default_factory=dict)


class Citizens:
    """All that the door writes goes through here. `registry` must file nothing by itself: see service.py."""

    def __init__(self, database: Database, registry: Registry, clock: Clock, keep_contact_days: float = 180.0) -> None:
        self._database = database
        self._registry = registry
        self._clock = clock
        self._keep_contact_days = keep_contact_days
        self._swept_at: datetime | None = None

    def file(self, wish: Wish) -> dict[str, Any]:
        """The request's row; its `case_id` is "" when the registry cannot take it in just now (it will, later).
        The same client id from the same key gives the first answer. Raises IdReused."""
        self._sweep(self._clock())
        digest = hashlib.sha256(json.dumps(msgspec.to_builtins(wish), sort_keys=True).encode()).hexdigest()
        with self._database.write() as tx:
            known = _known(tx, wish)
            if known is not None and known["request_hash"] != digest:
                raise IdReused(f"client id '{wish.client_id}' was used for another request already")
            row = known or _insert(tx, wish, digest, to_text(self._clock()))
        return row if row["case_id"] else self._report(row, wish.case_class, wish.label)

    def settle(self, class_of: dict[str, tuple[str, str]]) -> int:
        """Report what the registry could not take in before. `class_of`: service code -> (case class, label)."""
        with self._database.read() as tx:
            query = sa.select(requests).where(requests.c.case_id == "").order_by(requests.c.n).limit(SETTLED_MAX)
            rows = [dict(row) for row in tx.execute(query).mappings()]
        known = [row for row in rows if row["service_code"] in class_of]
        return sum(bool(self._report(row, *class_of[row["service_code"]])["case_id"]) for row in known)

    def by_token(self, token: str) -> dict[str, Any] | None:
        """One request."""
        with self._database.read() as tx:
            row = tx.execute(sa.select(requests).where(requests.c.token == token)).mappings().first()
        return None if row is None else dict(row)

    def by_photo(self, sha256: str, key_name: str) -> bool:
        """Whether this key has filed a request with this photo."""
        with self._database.read() as tx:
            mine = sa.and_(requests.c.photo == sha256, requests.c.key_name == key_name)
            return tx.scalar(sa.select(requests.c.n).where(mine).limit(1)) is not None

    def by_case(self, case_ids: Sequence[str]) -> list[dict[str, Any]]:
        """Requests by their case numbers, each with how its case stands."""
        with self._database.read() as tx:
            found = tx.execute(sa.select(requests).where(requests.c.case_id.in_(case_ids)).order_by(requests.c.n))
            return self._with_cases([dict(row) for row in found.mappings()])

    def between(
        self, start: datetime, end: datetime, codes: Sequence[str], status: Sequence[str], skip: int, limit: int
    ) -> list[dict[str, Any]]:
        """Requests of a time, newest first."""
        r = requests.c
        query = sa.select(requests).where(r.case_id != "", r.requested_at >= to_text(start))
        query = query.where(r.requested_at <= to_text(end))
        query = query.where(r.service_code.in_(codes)) if codes else query
        with self._database.read() as tx:
            page = query.order_by(r.n.desc()).limit(10 * limit if status else limit).offset(0 if status else skip)
            rows = self._with_cases([dict(row) for row in tx.execute(page).mappings()])
        return [row for row in rows if row["status"] in status][skip : skip + limit] if status else rows

    def _report(self, row: dict[str, Any], case_class: str, label: str) -> dict[str, Any]:
        body = {name: row[name] for name in ("lat", "lon", "description", "address", "photo", "media_url")}
        body |= {"incident_id": f"{SOURCE}-{row['token']}", "case_class": case_class, "class_code": row["service_code"]}
        body |= {"label": label, "device": SOURCE, "camera": row["key_name"], "source": SOURCE}
        body |= {"first_seen": row["requested_at"], "attributes": row["attributes"]}
        try:
            answer = self._registry.report(f"{SOURCE}:{row['token']}", body)
        except OperationalError as error:
            log.error("citizens.not_reported", token=row["token"], reason=str(error.orig))
            return row
        with self._database.write() as tx:
            mine = requests.c.token == row["token"]
            tx.execute(sa.update(requests).where(mine).values(case_id=answer["case_id"]))
        return {**row, "case_id": answer["case_id"]}

    def _sweep(self, now: datetime) -> None:
        """Once a day: forget who reported what is closed and old enough."""
        if self._swept_at is None or now - self._swept_at >= SWEEP_EVERY:
            self._swept_at = now
            self.forget(now)

    def forget(self, now: datetime) -> int:
        """Returns how many citizens were forgotten; a case that is open keeps its own."""
        if self._keep_contact_days <= 0:
            return 0
        r = requests.c
        old = sa.and_(r.requested_at < to_text(now - timedelta(days=self._keep_contact_days)), r.case_id != "")
        with self._database.read() as tx:
            kept = sa.cast(r.contact, sa.Text) != "{}"
            found = tx.execute(sa.select(requests).where(old, kept).order_by(r.n).limit(FORGOTTEN_MAX)).mappings()
            rows = self._with_cases([dict(row) for row in found])
        gone = [row["n"] for row in rows if row["status"] == "closed"]
        if gone:
            with self._database.write() as tx:
                tx.execute(sa.update(requests).where(r.n.in_(gone)).values(contact={}))
        return len(gone)

    def _with_cases(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        ids = [row["case_id"] for row in rows]
        with self._registry.database.read() as tx:
            found = tx.execute(sa.select(cases.c.case_id, cases.c.state, cases.c.body).where(cases.c.case_id.in_(ids)))
            states = {row.case_id: (row.state, msgspec.json.decode(row.body)) for row in found}
            last = sa.select(sa.func.max(events.c.n)).where(events.c.case_id.in_(ids)).group_by(events.c.case_id)
            steps = {e["case_id"]: e for e in tx.execute(sa.select(events).where(events.c.n.in_(last))).mappings()}
        return [row | _standing(*states[row["case_id"]], steps[row["case_id"]]) for row in rows]


def _standing(state: str, body: dict[str, Any], step: Any) -> dict[str, Any]:
    """What a citizen is told: open or closed, since when, until when; reasons only once it is closed."""
    closed = state in CLOSED_STATES
    notes = f"{state}: {step['reason']}" if closed and step["reason"] else state
    expected = body.get("deadline") or ""
    return {"status": "closed" if closed else "open", "notes": notes, "updated_at": step["at"], "expected": expected}


def _known(tx: sa.Connection, wish: Wish) -> dict[str, Any] | None:
    if wish.client_id is None:
        return None
    mine = sa.and_(requests.c.key_name == wish.key_name, requests.c.client_id == wish.client_id)
    row = tx.execute(sa.select(requests).where(mine)).mappings().first()
    return None if row is None else dict(row)


def _insert(tx: sa.Connection, wish: Wish, digest: str, now: str) -> dict[str, Any]:
    names = ("key_name", "client_id", "service_code", "lat", "lon", "address", "description", "media_url", "photo")
    row: dict[str, Any] = {name: getattr(wish, name) for name in (*names, "contact", "attributes")}
    row |= {"token": secrets.token_hex(12), "request_hash": digest, "case_id": "", "requested_at": now}
    tx.execute(sa.insert(requests), row)
    return row
