"""The mission and fence machines: whatever the line does, what is called verified is what the vehicle holds."""

import random
from dataclasses import replace

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from drone.autopilot.compare import compare
from drone.autopilot.download import Download, Downloaded
from drone.autopilot.items import numbered, with_home, without_home
from drone.autopilot.transfer import Transfer, Verified
from drone.autopilot.types import GROUND, MissionItem, MissionType, Refusal, Why
from drone.autopilot.upload import Upload, Uploaded
from drone.autopilot.wire import Message, mav
from drone.sim.line import Weather, World
from drone.sim.store import kept
from drone.sim.vehicle import HOME, OWN, SimCopter

HOME_POINT = (HOME[0], HOME[1], 4.0)
WAYPOINTS = st.builds(
    MissionItem,
    seq=st.just(0),
    frame=st.sampled_from([0, 3, 6]),
    command=st.sampled_from([16, 19, 21, 82]),
    p1=st.integers(0, 200).map(float),
    p4=st.sampled_from([0.0, float("nan")]),
    x=st.integers(-900_000_000, 900_000_000),
    y=st.integers(-1_800_000_000, 1_800_000_000),
    z=st.integers(0, 12_000).map(lambda cm: cm / 100),
)
OTHERS = st.builds(
    MissionItem, seq=st.just(0), frame=st.just(2), command=st.sampled_from([206, 178, 205]), p1=st.just(1)
)
LISTS = st.lists(st.one_of(WAYPOINTS, OTHERS), min_size=1, max_size=12)


def on_line(items: list[MissionItem]) -> list[MissionItem]:
    """Floats as 32 bits make them, home first."""
    return with_home(items, HOME_POINT)


def transfer(items: list[MissionItem], kind: MissionType = MissionType.MISSION) -> Transfer:
    return Transfer(items, kind, GROUND, OWN, home_first=kind is MissionType.MISSION)


@settings(
    max_examples=25, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate)
)  # an example is a simulation: no shrinking
@given(
    LISTS,
    st.floats(0, 0.3),
    st.floats(0, 0.3),
    st.sampled_from([0.0, 0.1, 0.6]),
    st.integers(0, 2**32),
)
def test_verified_means_that_the_vehicle_holds_every_item(
    items: list[MissionItem], loss: float, double: float, delay_s: float, seed: int
) -> None:
    """Under any loss, doubling and reordering: an end comes, and if it is Verified it is true."""
    sent = on_line(items)
    machine = transfer(sent)
    copter = SimCopter()
    copter.stores[MissionType.MISSION].items = [kept(MissionItem(0, 0, 16))] * random.Random(seed).randrange(40)
    world = World(machine, copter, Weather(loss, double, (0.0, delay_s)), seed)
    assert world.run(lambda: machine.outcome is not None, 900)
    held = [replace(item, seq=at) for at, item in enumerate(copter.stores[MissionType.MISSION].items)]
    if isinstance(machine.outcome, Verified):
        assert held[1:] == [kept(item) for item in sent][1:]
    else:
        assert loss > 0.05 or delay_s > 0.2, machine.history


@settings(max_examples=12, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(LISTS, st.integers(0, 2**32))
def test_five_per_cent_loss_never_keeps_a_list_from_being_verified(items: list[MissionItem], seed: int) -> None:
    machine = transfer(on_line(items))
    world = World(machine, SimCopter(), Weather(0.05, 0.02, (0.0, 0.1)), seed)
    assert world.run(lambda: machine.outcome is not None, 300)
    assert isinstance(machine.outcome, Verified), machine.history


def waypoints(count: int) -> list[MissionItem]:
    return [MissionItem(at, 3, 16, x=HOME[0] + at * 1000, y=HOME[1], z=30.0) for at in range(count)]


def test_a_partial_upload_leaves_a_mixture_and_is_never_called_verified() -> None:
    """The old mission stays behind the break; the machine says that the vehicle fell silent."""
    copter = SimCopter()
    store = copter.stores[MissionType.MISSION]
    store.items = [kept(replace(item, z=99.0)) for item in on_line(waypoints(10))]
    machine = transfer(on_line(waypoints(10)))
    world = World(machine, copter, Weather(delay=(0.2, 0.2)), 1)
    assert world.run(lambda: store._next >= 5, 30)
    world.weather = Weather(loss=1.0)
    assert world.run(lambda: machine.outcome is not None, 120)
    assert isinstance(machine.outcome, Refusal) and machine.outcome.why is Why.UPLOAD_SILENT
    assert {item.z for item in store.items[1:]} == {30.0, 99.0}


def test_a_wrong_item_on_reading_back_is_refused_after_three_attempts() -> None:
    copter = SimCopter()
    store = copter.stores[MissionType.MISSION]
    store.damage = lambda item: replace(item, y=item.y + 5000) if item.seq == 3 else item
    machine = transfer(on_line(waypoints(6)))
    world = World(machine, copter)
    assert world.run(lambda: machine.outcome is not None, 60)
    assert isinstance(machine.outcome, Refusal) and machine.outcome.why is Why.DIFFERS
    assert machine.outcome.detail.startswith("seq 3 lon")
    assert store.uploads == 3


def test_one_bad_attempt_is_repaired_by_the_next() -> None:
    copter = SimCopter()
    store = copter.stores[MissionType.MISSION]
    store.damage = lambda item: replace(item, z=12.0) if item.seq == 2 and store.uploads == 1 else item
    machine = transfer(on_line(waypoints(6)))
    world = World(machine, copter)
    assert world.run(lambda: machine.outcome is not None, 60)
    assert isinstance(machine.outcome, Verified) and [r.why for r in machine.history] == [Why.DIFFERS]


@pytest.mark.parametrize("count, command, word", [(800, 16, "NO_SPACE"), (3, 31999, "UNSUPPORTED")])
def test_what_the_autopilot_cannot_take_is_refused_at_once_with_its_word(count: int, command: int, word: str) -> None:
    machine = transfer(on_line([replace(item, command=command) for item in waypoints(count)]))
    copter = SimCopter()
    world = World(machine, copter)
    assert world.run(lambda: machine.outcome is not None, 30)
    assert isinstance(machine.outcome, Refusal) and word in machine.outcome.detail
    assert len(machine.history) == 1


def test_a_fence_is_verified_with_its_vertex_counts() -> None:
    copter = SimCopter()
    items = numbered([MissionItem(0, 0, 5001, p1=4.0, x=HOME[0] + at, y=HOME[1]) for at in range(4)])
    machine = transfer(items, MissionType.FENCE)
    world = World(machine, copter, Weather(0.05, 0.05, (0.0, 0.2)), 3)
    assert world.run(lambda: machine.outcome is not None, 60)
    assert isinstance(machine.outcome, Verified) and len(copter.stores[MissionType.FENCE].items) == 4
    assert copter.stores[MissionType.MISSION].uploads == 0


def from_vehicle(message: Message) -> Message:
    """The message with the vehicle as its sender."""
    from drone.autopilot.wire import Codec

    return Codec(GROUND).decode(Codec(OWN).encode(message))[0]


@pytest.mark.parametrize("ask", [mav.MAVLink_mission_request_message, mav.MAVLink_mission_request_int_message])
def test_both_ways_of_asking_are_answered_with_item_int(ask: type) -> None:
    """ArduCopter asks with MISSION_REQUEST, the book with MISSION_REQUEST_INT."""
    machine = Upload(waypoints(3), MissionType.MISSION, GROUND, OWN)
    assert [m.get_type() for m in machine.tick(0.0)] == ["MISSION_COUNT"]
    (answer,) = machine.receive(from_vehicle(ask(255, 190, 0, 0)), 0.1)
    assert answer.get_type() == "MISSION_ITEM_INT" and answer.x == HOME[0]


def test_the_count_is_sent_five_times_1500_ms_apart() -> None:
    machine = Upload(waypoints(3), MissionType.MISSION, GROUND, OWN)
    times = [at / 100 for at in range(0, 1000, 5) if machine.tick(at / 100)]
    assert times == [0.0, 1.5, 3.0, 4.5, 6.0]
    assert isinstance(machine.outcome, Refusal)


def test_an_item_is_asked_for_five_times_250_ms_apart() -> None:
    machine = Download(MissionType.MISSION, GROUND, OWN)
    machine.tick(0.0)
    asked = machine.receive(from_vehicle(mav.MAVLink_mission_count_message(255, 190, 2, 0)), 1.0)
    times = [1.0] if asked else []
    times += [at / 100 for at in range(100, 400, 5) if machine.tick(at / 100)]
    assert times == [1.0, 1.25, 1.5, 1.75, 2.0]
    assert machine.outcome == Refusal(Why.DOWNLOAD_SILENT, "0/2")


def test_a_lost_last_acknowledgement_is_asked_for_again_and_leaves_the_proof_to_reading_back() -> None:
    """ArduCopter answers an item after the end with ERROR."""
    machine = Upload(waypoints(1), MissionType.MISSION, GROUND, OWN)
    machine.tick(0.0)
    machine.receive(from_vehicle(mav.MAVLink_mission_request_message(255, 190, 0, 0)), 0.1)
    assert [m.seq for m in machine.tick(2.0)] == [0]
    machine.receive(from_vehicle(mav.MAVLink_mission_ack_message(255, 190, mav.MAV_MISSION_ERROR, 0)), 2.1)
    assert machine.outcome == Uploaded(confirmed=False)


@pytest.mark.parametrize(
    "message",
    [
        mav.MAVLink_mission_request_message(254, 190, 0, 0),
        mav.MAVLink_mission_request_message(255, 190, 0, 1),
        mav.MAVLink_mission_request_message(255, 190, 77, 0),
        mav.MAVLink_mission_ack_message(255, 190, mav.MAV_MISSION_ACCEPTED, 0),
        mav.MAVLink_mission_ack_message(255, 190, mav.MAV_MISSION_INVALID_SEQUENCE, 0),
    ],
    ids=["other station", "other list", "beyond the end", "early accept", "doubled item"],
)
def test_messages_that_are_not_for_this_upload_change_nothing(message: Message) -> None:
    machine = Upload(waypoints(3), MissionType.MISSION, GROUND, OWN)
    machine.tick(0.0)
    assert machine.receive(from_vehicle(message), 0.1) == [] and machine.outcome is None


def test_reading_back_while_another_upload_runs_is_refused_by_the_vehicles_word() -> None:
    machine = Download(MissionType.MISSION, GROUND, OWN)
    machine.tick(0.0)
    machine.receive(from_vehicle(mav.MAVLink_mission_ack_message(255, 190, mav.MAV_MISSION_DENIED, 0)), 0.1)
    assert machine.outcome == Refusal(Why.DOWNLOAD_REFUSED, "DENIED")


def test_an_empty_list_on_the_vehicle_reads_as_empty() -> None:
    machine = Download(MissionType.FENCE, GROUND, OWN)
    assert World(machine, SimCopter()).run(lambda: machine.outcome is not None, 10)
    assert machine.outcome == Downloaded(())


@settings(max_examples=25, deadline=None)
@given(LISTS)
def test_home_in_front_and_taken_away_again_is_the_same_list_with_its_jumps(items: list[MissionItem]) -> None:
    listed = numbered([*items, MissionItem(0, 2, 177, p1=0.0, p2=2.0)])
    with_it = with_home(listed, HOME_POINT)
    assert with_it[-1].p1 == 1.0
    assert repr(without_home(with_it)) == repr(listed)  # NaN equals nothing, so by its word


BASE = MissionItem(1, 6, 16, p1=2.0, x=HOME[0], y=HOME[1], z=30.0)


@pytest.mark.parametrize(
    "change, word",
    [
        ({"x": HOME[0] + 50}, "lat"),
        ({"y": HOME[1] - 50}, "lon"),
        ({"z": 31.0}, "height"),
        ({"z": float("nan")}, "height"),
        ({"frame": 0}, "frame"),
        ({"command": 21}, "command"),
        ({"p1": 3.0}, "p1"),
        ({"p2": 5.0}, "p2"),
    ],
)
def test_a_difference_that_changes_the_flight_is_named(change: dict[str, float], word: str) -> None:
    home = MissionItem(0, 0, 16)
    result = compare([home, BASE], [home, replace(BASE, **change)], MissionType.MISSION, True)  # type: ignore[arg-type]
    assert len(result.differs) == 1 and word in result.differs[0]


def test_what_ardupilot_does_to_items_is_no_difference_but_a_dropped_field_is_told() -> None:
    home, ours = MissionItem(0, 0, 16), replace(BASE, p2=5.0, p4=float("nan"), z=30.004)
    result = compare([home, ours], [replace(home, z=4.1), kept(ours)], MissionType.MISSION, True)
    assert result.differs == () and result.dropped == ("seq 1 p2: 5 != 0",)


def test_a_camera_distance_that_came_back_wrong_is_a_difference() -> None:
    ours = MissionItem(0, 2, 206, p1=20.0)
    assert compare([ours], [replace(ours, p1=0.0)], MissionType.MISSION, False).differs == ("seq 0 p1: 20 != 0",)
