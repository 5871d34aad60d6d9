"""The real kiosk node with cameras that are cut and garbled in the middle: it watches on, and says so."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import until
from rtsp_helpers import Proxy, rtsp, small_clip

from edge.kiosk.config import load_settings
from edge.kiosk.node import Kiosk
from edge.link import left
from edge.up.cli import RULES
from edge.watch import camera as camera_module

pytestmark = pytest.mark.slow


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[tuple[Proxy, str]]:
    """One camera behind a line that can fail, and the address of the same without it."""
    with rtsp({"a": small_clip(tmp_path / "a.mp4", 120.0)}) as urls:
        made = Proxy(urls["a"])
        yield made, urls["a"]
        made.close()


def test_a_kiosk_with_a_camera_that_is_cut_and_garbled_watches_on(
    tmp_path: Path, proxy: tuple[Proxy, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut, garbage, and the line clean again: pictures come again, the other camera's never stop, no candidate, and the
    health message tells what happened."""
    monkeypatch.setattr(camera_module, "BACKOFF_FIRST_S", 0.05)
    monkeypatch.setattr(camera_module, "BACKOFF_MAX_S", 0.2)
    monkeypatch.setattr("edge.watch.source.READ_TIMEOUT_S", 2.0)
    line, direct = proxy
    cameras = "".join(f'[[camera]]\nname = "{n}"\nsource = "{u}"\n' for n, u in (("bad", line.url), ("good", direct)))
    head = f'device = "kiosk-1"\ndata = "data"\nrules = "{RULES}"\nfree_bytes_min = 0\n'
    (tmp_path / "kiosk.toml").write_text(f'{head}[broker]\nport = 1\n[gate]\nmode = "on"\n{cameras}')
    kiosk, stop = Kiosk(load_settings(tmp_path / "kiosk.toml"), tmp_path / "kiosk.toml", "test"), threading.Event()
    monkeypatch.setattr("edge.kiosk.node.DRAIN_S", 0.1)
    running = threading.Thread(target=kiosk.run, args=(stop,))
    running.start()

    def told(name: str, what: str) -> float:
        return float(kiosk._health()[name].get(what, 0.0))

    def frames_go_on(name: str) -> None:
        before = told(name, "frames")
        until(lambda: told(name, "frames") >= before + 2, 60.0, f"pictures of {name}")

    try:
        frames_go_on("bad")
        line.set("cut")
        until(lambda: told("bad", "failures") >= 2, 60.0, "failures")
        frames_go_on("good")
        line.set("pass")
        frames_go_on("bad")
        line.set("garble")
        until(lambda: line.garbled >= 20, 60.0, "garbage on the line")
        frames_go_on("good")
        line.set("pass")
        line.drop()
        frames_go_on("bad")
    finally:
        stop.set()
        running.join(60.0)
    assert not running.is_alive()
    health = kiosk._health()
    assert sum(v for k, v in health["bad"].items() if k.startswith("failed_")) == health["bad"]["failures"]  # type: ignore[misc]
    assert health["good"]["failures"] == 0

    assert left(tmp_path / "data" / "kiosk-1.db") == 0
