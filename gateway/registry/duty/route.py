"""Which crew gets an order: by place, class, duty and load; pure, and every choice says why.

The rule, in order: (1) city crews on duty in the case's patrol area that may do its class; (2) of the subdistrict;
(3) of the district; (4) of the whole city; (5) the leader on duty; (6) nobody: the centre is told and the order waits.
Within a ring the least load wins, then who was given an order longest ago, then the plan's order. A crew at `load_max`
is passed over for the next ring, unless all are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Literal

from gateway.registry.city import City
from gateway.registry.duty.plan import Crew, Plan
from gateway.registry.duty.roster import Roster

Ring = Literal["area", "subdistrict", "district", "city", "leader"]
RINGS: tuple[Ring, ...] = ("area", "subdistrict", "district", "city")
_ZH = {"area": "巡区", "subdistrict": "街道", "district": "区", "city": "全市", "leader": "值班领导"}


@dataclass(frozen=True)
class Where:
    """What routing needs of a case. `cell` "" and `patrol_area` "" outside the grid: then the whole city is asked."""

    case_class: str
    class_code: str
    cell: str
    patrol_area: str

    def key(self, ring: Ring) -> str:
        """The part of the city that a ring stands for."""
        return {"area": self.patrol_area, "subdistrict": self.cell[:9], "district": self.cell[:6]}.get(ring, "")


@dataclass(frozen=True)
class Load:
    """What a crew has open, weighted; `last`: the number of its last dispatch, so that equals take turns."""

    weight: int = 0
    last: int = 0


@dataclass(frozen=True)
class Choice:
    """Who gets it, and why, for the event. `crew` "" when nobody can."""

    crew: str
    ring: Ring | Literal["none"]
    why: str
    load: int = 0
    others: int = 0


class Router:
    """The rule over a city's places; one object for each plan."""

    def __init__(self, roster: Roster, city: City | None) -> None:
        self.roster = roster
        self.plan: Plan = roster.plan
        self._city = city

    def choose(self, where: Where, at: datetime, loads: Mapping[str, Load], but: frozenset[str]) -> Choice:
        """The rule above. `but`: crews that have given it back or whose shift ends."""
        crews = [c for c in self.roster.crews(at) if c.may(where.case_class, where.class_code) and c.name not in but]
        rings = [(ring, self._in(ring, where, crews)) for ring in RINGS]
        free = [(ring, [c for c in found if not self._full(c, loads)]) for ring, found in rings]
        for ring, found in (*free, *rings):
            if found:
                return _least(ring, where, found, loads)
        return self._leader(where, at, but, loads)

    def districts(self, areas: Sequence[str]) -> set[str]:
        """The districts that these patrol areas reach into."""
        return {key for key, inside in self._areas["district"].items() if inside & set(areas)}

    def crews_of(self, level: Literal["area", "subdistrict", "district"], code: str) -> list[Crew]:
        """Every city crew of a part of the city, on duty or not."""
        inside = self._areas[level].get(code, frozenset({code} if level == "area" else ()))
        return [c for c in self.plan.crews if c.kind == "city" and inside & set(c.areas)]

    def _in(self, ring: Ring, where: Where, crews: list[Crew]) -> list[Crew]:
        if ring == "city":
            return crews
        key = where.key(ring)
        inside = self._areas[ring].get(key, frozenset({key} if key and ring == "area" else ()))
        return [crew for crew in crews if inside.intersection(crew.areas)]

    def _full(self, crew: Crew, loads: Mapping[str, Load]) -> bool:
        most = self.plan.rules.load_max
        return bool(most) and loads.get(crew.name, Load()).weight >= most

    def _leader(self, where: Where, at: datetime, but: frozenset[str], loads: Mapping[str, Load]) -> Choice:
        leaders = [one for one in self.roster.leaders(at, where.cell[:6]) if one.name not in but]
        if not leaders:
            return Choice("", "none", "无人在岗 nobody on duty may do this class, and no leader is on duty")
        name = leaders[0].name
        why = f"无在岗班组 no crew on duty may do {where.class_code}: to the leader on duty {name}"
        return Choice(name, "leader", why, loads.get(name, Load()).weight)

    @cached_property
    def _areas(self) -> dict[str, dict[str, frozenset[str]]]:
        """Ring -> part of the city -> patrol areas that have a cell there (an area may reach into several)."""
        found: dict[str, dict[str, set[str]]] = {"area": {}, "subdistrict": {}, "district": {}}
        for cell in self._city.cells if self._city else ():
            found["area"].setdefault(cell.patrol_area, set()).add(cell.patrol_area)
            found["subdistrict"].setdefault(cell.code[:9], set()).add(cell.patrol_area)
            found["district"].setdefault(cell.code[:6], set()).add(cell.patrol_area)
        return {ring: {key: frozenset(a) for key, a in parts.items()} for ring, parts in found.items()}


def weight(deadline: datetime | None, attempt: int, now: datetime, urgent_h: float) -> int:
    """What an open order counts: 3 overdue or rework, 2 due within `urgent_h`, else 1."""
    if attempt > 1 or (deadline is not None and deadline <= now):
        return 3
    return 2 if deadline is not None and deadline - now < timedelta(hours=urgent_h) else 1


def _least(ring: Ring, where: Where, found: list[Crew], loads: Mapping[str, Load]) -> Choice:
    places = list(enumerate(found))
    _, chosen = min(places, key=lambda p: (*_order(loads.get(p[1].name, Load())), p[0]))
    load, others = loads.get(chosen.name, Load()).weight, len(found) - 1
    place = where.key(ring)
    why = f"{_ZH[ring]} {ring} {place}".rstrip() + f": on duty, may do {where.class_code}, load {load}"
    why += f", least of {len(found)}" if others else ", the only one"
    return Choice(chosen.name, ring, why, load, others)


def _order(load: Load) -> tuple[int, int]:
    return load.weight, load.last
