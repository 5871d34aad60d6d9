"""Handover at the end of a shift (交接班): what is open passes on at once, and both sides sign for it.

Who is off duty with something open gives it to whom `route` would give it now; without anybody it stays, and is tried
again. What a leader holds goes to a crew as soon as one is on duty. The signatures follow: the giver's and the taker's,
each by a named person; a handover that nobody took within `ack_min` is told to the leader, once, and stays listed.
"""

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from gateway.registry.cases import Case, Event, Refused
from gateway.registry.commands import Reassign
from gateway.registry.duty import books
from gateway.registry.duty.office import ACTOR, Office, where
from gateway.registry.duty.plan import CENTRE, Leader
from gateway.registry.duty.route import Choice, Load, weight
from gateway.registry.duty.tables import duty_handovers
from gateway.registry.duty.words import notice
from gateway.registry.store import Work
from gateway.times import to_text

CASES_MAX = 500
Side = Literal["given", "taken"]
_H = duty_handovers.c


def pass_on(work: Work, office: Office) -> int:
    """Everything that is held by somebody whose shift is over; returns how many orders went to another."""
    passed = 0
    for holder in books.holders(work.journal.tx):
        leader = next((one for one in office.plan.leaders if one.name == holder), None)
        crew = office.plan.by_name.get(holder)
        who = leader or crew
        there = who is not None and office.roster.until(who, work.now) is not None
        if there and leader is None:
            continue
        passed += _pass_on(work, office, holder, leader if there else None)
    return passed


def by_person(work: Work, office: Office, person: str, giver: str, taker: str, reason: str) -> str:
    """A named person hands everything open of one crew to another; returns the handover's id. Raises Refused."""
    if taker not in office.plan.by_name and taker not in {one.name for one in office.plan.leaders}:
        raise Refused(f"no crew '{taker}' in the duty plan")
    cases = [work.journal.load(case_id) for case_id in books.open_of(work.journal.tx, giver, CASES_MAX)]
    receiver = office.plan.by_name.get(taker)
    if receiver is not None and receiver.kind != "city":
        raise Refused(f"{taker} is no city crew: orders are not handed to {receiver.kind}")
    barred = [c.case_id for c in cases if receiver is not None and not receiver.may(c.case_class, c.class_code)]
    if barred:
        raise Refused(f"{taker} may not do the class of {', '.join(barred[:5])}; hand those to another")
    if not cases:
        raise Refused(f"{giver} has nothing open")
    return _hand(work, office, giver, taker, [(case, reason) for case in cases], person)


def sign(work: Work, handover_id: str, crew: str, person: str) -> dict[str, Any]:
    """A named person of the giver or of the taker signs; the same signature again changes nothing. Raises Refused."""
    found = work.journal.tx.execute(sa.select(duty_handovers).where(_H.handover_id == handover_id)).mappings().first()
    if found is None:
        raise Refused(f"no handover '{handover_id}'")
    row = dict(found)
    if crew not in (row["giver"], row["taker"]):
        raise Refused(f"handover {handover_id} is between {row['giver']} and {row['taker']}, not {crew}")
    side: Side = "given" if crew == row["giver"] else "taken"
    if row[f"{side}_by"] not in ("", person):
        raise Refused(f"handover {handover_id} is {side} already, by {row[f'{side}_by']}")
    if not row[f"{side}_by"]:
        values = {f"{side}_by": person, f"{side}_at": to_text(work.now)}
        work.journal.tx.execute(sa.update(duty_handovers).where(_H.handover_id == handover_id).values(values))
        row = {**row, **values}
        told = _notices(row, len(row["cases"]), work.now)
        data = {"handover_id": handover_id, "crew": crew, "side": side, "notices": told}
        work.journal.note(Event("handover_signed", person, f"{handover_id} {side} by {crew}", data), work.now)
    return row


def remind(work: Work, office: Office) -> int:
    """Handovers that nobody took in time: to the leader on duty, each once."""
    late = sa.select(duty_handovers).where(_H.taken_at.is_(None), _H.told_at.is_(None), _H.due_at <= to_text(work.now))
    rows = list(work.journal.tx.execute(late.limit(200)).mappings())
    for row in rows:
        leaders = office.roster.leaders(work.now, _district(office, row["taker"]))
        to = leaders[0].name if leaders else CENTRE
        words = f"{row['taker']} 未接班 has not taken {len(row['cases'])} orders from {row['giver']}"
        told = notice(to, f"unsigned-{row['handover_id']}", "交接班未签收 handover not taken", words, work.now)
        mine = _H.handover_id == row["handover_id"]
        work.journal.tx.execute(sa.update(duty_handovers).where(mine).values(told_at=to_text(work.now)))
        data = {"handover_id": row["handover_id"], "to": to, "notices": [told]}
        work.journal.note(Event("handover_unsigned", ACTOR, words, data), work.now)
    return len(rows)


def listed(tx: sa.Connection, open_only: bool, limit: int) -> list[dict[str, Any]]:
    """Newest first; `open_only`: those that lack a signature."""
    query = sa.select(duty_handovers)
    if open_only:
        query = query.where(sa.or_(_H.taken_at.is_(None), _H.given_at.is_(None)))
    rows = tx.execute(query.order_by(_H.at.desc(), _H.handover_id.desc()).limit(limit)).mappings()
    return [{**row, "signed": bool(row["given_by"] and row["taken_by"])} for row in rows]


def _pass_on(work: Work, office: Office, holder: str, on_duty: Leader | None) -> int:
    """`on_duty`: a leader who is still there, and gives to crews alone."""
    cases = [work.journal.load(case_id) for case_id in books.open_of(work.journal.tx, holder, CASES_MAX)]
    loads = books.loads(work.journal.tx, work.now, office.plan.rules.urgent_h)
    taken: dict[str, list[tuple[Case, str]]] = defaultdict(list)
    for case in cases:
        choice = office.router.choose(where(case), work.now, loads, frozenset({holder}))
        if choice.crew and not (on_duty and choice.ring == "leader"):
            taken[choice.crew].append((case, choice.why))
            loads = _with(loads, choice, case, office, work.now)
    for taker, given in taken.items():
        _hand(work, office, holder, taker, given, ACTOR)
    return sum(map(len, taken.values()))


def _with(loads: dict[str, Load], choice: Choice, case: Case, office: Office, now: datetime) -> dict[str, Load]:
    more = weight(case.deadline, case.attempt, now, office.plan.rules.urgent_h)
    return books.add(loads, choice.crew, more, max((load.last for load in loads.values()), default=0) + 1)


def _hand(work: Work, office: Office, giver: str, taker: str, given: list[tuple[Case, str]], actor: str) -> str:
    name = f"ho-{work.now:%Y%m%d}-{work.journal.next('handover'):06d}"
    due = work.now + timedelta(minutes=office.plan.rules.ack_min)
    row: dict[str, Any] = {"handover_id": name, "giver": giver, "taker": taker, "at": to_text(work.now), "by": actor}
    row |= {"due_at": to_text(due), "cases": [case.case_id for case, _ in given], "given_by": "", "given_at": None}
    row |= {"taken_by": "", "taken_at": None, "told_at": None}
    work.journal.tx.execute(sa.insert(duty_handovers), row)
    for case, why in given:
        work.command(case.case_id, Reassign(actor, taker, f"{name}: {why}", {"handover_id": name}))
        books.given(work.journal.tx, taker, work.turn())
    data = {"handover_id": name, "giver": giver, "taker": taker, "notices": _notices(row, len(given), work.now)}
    work.journal.note(Event("handover", actor, f"{len(given)} orders from {giver} to {taker}", data), work.now)
    return name


def _notices(row: Any, many: int, now: datetime) -> list[dict[str, Any]]:
    signed = [f"{row[f'{side}_by'] or '未签 unsigned'}" for side in ("given", "taken")]
    text = f"{row['handover_id']}: {many} 单 orders, {row['giver']} -> {row['taker']}; 交 {signed[0]}, 接 {signed[1]}"
    title = "交接班 handover"
    return [notice(log, row["handover_id"], title, text, now) for log in (row["giver"], row["taker"])]


def _district(office: Office, crew: str) -> str:
    found = office.plan.by_name.get(crew)
    return min(office.router.districts(found.areas), default="") if found else ""
