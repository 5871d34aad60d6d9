"""MAVSDK, a MAVLink implementation that we did not write: as a vehicle that our side uploads to, and as a ground
station that uploads to the simulated vehicle of our tests."""

import time
from collections.abc import Iterator

import pytest
from conftest import free_port, until
from mavsdk import ComponentType, Configuration, Mavsdk
from mavsdk.plugins.action import Action, ActionError
from mavsdk.plugins.action_server import ActionServer
from mavsdk.plugins.mission_raw import MissionItem as RawItem
from mavsdk.plugins.mission_raw import MissionRaw
from mavsdk.plugins.mission_raw_server import MissionRawServer
from test_drone_autopilot_flight import patrol

from drone.autopilot.flight import Flight, Options
from drone.autopilot.link import open_link
from drone.autopilot.prepare import Plan
from drone.autopilot.session import Session
from drone.autopilot.types import GROUND, Event, Kind, MissionItem, MissionType, Refusal, Why
from drone.sim.serve import Port, Served
from drone.sim.vehicle import Settings, SimCopter


@pytest.fixture
def vehicle() -> Iterator[tuple[Mavsdk, str, list[object]]]:
    """MAVSDK as an autopilot with its server plugins, and the address of it; what missions came in."""
    port = free_port()
    sdk = Mavsdk(Configuration.create_with_component_type(ComponentType.AUTOPILOT))
    assert sdk.add_any_connection(f"udpout://127.0.0.1:{port}").name == "SUCCESS"
    component = sdk.server_component()
    plugins = (MissionRawServer(component), ActionServer(component))
    came: list[object] = []
    plugins[0].subscribe_incoming_mission(lambda result, plan, _data: came.append(plan))
    yield sdk, f"udpin:127.0.0.1:{port}", came
    sdk.destroy()


def run(address: str, flight: Flight, limit_s: float = 60) -> list[Event]:
    """Our side on the clock, until it has ended."""
    events: list[Event] = []
    link = open_link(address, GROUND)
    over = time.monotonic() + limit_s
    session = Session(flight, link, on_event=events.append)
    session.run(lambda: 2 if time.monotonic() > over else 0)
    link.close()
    return events


def test_our_upload_is_taken_by_mavsdks_vehicle_and_verified(vehicle: tuple[Mavsdk, str, list[object]]) -> None:
    _, address, came = vehicle
    flight = Flight(patrol(), Options(dry_run=True))
    events = run(address, flight)
    assert flight.outcome is True, events
    assert [e.detail for e in events if e.kind is Kind.VERIFIED] == ["MISSION 7"]
    until(lambda: came, 10, "the mission at MAVSDK")
    items = came[-1].mission_items  # type: ignore[attr-defined]
    assert [(i.command, i.x, i.y, i.z) for i in items] == [(i.command, i.x, i.y, i.z) for i in patrol().items]


def test_a_vehicle_that_is_no_arducopter_is_not_flown(vehicle: tuple[Mavsdk, str, list[object]]) -> None:
    _, address, came = vehicle
    flight = Flight(patrol(), Options())
    run(address, flight)
    assert isinstance(flight.outcome, Refusal) and flight.outcome.why is Why.NOT_COPTER
    assert came == []


@pytest.fixture
def copter() -> Iterator[tuple[SimCopter, MissionRaw, Action]]:
    """The simulated ArduCopter, and MAVSDK as its ground station."""
    port = free_port()
    simulated = SimCopter(Settings(fix_after_s=1.0, climb_mps=20))
    configuration = Configuration.create_with_component_type(ComponentType.GROUND_STATION)
    configuration.system_id, configuration.component_id = 255, 190
    sdk = Mavsdk(configuration)
    assert sdk.add_any_connection(f"udpin://127.0.0.1:{port}").name == "SUCCESS"
    with Served(Port(simulated, udp_to=port)):
        system = sdk.first_autopilot(20.0)
        assert system is not None
        yield simulated, MissionRaw(system), Action(system)
        sdk.destroy()


def raw(items: list[MissionItem]) -> list[RawItem]:
    return [
        RawItem(i.seq, i.frame, i.command, i.current, i.autocontinue, i.p1, i.p2, i.p3, i.p4, i.x, i.y, i.z, 0)
        for i in items
    ]


def test_mavsdk_uploads_to_the_simulated_copter_and_reads_the_same_back(
    copter: tuple[SimCopter, MissionRaw, Action],
) -> None:
    """So the simulation keeps to the protocol as somebody else understands it, MISSION_REQUEST and all."""
    simulated, mission, _ = copter
    plan = Plan(patrol().items)
    items = [MissionItem(0, 0, 16, 1, 1), *plan.items]
    items = [MissionItem(at, i.frame, i.command, i.current, 1, i.p1, x=i.x, y=i.y, z=i.z) for at, i in enumerate(items)]
    mission.upload_mission(raw(items))
    assert len(simulated.stores[MissionType.MISSION].items) == 8
    back = mission.download_mission()
    assert [(i.command, i.x, i.y) for i in back][1:] == [(i.command, i.x, i.y) for i in items][1:]


def test_mavsdk_arms_the_simulated_copter_only_once_it_is_ready(copter: tuple[SimCopter, MissionRaw, Action]) -> None:
    simulated, _, action = copter
    simulated.settings.fix_after_s = 1e9
    with pytest.raises(ActionError):
        action.arm()
    assert not simulated.armed
    simulated.settings.fix_after_s = 0.0
    action.arm()
    assert simulated.armed
