"""How late a picture is on the page: its number is read back from what headless Chromium presents."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from bench.live_rig import BAR_SHARE, BITS, CAMERA, serving

CHROMIUM = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
SETTLE_S = 3.0
CONNECT_S = 60.0
# Every presented picture's bar of blocks -> its number and when it came to the screen, on the page's own clock.
READ = """([bits, share]) => {
  const canvas = new OffscreenCanvas(bits * 8, 8), pen = canvas.getContext('2d', { willReadFrequently: true });
  window.seen = [];
  zhuomuLive.onframe = (about, video) => {
    pen.drawImage(video, 0, 0, video.videoWidth, video.videoHeight * share, 0, 0, bits * 8, 8);
    const data = pen.getImageData(0, 4, bits * 8, 1).data;
    let number = 0;
    for (let bit = 0; bit < bits; bit++) number |= (data[(bit * 8 + 4) * 4] > 127) << bit;
    window.seen.push([number, performance.timeOrigin + about.expectedDisplayTime]);
  };
}"""


class NoBrowser(RuntimeError):
    """Chromium or Playwright is not here; `str()` says what to install."""


def latency(way: str, size: tuple[int, int], seconds: float) -> dict[str, Any]:
    """Milliseconds from a picture's packet in the kiosk to its display: p50, p95, and how many pictures came."""
    playwright = _playwright()
    program = next((p for p in CHROMIUM if Path(p).exists()), None)
    if program is None:
        raise NoBrowser("no Chromium; do: apt-get install chromium")
    with serving(way, size, 2) as (url, token, player), playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        player.start()
        page.goto(f"{url}/#token={token}&camera={CAMERA}")
        ahead = time.time() - time.monotonic()
        _until_shown(page)
        page.wait_for_timeout(SETTLE_S * 1000)
        page.evaluate(READ, [BITS, BAR_SHARE])
        page.wait_for_timeout(seconds * 1000)
        seen = page.evaluate("window.seen")
        browser.close()
    late = [ms for number, shown_ms in seen if (ms := _late(player.sent[number], shown_ms / 1e3 - ahead)) is not None]
    return {
        **spread(late),
        "pictures": len(late),
        "unread": len(seen) - len(late),
        "per_s": round(len(late) / seconds, 1),
    }


def _late(sent: list[float], shown_s: float) -> float | None:
    """Milliseconds since this number was last sent; the recording goes round and round."""
    before = [at for at in sent if at <= shown_s]
    return (shown_s - before[-1]) * 1e3 if before else None


def spread(values: list[float]) -> dict[str, float | None]:
    """p50 and p95."""
    if not values:
        return {"p50": None, "p95": None}
    ordered = sorted(values)
    return {"p50": round(ordered[len(ordered) // 2], 1), "p95": round(ordered[int(len(ordered) * 0.95)], 1)}


def _until_shown(page: Any) -> None:
    end = time.monotonic() + CONNECT_S
    while page.evaluate("zhuomuLive.shown") < 10:
        if time.monotonic() > end:
            raise NoBrowser(f"Chromium showed no picture within {CONNECT_S:.0f} s: {page.inner_text('#state')}")
        page.wait_for_timeout(50)


def _playwright() -> Any:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise NoBrowser("no Playwright; do: pip install playwright") from None
    return sync_playwright
