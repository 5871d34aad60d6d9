"""What a real ArduCopter 4.6 (in simulation) said on a patrol: our machines understand it as it was."""

import struct
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from drone.autopilot.camera import AttitudeOf, Captures
from drone.autopilot.gimbal import YawFrame, attitude
from drone.autopilot.types import GROUND, Address, Event, Kind, MissionItem, MissionType
from drone.autopilot.upload import Upload, Uploaded
from drone.autopilot.vehicle import Vehicle
from drone.autopilot.wire import Codec, Message


def recorded(path: Path) -> Iterator[tuple[float, Message]]:
    """A .tlog: 8 bytes of microseconds since 1970 (big endian) before each frame."""
    data, codec, at = path.read_bytes(), Codec(GROUND), 0
    while at + 8 + 12 <= len(data):
        (usec,) = struct.unpack_from(">Q", data, at)
        frame = at + 8
        size = data[frame + 1] + (12 if data[frame] == 0xFD else 8)
        size += 13 if data[frame] == 0xFD and data[frame + 2] & 1 else 0
        for message in codec.decode(data[frame : frame + size]):
            yield usec / 1e6, message
        at = frame + size
    assert codec.counts.bad == 0


@pytest.fixture(scope="module")
def flight(shared: Path) -> list[tuple[float, Message]]:
    return list(recorded(shared / "data" / "drone" / "mavlink" / "sitl_patrol_rx.tlog"))


def test_the_real_patrol_reads_as_it_was_flown(flight: list[tuple[float, Message]]) -> None:
    vehicle = Vehicle()
    events: list[Event] = []
    start_s = flight[0][0]
    for at_s, message in flight:
        events += vehicle.receive(message, at_s - start_s)
        events += vehicle.tick(at_s - start_s)
    modes = [event.detail for event in events if event.kind is Kind.MODE]
    assert modes == ["STABILIZE", "GUIDED", "AUTO"]
    assert [e.detail for e in events if e.kind is Kind.WAYPOINT] == ["1", "3", "4", "6", "7"]
    kinds = Counter(event.kind for event in events)
    assert (kinds[Kind.ARMED], kinds[Kind.DISARMED], kinds[Kind.REBOOTED], kinds[Kind.LINK_LOST]) == (1, 1, 0, 0)
    assert vehicle.state.critical and "GCS failsafe on" in vehicle.reasons(0.0)


def test_the_real_camera_speaks_feedback_alone_with_the_vehicles_attitude(flight: list[tuple[float, Message]]) -> None:
    captures = Captures()
    taken = []
    for at_s, message in flight:
        found = captures.receive(message, at_s)
        taken += [*captures.tick(at_s), *([found] if found else [])]
    assert [capture.index for capture in taken] == list(range(1, 9))
    assert {capture.attitude_of for capture in taken} == {AttitudeOf.VEHICLE}


def test_the_real_gimbals_yaw_is_relative_to_the_vehicle(flight: list[tuple[float, Message]]) -> None:
    seen = [attitude(m) for _, m in flight if m.get_type() == "GIMBAL_DEVICE_ATTITUDE_STATUS"]
    assert {one.yaw_frame for one in seen if one is not None} == {YawFrame.VEHICLE}
    assert min(one.pitch_deg for one in seen if one is not None) == pytest.approx(-60.0, abs=0.5)


def test_an_upload_answers_every_request_of_the_real_autopilot(flight: list[tuple[float, Message]]) -> None:
    """It asked MISSION_REQUEST ten times for eight items (two came again after 1.0 s of its time), then accepted."""
    items = [MissionItem(at, 3, 16, z=30.0) for at in range(8)]
    machine = Upload(items, MissionType.MISSION, GROUND, Address(1, 1))
    answers: list[int] = []
    for at_s, message in flight:
        if message.get_type() in ("MISSION_REQUEST", "MISSION_ACK"):
            machine.tick(at_s)
            answers += [answer.seq for answer in machine.receive(message, at_s)]
    assert answers == [0, 1, 2, 2, 3, 4, 5, 5, 6, 7]
    assert machine.outcome == Uploaded(confirmed=True)
