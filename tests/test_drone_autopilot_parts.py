"""Commands, parameters, clock, gimbal, camera and the codec, each alone."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drone.autopilot import camera, gimbal
from drone.autopilot.commands import Answered, Commands, QueueFull, command
from drone.autopilot.params import Parameter, Silent, Value
from drone.autopilot.timesync import TimeSync
from drone.autopilot.types import GROUND, Address, Kind, Why
from drone.autopilot.vehicle import Vehicle
from drone.autopilot.wire import Codec, Message, mav
from drone.sim.line import Weather, World
from drone.sim.vehicle import OWN, Settings, SimCopter

TAKE_OFF = mav.MAV_CMD_NAV_TAKEOFF


def sent(message: Message, by: Address = OWN) -> Message:
    """The message as it comes from the line."""
    return Codec(GROUND).decode(Codec(by).encode(message))[0]


def ack(number: int, result: int, to: Address = GROUND) -> Message:
    return sent(mav.MAVLink_command_ack_message(number, result, 0, 0, to.system, to.component))


def asked(number: int = TAKE_OFF) -> Commands:
    commands = Commands(GROUND, OWN)
    commands.ask(command(number, 1))
    assert len(commands.tick(0.0)) == 1
    return commands


def test_a_command_without_an_answer_is_sent_five_times_and_then_called_silent() -> None:
    commands = Commands(GROUND, OWN)
    commands.ask(command(TAKE_OFF))
    tries = [(at / 10, m.confirmation) for at in range(0, 100) for m in commands.tick(at / 10)]
    assert tries == [(0.0, 0), (1.5, 1), (3.0, 2), (4.5, 3), (6.0, 4)]
    (answer,) = commands.answers()
    assert answer.refusal is not None and answer.refusal.why is Why.COMMAND_SILENT and commands.idle


def test_in_progress_waits_without_a_further_try() -> None:
    commands = asked()
    commands.receive(ack(TAKE_OFF, mav.MAV_RESULT_IN_PROGRESS), 0.5)
    assert [m for at in range(5, 100) for m in commands.tick(at / 10)] == []
    commands.receive(ack(TAKE_OFF, mav.MAV_RESULT_ACCEPTED), 10.0)
    assert [answer.refusal for answer in commands.answers()] == [None]


def test_temporarily_rejected_is_asked_again_and_denied_is_not() -> None:
    commands = asked()
    commands.receive(ack(TAKE_OFF, mav.MAV_RESULT_TEMPORARILY_REJECTED), 0.1)
    assert commands.tick(0.5) == [] and len(commands.tick(1.2)) == 1
    commands.receive(ack(TAKE_OFF, mav.MAV_RESULT_DENIED), 1.3)
    (answer,) = commands.answers()
    assert answer.refusal is not None and answer.refusal.detail == "NAV_TAKEOFF DENIED"


@pytest.mark.parametrize(
    "message",
    [ack(400, 0), ack(TAKE_OFF, 0, Address(254, 1)), sent(mav.MAVLink_command_ack_message(TAKE_OFF, 0), Address(9, 1))],
    ids=["other command", "other station", "other vehicle"],
)
def test_an_acknowledgement_that_is_not_ours_ends_nothing(message: Message) -> None:
    commands = asked()
    commands.receive(message, 0.1)
    assert commands.answers() == [] and not commands.idle


def test_commands_go_one_after_the_other_and_a_flood_is_refused() -> None:
    commands = Commands(GROUND, OWN)
    for number in range(32):
        commands.ask(command(number))
    with pytest.raises(QueueFull, match="32 commands wait"):
        commands.ask(command(99))
    assert [m.command for m in commands.tick(0.0)] == [0] and commands.tick(0.1) == []
    assert [m.command for m in commands.receive(ack(0, 0), 0.2)] == [1]


class Asker:
    """Commands as the end of a line."""

    def __init__(self) -> None:
        self.commands = Commands(GROUND, OWN)
        self.done: list[Answered] = []

    def tick(self, now_s: float) -> list[Message]:
        self.done += self.commands.answers()
        return self.commands.tick(now_s)

    def receive(self, message: Message, now_s: float) -> list[Message]:
        return self.commands.receive(message, now_s)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.floats(0, 0.2), st.floats(0, 0.5))
def test_every_command_ends_once_whatever_the_line_does(seed: int, loss: float, double: float) -> None:
    asker = Asker()
    numbers = [random.Random(seed).choice([511, 176, 400, 22, 31000]) for _ in range(10)]
    for number in numbers:
        asker.commands.ask(command(number, 1))
    world = World(asker, SimCopter(Settings(progress_first=True)), Weather(loss, double, (0.0, 0.3)), seed)
    assert world.run(lambda: len(asker.done) == 10, 200)
    assert [answer.command.number for answer in asker.done] == numbers


@pytest.mark.parametrize("seed", range(3))
def test_a_parameter_is_set_and_proven_and_an_unknown_one_is_silent(seed: int) -> None:
    copter = SimCopter()
    weather = Weather(loss=0.1, delay=(0.0, 0.2))
    setting = Parameter("FS_GCS_ENABLE", 1.0, GROUND, OWN)
    assert World(setting, copter, weather, seed).run(lambda: setting.outcome, 20)
    assert setting.outcome == Value("FS_GCS_ENABLE", 1.0) and copter.parameters["FS_GCS_ENABLE"] == 1.0
    unknown = Parameter("NO_SUCH", None, GROUND, OWN)
    assert World(unknown, copter, weather, seed).run(lambda: unknown.outcome, 20)
    assert unknown.outcome == Silent("NO_SUCH")


def test_a_parameter_that_the_vehicle_holds_otherwise_ends_with_what_it_holds() -> None:
    setting = Parameter("FENCE_ENABLE", 1.0, GROUND, OWN)
    held = sent(mav.MAVLink_param_value_message(b"FENCE_ENABLE", 0.0, 9, 1, 0))
    for at in range(6):
        setting.tick(at * 1.5)
        setting.receive(held, at * 1.5 + 0.1)
    assert setting.outcome == Value("FENCE_ENABLE", 0.0)


@settings(max_examples=50, deadline=None)
@given(st.floats(-1e6, 1e6), st.lists(st.tuples(st.floats(0, 0.4), st.floats(0, 0.4)), min_size=1, max_size=20))
def test_the_clock_offset_is_never_off_by_more_than_the_trips_that_count_allow(
    offset_s: float, trips: list[tuple[float, float]]
) -> None:
    """The error of one sample is at most half its round trip; samples count up to 1.5 times the best one."""
    machine = TimeSync()
    now_s = 10.0
    for up_s, down_s in trips:
        (question,) = machine.tick(now_s)
        answer = mav.MAVLink_timesync_message(round((now_s + up_s + offset_s) * 1e9), question.ts1)
        machine.receive(answer, now_s + up_s + down_s)
        now_s += 2.0
    clock = machine.clock
    assert clock is not None and clock.samples == len(trips)
    assert abs(clock.offset_s - offset_s) <= 0.75 * clock.round_trip_s + 1e-6


def test_a_question_of_the_vehicles_is_answered_with_its_own_time() -> None:
    (answer,) = TimeSync().receive(mav.MAVLink_timesync_message(0, 777), 2.0)
    assert (answer.tc1, answer.ts1) == (2_000_000_000, 777)


def status(flags: int, q: tuple[float, float, float, float], failure: int = 0) -> Message:
    nan = math.nan
    m = mav.MAVLink_gimbal_device_attitude_status_message(0, 0, 4389, flags, q, nan, nan, nan, failure, nan, nan, 1)
    return sent(m)


def test_ardupilots_gimbal_status_is_pitch_35_down_with_yaw_relative_to_the_vehicle() -> None:
    """The first one of the recording sitl_patrol_rx.tlog: flags 44."""
    seen = gimbal.attitude(status(44, (0.9537169337272644, 0.0, -0.30070579051971436, 0.0)))
    assert seen is not None and seen.yaw_frame is gimbal.YawFrame.VEHICLE and not seen.failed
    assert seen.pitch_deg == pytest.approx(-35.0, abs=0.01) and seen.yaw_deg == pytest.approx(0.0)


@pytest.mark.parametrize(
    "flags, frame",
    [(0, "vehicle"), (16, "north"), (32, "vehicle"), (64, "north"), (16 | 32, "vehicle"), (16 | 64, "north")],
)
def test_the_yaw_frame_is_by_its_flags_and_by_the_lock_of_older_devices(flags: int, frame: str) -> None:
    assert gimbal.yaw_frame(flags) == frame


def test_a_gimbal_quaternion_of_nan_or_zeros_is_none() -> None:
    assert gimbal.attitude(status(44, (math.nan,) * 4)) is None
    assert gimbal.attitude(status(44, (0.0,) * 4)) is None


def test_pointing_reaches_the_vehicle_by_command_and_by_message() -> None:
    asker, copter = Asker(), SimCopter()
    asker.commands.ask(gimbal.take_control(GROUND))
    asker.commands.ask(gimbal.point(-45.0, 10.0))
    world = World(asker, copter)
    assert world.run(lambda: len(asker.done) == 2, 10)
    assert copter.gimbal_deg == (-45.0, 10.0) and all(answer.refusal is None for answer in asker.done)
    copter.receive(sent(gimbal.point_often(OWN, -30.0, 5.0, gimbal.YawFrame.VEHICLE), GROUND), world.now_s)
    assert copter.gimbal_deg == pytest.approx((-30.0, 5.0), abs=1e-4)


def test_a_picture_is_taken_once_by_command_and_its_fallback_waits_two_seconds_for_a_better_word() -> None:
    captures = camera.Captures()
    m = mav.MAVLink_camera_feedback_message(1_795_394_214_018_978, 0, 0, 1, 312_305_361, 1_214_737_002, *([1.0] * 6), 0)
    assert captures.receive(sent(m), 0.0) is None and captures.tick(1.9) == []
    (taken,) = captures.tick(2.0)
    assert taken.attitude_of is camera.AttitudeOf.VEHICLE and taken.lat == pytest.approx(31.2305361)
    assert captures.receive(sent(m), 3.0) is None and captures.repeated == 1


def test_euler_angles_and_the_gimbals_reading_of_their_quaternion_agree() -> None:
    seen = gimbal.attitude(status(44, camera.quaternion(0.0, -60.0, 25.0)))
    assert seen is not None
    assert (seen.pitch_deg, seen.yaw_deg) == (pytest.approx(-60.0, abs=1e-3), pytest.approx(25.0, abs=1e-3))


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.binary(max_size=300), st.integers(1, 40))
def test_garbage_around_messages_never_breaks_the_codec(before: bytes, after: bytes, piece: int) -> None:
    codec = Codec(GROUND)
    data = before + Codec(OWN).encode(mav.MAVLink_heartbeat_message(2, 3, 81, 0, 3, 3)) + after
    for at in range(0, len(data), piece):
        codec.decode(data[at : at + piece])
    counts = codec.counts
    assert counts.received + counts.bad + counts.unknown >= 0
    # After the longest possible frame of nonsense a sound message is understood again.
    for _ in range(30):
        codec.decode(Codec(OWN).encode(mav.MAVLink_heartbeat_message(2, 3, 81, 0, 3, 3)))
    assert codec.counts.received >= 1


def test_messages_lost_on_the_way_are_counted_by_their_numbers() -> None:
    ours, theirs = Codec(GROUND), Codec(OWN)
    frames = [theirs.encode(mav.MAVLink_heartbeat_message(2, 3, 81, 0, 3, 3)) for _ in range(300)]
    for at, frame in enumerate(frames):
        if at not in (5, 6, 260):
            ours.decode(frame)
    assert ours.counts.skipped == 3 and ours.counts.received == 297


def test_another_vehicle_on_the_line_is_not_taken_for_ours() -> None:
    vehicle = Vehicle(wanted=7)
    assert vehicle.receive(sent(mav.MAVLink_heartbeat_message(2, 3, 81, 0, 3, 3)), 0.0) == []
    events = vehicle.receive(sent(mav.MAVLink_heartbeat_message(2, 3, 81, 0, 3, 3), Address(7, 1)), 0.1)
    assert [e.kind for e in events] == [Kind.LINK_UP, Kind.MODE] and vehicle.address == Address(7, 1)


def test_a_ground_station_on_the_line_is_no_vehicle() -> None:
    vehicle = Vehicle()
    vehicle.receive(sent(mav.MAVLink_heartbeat_message(6, 8, 0, 0, 4, 3), GROUND), 0.0)
    assert vehicle.address is None
