"""What docks say is checked: corrupt messages, numbers not theirs, duplicates, late ones, codes without words."""

import json
from typing import Any

import pytest
from dji_helpers import CODES, FLIGHT, PLANE_A, PLANE_B, A, B, World, settings
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from drone.dji import words
from drone.dji.acl import acl_of
from drone.dji.cloud import Cloud
from drone.dji.messages import PAYLOAD_MAX, BadMessage, split_topic
from drone.dji.order import Conditions, FlyOrder, OrderError, live_data, model_of, prepare_data, shown, video_of
from drone.dji.settings import DockEntry, wrong
from drone.dji.task import State

unhurried = hypothesis_settings(deadline=None, max_examples=150)
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
anything = st.recursive(
    leaves, lambda c: st.lists(c, max_size=4) | st.dictionaries(st.text(max_size=12), c, max_size=4)
)
METHODS = [
    "config", "airport_bind_status", "airport_organization_get", "airport_organization_bind", "storage_config_get",
    "flighttask_resource_get", "flighttask_progress", "flighttask_ready", "file_upload_callback", "hms", "update_topo",
    "device_exit_homing_notify", "flighttask_prepare", "",
]  # fmt: skip
TOPICS = [
    *(f"thing/product/{sn}/{name}" for sn in (A, PLANE_A) for name in ("osd", "state", "events", "requests")),
    f"thing/product/{A}/services_reply",
    f"sys/product/{A}/status",
]


class Line:
    """The cloud alone, spoken to by hand."""

    def __init__(self) -> None:
        self.cloud = Cloud(settings(), iter(map(str, range(10_000))).__next__)
        self.ms = 1_700_000_000_000

    def say(self, topic: str, method: str, data: Any, **more: Any) -> list[dict[str, Any]]:
        self.ms += 1000
        whole = {"tid": f"t{self.ms}", "bid": "b", "timestamp": self.ms, "method": method, "data": data, **more}
        self.cloud.receive(topic, json.dumps(whole).encode(), self.ms / 1000, self.ms)
        return [json.loads(out.payload) for out in self.cloud.take()]

    def request(self, sn: str, method: str, data: Any, **more: Any) -> list[dict[str, Any]]:
        return self.say(f"thing/product/{sn}/requests", method, data, gateway=sn, **more)


def bind_data(sn: str, code: str) -> dict[str, Any]:
    return {"bind_devices": [{"sn": sn, "device_binding_code": code, "organization_id": "org"}]}


@unhurried
@given(topic=st.sampled_from(TOPICS), payload=st.binary(max_size=200))
def test_bytes_that_are_no_message_are_counted_and_change_nothing(topic: str, payload: bytes) -> None:
    line = Line()
    line.cloud.receive(topic, payload, 1.0, 1)
    assert line.cloud.take() == [] and line.cloud.bound == {}
    assert all("\n" not in notice.text for notice in line.cloud.notices)


@unhurried
@given(topic=st.sampled_from(TOPICS), method=st.sampled_from(METHODS), data=anything, reply=st.sampled_from([0, 1]))
def test_any_json_in_any_message_is_answered_or_counted_and_never_crashes(
    topic: str, method: str, data: Any, reply: int
) -> None:
    line = Line()
    whole = {"tid": "t", "bid": "b", "timestamp": 5, "method": method, "data": data, "need_reply": reply, "gateway": A}
    line.cloud.receive(topic, json.dumps(whole).encode(), 1.0, 1)
    line.cloud.tick(2.0, 2)
    for out in line.cloud.take():
        assert out.topic.startswith((f"thing/product/{A}/", f"sys/product/{A}/"))
        assert json.loads(out.payload)["tid"] == "t"
    assert line.cloud.bound == {}


@unhurried
@given(st.text(max_size=60))
def test_a_topic_is_a_docks_or_is_refused(text: str) -> None:
    for topic in (text, f"thing/product/{text}/osd", f"sys/product/{text}/status"):
        try:
            sn, _ = split_topic(topic)
        except BadMessage as error:
            assert "\n" not in str(error)
        else:
            assert 4 <= len(sn) <= 64 and sn.isascii()


def test_a_deep_or_a_huge_message_is_refused_in_one_line() -> None:
    line = Line()
    head = b'{"tid":"t","timestamp":1,"method":"hms","data":'
    line.cloud.receive(f"thing/product/{A}/events", head + b"[" * 100_000 + b"]" * 100_000 + b"}", 1.0, 1)
    line.cloud.receive(f"thing/product/{A}/events", b" " * (PAYLOAD_MAX + 1), 1.0, 1)
    assert line.cloud.counts["bad"] == 2 and line.cloud.take() == []


def test_a_number_that_is_not_in_the_settings_gets_no_answer() -> None:
    line = Line()
    assert line.request("7CTDM000STRANGER", "config", {}) == []
    assert "not in the settings" in line.cloud.notices[-1].text


def test_a_message_in_another_docks_name_is_dropped() -> None:
    line = Line()
    assert line.say(f"thing/product/{A}/requests", "config", {}, gateway=B) == []
    assert "in the name of" in line.cloud.notices[-1].text


def test_an_aircrafts_telemetry_counts_only_from_its_own_dock() -> None:
    line = Line()
    osd = {"latitude": 30.0, "longitude": 120.0, "height": 50.0, "elevation": 10.0}
    for gateway in (B, ""):
        line.say(f"thing/product/{PLANE_A}/osd", "", osd, gateway=gateway)
        assert line.cloud.docks[A].aircraft[PLANE_A].last is None
    line.say(f"thing/product/{PLANE_A}/osd", "", osd, gateway=A)
    assert line.cloud.docks[A].aircraft[PLANE_A].last is not None


def test_a_dock_cannot_claim_another_docks_aircraft() -> None:
    line = Line()
    (reply,) = line.say(f"sys/product/{A}/status", "update_topo", {"sub_devices": [{"sn": PLANE_B}]})
    assert reply["data"]["result"] != 0 and line.cloud.docks[A].present == []


def test_a_dock_learns_nothing_of_another_dock_and_cannot_bind_it() -> None:
    line = Line()
    line.request(B, "airport_organization_bind", bind_data(B, CODES[B]))
    assert B in line.cloud.bound
    (told,) = line.request(A, "airport_bind_status", {"devices": [{"sn": B}]})
    (device,) = told["data"]["output"]["bind_status"]
    assert device == {
        "sn": B,
        "is_device_bind_organization": False,
        "organization_id": "",
        "organization_name": "",
        "device_callsign": "",
    }
    (refused,) = line.request(A, "airport_organization_bind", bind_data(PLANE_B, CODES[A]))
    assert refused["data"]["output"]["err_infos"] == [{"sn": PLANE_B, "err_code": 210231}]
    assert PLANE_B not in line.cloud.bound


@pytest.mark.parametrize("code", ["", "wrong", CODES[B], CODES[A].lower(), "码"])
def test_a_wrong_binding_code_binds_nothing_and_tells_nothing(code: str) -> None:
    line = Line()
    (got,) = line.request(A, "airport_organization_get", {"device_binding_code": code, "organization_id": "org"})
    assert got["data"]["result"] != 0 and got["data"]["output"]["organization_name"] == ""
    line.request(A, "airport_organization_bind", bind_data(A, code))
    assert line.cloud.bound == {}


def test_a_dock_gets_the_wayline_of_its_own_flights_alone() -> None:
    world = World()
    world.fly(A)
    world.cloud.docks[A].heard_s = 0.0
    line = Line()
    line.cloud = world.cloud
    (own,) = line.request(A, "flighttask_resource_get", {"flight_id": "flight-1"})
    assert own["data"]["output"]["file"]["url"].endswith("flight-1.kmz")
    (other,) = line.request(B, "flighttask_resource_get", {"flight_id": "flight-1"})
    assert other["data"] == {"result": 1}


def test_progress_of_another_docks_flight_changes_nothing() -> None:
    world = World()
    task = world.fly(A)
    line = Line()
    line.cloud = world.cloud
    data = {"output": {"status": "ok", "ext": {"flight_id": "flight-1"}}, "result": 0}
    line.say(f"thing/product/{B}/events", "flighttask_progress", data, gateway=B)
    assert task.state is State.PREPARING


def test_the_same_request_twice_is_carried_out_once_and_answered_twice() -> None:
    line = Line()
    first = line.request(A, "airport_organization_bind", bind_data(A, CODES[A]), tid="same")
    del line.cloud.bound[A]
    again = line.request(A, "airport_organization_bind", bind_data(A, CODES[A]), tid="same")
    assert first[0]["data"] == again[0]["data"] and line.cloud.bound == {} and line.cloud.counts["again"] == 1


def test_an_event_is_answered_only_where_it_wants_to_be() -> None:
    line = Line()
    topic = f"thing/product/{A}/events"
    alarms = {"list": [{"code": "0x16100083", "level": 2, "in_the_sky": 1, "args": {"component_index": 0}}]}
    assert line.say(topic, "hms", alarms) == []
    (reply,) = line.say(topic, "hms", alarms, need_reply=1)
    assert reply["data"] == {"result": 0} and reply["method"] == "hms"
    assert [alarm["code"] for alarm in line.cloud.docks[A].alarms] == ["0x16100083"]
    line.say(topic, "device_exit_homing_notify", {"action": 1, "reason": "5", "sn": A}, need_reply=1)
    assert "距障碍物过近" in line.cloud.notices[-1].text and "order it home again" in line.cloud.notices[-1].text


def test_late_osd_does_not_move_the_aircraft_back() -> None:
    line = Line()
    for lat, at in ((30.0, 10_000), (30.1, 14_000), (30.05, 12_000)):
        osd = {"latitude": lat, "longitude": 120.0}
        line.say(f"thing/product/{PLANE_A}/osd", "", osd, gateway=A, timestamp=at)
    plane = line.cloud.docks[A].aircraft[PLANE_A]
    assert plane.last is not None and plane.last.position is not None and plane.last.position.lat == 30.1
    assert plane.late == 1


def test_no_place_comes_from_before_the_first_fix() -> None:
    line = Line()
    line.say(f"thing/product/{PLANE_A}/osd", "", {"latitude": 0, "longitude": 0, "height": 5.0}, gateway=A)
    plane = line.cloud.docks[A].aircraft[PLANE_A]
    assert plane.last is not None and plane.last.position is None


def test_a_picture_in_another_docks_folder_is_not_taken() -> None:
    line = Line()
    file = {"object_key": f"{B}/x.jpeg", "ext": {"flight_id": "f"}}
    line.say(f"thing/product/{A}/events", "file_upload_callback", {"file": file}, gateway=A)
    assert "not in this dock's folder" in line.cloud.notices[-1].text


def test_codes_become_words_and_unknown_ones_say_where_to_look() -> None:
    assert words.of_code(514121) == "急停按钮被按下,请释放 / the emergency stop is pressed; release it (514121)"
    assert "look it up" in words.of_code(399999) and "399999" in words.of_code(399999)
    assert "source unknown" in words.of_code(-5)
    assert len(words.codes()) > 120 and all(zh and en for zh, en in words.codes().values())


def test_an_immediate_tasks_time_is_that_of_sending_and_a_resumed_ones_break_point_goes_along() -> None:
    data = prepare_data("f", "u", "m", FLIGHT, FlyOrder(resume={"index": 3}, simulate=True))
    assert data(1)["execute_time"] == 1 and data(2)["execute_time"] == 2
    assert data(1)["break_point"] == {"index": 3}
    assert data(1)["simulate_mission"] == {"is_enable": 1, "latitude": 30.0, "longitude": 120.0}
    later = prepare_data("f", "u", "m", FLIGHT, FlyOrder(conditions=Conditions(80, 5, 9)))(1)
    assert (later["task_type"], later["execute_time"], later["ready_conditions"]["end_time"]) == (2, 5, 9)


@pytest.mark.parametrize("rth", [19, 1501])
def test_a_return_height_that_docks_refuse_is_refused_here(rth: int) -> None:
    with pytest.raises(OrderError, match="20 to 1500 m"):
        prepare_data("f", "u", "m", FLIGHT, FlyOrder(rth_m=rth))


def test_live_needs_an_ingest_a_known_quality_and_a_stream_of_this_dock() -> None:
    with pytest.raises(OrderError, match="set whip"):
        live_data("a/b/c", "", "hd")
    with pytest.raises(OrderError, match="give one of"):
        live_data("a/b/c", "https://x/{camera}", "best")
    with pytest.raises(OrderError, match="set live_key"):
        live_data("a/b/c", "https://x/{camera}?t={token}", "hd")
    data = live_data("a/b/c", "https://x/{camera}?t={token}", "hd", lambda camera: f"for-{camera}")
    assert data["url"] == "https://x/a?t=for-a" and shown(data["url"]) == "https://x/a"
    with pytest.raises(OrderError, match="no stream of this dock"):
        video_of(f"{B}/1-0-0/normal-0", None, frozenset({A}), A)
    with pytest.raises(OrderError, match="has not told which cameras"):
        video_of("", None, frozenset({A}), A)


def test_the_wayline_is_written_for_the_aircraft_that_the_dock_reports() -> None:
    assert (model_of((91, 1)).drone, model_of((91, 1)).payload) == (91, 81)
    assert model_of(None).drone == 77


def test_settings_with_one_number_at_two_docks_are_refused() -> None:
    twice = (DockEntry(A, "a", "12345678", (PLANE_A,)), DockEntry(B, "b", "12345678", (PLANE_A,)))
    assert "every device has one dock" in wrong(settings(docks=twice))
    assert "{camera} is missing" in wrong(settings(whip="https://x"))
    assert "into the query" in wrong(settings(whip="https://x/{camera}/{token}", live_key="d"))
    assert "live_key is missing" in wrong(settings(whip="https://x/{camera}?t={token}"))


def test_access_rules_let_a_dock_write_under_its_own_numbers_alone() -> None:
    rules = acl_of(settings()).split("\n\n")
    own = next(part for part in rules if part.startswith(f"user {A}"))
    assert all(A in row or PLANE_A in row for row in own.splitlines())
    assert B not in own and "+" not in own and "#" not in own
