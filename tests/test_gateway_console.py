"""The console page in a real browser."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import missing
from gateway_helpers import START, Centre, Device, candidate, eventually, picture
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from edge.wire import EvidenceRef, Health, encode

CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        missing("chromium (apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Centre]:
    centre = Centre(tmp_path_factory.mktemp("centre"), {"console": True})
    centre.start("broker", "gateway")
    yield centre
    centre.stop()


@pytest.fixture
def page(centre: Centre, browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    yield page
    page.close()


def wait(page: Page, script: str, what: str) -> None:
    """Poll a script in the page."""
    page.wait_for_function(script, timeout=20_000)
    assert page.evaluate(script), what


@pytest.mark.slow
def test_an_incident_that_comes_after_the_page_was_opened_shows_on_it_and_nothing_is_asked_of_the_outside(
    centre: Centre, page: Page, tmp_path: Path
) -> None:
    asked: list[str] = []
    errors: list[Any] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(error))
    page.goto(f"http://127.0.0.1:{centre.http_port}/")
    page.wait_for_selector(".zm-legend")
    assert page.title() == "啄木 zhuomu"
    device = Device(centre.mqtt_port, "kiosk-1")
    shown = picture(_jpeg())
    reference = EvidenceRef(sha256=shown.sha256, media_type="image/jpeg", size_bytes=9, kind="crop", redacted=True)
    device.send(candidate(1, label="<b>tea stall</b>", evidence=[reference]), shown)
    device.publish("candidate", b"not json")
    device.send(candidate(2, case_class="poster", label="poster", campaigns=["19900001234"]))
    bad_view = {"north": {"view": "moved", "view_text": "moved: by +30, +0 px"}, "south": {"view": "ok"}}
    health = Health(device="kiosk-1", at=START, outbox_rows=0, outbox_bytes=0, cameras=bad_view)  # type: ignore[arg-type]
    device.publish("health", encode(health))
    device.settle()
    page.get_by_text("04-06 · <b>tea stall</b> · 90%").wait_for(timeout=20_000)
    page.get_by_text("电话 phone 19900001234 · 1 处 place").wait_for(timeout=20_000)
    page.get_by_text("north: 摄像头移位 camera moved").wait_for(timeout=20_000)
    assert page.get_by_text("south:").count() == 0
    wait(page, "document.querySelector('img.zm-picture')?.naturalWidth > 0", "the picture")
    wait(page, "document.querySelector('.zm-count-incidents .zm-number').innerText === '2'", "the count")
    wait(page, "document.querySelector('.zm-letters .zm-code')?.innerText === '100'", "the dead letter")
    wait(page, "document.querySelector('.zm-devices .zm-main')?.innerText === 'kiosk-1'", "the device")
    wait(page, _MARKERS, "the marker")
    shot = page.screenshot(path=str(tmp_path / "console.png"))
    assert len(shot) > 20_000
    assert {url.split("/")[2] for url in asked if not url.startswith("data:")} == {f"127.0.0.1:{centre.http_port}"}
    assert errors == []
    device.stop()


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_is_never_wider_than_the_screen(centre: Centre, page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"http://127.0.0.1:{centre.http_port}/")
    page.wait_for_selector(".zm-legend")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_counts_are_the_same_on_the_page_and_in_the_api(centre: Centre, page: Page) -> None:
    page.goto(f"http://127.0.0.1:{centre.http_port}/")
    summary = centre.summary()
    eventually(
        lambda: page.inner_text(".zm-count-candidates .zm-number") == f"{summary['candidates']:,}", "the same count"
    )


_MARKERS = """(() => {
  const element = document.querySelector('.zm-leaflet');
  const canvas = element && element.querySelector('.leaflet-overlay-pane canvas');
  if (!canvas) return false;
  const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  for (let i = 3; i < pixels.length; i += 4) if (pixels[i] > 200) return true;
  return false;
})()"""


def _jpeg() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 48), (200, 80, 40)).save(out, "JPEG")
    return out.getvalue()
