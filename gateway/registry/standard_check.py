"""Contradictions in a filing standard: one line for each, with the place and the mend."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from edge.link.settings import SettingsError
from gateway.registry.clocks import Limit, shift_problem
from gateway.registry.indicators import NAMES
from gateway.registry.standard import Standard

AMOUNT_MAX = {"urgent_hour": 24.0 * 366, "hour": 8.0 * 366, "day": 366.0}


def problems(standard: Standard, before: Standard | None = None) -> list[str]:
    """Every contradiction, in the order of the file. `before`: the version that it follows."""
    found = [*_clock(standard), *_codes(standard), *_classes(standard), *_references(standard), *_score(standard)]
    return found + (list(_moves(standard, before)) if before else [])


def refuse(path: Path, standard: Standard) -> Standard:
    """The standard itself. Raises SettingsError with its first contradiction."""
    for problem in problems(standard):
        raise SettingsError(f"{path}: {problem}")
    return standard


def _clock(standard: Standard) -> Iterator[str]:
    if problem := shift_problem(standard.clock.shifts):
        yield f"clock.shifts: {problem}"
    for day in sorted(set(standard.clock.holidays) & set(standard.clock.workdays)):
        yield f"clock: {day} is in holidays and in workdays; take it out of one"
    for name in ("verify", "file", "dispatch", "check", "appeal"):
        yield from _limit(f"stages.{name}", getattr(standard.stages, name))


def _limit(where: str, limit: Limit) -> Iterator[str]:
    most = AMOUNT_MAX[limit.unit]
    if not 0 < limit.amount <= most:
        yield f"{where}: {limit.amount:g} {limit.unit}: must be more than 0 and at most {most:g}"


def _codes(standard: Standard) -> Iterator[str]:
    lists = {
        "groups": [group.code for group in standard.groups],
        "classes and exemptions": [x.code for x in standard.classes] + [x.code for x in standard.exemptions],
        "parties": [party.code for party in standard.parties],
        "moves": [move.old for move in standard.moves],
        "score": [weight.indicator for weight in standard.score],
    }
    for name, codes in lists.items():
        for code, times in Counter(codes).items():
            if times > 1:
                yield f"{name}: '{code}' stands there {times} times; keep one"
    if not standard.classes:
        yield "classes: there is none; a standard needs at least one [[classes]]"


def _classes(standard: Standard) -> Iterator[str]:
    groups = {group.code for group in standard.groups}
    parties = {party.code for party in standard.parties}
    for found in standard.classes:
        where = f"class {found.code} {found.name_zh}"
        yield from _limit(where, found.limit)
        if found.code[:2] not in groups:
            yield f"{where}: no [[groups]] with code '{found.code[:2]}'; add the main class (大类)"
        if found.responsible not in parties:
            yield f"{where}: responsible '{found.responsible}' is not in [[parties]]; add it or mend the name"
        for name in ("filed_when", "closed_when"):
            if not getattr(found, name).strip():
                yield f"{where}: {name} is empty; nobody could tell when the case is to be filed or closed"


def _references(standard: Standard) -> Iterator[str]:
    for exemption in standard.exemptions:
        for code in exemption.frees:
            if not standard.knows(code):
                yield f"exemption {exemption.code}: frees '{code}', which is no class of this table"
    for move in standard.moves:
        for code in move.new:
            if not standard.knows(code):
                yield f"move of {move.old}: '{code}' is no class of this table"
    if standard.moves and not standard.follows:
        yield 'moves: say which version they come from (follows = "...")'
    if standard.follows == standard.version:
        yield f"follows: a version cannot follow itself; give this one a new number after '{standard.version}'"


def _score(standard: Standard) -> Iterator[str]:
    for weight in standard.score:
        if weight.indicator not in NAMES:
            yield f"score: no indicator '{weight.indicator}'; there are {', '.join(NAMES)}"


def _moves(standard: Standard, before: Standard) -> Iterator[str]:
    if standard.follows != before.version:
        yield f"follows: '{standard.follows}', but the version before is '{before.version}'"
    told = {move.old for move in standard.moves}
    for code in sorted(told - before.by_code.keys()):
        yield f"move of {code}: version {before.version} has no such class; mend the code"
    for code, found in before.by_code.items():
        if code not in told and not standard.knows(code):
            where = f"class {code} {found.name_zh} of {before.version}"
            yield f"{where} is gone; add [[moves]] (new = [] if nothing follows)"
