"""One plan, three dialects: what is written is read back as the same plan, and says what the vehicle must do."""

import io
import struct
import zipfile

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.drone_plan import random_area
from drone.mission import Fence, Flight, MissionItem, Plan, PlanError, Upload, Waypoint, from_uploads, to_uploads
from drone.mission.build import Settings, plan_area
from drone.mission.geojson import site_of
from drone.mission.items import Command, MavFrame
from drone.mission.qgc import encode, from_qgc, to_qgc
from drone.mission.wpml import to_kmz
from drone.mission.wpml_read import from_kmz

places = st.tuples(st.integers(-899_999_999, 899_999_999), st.integers(-1_799_999_999, 1_799_999_999)).filter(all)
metres = st.integers(1, 500_000).map(lambda n: n / 1000)
waypoints = st.builds(
    lambda at, height, trigger, hold, shot, aim: Waypoint(*at, height, trigger, hold, shot, aim),
    places,
    metres,
    st.just(0.0) | metres,
    st.just(0.0) | metres,
    st.booleans(),
    st.none() | places,
)


def landing(way: list[Waypoint]) -> tuple[Waypoint, ...]:
    """After the last waypoint there is no leg to take pictures on."""
    return (*way[:-1], msgspec.structs.replace(way[-1], trigger_m=0.0))


flights = st.builds(
    Flight,
    places,
    metres,
    metres.filter(lambda v: v < 30),
    st.integers(-90_000, 30_000).map(lambda n: n / 1000),
    st.lists(waypoints, min_size=1, max_size=8).map(landing),
    st.sampled_from(["home", "ground"]),
)
rings = st.lists(places, min_size=3, max_size=6).map(tuple)
plans = st.builds(
    Plan,
    st.builds(Fence, st.lists(rings, min_size=1, max_size=2).map(tuple), st.lists(rings, max_size=2).map(tuple)),
    st.lists(flights, min_size=1, max_size=2).map(tuple),
)


def as_float32(upload: Upload) -> Upload:
    """As the wire rounds it: MAVLink's parameters are float32."""

    def rounded(item: MissionItem) -> MissionItem:
        names = ("param1", "param2", "param3", "param4", "z")
        values = {n: struct.unpack("<f", struct.pack("<f", getattr(item, n)))[0] for n in names}
        return msgspec.structs.replace(item, **values)

    return Upload(tuple(map(rounded, upload.mission)), tuple(map(rounded, upload.fence)))


@settings(max_examples=40, deadline=None)
@given(plans, st.booleans())
def test_mavlink_items_give_the_same_plan_back_even_after_float32(plan: Plan, home_first: bool) -> None:
    assert from_uploads(map(as_float32, to_uploads(plan, home_first))) == plan


@settings(max_examples=25, deadline=None)
@given(plans)
def test_qgroundcontrol_files_give_the_same_plan_back(plan: Plan) -> None:
    assert from_qgc([msgspec.json.decode(encode(document)) for document in to_qgc(plan)]) == plan


@settings(max_examples=25, deadline=None)
@given(plans)
def test_dji_files_give_the_same_plan_back(plan: Plan) -> None:
    assert from_kmz(to_kmz(plan)) == plan


@pytest.fixture(scope="module")
def plan() -> Plan:
    return plan_area(site_of(random_area(7)), Settings(height_m=100.0)).plan


def test_a_real_plan_goes_through_all_dialects_in_turn(plan: Plan) -> None:
    once = from_uploads(to_uploads(plan))
    assert from_kmz(to_kmz(from_qgc(to_qgc(once)))) == plan
    assert msgspec.json.decode(msgspec.json.encode(plan), type=Plan) == plan


def test_items_stand_in_the_order_that_ardupilot_expects(plan: Plan) -> None:
    """Home, take-off, speed, camera down, then places with triggers between, triggers off, return."""
    items = to_uploads(plan)[0].mission
    assert [i.seq for i in items] == list(range(len(items)))
    commands = [Command(i.command) for i in items]
    assert commands[:4] == [
        Command.NAV_WAYPOINT,
        Command.NAV_TAKEOFF,
        Command.DO_CHANGE_SPEED,
        Command.DO_MOUNT_CONTROL,
    ]
    assert commands[-1] == Command.NAV_RETURN_TO_LAUNCH
    assert items[0].frame == MavFrame.GLOBAL and items[1].frame == MavFrame.GLOBAL_RELATIVE_ALT
    triggers = [i for i in items if i.command == Command.DO_SET_CAM_TRIGG_DIST]
    assert triggers[-1].param1 == 0 and all(i.param3 == (i.param1 > 0) for i in triggers)


def test_heights_above_ground_are_terrain_frames_in_every_dialect() -> None:
    way = (Waypoint(342600000, 1171800000, 50.0), Waypoint(342601000, 1171800000, 50.0))
    fence = Fence((((342590000, 1171790000), (342590000, 1171810000), (342610000, 1171800000)),))
    plan = Plan(fence, (Flight((342600000, 1171800000), 50.0, 8.0, -90.0, way, "ground"),))
    assert to_uploads(plan)[0].mission[4].frame == MavFrame.GLOBAL_TERRAIN_ALT
    assert to_qgc(plan)[0]["mission"]["globalPlanAltitudeMode"] == 4
    with zipfile.ZipFile(io.BytesIO(to_kmz(plan)[0])) as archive:
        assert b"realTimeFollowSurface" in archive.read("wpmz/waylines.wpml")


def test_foreign_and_broken_files_are_refused_in_one_line(plan: Plan) -> None:
    upload = to_uploads(plan)[0]
    jump = msgspec.structs.replace(upload.mission[5], command=177)
    broken = Upload((*upload.mission[:5], jump, *upload.mission[6:]), upload.fence)
    with pytest.raises(PlanError, match="command 177"):
        from_uploads([broken])
    with pytest.raises(PlanError, match="whole polygon"):
        from_uploads([Upload(upload.mission, upload.fence[:-1])])
    for document in ({}, {"fileType": "Parameters"}, {"fileType": "Plan", "mission": {"items": [7]}}, None):
        with pytest.raises(PlanError, match=r"\.plan"):
            from_qgc([document])
    for content in (b"", b"PK not a zip", to_kmz(plan)[0][:300]):
        with pytest.raises(PlanError, match="KMZ 1"):
            from_kmz([content])
