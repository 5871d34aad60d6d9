"""Real sockets on loopback, with both ends stepped in virtual time; and the command line as its user runs it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
from conftest import REPOSITORY, free_port, until
from test_drone_autopilot_flight import patrol

from drone.autopilot.flight import Flight, Options
from drone.autopilot.link import LinkError, Tcp, Udp, open_link
from drone.autopilot.modes import RTL
from drone.autopilot.session import Session
from drone.autopilot.types import GROUND, Event, Kind, MissionType, Refusal, Why
from drone.autopilot.wire import Codec, Signing, mav
from drone.sim.serve import Port, Served
from drone.sim.vehicle import Settings, SimCopter

STEP_S = 0.1
KEY = bytes(range(32))


class Pair:
    """A session and a vehicle on one real socket, in virtual time."""

    def __init__(self, kind: str, keys: tuple[Signing | None, Signing | None] = (None, None)) -> None:
        self.copter = SimCopter(Settings(fix_after_s=1.0))
        self.flight = Flight(patrol(), Options(link_wait_s=20))
        self.events: list[Event] = []
        self.link: Udp | Tcp
        if kind == "udp":
            self.link = Udp(Codec(GROUND, keys[0]), bind=("127.0.0.1", 0))
            self.port = Port(self.copter, udp_to=self.link.port, signing=keys[1])
        else:
            self.port = Port(self.copter, signing=keys[1])
            self.link = Tcp(Codec(GROUND, keys[0]), ("127.0.0.1", self.port.port))
        self.session = Session(self.flight, self.link, on_event=self.events.append)
        self.now_s = 0.0

    def run(self, done: Callable[[], object], limit_s: float) -> bool:
        for _ in range(int(limit_s / STEP_S)):
            self.now_s += STEP_S
            self.session.step(self.now_s)
            self.port.step(self.now_s)
            if done():
                return True
        return False

    def close(self) -> None:
        self.link.close()
        self.port.close()


@pytest.mark.parametrize("kind", ["udp", "tcp"])
def test_a_patrol_over_a_real_socket(kind: str) -> None:
    pair = Pair(kind)
    assert pair.run(lambda: pair.flight.outcome is not None, 300)
    pair.close()
    assert pair.flight.outcome is True and pair.copter.body.up < 0.1
    assert pair.link.codec.counts.bad == 0


def test_a_tcp_connection_that_ends_in_flight_is_made_again() -> None:
    pair = Pair("tcp")
    assert pair.run(lambda: pair.copter.mode == mav.COPTER_MODE_AUTO, 60)
    pair.port.hang_up()
    assert pair.run(lambda: pair.flight.outcome is not None, 300)
    pair.close()
    assert pair.flight.outcome is True and pair.copter.parameters["FS_GCS_ENABLE"] == 1
    assert not [by for _, _, by in pair.copter.mode_log if by == "gcs failsafe"]


def test_a_signed_line_flies_and_counts_nothing_bad() -> None:
    pair = Pair("udp", (Signing(KEY, 0, 1_800_000_000), Signing(KEY, 1, 1_800_000_000)))
    assert pair.run(lambda: pair.flight.outcome is not None, 300)
    pair.close()
    assert pair.flight.outcome is True
    assert pair.link.codec.counts.unsigned == 0


@pytest.mark.parametrize("theirs", [None, Signing(bytes(32), 1, 1_800_000_000)], ids=["unsigned", "other key"])
def test_a_vehicle_without_our_key_is_not_heard(theirs: Signing | None) -> None:
    pair = Pair("udp", (Signing(KEY, 0, 1_800_000_000), theirs))
    assert pair.run(lambda: pair.flight.outcome is not None, 60)
    pair.close()
    assert pair.flight.outcome == Refusal(Why.NO_LINK, "20 s")
    assert pair.link.codec.counts.unsigned > 10 and pair.link.codec.counts.received == 0


def test_a_peer_that_sends_only_garbage_is_not_answered() -> None:
    link = Udp(Codec(GROUND), bind=("127.0.0.1", 0))
    port = Port(SimCopter(), udp_to=link.port)
    port._write(b"\xfd" + bytes(range(200)))
    assert link.poll(0.0) == [] and link._peers == []
    link.close()
    port.close()


@pytest.mark.parametrize("address", ["", "udpin:x", "tcp:127.0.0.1", "tcp::5760", "serial:/dev/tty", "udpin::0"])
def test_an_address_that_is_none_is_refused_with_examples(address: str) -> None:
    with pytest.raises(LinkError, match=r"udpin:0\.0\.0\.0:14550"):
        open_link(address, GROUND)


def write_plan(folder: Path) -> Path:
    path = folder / "patrol.json"
    path.write_text(json.dumps([asdict(item) for item in patrol().items]), encoding="utf-8")
    return path


def command(*words: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    whole = [sys.executable, "-m", "zhuomu", "drone", "fly", *words]
    pipe = subprocess.PIPE
    return subprocess.Popen(whole, stdout=pipe, stderr=pipe, text=True, env=environment, cwd=REPOSITORY)


def test_the_command_uploads_verifies_and_does_not_arm_on_a_dry_run(tmp_path: Path) -> None:
    port = Port(SimCopter())
    with Served(port):
        process = command("--link", f"tcp:127.0.0.1:{port.port}", "--plan", str(write_plan(tmp_path)), "--dry-run")
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "MISSION 8" in out and "回读一致" in out
    assert len(port.copter.stores[MissionType.MISSION].items) == 8 and not port.copter.armed


def test_ctrl_c_in_flight_sends_it_home_before_the_heartbeat_ends(tmp_path: Path) -> None:
    ground = free_port()
    port = Port(SimCopter(Settings(fix_after_s=1.0, speed_mps=5, climb_mps=20)), udp_to=ground)
    with Served(port):
        process = command("--link", f"udpin:127.0.0.1:{ground}", "--plan", str(write_plan(tmp_path)))
        until(lambda: port.copter.mode == mav.COPTER_MODE_AUTO, 120, "AUTO")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 2 and "操作员停止" in err and "RTL" in err, (out, err)
        assert port.copter.mode_log[-1][1:] == (RTL, "gcs")


@pytest.mark.parametrize(
    "content, words",
    [
        ("{", "cannot be read"),
        ("[]", "no items"),
        ('{"fileType": "x"}', "neither a .plan"),
        ('[{"seq": 0}]', "neither"),
    ],
)
def test_a_file_that_is_no_plan_is_refused_in_one_line(tmp_path: Path, content: str, words: str) -> None:
    from drone.autopilot.planfile import PlanError, load_plan

    path = tmp_path / "x.plan"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(PlanError) as caught:
        load_plan(path)
    assert words in str(caught.value) and "\n" not in str(caught.value) and str(path) in str(caught.value)


def test_a_qgroundcontrol_plan_is_read_with_fence_home_and_jumps(tmp_path: Path) -> None:
    from drone.autopilot.planfile import load_plan

    def item(number: int, command: int, params: list[float | None]) -> dict[str, object]:
        return {
            "type": "SimpleItem", "doJumpId": number, "command": command, "frame": 3, "params": params,
            "autoContinue": True,
        }  # fmt: skip

    inner = [item(2, 16, [0, None, None, None, 31.2305, 121.4738, 40])]
    content = {
        "fileType": "Plan",
        "version": 1,
        "groundStation": "QGroundControl",
        "mission": {
            "plannedHomePosition": [31.2304, 121.4737, 4.0],
            "items": [
                item(1, 22, [0, 0, 0, None, 31.2304, 121.4737, 40]),
                {"type": "ComplexItem", "complexItemType": "survey", "TransectStyleComplexItem": {"Items": inner}},
                item(3, 177, [2, 3, 0, 0, 0, 0, 0]),
            ],
        },
        "geoFence": {
            "polygons": [{"inclusion": True, "polygon": [[31.23, 121.47], [31.24, 121.47], [31.24, 121.48]]}],
            "circles": [{"inclusion": False, "circle": {"center": [31.2306, 121.4739], "radius": 12.5}}],
        },
    }
    path = tmp_path / "a.plan"
    path.write_text(json.dumps(content), encoding="utf-8")
    plan = load_plan(path)
    assert [item.command for item in plan.items] == [22, 16, 177]
    assert (plan.items[1].x, plan.items[1].y, plan.items[1].z) == (312_305_000, 1_214_738_000, 40)
    assert plan.items[2].p1 == 1  # the jump's target by its place in the list
    assert [(item.command, item.p1) for item in plan.fence] == [(5001, 3), (5001, 3), (5001, 3), (5004, 12.5)]
    assert plan.home == (312_304_000, 1_214_737_000, 4.0)


def test_events_are_told_in_both_languages() -> None:
    from drone.autopilot.words import EVENTS, event_line

    assert set(EVENTS) == set(Kind)
    assert event_line(Event(Kind.PILOT, 0.0, "LOITER")).endswith("LOITER")
