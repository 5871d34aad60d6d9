"""Emergency call-out (应急调度): every crew of a part of the city is called, and the first so many that answer go."""

from datetime import timedelta
from typing import Any, Literal

import sqlalchemy as sa

from gateway.registry.cases import Event, Refused
from gateway.registry.duty.office import Office
from gateway.registry.duty.tables import duty_answers, duty_callouts
from gateway.registry.duty.words import notice
from gateway.registry.store import Work
from gateway.times import to_text

_C, _A = duty_callouts.c, duty_answers.c
TITLE = "应急调度 call-out"


def call(
    work: Work,
    office: Office,
    person: str,
    level: Literal["area", "subdistrict", "district"],
    code: str,
    words: str,
    wanted: int,
    hours: float,
) -> dict[str, Any]:
    """All city crews of the place, on duty or not. Raises Refused."""
    crews = [crew.name for crew in office.router.crews_of(level, code)]
    if not crews:
        raise Refused(f"no crew has {level} '{code}'; see `zhuomu registry duty now`")
    if wanted > len(crews):
        raise Refused(f"{wanted} crews are wanted, but {level} {code} has {len(crews)}; call a larger place")
    name = f"call-{work.now:%Y%m%d}-{work.journal.next('callout'):06d}"
    row: dict[str, Any] = {"callout_id": name, "person": person, "place": f"{level} {code}", "words": words}
    row |= {"wanted": wanted, "crews": crews, "at": to_text(work.now)}
    row |= {"expires": to_text(work.now + timedelta(hours=hours))}
    work.journal.tx.execute(sa.insert(duty_callouts), row)
    text = f"{name}: {words} ({level} {code}, 需 wanted {wanted})"
    told = [notice(crew, name, TITLE, text, work.now, hours) for crew in crews]
    work.journal.note(Event("callout", person, text, {"callout_id": name, "notices": told}), work.now)
    return row | {"answers": []}


def answer(work: Work, callout_id: str, crew: str, device: str) -> dict[str, Any]:
    """A crew goes; again changes nothing. The first `wanted` are taken. Raises Refused."""
    row = work.journal.tx.execute(sa.select(duty_callouts).where(_C.callout_id == callout_id)).mappings().first()
    if row is None:
        raise Refused(f"no call-out '{callout_id}'")
    if crew not in row["crews"]:
        raise Refused(f"call-out {callout_id} did not call {crew}")
    there = _answers(work.journal.tx, callout_id)
    if crew in there:
        return {**row, "answers": there}
    if len(there) >= row["wanted"]:
        raise Refused(f"call-out {callout_id} has its {row['wanted']} crews: {', '.join(there)}")
    if row["expires"] <= to_text(work.now):
        raise Refused(f"call-out {callout_id} is over since {row['expires']}")
    values: dict[str, Any] = {"callout_id": callout_id, "crew": crew, "device": device, "at": to_text(work.now)}
    values |= {"place": len(there) + 1}
    work.journal.tx.execute(sa.insert(duty_answers), values)
    there.append(crew)
    data: dict[str, Any] = {"callout_id": callout_id, "crew": crew, "number": len(there)}
    data["notices"] = _full(row, there, work) if len(there) == row["wanted"] else []
    work.journal.note(Event("callout_answered", device, f"{callout_id}: {crew}", data), work.now)
    return {**row, "answers": there}


def listed(tx: sa.Connection, limit: int) -> list[dict[str, Any]]:
    """Newest first, each with the crews that go, in order."""
    rows = tx.execute(sa.select(duty_callouts).order_by(_C.at.desc(), _C.callout_id.desc()).limit(limit)).mappings()
    return [{**row, "answers": _answers(tx, row["callout_id"])} for row in list(rows)]


def _answers(tx: sa.Connection, callout_id: str) -> list[str]:
    return list(tx.scalars(sa.select(_A.crew).where(_A.callout_id == callout_id).order_by(_A.place)))


def _full(row: Any, there: list[str], work: Work) -> list[dict[str, Any]]:
    """Nobody else is needed: told to all, with who goes."""
    text = f"{row['callout_id']}: {row['words']}; 已满 full: {', '.join(there)}"
    return [notice(crew, row["callout_id"], TITLE, text, work.now, 2.0) for crew in row["crews"]]
