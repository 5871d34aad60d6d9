"""Calibration: the page in a real browser, the file it writes, and the error ellipse that a candidate carries."""

import difflib
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pymap3d
import pytest
from conftest import free_port, missing, until
from playwright.sync_api import Browser, Page, sync_playwright
from test_watch_ground import LAT, LON, camera

from edge.kiosk.calibrate import Asked, Picked, placed
from edge.kiosk.config import CalibrationPoint, CameraSettings, ground_of, load_settings
from edge.kiosk.settle import save_calibration, with_calibration
from edge.link import SettingsError
from edge.watch.ground import CALIBRATION_ERROR_M, PIXEL_ERROR, Ground, NotCalibrated, Point
from edge.watch.survey import PICK_ERROR_PX, fit, refuse_doubtful

CHROMIUM = Path("/usr/bin/chromium")
CONFIGS = Path(__file__).parent.parent / "configs"
FIELD = [(-5, 8), (5, 8), (12, 30), (-12, 30), (0, 12), (4, 18)]
TEXT = """# The kiosk of the crossing
device = "kiosk-1"
data = "data"                 # beside this file
rules = "rules.toml"

[[camera]]
name = "north"
source = "SOURCE"

# the pavement
[[camera.zone]]
name = "pavement"
kind = "pavement"
polygon = [[0.0, 0.5], [1.0, 0.5], [1.0, 1.0]]

[[camera]]
name = "south"                # across the street
source = "SOURCE"
"""


def wgs84(east: float, north: float) -> tuple[float, float]:
    """Of the test street's ground."""
    lat, lon, _ = pymap3d.enu2geodetic(east, north, 0, LAT, LON, 0)
    return float(lat), float(lon)


def field(pixels: Any = None) -> list[Point]:
    """The field's points, or those pixels for them."""
    pixels = [camera(*place) for place in FIELD] if pixels is None else pixels
    return [Point(*pixel, *wgs84(*place)) for pixel, place in zip(pixels, FIELD, strict=True)]


@pytest.mark.parametrize(("east", "north"), [(0, 9), (-6, 20), (10, 29)])
def test_the_ellipse_is_that_of_a_simulation(east: float, north: float) -> None:
    """600 operators click with an error of 2 px, and a foot is seen with 3 px: so far do the places scatter."""
    rng = np.random.default_rng(1)
    exact = np.array([camera(*place) for place in FIELD])
    metres = np.array(FIELD, np.float64)
    pixel = np.array(camera(east, north))
    found, told = [], []
    for _ in range(600):
        one = fit(exact + rng.normal(0, 2.0, exact.shape), metres)
        foot = pixel + rng.normal(0, PIXEL_ERROR, 2)
        found.append(one.metres(*foot))
        slope = one.jacobian(*foot)
        told.append(slope @ (np.eye(2) * PIXEL_ERROR**2 + one.picture_covariance(*foot)) @ slope.T)
    scatter = np.linalg.eigvalsh(np.cov(np.array(found).T))
    predicted = np.linalg.eigvalsh(np.median(np.array(told), axis=0))
    assert np.sqrt(predicted) == pytest.approx(np.sqrt(scatter), rel=0.15)


def test_the_ellipse_follows_the_residuals_and_the_distance() -> None:
    """Points that fit badly make it larger; so does depth; four points count with the error of a click."""
    exact = np.array([camera(*place) for place in FIELD])
    worse = field(exact + np.random.default_rng(3).normal(0, 8.0, exact.shape))
    near, far = ((x - 10, y - 40, x + 10, y) for x, y in (camera(0, 9), camera(0, 28)))
    good, bad = Ground(field()), Ground(worse)
    assert good.fit.pick_px < 1e-3
    assert 3.0 < bad.fit.pick_px < 16.0
    for box in (near, far):
        assert bad.place(box, "bike").error_major_m > 1.05 * good.place(box, "bike").error_major_m
    assert good.place(far, "bike").error_major_m > 3 * good.place(near, "bike").error_major_m
    assert good.place(near, "bike").error_minor_m >= CALIBRATION_ERROR_M
    assert Ground(field()[:4]).fit.pick_px == PICK_ERROR_PX


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ([(0, 8), (0, 12), (0, 20), (0, 29)], "on one line"),
        ([(0, 8), (0, 12), (0, 20), (3, 20)], "all but one"),
        ([(0, 8), (0, 8), (5, 20), (-5, 20), (3, 12)], "points 1 and 2 are the same"),
    ],
)
def test_a_degenerate_set_is_refused_with_words(chosen: list[tuple[float, float]], words: str) -> None:
    """Which points, and what to do."""
    pixels, metres = np.array([camera(*p) for p in chosen]), np.array(chosen, np.float64)
    with pytest.raises(NotCalibrated, match=words):
        refuse_doubtful(fit(pixels, metres), pixels, metres)


def test_swapped_points_are_refused() -> None:
    """A crossed pair lays the horizon between the points, a mirrored field is seen from below."""
    pixels, metres = np.array([camera(*p) for p in FIELD]), np.array(FIELD, np.float64)
    with pytest.raises(NotCalibrated, match="from below"):
        refuse_doubtful(fit(pixels, metres[:, ::-1]), pixels, metres[:, ::-1])
    crossed = pixels[[1, 0, 2, 3]]
    with pytest.raises(NotCalibrated, match=r"horizon|from below"):
        refuse_doubtful(fit(crossed, metres[:4]), crossed, metres[:4])


def test_a_kiosk_whose_calibration_gives_no_ground_is_refused_at_its_start(tmp_path: Path) -> None:
    """Not when the first candidate is due."""
    text = (CONFIGS / "kiosk.toml").read_text(encoding="utf-8")
    (tmp_path / "kiosk.toml").write_text(text.replace("x = 0.65\ny = 0.45", "x = 0.35\ny = 0.95"), encoding="utf-8")
    with pytest.raises(SettingsError, match="camera north: calibration points lie on one line"):
        load_settings(tmp_path / "kiosk.toml")


def test_places_beyond_the_earth_are_refused() -> None:
    """And metres so far from the origin that they must be something else."""
    with pytest.raises(NotCalibrated, match="latitude is up to 90"):
        placed(Asked([Picked(0.5, 0.5, 117.0, 34.0)]))
    with pytest.raises(NotCalibrated, match="far away"):
        placed(Asked([Picked(0.5, 0.5, 3.8e6, 1.3e7)], "local", (LAT, LON)))
    with pytest.raises(NotCalibrated, match="far away"):
        placed(Asked([Picked(0.5, 0.5, 34.0, 117.0), Picked(0.5, 0.6, 36.0, 117.0)]))


POINTS = [CalibrationPoint(0.1 * i, 0.5, 34.0 + i / 1e5, 117.0) for i in range(5)]


@pytest.mark.parametrize("name", ["north", "south"])
@pytest.mark.parametrize("text", [TEXT, (CONFIGS / "kiosk.toml").read_text(encoding="utf-8")], ids=["plain", "configs"])
def test_only_the_cameras_own_points_change_in_the_file(text: str, name: str) -> None:
    """Comments, order and spacing stay; a second time the first points are gone."""
    if f'"{name}"' not in text:
        text = text + f'\n[[camera]]\nname = "{name}"\nsource = "x"\n'
    first = with_calibration(text, name, POINTS, "kiosk.toml")
    again = with_calibration(first, name, POINTS[1:] + POINTS[:1], "kiosk.toml")
    for before, after in ((text, first), (first, again)):
        changed = [line for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line[0] in "+-"]
        assert all(
            line[2:].startswith(("[[camera.calibration]]", "x = ", "y = ", "lat", "lon")) or line[2:] == ""
            for line in changed
        )
    cameras = {c["name"]: c for c in tomllib.loads(again)["camera"]}
    assert [p["lat"] for p in cameras[name]["calibration"]] == [p.lat for p in POINTS[1:] + POINTS[:1]]


def test_a_file_that_is_written_otherwise_is_left_alone(tmp_path: Path) -> None:
    """Points written inline: no line changes, the words say how to write it."""
    path = tmp_path / "kiosk.toml"
    inline = TEXT.replace('name = "north"\n', 'name = "north"\ncalibration = []\n')
    path.write_text(inline, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"write it as configs/kiosk.toml does"):
        save_calibration(path, "north", POINTS)
    with pytest.raises(SettingsError, match="has no camera 'east'; it has north, south"):
        save_calibration(path, "east", POINTS)
    path.write_text(TEXT, encoding="utf-8")
    with pytest.raises(SettingsError, match="on one line"):
        save_calibration(path, "north", POINTS)  # their places lie on one line: such a file would not start
    assert path.read_text(encoding="utf-8") == TEXT
    assert [p.name for p in tmp_path.iterdir()] == ["kiosk.toml"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        missing("chromium (apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """(settings file, address) of `zhuomu kiosk calibrate`, run as an operator would."""
    folder = tmp_path_factory.mktemp("calibrate")
    (folder / "pictures").mkdir()
    cv2.imwrite(str(folder / "pictures" / "a.png"), a_field())
    path = folder / "kiosk.toml"
    path.write_text(TEXT.replace("SOURCE", str(folder / "pictures")), encoding="utf-8")
    port = free_port()
    command = [sys.executable, "-m", "zhuomu", "kiosk", "calibrate", "--camera", "south", "--config", str(path)]
    process = subprocess.Popen([*command, "--port", str(port)], stdout=subprocess.PIPE, text=True)
    address = f"http://127.0.0.1:{port}"
    until(lambda: _up(address), 60.0, "the page")
    yield path, address
    process.terminate()
    process.wait(10)
    assert process.stdout is not None
    process.stdout.close()


def _up(address: str) -> bool:
    try:
        return httpx.get(f"{address}/state", timeout=5.0).status_code == 200
    except httpx.TransportError:
        return False


def a_field() -> np.ndarray[Any, np.dtype[np.uint8]]:
    """What the level pinhole sees: a field with lines 2 m apart."""
    picture = np.full((720, 1280, 3), (150, 160, 150), np.uint8)
    picture[:210] = (230, 210, 190)
    lines = [[(e, 7), (e, 34)] for e in range(-14, 15, 2)] + [[(-14, n), (14, n)] for n in range(8, 35, 2)]
    for line in lines:
        (x1, y1), (x2, y2) = (camera(*end) for end in line)
        cv2.line(picture, (round(x1), round(y1)), (round(x2), round(y2)), (90, 100, 90), 1, cv2.LINE_AA)
    return picture


def click(page: Page, place: tuple[float, float]) -> None:
    """On the field's place as the picture shows it."""
    box = page.locator("#picture").bounding_box()
    assert box is not None
    x, y = camera(*place)
    page.mouse.click(box["x"] + x / 1280 * box["width"], box["y"] + y / 720 * box["height"])


def type_in(page: Page, row: int, values: tuple[float, float]) -> None:
    """Into the row's two fields."""
    inputs = page.locator("#points tr").nth(row).locator("input")
    for number, value in enumerate(values):
        inputs.nth(number).fill(f"{value:.9f}")


@pytest.mark.slow
def test_an_operator_clicks_types_sees_the_residuals_and_saves(
    served: tuple[Path, str], browser: Browser, tmp_path: Path
) -> None:
    """Points on one line are refused in Chinese and English, a field is taken; the kiosk then places things rightly,
    and nothing was asked of the outside."""
    path, address = served
    before = path.read_text(encoding="utf-8")
    asked: list[str] = []
    errors: list[Any] = []
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(error))
    page.goto(address)
    until(lambda: page.evaluate("document.querySelector('#picture').naturalWidth === 1280"), 30.0, "the picture")
    for row, place in enumerate([(0, 8), (0, 12), (0, 18), (0, 29)]):
        click(page, place)
        type_in(page, row, wgs84(*place))
    page.get_by_text("这些点（几乎）在一条直线上").wait_for(timeout=20_000)
    assert page.get_by_text("pick 4 corners of an area on the ground").count() == 1
    assert page.locator("#save").is_disabled()
    page.locator("#clear").click()
    for row, place in enumerate(FIELD):
        click(page, place)
        type_in(page, row, wgs84(*place))
    page.locator("#save:enabled").wait_for(timeout=30_000)
    loupe = page.locator("#loupe").bounding_box()
    assert loupe is not None
    assert loupe["width"] <= 140
    assert page.locator("#origin").is_hidden()
    shot = page.screenshot(path=str(tmp_path / "calibrate.png"))
    assert len(shot) > 20_000
    residual = page.locator("#points tr").first.locator("td").nth(3).inner_text()
    assert float(residual.split(" px")[0]) < 1.5
    page.locator("#save").click()
    page.get_by_text("saved; counts when the kiosk is started again").wait_for(timeout=20_000)
    assert {url.split("/")[2] for url in asked if not url.startswith("blob:")} == {address.split("/")[2]}
    assert errors == []
    page.close()
    assert path.read_text(encoding="utf-8").startswith(before.rstrip("\n"))
    south = next(c for c in load_settings(path).camera if c.name == "south")
    _sees(south, (3.0, 15.0))


def _sees(camera_settings: CameraSettings, place: tuple[float, float]) -> None:
    ground = ground_of(camera_settings, 1280, 720)
    assert ground is not None
    x, y = camera(*place)
    told = ground.place((x - 10, y - 40, x + 10, y), "bike")
    east, north, _ = pymap3d.geodetic2enu(told.lat, told.lon, 0, LAT, LON, 0)
    assert np.hypot(east - place[0], north - place[1]) < 0.3


@pytest.mark.slow
def test_local_metres_are_taken_with_their_origin(served: tuple[Path, str], browser: Browser) -> None:
    """Pasted as a list; the page fits a small screen too."""
    _, address = served
    page = browser.new_page(viewport={"width": 800, "height": 1400})
    page.goto(address)
    until(lambda: page.evaluate("document.querySelector('#picture').naturalWidth === 1280"), 30.0, "the picture")
    page.locator("#clear").click()
    page.locator("#kind").select_option("local")
    page.locator("#lat0").fill(str(LAT))
    page.locator("#lon0").fill(str(LON))
    for place in FIELD:
        click(page, place)
    page.locator("#pasting summary").click()
    page.locator("#paste").fill("\n".join(f"{east}, {north}" for east, north in FIELD))
    page.locator("#take").click()
    page.locator("#save:enabled").wait_for(timeout=30_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= 800
    page.close()


def test_the_page_answers_to_this_machine_alone(served: tuple[Path, str]) -> None:
    """Another name for the address, a form of another site, and what is no request are turned away."""
    _, address = served
    assert httpx.get(address, headers={"Host": "evil.example"}).status_code == 400
    assert httpx.post(f"{address}/save", data={"points": "[]"}).status_code == 415
    answer = httpx.post(f"{address}/fit", json={"points": [{"x": 0.1, "y": 0.1, "first": "a", "second": 1}]})
    assert (answer.status_code, answer.json()["ok"]) == (422, False)
    assert httpx.post(f"{address}/save", json={"points": []}).json()["why_zh"] == "点太少，请在地面上至少取 4 个点"
