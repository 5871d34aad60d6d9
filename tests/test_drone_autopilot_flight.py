"""A whole patrol in virtual time against a simulated ArduCopter: what happens when things go wrong."""

import pytest

from drone.autopilot.air import Phase
from drone.autopilot.camera import AttitudeOf, Capture
from drone.autopilot.flight import Flight, Options
from drone.autopilot.modes import AUTO, BRAKE, LOITER, RTL
from drone.autopilot.planfile import fence_point
from drone.autopilot.prepare import Plan
from drone.autopilot.types import Event, Kind, MissionItem, MissionType, Refusal, Why
from drone.autopilot.wire import Message
from drone.autopilot.words import REFUSALS, refusal_line
from drone.sim.line import Weather, World
from drone.sim.vehicle import HOME, Settings, SimCopter

CORNERS = ((0, 0), (6000, 0), (6000, 6000), (0, 6000))  # degrees * 1e7 from home: about 67 m


def patrol(returns: bool = True) -> Plan:
    """Take-off to 30 m, camera on, four corners, home."""
    items = [MissionItem(0, 3, 22, z=30.0), MissionItem(1, 0, 206, p1=20.0)]
    items += [MissionItem(2 + at, 3, 16, x=HOME[0] + y, y=HOME[1] + x, z=30.0) for at, (x, y) in enumerate(CORNERS)]
    if returns:
        items.append(MissionItem(6, 0, 20))
    return Plan(tuple(items))


class Crew:
    """A flight that keeps everything it said."""

    def __init__(self, plan: Plan | None = None, options: Options | None = None) -> None:
        self.flight = Flight(plan or patrol(), options or Options())
        self.events: list[Event] = []
        self.pictures: list[Capture] = []

    def tick(self, now_s: float) -> list[Message]:
        out = self.flight.tick(now_s)
        self.events += self.flight.events()
        self.pictures += self.flight.pictures()
        return out

    def receive(self, message: Message, now_s: float) -> list[Message]:
        return self.flight.receive(message, now_s)

    @property
    def kinds(self) -> list[Kind]:
        return [event.kind for event in self.events]

    @property
    def why(self) -> Why | None:
        return self.flight.outcome.why if isinstance(self.flight.outcome, Refusal) else None


def world(crew: Crew, settings: Settings | None = None, weather: Weather | None = None, seed: int = 0) -> World:
    return World(crew, SimCopter(settings), weather or Weather(delay=(0.01, 0.05)), seed)


def fly(crew: Crew, w: World) -> None:
    """Until AUTO flies."""
    assert w.run(lambda: crew.flight.air is not None and crew.flight.air.phase is Phase.FLYING, 90), crew.events
    assert w.copter.mode == AUTO


def ended(crew: Crew, w: World, limit_s: float = 300) -> object:
    assert w.run(lambda: crew.flight.outcome is not None, limit_s), (crew.events[-10:], w.copter.mode)
    return crew.flight.outcome


def asked_modes(w: World, since_s: float = 0.0) -> list[int]:
    """Modes that the ground station asked for."""
    found = [(at, m) for at, m in w.ground_sent if m.get_type() == "COMMAND_LONG" and m.command == 176]
    return [int(m.param2) for at, m in found if at >= since_s]


def test_a_patrol_is_uploaded_verified_flown_and_landed() -> None:
    crew = Crew()
    w = world(crew)
    assert ended(crew, w) is True
    assert max(up for _, _, up in w.copter.flown) >= 29
    assert max(north for _, north, _ in w.copter.flown) > 65
    assert not w.copter.armed and w.copter.body.up < 0.1
    assert w.copter.parameters["FS_GCS_ENABLE"] == 1
    assert [e.detail for e in crew.events if e.kind is Kind.WAYPOINT] == ["1", "3", "4", "5", "6", "7"]
    assert Kind.PILOT not in crew.kinds and Kind.FAILSAFE not in crew.kinds


def test_pictures_by_camera_feedback_say_that_the_attitude_is_the_vehicles() -> None:
    crew = Crew()
    w = world(crew)
    ended(crew, w)
    assert len(crew.pictures) == w.copter.pictures > 10
    assert {picture.attitude_of for picture in crew.pictures} == {AttitudeOf.VEHICLE}


def test_a_camera_that_speaks_v2_is_reported_once_a_picture() -> None:
    crew = Crew()
    w = world(crew, Settings(camera_v2=True))
    ended(crew, w)
    assert len(crew.pictures) == w.copter.pictures
    assert {picture.attitude_of for picture in crew.pictures} == {AttitudeOf.CAMERA}


@pytest.mark.parametrize("seed", range(4))
def test_a_patrol_comes_through_five_per_cent_loss_doubling_and_reordering(seed: int) -> None:
    crew = Crew()
    w = world(crew, weather=Weather(loss=0.05, double=0.05, delay=(0.0, 0.25)), seed=seed)
    assert ended(crew, w) is True
    assert w.copter.body.up < 0.1


def test_dry_run_uploads_and_verifies_and_never_arms_nor_changes_parameters() -> None:
    crew = Crew(options=Options(dry_run=True))
    w = world(crew)
    assert ended(crew, w, 60) is True
    assert len(w.copter.stores[MissionType.MISSION].items) == 8
    assert not w.copter.armed and w.copter.parameters["FS_GCS_ENABLE"] == 0
    assert {number for _, number in w.copter.commands_log} == {511}


def test_the_ground_stations_heartbeat_goes_at_one_hertz_and_only_when_the_loop_runs() -> None:
    crew = Crew(options=Options(link_wait_s=60))
    w = world(crew, weather=Weather(loss=1.0))
    w.wait(10)
    beats = [at for at, m in w.ground_sent if m.get_type() == "HEARTBEAT"]
    assert len(beats) == 10 or len(beats) == 11
    crew.tick(w.now_s + 5.0)
    assert crew.kinds[-1] is Kind.LOOP_STALLED


def test_with_the_failsafe_a_cut_of_30_s_brings_it_home_and_we_do_not_send_it_out_again() -> None:
    crew = Crew()
    w = world(crew)
    fly(crew, w)
    cut_s = w.now_s
    w.weather = Weather(delay=(0.01, 0.05), cut=(cut_s, cut_s + 30))
    assert ended(crew, w) is True
    assert [mode for _, mode, by in w.copter.mode_log if by == "gcs failsafe"] == [RTL]
    when = next(at for at, _, by in w.copter.mode_log if by == "gcs failsafe")
    assert 4.5 < when - cut_s < 7
    assert asked_modes(w, cut_s) == []
    assert Kind.LINK_LOST in crew.kinds and Kind.LINK_BACK in crew.kinds and Kind.FAILSAFE in crew.kinds


def test_without_the_failsafe_a_cut_of_30_s_changes_nothing_and_the_mission_ends() -> None:
    crew = Crew(options=Options(set_parameters=False))
    w = world(crew, Settings(speed_mps=5))
    fly(crew, w)
    w.weather = Weather(delay=(0.01, 0.05), cut=(w.now_s, w.now_s + 30))
    assert ended(crew, w) is True
    assert {mode for _, mode, _ in w.copter.mode_log} == {4, AUTO}
    assert Kind.LINK_BACK in crew.kinds


def test_a_cut_during_the_upload_is_waited_out_on_the_ground() -> None:
    crew = Crew()
    w = world(crew)
    store = w.copter.stores[MissionType.MISSION]
    assert w.run(lambda: store.receiving and len(store.items) >= 1, 60)
    w.weather = Weather(delay=(0.01, 0.05), cut=(w.now_s, w.now_s + 25))
    assert ended(crew, w) is True


def test_a_link_that_stays_away_before_take_off_is_refused() -> None:
    crew = Crew()
    w = world(crew)
    assert w.run(lambda: crew.flight.vehicle.linked, 10)
    w.weather = Weather(loss=1.0)
    ended(crew, w, 60)
    assert crew.why is Why.LINK_LOST


def test_no_vehicle_is_said_so() -> None:
    crew = Crew(options=Options(link_wait_s=10))
    w = world(crew, weather=Weather(loss=1.0))
    ended(crew, w, 20)
    assert crew.why is Why.NO_LINK


def test_a_pilot_who_takes_over_is_left_alone_to_the_landing() -> None:
    crew = Crew()
    w = world(crew)
    fly(crew, w)
    w.copter.pilot(LOITER)
    taken_s = w.now_s
    w.wait(20)
    assert Kind.PILOT in crew.kinds
    assert not crew.flight.return_home(w.now_s) and not crew.flight.resume(w.now_s) and not crew.flight.pause(w.now_s)
    w.wait(5)
    assert w.copter.mode == LOITER
    assert [m.get_type() for at, m in w.ground_sent if at > taken_s + 2 and m.get_type().startswith("COMMAND")] == []
    w.copter.pilot(9)
    assert ended(crew, w) is True
    assert asked_modes(w, taken_s) == []


def test_a_pilot_who_gives_auto_back_gives_the_flight_back() -> None:
    crew = Crew()
    w = world(crew)
    fly(crew, w)
    w.copter.pilot(LOITER)
    w.wait(5)
    w.copter.pilot(AUTO)
    assert w.run(lambda: crew.flight.air is not None and crew.flight.air.phase is Phase.FLYING, 10)
    assert ended(crew, w) is True


def test_a_pilot_who_leaves_the_return_is_left_alone() -> None:
    crew = Crew()
    w = world(crew)
    fly(crew, w)
    assert crew.flight.return_home(w.now_s)
    assert w.run(lambda: crew.flight.air is not None and crew.flight.air.returning, 10)
    w.copter.pilot(LOITER)
    taken_s = w.now_s + 0.2
    w.wait(20)
    assert w.copter.mode == LOITER and asked_modes(w, taken_s) == []


def test_stop_leaves_a_pilot_alone_and_ends_at_once() -> None:
    crew = Crew()
    w = world(crew)
    fly(crew, w)
    w.copter.pilot(LOITER)
    w.wait(3)
    crew.flight.stop(w.now_s)
    w.wait(2)
    assert crew.why is Why.STOPPED and w.copter.mode == LOITER


def test_stop_sends_it_home_and_ends_only_after_the_acknowledgement() -> None:
    crew = Crew()
    w = world(crew)
    fly(crew, w)
    w.weather = Weather(delay=(0.01, 0.05), cut=(w.now_s, w.now_s + 4))
    crew.flight.stop(w.now_s)
    w.wait(3.5)
    assert crew.flight.outcome is None
    ended(crew, w, 30)
    assert crew.why is Why.STOPPED and w.copter.mode == RTL
    assert (w.now_s, RTL, "gcs")[1:] == w.copter.mode_log[-1][1:]


@pytest.mark.parametrize("can_pause", [True, False])
def test_pause_holds_and_resume_goes_on(can_pause: bool) -> None:
    crew = Crew()
    w = world(crew, Settings(can_pause=can_pause))
    fly(crew, w)
    w.wait(5)
    assert crew.flight.pause(w.now_s)
    w.wait(5)
    place = (w.copter.body.east, w.copter.body.north)
    w.wait(20)
    assert (w.copter.body.east, w.copter.body.north) == place
    assert w.copter.mode == (AUTO if can_pause else BRAKE)
    assert crew.flight.resume(w.now_s)
    assert ended(crew, w) is True
    assert Kind.PILOT not in crew.kinds


@pytest.mark.parametrize("tail", [(), (MissionItem(6, 0, 206),), (MissionItem(6, 2, 178, p1=1, p2=5.0),)])
def test_a_mission_that_does_not_come_home_is_brought_home_after_its_last_item(tail: tuple[MissionItem, ...]) -> None:
    crew = Crew(Plan((*patrol(returns=False).items, *tail)))
    w = world(crew)
    assert ended(crew, w) is True
    assert asked_modes(w)[-1] == RTL and w.copter.body.up < 0.1


def test_a_low_battery_is_brought_home_once() -> None:
    crew = Crew()
    w = world(crew, Settings(battery_percent=30, drain_per_s=0.3))
    assert ended(crew, w) is True
    assert crew.kinds.count(Kind.BATTERY_RETURN) == 1
    assert asked_modes(w).count(RTL) == 1


def test_a_reboot_in_flight_is_noticed_and_nothing_is_commanded_after_it() -> None:
    crew = Crew()
    w = world(crew)
    fly(crew, w)
    w.wait(10)
    w.copter.reboot(w.now_s)
    at_s = w.now_s + 2
    ended(crew, w, 60)
    assert crew.why is Why.REBOOTED and Kind.REBOOTED in crew.kinds
    later = [m for at, m in w.ground_sent if at > at_s and m.get_type() == "COMMAND_LONG"]
    assert {m.command for m in later} <= {511}


def test_a_reboot_that_the_watchdog_survives_flies_on_with_its_streams_asked_for_again() -> None:
    crew = Crew()
    w = world(crew)
    fly(crew, w)
    w.wait(8)
    w.copter.reboot(w.now_s, keeps_flying=True)
    assert ended(crew, w) is True
    assert Kind.REBOOTED in crew.kinds and len(w.copter.commands_log) >= 18


def test_a_reboot_during_the_upload_starts_the_upload_again() -> None:
    w = world(Crew(options=Options(dry_run=True)))
    w.wait(12)
    crew = Crew()
    w.end = crew
    store = w.copter.stores[MissionType.MISSION]
    assert w.run(lambda: store.receiving and store.uploads == 2, 60)
    w.copter.reboot(w.now_s)
    assert ended(crew, w) is True
    assert Kind.REBOOTED in crew.kinds


def fenced(half_e7: int) -> Plan:
    square = ((-half_e7, -half_e7), (-half_e7, half_e7), (half_e7, half_e7), (half_e7, -half_e7))
    points = [fence_point(5001, 4.0, (HOME[0] + a) / 1e7, (HOME[1] + b) / 1e7) for a, b in square]
    return Plan(patrol().items, tuple(points))


def test_a_fence_is_uploaded_verified_and_switched_on() -> None:
    crew = Crew(fenced(20000))
    w = world(crew)
    assert ended(crew, w) is True
    assert len(w.copter.stores[MissionType.FENCE].items) == 4
    assert w.copter.parameters["FENCE_ENABLE"] == 1
    assert Kind.FENCE_BREACH not in crew.kinds


def test_a_fence_breach_is_told_and_the_autopilots_return_is_not_fought() -> None:
    crew = Crew(fenced(3000))
    w = world(crew)
    assert ended(crew, w) is True
    assert Kind.FENCE_BREACH in crew.kinds and Kind.FAILSAFE in crew.kinds
    assert RTL not in asked_modes(w)


def test_no_arming_before_the_checks_pass_and_the_reason_is_told() -> None:
    crew = Crew(options=Options(ready_wait_s=20))
    w = world(crew, Settings(fix_after_s=1e6))
    ended(crew, w, 60)
    assert crew.why is Why.NOT_READY and "Bad fix" in refusal_line(crew.flight.outcome)  # type: ignore[arg-type]
    assert 400 not in {number for _, number in w.copter.commands_log}


@pytest.mark.parametrize("refusals, flies", [(2, True), (3, False)])
def test_arming_is_tried_three_times_and_then_refused_with_the_autopilots_reason(refusals: int, flies: bool) -> None:
    crew = Crew()
    w = world(crew, Settings(arm_refusals=refusals))
    outcome = ended(crew, w)
    assert (outcome is True) == flies
    if isinstance(outcome, Refusal):
        assert outcome.why is Why.COMMAND_REFUSED and "Need Position Estimate" in outcome.detail


def test_an_armed_vehicle_is_not_taken_over() -> None:
    crew = Crew()
    w = world(crew)
    w.copter.armed = True
    ended(crew, w, 10)
    assert crew.why is Why.ALREADY_ARMED
    assert w.copter.stores[MissionType.MISSION].uploads == 0


def test_stop_before_arming_ends_without_a_command() -> None:
    crew = Crew()
    w = world(crew, Settings(fix_after_s=1e6))
    w.wait(8)
    crew.flight.stop(w.now_s)
    assert crew.why is Why.STOPPED
    assert {number for _, number in w.copter.commands_log} == {511}


def test_stop_while_arming_leaves_it_disarmed_on_the_ground() -> None:
    crew = Crew()
    w = world(crew)
    assert w.run(lambda: crew.flight.air is not None and crew.flight.air.phase is Phase.ARM, 60)
    crew.flight.stop(w.now_s)
    ended(crew, w, 60)
    w.wait(2)
    assert not w.copter.armed and w.copter.body.up == 0


def test_the_clock_of_the_vehicle_is_known_to_a_tenth_of_a_second_over_an_uneven_line() -> None:
    crew = Crew()
    w = world(crew, weather=Weather(delay=(0.0, 0.2)))
    fly(crew, w)
    clock = crew.flight.timesync.clock
    assert clock is not None
    truth = w.copter.boot_s - w.now_s
    assert abs(clock.offset_s - truth) < 0.1
    assert abs(clock.offset_s - truth) <= clock.round_trip_s / 2 + 0.05


def test_every_refusal_has_words_in_both_languages() -> None:
    assert set(REFUSALS) == set(Why)
    assert all(any("\u4e00" <= c <= "\u9fff" for c in chinese) and english for chinese, english in REFUSALS.values())
