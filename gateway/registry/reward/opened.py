"""A person's report as it comes in: a claim that waits for its decision."""

from typing import Any

import sqlalchemy as sa

from gateway.registry.cases import Case
from gateway.registry.tables import claims
from gateway.times import to_text

CITIZEN, HANDSET = "citizen", "handset"
TAKEN_BACK = "taken_back"  # why a claim is open again
_SOURCES = frozenset({CITIZEN, HANDSET})
_EMPTY = ("person", "outcome", "why", "first_case", "confirmed_case", "proven_at", "decided_at")


def keep_claim(tx: sa.Connection, case: Case, report: dict[str, Any]) -> None:
    """Write it down when a person made it. Who a citizen is, and the door's own number, are read when it is decided."""
    source = str(report.get("source") or "")
    if source not in _SOURCES:
        return
    now = to_text(case.reported_at)
    row: dict[str, Any] = {"case_id": case.case_id, "source": source, "kind": case.case_class or case.class_code}
    row |= {"lat": case.lat, "lon": case.lon, "amount": 0, **dict.fromkeys(_EMPTY, "")}
    row |= {"stream": CITIZEN, "seq": 0, "received_at": now}
    if source == HANDSET:
        device = str(report.get("device") or "")
        # A receipt cannot lie ahead of the report that tells of it.
        received = min(now, str(report.get("received_at") or now))
        row |= {"stream": f"{device}/{report.get('epoch') or case.case_id}", "seq": int(report.get("seq") or 0)}
        row |= {"received_at": received, "person": f"p-h-{report.get('reporter') or device}"}
    tx.execute(sa.insert(claims), row)
