"""Whole flights with eyes in virtual time, over ground whose truth is exact: what faults may and may not do."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drone_ground import START, Discs, Greyed, away, back, legs, red_tools
from gateway_helpers import Centre

from detectors import RedactionError
from detectors.redact import Redactor
from drone.autopilot.modes import LOITER
from drone.autopilot.types import Kind
from drone.autopilot.wire import Message
from drone.mission.aircraft import Aircraft, Pace, Wind
from drone.mission.plan import Fence, Waypoint
from drone.mission.plan import Flight as MissionFlight
from drone.mission.second import Bounds, SecondLooks
from drone.seeing.build import close
from drone.seeing.eye import Eye
from drone.seeing.second import Chooser
from drone.seeing.things import Thing
from drone.seeing.tools import Tools
from drone.sim.flying import Flying, Video
from drone.sim.line import Weather
from drone.sim.vehicle import Settings, SimCopter
from edge.wire import Candidate, Place, Verify, decode
from edge.wire.channels import channel

LINE = ((0.0, 15.0), (0.0, 64.0))
DISCS = [(0.5, 25.0), (-2.0, 40.0), (1.0, 55.0)]
CHI2_9999 = 18.42  # two degrees of freedom


@pytest.fixture
def tools(tmp_path: Path) -> Iterator[Tools]:
    made = red_tools(tmp_path)
    yield made
    close(made)


def flying(
    tools: Tools,
    discs: list[tuple[float, float]] | None = None,
    settings: Settings | None = None,
    video: Video | None = None,
    weather: Weather | None = None,
    **more: Any,
) -> Flying:
    copter = SimCopter(settings or Settings(speed_mps=4.0, gps_error_m=(1.0, -0.8, 0.5), yaw_error_deg=0.8))
    scene = Discs(list(DISCS) if discs is None else discs)
    plan = more.pop("plan", None) or legs(*LINE)
    eye = more.pop("eye", None) or Eye(tools, "f", "f")
    return Flying(
        plan,
        copter,
        scene,
        eye,
        START,
        video=video or Video(every_s=0.5),
        weather=weather or Weather(delay=(0.01, 0.05)),
        **more,
    )


def candidates(tools: Tools) -> list[Candidate]:
    """What waits in the outbox."""
    waiting = tools.link.outbox.pending(1000)
    return [decode(channel("up", "candidate"), m.payload) for m in waiting if m.channel == "candidate"]  # type: ignore[misc]


def surprise(place: Place) -> float:
    """Squared Mahalanobis distance of the nearest disc from a case's place, by the ellipse that it was sent with."""
    here = np.array(back(place.lat, place.lon))
    turn = np.radians(place.error_azimuth_deg)
    axes = np.array([[np.sin(turn), np.cos(turn)], [np.cos(turn), -np.sin(turn)]])
    sigmas = np.array([place.error_major_m, place.error_minor_m])
    return float(min((((axes @ (np.array(disc) - here)) / sigmas) ** 2).sum() for disc in DISCS))


def filed(tools: Tools) -> list[Thing]:
    return [thing for thing in tools.memory.things.values() if thing.state == "filed"]


def check(tools: Tools, count: int | None = None) -> None:
    """No case at a place that its ellipse does not own up to; each disc one case; cases and outbox agree."""
    things, cases = filed(tools), candidates(tools)
    assert all(surprise(case.place) < CHI2_9999 for case in cases), [surprise(case.place) for case in cases]
    assert len(cases) == len(things) <= len(DISCS)
    if count is not None:
        assert len(things) == count, (things, tools.counts)


@pytest.mark.slow
def test_every_thing_below_the_flight_becomes_one_candidate_with_pictures(tmp_path: Path) -> None:
    """Through the real redaction."""
    tools = red_tools(tmp_path, redactor=Redactor())
    flight = flying(tools)
    assert flight.run() is True
    check(tools, 3)
    for candidate in candidates(tools):
        assert candidate.evidence and all(ref.redacted for ref in candidate.evidence)
        assert candidate.evidence_record and candidate.camera.startswith("ground-326")
        assert 1.0 < candidate.place.error_major_m < 4.0
    assert tools.ledger.size > 200
    close(tools)


def test_a_second_flight_finds_the_same_things_and_files_nothing_twice(tools: Tools, tmp_path: Path) -> None:
    """Also after a restart in between, and with another GPS error."""
    flying(tools).run()
    close(tools)
    again = red_tools(tmp_path)
    try:
        settings = Settings(speed_mps=4.0, gps_error_m=(-1.2, 0.9, -0.4), yaw_error_deg=-0.6)
        flying(again, settings=settings, eye=Eye(again, "g", "g")).run()
        check(again, 3)
        assert all(len(thing.passes) == 2 for thing in filed(again))
    finally:
        close(again)


def test_pictures_that_cannot_be_redacted_do_not_leave(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    """The candidates go, and say why they come alone."""

    def broken(*_args: object, **_more: object) -> None:
        raise RedactionError("no network")

    monkeypatch.setattr(Greyed, "redact", broken)
    flying(tools).run()
    found = candidates(tools)
    assert len(found) == 3 and all(not c.evidence and "redacted" in c.evidence_missing for c in found)
    assert {m.channel for m in tools.link.outbox.pending(1000)} == {"candidate"}


def test_video_that_is_late_by_400_ms_which_nobody_has_measured_is_in_the_ellipse(tools: Tools) -> None:
    """At 4 m/s 400 ms are 1.6 m; nobody has measured them, and the ellipse of a case filed on the way out says so.

    On the way home the same thing is seen from the other side, and lateness cancels, in truth as in the ellipse."""
    flying(tools, video=Video(every_s=0.5, late_s=0.4)).run()
    check(tools, 3)
    assert all(case.place.error_major_m > 1.6 for case in candidates(tools))
    assert all(thing.estimate().place().error_major_m < 1.6 for thing in filed(tools))


def test_five_per_cent_of_packets_lost_lose_no_thing(tools: Tools) -> None:
    flight = flying(tools, weather=Weather(loss=0.05, double=0.02, delay=(0.01, 0.2)), seed=4)
    assert flight.run() is True
    check(tools, 3)


@pytest.mark.slow
def test_everything_is_delivered_once_the_centre_can_be_reached(tmp_path: Path) -> None:
    """The whole flight without a broker; then a real broker and a real gateway, and nothing is left or doubled."""
    (tmp_path / "centre").mkdir()
    centre = Centre(tmp_path / "centre")
    tools = red_tools(tmp_path / "drone", port=centre.mqtt_port)
    tools.link.start()
    try:
        flying(tools).run()
        waiting = tools.link.outbox.size[0]
        assert waiting >= 9  # three candidates with two pictures each
        centre.start()
        assert tools.link.drain(60.0)
        centre.until(candidates=3, receipts=waiting, dead_letters=0, incidents=3)
    finally:
        tools.link.stop()
        close(tools)
        centre.stop()


def test_a_link_cut_for_30_s_places_nothing_meanwhile_and_the_vehicle_comes_home(tools: Tools) -> None:
    """FS_GCS_ENABLE brings it home; frames without telemetry are given up and counted; what was seen before is kept."""
    flight = flying(tools, weather=Weather(delay=(0.01, 0.05), cut=(24.0, 54.0)))
    assert flight.run() is True
    kinds = [event.kind for event in flight.events]
    assert Kind.LINK_LOST in kinds and Kind.LINK_BACK in kinds
    assert tools.counts["frames_given_up"] + tools.counts["frames_dropped"] > 5
    check(tools)
    assert 0 < len(filed(tools)) < 3


def test_an_autopilot_that_reboots_in_flight_places_nothing_by_the_old_clock(tools: Tools) -> None:
    flight = flying(tools)
    copter = flight._copter
    assert flight.world.run(lambda: copter.body.north > 34, 120)
    copter.reboot(flight.world.now_s, keeps_flying=True)
    assert flight.run() is True
    assert Kind.REBOOTED in [event.kind for event in flight.events] and flight.live.reboots >= 1
    check(tools)


class Deaf:
    """A listener's ears stopped for a while: positions do not come."""

    def __init__(self, flight: Flying, spans: list[tuple[float, float]]) -> None:
        self._flight, self._live, self._spans = flight, flight.live, spans

    def __call__(self, message: Message, now_s: float) -> None:
        if message.get_type() == "GLOBAL_POSITION_INT" and any(a <= now_s < b for a, b in self._spans):
            return
        type(self._live).__call__(self._live, message, now_s)


def test_gaps_in_the_telemetry_refuse_frames_and_put_nothing_elsewhere(
    tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    flight = flying(tools)
    deaf = Deaf(flight, [(t, t + 2.5) for t in range(15, 60, 6)])
    monkeypatch.setattr(flight, "live", _Wrapped(flight.live, deaf))
    assert flight.run() is True
    assert flight.eye.reasons["telemetry gap"] > 3
    check(tools)
    assert filed(tools)


class _Wrapped:
    """Live, heard through other ears."""

    def __init__(self, live: Any, ears: Deaf) -> None:
        self._live, self._ears = live, ears

    def __call__(self, message: Message, now_s: float) -> None:
        self._ears(message, now_s)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._live, name)


def mission(fence_m: float = 90.0) -> tuple[MissionFlight, Fence]:
    """The plan of LINE as the planner has it, inside a square fence around home."""

    def e7(east: float, north: float) -> tuple[int, int]:
        lat, lon = away(east, north)
        return round(lat * 1e7), round(lon * 1e7)

    waypoints = tuple(Waypoint(*e7(*corner), 15.0) for corner in LINE)
    ring = tuple(e7(*c) for c in ((-fence_m, -30), (fence_m, -30), (fence_m, 90), (-fence_m, 90)))
    return MissionFlight(e7(0, 0), 15.0, 4.0, -90.0, waypoints), Fence((ring,))


def chooser(tools: Tools, bounds: Bounds | None = None, fence_m: float = 90.0, endurance_s: float = 1500.0) -> Chooser:
    flight, fence = mission(fence_m)
    pace = Pace(Aircraft(speed_mps=4.0, endurance_s=endurance_s), Wind(), 4.0)
    return Chooser(SecondLooks(flight, fence, pace, bounds or Bounds()), tools.counts)


def test_a_doubtful_thing_gets_a_second_look_inside_its_bounds_and_the_mission_goes_on(tmp_path: Path) -> None:
    """The network is unsure of all of them (0.4); two looks are allowed, and every waypoint is still reached."""
    tools = red_tools(tmp_path, score=0.4)
    flight = flying(tools, second=chooser(tools, Bounds(count_max=2)))
    assert flight.run() is True
    air = flight.flight.air
    assert air is not None and air.looks_done == 2 == tools.counts["second_looks"]
    looked = [thing for thing in tools.memory.things.values() if thing.second_looks]
    assert len(looked) == 2 and all(thing.hits > 8 for thing in looked)
    assert {e.detail for e in flight.events if e.kind is Kind.WAYPOINT} >= {"1", "3", "4"}
    assert not candidates(tools)  # a second look that stays unsure files nothing
    close(tools)


@pytest.mark.parametrize(
    ("bounds", "fence_m", "endurance_s", "words"),
    [
        (Bounds(metres_max=0.1), 90.0, 1500.0, "would pass"),
        (Bounds(margin_m=3.5), 4.0, 1500.0, "no viewpoint"),
        (Bounds(), 90.0, 20.0, "before the reserve"),
    ],
)
def test_metres_fence_and_reserve_each_refuse_a_second_look(
    tmp_path: Path, bounds: Bounds, fence_m: float, endurance_s: float, words: str
) -> None:
    tools = red_tools(tmp_path, score=0.4)
    second = chooser(tools, bounds, fence_m, endurance_s)
    flight = flying(tools, second=second)
    assert flight.run() is True
    assert tools.counts["second_looks"] == 0 and any(words in why for why in second.why_not), second.why_not
    close(tools)


def test_a_pilot_who_takes_over_in_a_second_look_is_not_overruled(tmp_path: Path) -> None:
    tools = red_tools(tmp_path, score=0.4)
    flight = flying(tools, second=chooser(tools))
    assert flight.world.run(lambda: any(e.kind is Kind.SECOND_LOOK for e in flight.events), 120)
    flight.world.wait(2.0)
    flight._copter.pilot(LOITER)
    since = flight.world.now_s + 1.5
    flight.world.wait(20.0)
    asked = [m for at, m in flight.world.ground_sent if at > since and m.get_type() in ("COMMAND_LONG", "COMMAND_INT")]
    assert flight._copter.mode == LOITER and not asked
    close(tools)


def asked_about(tools: Tools) -> list[Verify]:
    """The centre's checks for everything that was filed."""
    return [
        Verify(
            verify_id=f"v-{c.place_id}",
            incident_id="i",
            camera=c.camera,
            place_id=c.place_id,
            case_class=c.case_class,
            label=c.label,
            box=c.box,
            frame_width=c.frame_width,
            frame_height=c.frame_height,
        )
        for c in candidates(tools)
    ]


def verdicts(tools: Tools) -> dict[str, str]:
    waiting = tools.link.outbox.pending(1000)
    found = [decode(channel("up", "verdict"), m.payload) for m in waiting if m.channel == "verdict"]
    return {v.verify_id: v.verdict for v in found}  # type: ignore[attr-defined]


def test_checks_are_answered_cleared_still_there_or_cannot_see(tools: Tools) -> None:
    """One thing is gone, one is still there, one the second flight does not come near; each with its picture."""
    flying(tools).run()
    requests = asked_about(tools)
    for request in requests:
        tools.store.ask(request, round((START + timedelta(minutes=30)).timestamp() * 1e6))
    by_north = sorted(filed(tools), key=lambda t: back(t.estimate().lat, t.estimate().lon)[1])
    flight = flying(
        tools,
        discs=[DISCS[1]],
        plan=legs((0.0, 10.0), (6.0, 25.0), (-6.0, 25.0), (-6.0, 40.0), (6.0, 40.0), height_m=14.0),
        settings=Settings(speed_mps=2.0, gps_error_m=(-0.8, 0.7, 0.3)),
        eye=Eye(tools, "g", "g", aimed=[request.verify_id for request in requests]),
    )
    flight.start = START + timedelta(hours=1)
    flight.run()
    answers = [verdicts(tools).get(f"v-{thing.thing_id}") for thing in by_north]
    assert answers == ["cleared", "still_there", "cannot_see"], tools.counts
    assert by_north[0].thing_id not in tools.memory.things and not tools.store.open_checks()
    pictures = [m for m in tools.link.outbox.pending(1000) if m.channel == "evidence" and b'"look"' in m.payload]
    assert len(pictures) >= 2
