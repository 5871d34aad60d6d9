"""The live page in a real browser: the picture moves, boxes belong to their frames, it comes back by itself."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import missing
from live_rig import BITS, Rig, clip, number_in
from playwright.sync_api import Browser, Page, sync_playwright

from detectors import Detections
from edge.watch.camera import Shot

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = pytest.mark.slow
# Reads each presented picture's number, and where the page drew boxes over it.
READ = """bits => {
  const canvas = new OffscreenCanvas(bits * 8, 8), pen = canvas.getContext('2d', { willReadFrequently: true });
  window.seen = [];
  zhuomuLive.onframe = (about, video) => {
    pen.drawImage(video, 0, 0, video.videoWidth, video.videoHeight / 2, 0, 0, bits * 8, 8);
    const data = pen.getImageData(0, 4, bits * 8, 1).data;
    let number = 0;
    for (let bit = 0; bit < bits; bit++) number |= (data[(bit * 8 + 4) * 4] > 127) << bit;
    const note = zhuomuLive.notes.findLast(n => n.kind === 'boxes' && n.ts === about.rtpTimestamp);
    seen.push({ number, exact: zhuomuLive.drawn?.age === 0, box: note?.boxes[0].box[0] ?? null });
  };
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        missing("chromium (apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    yield page
    page.close()


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("page") / "north.mp4", 20.0)


def wait(page: Page, script: str, what: str, timeout_s: float = 120.0) -> Any:
    """Poll a script; the page's own policy forbids Playwright's way."""
    end = time.monotonic() + timeout_s
    while not (value := page.evaluate(script)):
        assert time.monotonic() < end, f"waited {timeout_s} s for {what}: {page.inner_text('#state')}"
        page.wait_for_timeout(50)
    return value


def saw_square(rig: Rig) -> None:
    """A detector that knows the picture: the moving square, in every frame."""

    def on_shot(shot: Shot) -> None:
        x = number_in(shot.luma) * 7 % 600
        rig.feed.saw(shot, Detections.of([[x, 260, x + 40, 300]], [0.9], [0], ("bicycle",)))

    rig.on_shot = on_shot


def test_the_picture_moves_and_every_box_drawn_as_exact_lies_on_its_own_frame(page: Page, recording: Path) -> None:
    errors: list[Any] = []
    asked: list[str] = []
    page.on("pageerror", lambda error: errors.append(error))
    page.on("request", lambda request: asked.append(request.url))
    with Rig(recording) as rig:
        saw_square(rig)
        page.goto(f"{rig.url}/#token={rig.token()}&camera=north")
        page.check("#exact")
        wait(page, "zhuomuLive.shown > 5", "the first pictures")
        page.evaluate(READ, BITS)
        wait(page, "seen.filter(s => s.exact && s.box !== null).length > 10", "pictures with their boxes")
        seen = page.evaluate("seen")
        numbers = [row["number"] for row in seen]
        assert len(set(numbers)) > 10
        for row in seen:
            if row["exact"] and row["box"] is not None:
                assert round(row["box"] * 640) == row["number"] * 7 % 600
        assert page.inner_text("#state") == "实时 · live"
        page.click("#over", position={"x": 100, "y": 100})
        wait(
            page,
            "document.querySelector('#place').innerText.includes('not calibrated') || "
            "document.querySelector('#place').innerText.includes('no ground plane')",
            "the answer to a click",
        )
        page.click("#end")
        wait(page, "document.querySelector('#state').innerText === '已结束 · ended'", "the end")
    assert errors == [] and {url.split("/")[2] for url in asked if url.startswith("http")} == {rig.url.split("/")[2]}
    assert rig.live.sessions.ended["the viewer left"] == 1


def test_a_refusal_stands_on_the_page_in_both_languages(page: Page, recording: Path) -> None:
    with Rig(recording) as rig:
        page.goto(f"{rig.url}/#token={rig.token(until_s=-5)}&camera=north")
        wait(page, "document.querySelector('#state').innerText.includes('expired')", "the refusal")
        assert "令牌已过期" in page.inner_text("#state")
        assert page.evaluate("sessionStorage.getItem('token').length > 0 && location.hash === ''")


def test_the_page_comes_back_by_itself_when_the_kiosk_was_away(page: Page, recording: Path) -> None:
    with Rig(recording) as rig:
        page.goto(f"{rig.url}/#token={rig.token()}&camera=north")
        wait(page, "zhuomuLive.shown > 5", "the first pictures")
        end = threading.Thread(target=rig.live_ends)
        end.start()
        wait(page, "document.querySelector('#state').innerText.includes('again in')", "the word that it tries again")
        end.join()
        wait(page, "zhuomuLive.connects > 1", "the second connection")
