"""Live view of a whole kiosk process: token from the command line, pictures over WHEP, the viewing log."""

import asyncio
import json
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from conftest import REPOSITORY, free_port
from live_rig import Watching, clip, until, watching

from edge.kiosk.config import CalibrationPoint, CameraSettings
from edge.kiosk.onair import placed
from edge.live.notes import Pick

CORNERS = [(0.2, 0.95, 0.0, 0.0), (0.85, 0.95, 0.0, 60e-6), (0.65, 0.45, 200e-6, 80e-6), (0.35, 0.45, 200e-6, -20e-6)]


def settings(folder: Path, port: int) -> Path:
    """Two cameras on one recording, without a broker; the second is redacted."""
    (folder / "rules.toml").write_bytes((REPOSITORY / "configs" / "rules.toml").read_bytes())
    shutil.copytree(REPOSITORY / "configs" / "standard", folder / "standard")
    recording = clip(folder / "street.mp4", 20.0)
    text = f'device = "kiosk-1"\ndata = "data"\nrules = "rules.toml"\n[broker]\nport = {free_port()}\n'
    text += f"[live]\non = true\nport = {port}\nredacted_width_px_max = 320\n"
    for name, redact in (("north", "false"), ("south", "true")):
        text += f'[[camera]]\nname = "{name}"\nsource = "{recording}"\ndetect_fps = 0.5\n'
        text += f"[camera.live]\nredact = {redact}\n"
    path = folder / "kiosk.toml"
    path.write_text(text, encoding="utf-8")
    return path


def zhuomu(*words: str) -> str:
    """Run a command to its end."""
    done = subprocess.run([sys.executable, "-m", "zhuomu", *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.slow
def test_a_kiosk_shows_its_cameras_to_who_has_a_token_and_writes_down_who_looked(tmp_path: Path) -> None:
    port = free_port()
    config = settings(tmp_path, port)
    token = zhuomu(
        "kiosk", "token", "--config", str(config), "--name", "Li Wei", "--why", "complaint 7", "--hours", "1"
    )
    command = [sys.executable, "-m", "zhuomu", "kiosk", "--config", str(config)]
    kiosk = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert kiosk.stdout is not None and b"kiosk.ready" in kiosk.stdout.readline()
        asyncio.run(asyncio.wait_for(look(f"http://127.0.0.1:{port}", token), 240.0))
    finally:
        kiosk.terminate()
        kiosk.wait(40)
    rows = [json.loads(line) for line in zhuomu("kiosk", "viewings", "--config", str(config)).splitlines()]
    assert [(r["name"], r["camera"], r["why"], r["redacted"]) for r in rows] == [
        ("Li Wei", "north", "complaint 7", False),
        ("Li Wei", "south", "complaint 7", True),
    ]
    assert all(r["ended"] and r["ending"] for r in rows)


async def look(url: str, token: str) -> None:
    """At both cameras, one after the other."""
    async with httpx.AsyncClient(base_url=url) as http:
        assert (await http.get("/cameras")).status_code == 401
        page = await http.get("/")
        assert page.status_code == 200 and "啄木" in page.text
        shown = await http.get("/cameras", headers={"Authorization": f"Bearer {token}"})
        assert shown.json() == [{"name": "north", "redacted": False}, {"name": "south", "redacted": True}]
    for camera in ("north", "south"):
        got = Watching()
        async with watching(url, token, camera, got):
            await until(lambda got=got: len(got.numbers) > 2, 110.0, f"pictures of {camera}")  # type: ignore[misc]


def test_a_click_on_a_calibrated_camera_is_a_place_with_its_ellipse_and_above_the_horizon_it_is_none() -> None:
    points = [CalibrationPoint(x, y, 34.261 + lat, 117.188 + lon) for x, y, lat, lon in CORNERS]
    camera = CameraSettings(name="north", source="x", calibration=points)
    near = placed(camera, (720, 1280), Pick(1, 0, 0.2, 0.95))
    assert (near["lat"], near["lon"]) == (pytest.approx(34.261, abs=1e-6), pytest.approx(117.188, abs=1e-6))
    far = placed(camera, (720, 1280), Pick(1, 0, 0.5, 0.45))
    assert far["ellipse95"]["major_m"] > near["ellipse95"]["major_m"] > 0  # type: ignore[index]
    assert "horizon" in str(placed(camera, (720, 1280), Pick(1, 0, 0.5, 0.01))["error"])
    assert "calibrate" in str(placed(CameraSettings(name="n", source="x"), (720, 1280), Pick(1, 0, 0.5, 0.5))["error"])
    assert "no picture" in str(placed(camera, None, Pick(1, 0, 0.5, 0.5))["error"])
