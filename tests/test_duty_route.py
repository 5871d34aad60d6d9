"""Routing keeps its rules for any plan, any hour and any load; every choice says why."""

from datetime import datetime, timedelta

from duty_town import CELL, CITY, STANDARD, crew, leader, local, plan
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.registry.duty.plan import Crew, Plan, Rules
from gateway.registry.duty.roster import Roster
from gateway.registry.duty.route import RINGS, Choice, Load, Router, Where, weight

AREAS = (CELL.patrol_area, *CITY.patrol_areas[:8])
CODES = ("04-10", "04-06", "02-01", "01-10")
KINDS = {"04-10": "bike", "04-06": "stall", "02-01": "poster", "01-10": "litter"}
CALENDAR = STANDARD.work_time.calendar
START = local("2026-11-23T00:00")

cycles = st.lists(
    st.sampled_from(["early", "late", "night", "office", "rest", "", "early+late"]), min_size=1, max_size=4
)
classes = st.lists(st.sampled_from(["*", *CODES, "bike", "stall"]), min_size=1, max_size=3)


@st.composite
def crews(draw: st.DrawFn) -> list[Crew]:
    many = draw(st.integers(0, 8))
    return [
        crew(
            f"crew-{n}",
            *draw(cycles),
            areas=tuple(draw(st.lists(st.sampled_from(AREAS), min_size=1, max_size=3, unique=True))),
            classes=draw(classes),
            kind=draw(st.sampled_from(["city", "city", "city", "police", "volunteers"])),
        )
        for n in range(many)
    ]


def router(duty: Plan) -> Router:
    return Router(Roster(duty, CALENDAR), CITY)


def place(code: str = "04-10", number: int = 100) -> Where:
    cell = CITY.cells[number]
    return Where(KINDS[code], code, cell.code, cell.patrol_area)


wheres = st.builds(place, st.sampled_from(CODES), st.integers(0, len(CITY.cells) - 1))
hours = st.integers(0, 7 * 24 * 4).map(lambda quarter: START + timedelta(minutes=15 * quarter))
load_maps = st.dictionaries(st.sampled_from([f"crew-{n}" for n in range(8)]), st.builds(Load, st.integers(0, 9)))


@settings(max_examples=150, deadline=None)
@given(crews(), wheres, hours, load_maps, st.sets(st.sampled_from([f"crew-{n}" for n in range(8)]), max_size=3))
def test_nobody_off_duty_without_the_right_or_left_out_is_ever_chosen(
    given_crews: list[Crew], where: Where, at: datetime, loads: dict[str, Load], but: set[str]
) -> None:
    duty = plan(*given_crews)
    choice = router(duty).choose(where, at, loads, frozenset(but))
    roster = Roster(duty, CALENDAR)
    able = [
        c
        for c in given_crews
        if c.kind == "city" and c.name not in but and roster.until(c, at) and set(c.classes) & {"*", *_words(where)}
    ]
    if not able:
        assert (choice.crew, choice.ring) == ("leader-1", "leader")
        return
    chosen = next(c for c in able if c.name == choice.crew)
    assert choice.ring in RINGS
    own = [c for c in able if where.patrol_area in c.areas]
    if own:  # somebody of the area itself: nobody from farther away gets it
        assert chosen in own
        assert all(loads.get(c.name, Load()).weight >= choice.load for c in own)
    assert where.class_code in choice.why
    assert str(choice.load) in choice.why


def _words(where: Where) -> set[str]:
    return {where.case_class, where.class_code}


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 6), st.lists(st.sampled_from([1, 2, 3]), min_size=1, max_size=80))
def test_equal_crews_never_differ_by_more_than_one_orders_weight(many: int, weights: list[int]) -> None:
    rule = router(plan(*(crew(f"crew-{n}", "early") for n in range(many))))
    loads: dict[str, Load] = {}
    for number, more in enumerate(weights, 1):
        choice = rule.choose(place(), local("2026-11-24T08:00"), loads, frozenset())
        loads[choice.crew] = Load(loads.get(choice.crew, Load()).weight + more, number)
    sums = [loads.get(f"crew-{n}", Load()).weight for n in range(many)]
    assert max(sums) - min(sums) <= 3


@settings(max_examples=60, deadline=None)
@given(crews(), wheres, hours, load_maps)
def test_the_same_question_has_the_same_answer(
    given_crews: list[Crew], where: Where, at: datetime, loads: dict[str, Load]
) -> None:
    duty = plan(*given_crews)
    assert router(duty).choose(where, at, loads, frozenset()) == router(duty).choose(where, at, loads, frozenset())


def test_idle_equals_take_turns() -> None:
    rule = router(plan(crew("a", "early"), crew("b", "early"), crew("c", "early")))
    loads: dict[str, Load] = {}
    got = []
    for number in range(1, 7):
        choice = rule.choose(place(), local("2026-11-24T08:00"), loads, frozenset())
        loads[choice.crew] = Load(0, number)
        got.append(choice.crew)
    assert got == ["a", "b", "c", "a", "b", "c"]


def _choose(duty: Plan, loads: dict[str, Load] | None = None, at: str = "2026-11-24T08:00") -> Choice:
    return router(duty).choose(place(), local(at), loads or {}, frozenset())


def test_nobody_of_the_area_then_the_subdistrict_the_district_the_city_and_the_leader() -> None:
    by_code = {cell.code: cell.patrol_area for cell in CITY.cells}
    same_street = next(a for c, a in by_code.items() if c[:9] == CELL.code[:9] and a != CELL.patrol_area)
    streets = {a for c, a in by_code.items() if c[:9] == CELL.code[:9]}
    same_district = next(a for c, a in by_code.items() if c[:6] == CELL.code[:6] and a not in streets)
    far = [
        crew("city", "early", areas=(CITY.patrol_areas[-1],)),
        crew("district", "early", areas=(same_district,)),
        crew("street", "early", areas=(same_street,)),
        crew("area", "early"),
    ]
    for ring in ("area", "subdistrict", "district", "city"):
        found = _choose(plan(*far))
        assert found.ring == ring
        assert found.crew == far.pop().name
    assert _choose(plan()).ring == "leader"
    assert _choose(plan(leaders=[])) == Choice(
        "", "none", "无人在岗 nobody on duty may do this class, and no leader is on duty"
    )
    assert _choose(plan(crew("area", "early")), at="2026-11-24T23:00").crew == leader().name


def test_a_full_crew_is_passed_over_for_the_next_ring_until_all_are_full() -> None:
    far = crew("far", "early", areas=(CITY.patrol_areas[-1],))
    duty = plan(crew("near", "early"), far, rules=Rules(load_max=5))
    assert _choose(duty, {"near": Load(4)}).crew == "near"
    assert _choose(duty, {"near": Load(5)}).crew == "far"
    assert _choose(duty, {"near": Load(7), "far": Load(5)}).crew == "near"


def test_a_case_outside_the_grid_is_asked_of_the_whole_city() -> None:
    found = router(plan(crew("a", "early"))).choose(
        Where("bike", "04-10", "", ""), local("2026-11-24T08:00"), {}, frozenset()
    )
    assert (found.crew, found.ring) == ("a", "city")


def test_urgent_orders_weigh_more() -> None:
    now = local("2026-11-24T08:00")
    assert weight(now + timedelta(hours=3), 1, now, 2.0) == 1
    assert weight(now + timedelta(hours=1), 1, now, 2.0) == 2
    assert weight(now, 1, now, 2.0) == 3
    assert weight(now + timedelta(hours=3), 2, now, 2.0) == 3
    assert weight(None, 1, now, 2.0) == 1
