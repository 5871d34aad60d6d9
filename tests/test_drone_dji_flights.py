"""Flights from a simulated dock in virtual time: whole, paused, called home, refused, over bad lines and reboots."""

import pytest
from dji_helpers import PLANE_A, A, B, World
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drone.dji.order import live_data, video_of
from drone.dji.task import State
from drone.sim.dock import Script
from drone.telemetry.rotation import degrees_of
from drone.telemetry.sample import HeightDatum


def ready(world: World) -> World:
    world.until(lambda: all(d.bound and d.mode for d in seen(world)), 60, "both docks bound and on line")
    return world


class Seen:
    def __init__(self, world: World, sn: str) -> None:
        self.bound = sn in world.cloud.bound
        self.mode = world.cloud.docks[sn].osd.mode_code is not None


def seen(world: World) -> list[Seen]:
    return [Seen(world, sn) for sn in (A, B)]


def test_a_dock_is_bound_flies_a_whole_flight_and_its_pictures_come() -> None:
    world = ready(World())
    task = world.fly()
    world.until(lambda: task.over, what="the end of the flight")
    world.until(lambda: task.uploaded == 2, what="both pictures")
    assert (task.state, task.percent, task.media, task.expected) == (State.DONE, 100, 2, 2)
    assert world.docks[A].flown == ["flight-1"] and world.docks[B].flown == []
    assert world.docks[A].config["ntp_server_host"] == "ntp.aliyun.com"
    assert world.docks[A].unanswered == 0


def test_the_aircrafts_osd_is_telemetry_with_both_heights_named() -> None:
    world = ready(World())
    world.fly()
    plane = world.cloud.docks[A].aircraft[PLANE_A]
    world.until(lambda: plane.last is not None and plane.last.position is not None, what="telemetry")
    sample = plane.last
    assert sample is not None and sample.position is not None and sample.gimbal is not None and sample.attitude
    assert dict(sample.position.heights) == {HeightDatum.ELLIPSOID: 80.0, HeightDatum.HOME: 60.0}
    assert degrees_of(sample.attitude) == pytest.approx((0.5, -3.0, 10.0))
    assert sample.fix is not None and sample.fix.kind == "rtk-fixed"
    assert sample.at_s == pytest.approx(world.unix_ms / 1000, abs=2)


def test_a_pause_holds_the_flight_and_recovery_goes_on() -> None:
    world = ready(World())
    task = world.fly()
    world.until(lambda: task.state is State.FLYING, what="flying")
    world.order("flighttask_pause", lambda a: task.paused(a, State.PAUSED))
    world.until(lambda: task.state is State.PAUSED, what="paused")
    world.run(20)
    assert task.state is State.PAUSED
    world.order("flighttask_recovery", lambda a: task.paused(a, State.FLYING))
    world.until(lambda: task.over, what="the end")
    assert task.state is State.DONE


def test_a_conditional_task_waits_until_it_is_ready() -> None:
    world = ready(World())
    task = world.fly(conditional=True)
    world.until(lambda: task.state is State.PREPARED, what="prepared")
    world.run(5)
    assert task.state is State.PREPARED and world.docks[A].flown == []
    world.docks[A]._event("flighttask_ready", {"flight_ids": ["flight-1", "unknown"]}, world.unix_ms)
    world.until(lambda: task.over, what="the end")
    assert task.state is State.DONE


def test_a_prepared_task_can_be_undone_and_one_in_the_air_cannot() -> None:
    world = ready(World())
    task = world.fly(conditional=True)
    world.until(lambda: task.state is State.PREPARED, what="prepared")
    world.order("flighttask_undo", task.undone, {"flight_ids": ["flight-1"]})
    world.until(lambda: task.over, what="cancelled")
    assert task.state is State.CANCELLED and world.docks[A].flown == []
    other = world.fly(flight_id="flight-2")
    world.until(lambda: other.state is State.FLYING, what="flying")
    world.order("flighttask_undo", other.undone, {"flight_ids": ["flight-2"]})
    world.until(lambda: "319006" in other.why or other.over, what="an answer")
    assert not other.over and "改用返航" in other.why and "use return home" in other.why


def test_called_home_a_flight_ends_with_its_reason_and_break_point() -> None:
    world = ready(World())
    task = world.fly()
    world.until(lambda: task.waypoint >= 1, what="the second waypoint")
    world.order("return_home", task.returning)
    world.until(lambda: task.over, what="the end")
    assert task.state is State.CANCELLED and "322283" in task.why and "用户触发返航" in task.why
    assert task.break_point is not None and task.break_point.break_reason == 1283


@pytest.mark.parametrize("method", ["flighttask_prepare", "flighttask_execute"])
def test_a_refused_task_says_why_in_both_languages(method: str) -> None:
    world = ready(World(Script(refuse={method: 514135})))
    task = world.fly()
    world.until(lambda: task.over, what="the refusal")
    assert task.state is State.FAILED
    assert "风速过大" in task.why and "too much wind" in task.why and method in task.why


def test_a_wayline_that_is_not_what_was_announced_is_not_flown() -> None:
    world = ready(World())
    task = world.fly()
    world.files.clear()
    world.until(lambda: task.over, what="the end")
    assert task.state is State.FAILED and "314013" in task.why and world.docks[A].flown == []


def test_a_cut_line_is_told_and_the_flight_ends_as_it_ended() -> None:
    world = ready(World(Script(leg_s=25.0)))
    task = world.fly()
    world.until(lambda: task.state is State.FLYING, what="flying")
    world.cut = True
    world.until(lambda: task.lost, what="the loss told")
    assert not task.over and any("link lost" in line for line in world.lines)
    world.cut = False
    world.until(lambda: task.over, what="the end")
    assert task.state is State.DONE and not task.lost and any("link is back" in line for line in world.lines)


def test_a_flight_that_ended_while_the_line_was_cut_is_not_called_done_without_word_of_it() -> None:
    world = ready(World(Script(leg_s=1.0)))
    task = world.fly()
    world.until(lambda: task.state is State.FLYING, what="flying")
    world.cut = True
    world.until(lambda: task.lost, what="the loss told")
    world.cut = False
    world.until(lambda: task.over, 300, "an end")
    assert task.state is State.FAILED and task.unsure and "the dock is idle and says nothing" in task.why


def test_a_dock_that_reboots_in_flight_and_goes_on_ends_the_flight_well() -> None:
    world = ready(World(Script(leg_s=2.0)))
    task = world.fly()
    world.until(lambda: task.waypoint >= 1, what="the second waypoint")
    world.docks[A].reboot(world.now_s)
    world.until(lambda: "logged in anew" in task.why, what="the reboot noticed")
    world.until(lambda: task.over, what="the end")
    assert task.state is State.DONE and world.docks[A].flown == ["flight-1"]


def test_a_dock_that_forgets_the_flight_in_a_reboot_leaves_it_failed_and_unsure() -> None:
    world = ready(World(Script(leg_s=2.0, forgets=True)))
    task = world.fly()
    world.until(lambda: task.waypoint >= 1, what="the second waypoint")
    world.docks[A].reboot(world.now_s)
    world.until(lambda: task.over, 300, "the end")
    assert task.state is State.FAILED and task.unsure and "the aircraft is in the dock" in task.why


def test_a_dock_that_never_answers_is_given_up_with_words() -> None:
    world = ready(World())
    world.cut = True
    task = world.fly()
    world.until(lambda: task.over, 120, "giving up")
    assert task.state is State.FAILED and "did not answer flighttask_prepare" in task.why


def test_an_execute_whose_answer_was_lost_flies_once_and_is_not_called_failed() -> None:
    world = ready(World(Script(leg_s=30.0)))
    task = world.fly()
    world.until(lambda: bool(world.down) or task.state is State.STARTING, what="execute")
    world.until(lambda: world.docks[A]._flight is not None, what="execute at the dock")
    world.up.clear()
    world.cut = True
    world.run(3)
    world.cut = False
    world.run(15)
    assert task.state is State.FLYING and world.docks[A].flown == ["flight-1"], task.why


def test_live_starts_by_whip_at_the_aircrafts_camera_and_a_second_start_is_told_in_words() -> None:
    world = ready(World())
    dock = world.cloud.docks[A]
    video = video_of("", dock.osd.live_capacity, dock.own, A)
    assert video == f"{PLANE_A}/81-0-0/normal-0"
    data = live_data(video, "https://live.test/whip/{camera}", "hd")
    answers = world.order("live_start_push", lambda a: None, data)
    world.until(lambda: bool(answers), what="the answer")
    assert answers[0].result == 0 and world.docks[A].live == {video: f"https://live.test/whip/{PLANE_A}"}
    again = world.order("live_start_push", lambda a: None, data)
    world.until(lambda: bool(again), what="the answer")
    assert again[0].result == 513003


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 1_000_000),
    loss=st.floats(0, 0.3),
    twice=st.floats(0, 0.5),
    late=st.floats(0, 0.5),
    reboot=st.booleans(),
    forgets=st.booleans(),
)
def test_over_any_bad_line_a_flight_flies_at_most_once_and_is_never_told_better_than_it_was(
    seed: int, loss: float, twice: float, late: float, reboot: bool, forgets: bool
) -> None:
    world = World(Script(leg_s=1.0, forgets=forgets), loss=loss, twice=twice, late=late, seed=seed)
    world.until(lambda: A in world.cloud.bound, 120, "binding")
    world.run(5)
    task = world.fly()
    if reboot:
        world.run(6)
        world.docks[A].reboot(world.now_s)
    world.until(lambda: task.over, 400, "an end")
    world.run(5)
    dock = world.docks[A]
    assert dock.flown.count("flight-1") <= 1
    if task.state is State.DONE:
        assert dock.ended == {"flight-1": "ok"}
    elif dock.ended.get("flight-1") == "ok":
        assert task.unsure or "did not answer" in task.why, task.why
