"""What a kiosk tells of itself: bounded, measured, and readable by those who know only the old message."""

import json
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from conftest import free_port

from edge.care import vitals
from edge.care.exporter import Page
from edge.care.pulse import Pulse, Rates, Snapshot, read_status
from edge.care.timed import Spent
from edge.link.health import fitting
from edge.wire import Health, Versions, Vitals, channel, decode

AT = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)


def health(cameras: int, figures: int) -> Health:
    """Of a kiosk with so many cameras, each telling so many figures and its view."""
    told: dict[str, float | str] = {f"figure_{n}": 123456.789 for n in range(figures)}
    told |= {"age_s": 0.5, "fps": 25.0, "frames": 10.0, "view": "dark", "view_text": "too dark: mean 3 of 255"}
    names = {f"camera {n} at the corner": dict(told) for n in range(cameras)}
    versions = Versions(config_reason="x" * 500)
    return Health(
        device="kiosk-1",
        at=AT,
        outbox_rows=1,
        outbox_bytes=2,
        dropped={f"drop_{n}": n for n in range(30)},
        cameras=names,
        vitals=Vitals(),
        versions=versions,
    )


@pytest.mark.parametrize(("cameras", "figures"), [(1, 10), (32, 12), (64, 12), (64, 60), (64, 3)])
def test_a_health_message_always_fits_its_channel(cameras: int, figures: int) -> None:
    """What is left out is counted; every camera's view stays, however many there are."""
    payload = fitting(health(cameras, figures))
    assert len(payload) <= channel("up", "health").size_bytes_max
    told = decode(channel("up", "health"), payload, "kiosk-1")
    assert isinstance(told, Health)
    assert len(told.cameras) == cameras and all(one["view"] == "dark" for one in told.cameras.values())
    left = sum(len(one) for one in told.cameras.values())
    assert told.trimmed + left == cameras * (figures + 5)


def test_even_absurd_names_do_not_stop_the_message() -> None:
    """The cameras are given up last, the message never."""
    message = health(64, 3)
    message.cameras = {name * 20: figures for name, figures in message.cameras.items()}
    told = msgspec.json.decode(fitting(message), type=Health)
    assert told.cameras == {} and told.trimmed > 0 and told.outbox_rows == 1


def test_who_knows_only_the_old_message_reads_the_new_one() -> None:
    """Unknown fields are passed over on both sides."""

    class Old(msgspec.Struct):
        device: str
        outbox_rows: int
        cameras: dict[str, dict[str, float | str]] = {}

    assert msgspec.json.decode(fitting(health(2, 2)), type=Old).device == "kiosk-1"
    old = {"schema_version": 1, "device": "kiosk-1", "at": "2026-11-24T08:00:00Z", "outbox_rows": 0, "outbox_bytes": 0}
    told = decode(channel("up", "health"), msgspec.json.encode(old), "kiosk-1")
    assert isinstance(told, Health) and told.vitals is None and told.versions is None


def test_rates_are_between_two_beats() -> None:
    """Pictures a second and milliseconds a picture, nothing before the second beat or where no picture came."""
    rates = Rates()
    assert rates.add({"n": {"frames": 100.0, "decode_s": 1.0}}, 10.0) == {"n": {"frames": 100.0, "decode_s": 1.0}}
    second = rates.add({"n": {"frames": 150.0, "decode_s": 1.5}}, 20.0)["n"]
    assert (second["fps"], second["decode_ms"]) == (5.0, 10.0)
    assert rates.add({"n": {"frames": 150.0, "decode_s": 1.5}}, 30.0)["n"]["fps"] == 0.0
    spent = Spent()
    spent.add(0.5, 10)
    assert (spent.mean_ms(), spent.mean_ms()) == (50.0, None)


def test_the_newest_beat_can_be_read_by_others(tmp_path: Path) -> None:
    """Whole, and nothing where there is nothing."""
    assert read_status(tmp_path) is None
    pulse = Pulse(lambda: Snapshot(at=AT, pid=7, device="kiosk-1"), tmp_path / "care")
    pulse.beat()
    told = read_status(tmp_path / "care")
    assert told is not None and (told.pid, told.device) == (7, "kiosk-1")
    assert (tmp_path / "care" / "status.json").stat().st_mode & 0o077 == 0
    (tmp_path / "care" / "status.json").write_bytes(b"{")
    assert read_status(tmp_path / "care") is None


def test_a_metrics_port_that_is_taken_stops_nothing() -> None:
    """The kiosk runs on without its page."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        page = Page(lambda: Snapshot(at=AT))
        page.start(other.getsockname()[1])
        assert page.port == 0
        page.stop()
    page = Page(lambda: Snapshot(at=AT))
    page.start(free := free_port())
    assert page.port == free
    page.stop()


def test_the_machine_tells_what_it_can(tmp_path: Path) -> None:
    """Sensors that answer nonsense or nothing are passed over."""
    for number, text in enumerate(("45000", "-274000", "", "61500")):
        zone = tmp_path / f"thermal_zone{number}"
        zone.mkdir()
        (zone / "temp").write_text(text)
    assert vitals.temperature_c(tmp_path) == 61.5
    assert vitals.temperature_c(tmp_path / "absent") is None
    before = vitals.handles()
    with (tmp_path / "open").open("wb") as file:
        file.write(b"x" * 1000)
        assert vitals.handles() == before + 1
    assert vitals.rss_bytes() > 10**6
    assert vitals.used_bytes(tmp_path / "open") == 1000
    assert vitals.used_bytes(tmp_path) == 1000 + 5 + 7 + 0 + 5


def test_every_log_line_is_one_json_object_whoever_speaks() -> None:
    """Ours with the device's name, a library's with quotes in it, a thread that dies, and the end of the process."""
    code = """
import logging, threading, structlog
from edge.link.logs import to_stderr
to_stderr(device="kiosk-1")
structlog.get_logger().info("ours", text="a \\"b\\" 中")
logging.getLogger("lib").warning('say "%s"\\nto %s', "x", "y")
thread = threading.Thread(target=lambda: 1 / 0, name="t")
thread.start()
thread.join()
raise ValueError("end")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["event"] for line in lines] == ["ours", "log", "thread.died", "process.died"]
    assert all(line["device"] == "kiosk-1" and line["timestamp"] for line in lines)
    assert lines[1]["text"] == 'say "x"\nto y' and lines[1]["logger"] == "lib"
    assert lines[2]["thread"] == "t" and "ZeroDivisionError" in lines[2]["exception"]
    assert done.returncode == 1
