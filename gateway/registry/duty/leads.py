"""Leads on offences, handed to the police with a receipt: their number, their officer, the time (线索移交)."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from gateway.registry.cases import Event, Refused
from gateway.registry.duty.office import Office
from gateway.registry.duty.plan import CENTRE
from gateway.registry.duty.tables import duty_leads
from gateway.registry.duty.words import notice
from gateway.registry.store import Work
from gateway.times import to_text

_L = duty_leads.c


def hand(work: Work, office: Office, person: str, crew: str, case_id: str, offence: str, facts: str) -> dict[str, Any]:
    """To a police unit's own log alone; the facts stand nowhere else but in the lead. Raises Refused, UnknownCase."""
    unit = office.plan.by_name.get(crew)
    if unit is None or unit.kind != "police":
        raise Refused(f"'{crew}' is no police unit of the duty plan; leads go to the police alone")
    if case_id:
        work.journal.load(case_id)
    name = f"lead-{work.now:%Y%m%d}-{work.journal.next('lead'):06d}"
    row: dict[str, Any] = {"lead_id": name, "case_id": case_id, "crew": crew, "offence": offence, "facts": facts}
    row |= {"person": person, "at": to_text(work.now), "number": "", "officer": "", "received_at": None}
    row |= {"entered_by": ""}
    work.journal.tx.execute(sa.insert(duty_leads), row)
    told = notice(crew, name, f"线索 lead: {offence}", f"{name} {case_id}: {facts}", work.now, 24.0 * 30)
    data = {"lead_id": name, "to": crew, "about": case_id, "notices": [told]}
    work.journal.note(Event("lead", person, f"{name} to {crew}: {offence}", data), work.now)
    return row


def receive(work: Work, lead_id: str, number: str, officer: str, at: datetime, entered_by: str) -> dict[str, Any]:
    """The receipt of the police; the same again changes nothing, another one is refused. Raises Refused."""
    row = work.journal.tx.execute(sa.select(duty_leads).where(_L.lead_id == lead_id)).mappings().first()
    if row is None:
        raise Refused(f"no lead '{lead_id}'")
    values = {"number": number, "officer": officer, "received_at": to_text(at)}
    if row["number"]:
        if any(row[name] != value for name, value in values.items()):
            raise Refused(f"lead {lead_id} has the receipt {row['number']} of {row['officer']} already")
        return dict(row)
    if to_text(at) < row["at"] or at > work.now:
        raise Refused(f"a receipt of {to_text(at)} is not between the lead's handing over ({row['at']}) and now")
    values["entered_by"] = entered_by
    work.journal.tx.execute(sa.update(duty_leads).where(_L.lead_id == lead_id).values(values))
    words = f"{lead_id} received as {number} by {officer}"
    told = [notice(CENTRE, f"receipt-{lead_id}", "线索回执 receipt", words, work.now)]
    work.journal.note(Event("lead_received", entered_by, words, {"lead_id": lead_id, "notices": told}), work.now)
    return {**row, **values}


def listed(tx: sa.Connection, waiting: bool, limit: int) -> list[dict[str, Any]]:
    """Newest first; `waiting`: those without a receipt."""
    query = sa.select(duty_leads)
    if waiting:
        query = query.where(_L.number == "")
    rows = tx.execute(query.order_by(_L.at.desc(), _L.lead_id.desc()).limit(limit)).mappings()
    return [dict(row) for row in rows]
