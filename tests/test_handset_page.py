"""The phone page in headless Chromium against the real centre: online, offline, killed, two phones on one order."""

import hashlib
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import missing
from gateway_helpers import eventually
from phone_rig import CHROMIUM, Crew, Town, jpeg
from PIL import Image
from playwright.sync_api import Browser, WebSocketRoute, sync_playwright

from edge.link.passwords import matches

TARGET_PX = 48
Phones = Callable[..., Crew]
HAN = re.compile(r"[\u4e00-\u9fff]")
PIECE_BYTES = 256 * 1024


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        missing("chromium (apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    town = Town(tmp_path_factory.mktemp("town"))
    town.enrol("phone-1", "phone-2")
    yield town
    town.stop()


@pytest.fixture
def phone(town: Town, browser: Browser) -> Iterator[Callable[..., Crew]]:
    """Makes phones; two connections of one name would end each other, so every one is closed at the end."""
    made: list[Crew] = []

    def make(device: str, language: str = "zh-CN", at: Town = town, code: str = "") -> Crew:
        made.append(Crew(at, browser, device, language, code=code))
        return made[-1]

    yield make
    for crew in made:
        crew.close()


def _order(town: Town, *crews: Crew) -> str:
    """A new order, on every phone's list."""
    known = {row["order_id"] for row in town.orders()}
    town.thing()
    eventually(lambda: {row["order_id"] for row in town.orders()} - known, "an order")
    (order_id,) = {row["order_id"] for row in town.orders()} - known
    for crew in crews:
        crew.page.goto(f"{town.url}#/list")
        crew.page.wait_for_selector(f"a.card[data-order='{order_id}']")
    return order_id


def _row(town: Town, order_id: str) -> dict[str, Any]:
    return next(row for row in town.orders() if row["order_id"] == order_id)


def _done(town: Town, crew: Crew) -> list[dict[str, Any]]:
    """In step: the phone's photo rows, each of them proven at the centre."""
    crew.sync("current")
    rows = crew.rows("photos")
    assert rows and all(row["done"] == 1 and town.stored(row["sha256"]) for row in rows)
    assert crew.rows("blobs") == []  # deleted once they were proven
    return rows


@pytest.mark.slow
def test_a_crew_works_through_an_order_with_photos_whose_exif_stays_on_the_phone(town: Town, phone: Phones) -> None:
    crew = phone("phone-1")
    order_id = _order(town, crew)
    crew.tap("shift_on")
    crew.page.wait_for_selector("[data-do=shift_off]")
    crew.show(order_id)
    crew.tap("accepted")
    crew.tap("arrived")
    crew.shoot("before", jpeg(1))
    crew.tap("submit")
    crew.page.wait_for_selector(".bar [data-do=disposed]")
    crew.dispose(order_id, jpeg(2, 2400, 900))
    rows = _done(town, crew)
    assert sorted(row["kind"] for row in rows) == ["after", "before"]
    eventually(lambda: _row(town, order_id)["step"] == "disposed", "the disposal at the centre")
    for row in rows:
        data = town.stored(row["sha256"]) or b""
        picture = Image.open(io.BytesIO(data))
        assert picture.format == "JPEG" and max(picture.size) <= 1600
        assert not picture.getexif() and b"SECRET-CAMERA" not in data
    crew.page.goto(f"{town.url}#/list")
    assert crew.page.locator(f"a.card[data-order='{order_id}']").count() == 0
    shift = [row["shift"] for row in town.centre.get("/api/handsets") if row["device"] == "phone-1"]
    assert shift == ["shift_on"]
    assert crew.errors == []


@pytest.mark.slow
def test_work_done_offline_survives_a_restart_and_arrives_once(town: Town, phone: Phones) -> None:
    crew = phone("phone-1")
    order_id = _order(town, crew)
    crew.page.wait_for_function("navigator.serviceWorker.controller !== null")
    crew.context.set_offline(True)
    crew.sync("offline")
    crew.dispose(order_id, jpeg(3), jpeg(4))
    crew.page.wait_for_selector(".sync:has-text('1 待报 · 2 照片')")
    crew.page.close()
    crew.open()  # the shell out of the service worker, the rest out of IndexedDB
    crew.sync("offline")
    assert crew.page.locator(f"a.card[data-order='{order_id}']").count() == 0
    crew.page.goto(f"{town.url}#/order/{order_id}")
    eventually(lambda: crew.page.locator(".thumbs img").count() == 2, "both photos, out of the phone's own database")
    assert _row(town, order_id)["step"] == ""
    crew.context.set_offline(False)
    _done(town, crew)
    eventually(lambda: _row(town, order_id)["step"] == "disposed", "the disposal at the centre")
    assert crew.rows("ops") == []
    assert _judged(town, order_id) == ["disposed"]
    assert crew.errors == []


def _judged(town: Town, order_id: str) -> list[str]:
    """Kinds of the operations that the centre has written down for an order."""
    from gateway.sync_tables import handset_ops

    database = town._database()
    with database.read() as tx:
        rows = tx.execute(handset_ops.select().where(handset_ops.c.order_id == order_id)).mappings()
        kinds = sorted(str(row["kind"]) for row in rows)
    database.close()
    return kinds


@pytest.mark.slow
def test_a_page_killed_in_the_middle_of_an_upload_completes_it_when_it_is_opened_again(
    town: Town, phone: Phones
) -> None:
    crew = phone("phone-1")
    order_id = _order(town, crew)
    crew.page.close()
    jam = _Jam()
    crew.context.route_web_socket(re.compile("ws://"), jam.route)
    crew.open()
    crew.sync("current")
    crew.dispose(order_id, jpeg(5, 1600, 1200))

    def one_piece() -> bool:
        crew.page.wait_for_timeout(50)  # the jam's own turn: it works inside of calls alone
        parts = (town.folder / "gateway").rglob("phone-1.*.part")
        return any(part.stat().st_size == PIECE_BYTES for part in parts)

    eventually(one_piece, "one piece")
    (row,) = [row for row in crew.rows("photos") if row["done"] == 0]
    assert row["size_bytes"] > 2 * PIECE_BYTES and town.stored(row["sha256"]) is None
    crew.kill()
    jam.open = True
    crew.open()
    _done(town, crew)
    assert len(town.stored(row["sha256"]) or b"") == row["size_bytes"]
    assert jam.pieces_after < row["size_bytes"] * 4 / 3 - PIECE_BYTES  # base64, and not from its first byte again


class _Jam:
    """A line that lets one piece of a photo through and then nothing; later everything, counted."""

    def __init__(self) -> None:
        self.open = False
        self.pieces_after = 0
        self._through = 0

    def route(self, socket: WebSocketRoute) -> None:
        """Between page and broker."""
        server = socket.connect_to_server()
        mine = self.open

        def send(data: str | bytes) -> None:
            if mine:
                self.pieces_after += len(data)
            elif self._through > PIECE_BYTES:
                return
            elif len(data) > 4096:
                self._through += len(data)
            server.send(data)

        socket.on_message(send)


@pytest.mark.slow
def test_of_two_phones_on_one_order_the_losers_work_lies_on_its_visible_shelf(town: Town, phone: Phones) -> None:
    one, two = phone("phone-1"), phone("phone-2")
    order_id = _order(town, one, two)
    for crew in (one, two):
        crew.context.set_offline(True)
        crew.sync("offline")
    one.dispose(order_id, jpeg(6))
    two.show(order_id)
    two.tap("more")
    two.tap("returned")
    two.tap("submit")
    two.page.wait_for_selector(".toast.bad:has-text('请填写原因')")
    two.page.fill("textarea", "不在我路段")
    two.tap("submit")
    two.page.wait_for_selector("dialog", state="detached")
    one.context.set_offline(False)
    eventually(lambda: _row(town, order_id)["step"] == "disposed", "the first phone's work")
    two.context.set_offline(False)
    two.sync("current")
    two.page.locator("[data-do=back]").tap()
    two.page.wait_for_selector("[data-tab=shelf] .badge")
    two.page.locator("[data-tab=shelf]").tap()
    card = two.page.locator("[data-shelf]")
    assert card.get_attribute("data-code") == "107"
    assert order_id in card.inner_text() and "退回" in card.inner_text()
    assert order_id in [row["order_id"] for row in town.centre.get("/api/handsets/reviews")]
    card.locator("[data-do=clear]").tap()
    two.page.wait_for_selector("[data-shelf]", state="detached")
    two.page.close()
    two.open()
    two.sync("current")
    assert two.page.locator("[data-tab=shelf] .badge").count() == 0


@pytest.mark.slow
@pytest.mark.parametrize("language", ["zh-CN", "en-US"])
def test_both_languages_fit_a_narrow_phone_with_targets_for_a_thumb_and_nothing_is_asked_of_the_outside(
    town: Town, phone: Phones, language: str
) -> None:
    crew = phone("phone-1", language)
    order_id = _order(town, crew)
    town.notice(language, "words to everybody")
    crew.page.wait_for_selector("[data-tab=news] .badge")
    for screen in ("list", "map", "news", "shelf", f"order/{order_id}"):
        crew.page.goto(f"{town.url}#/{screen}")
        crew.page.wait_for_selector(f".app[data-route='{screen}']")
        _fits(crew, screen)
        words = crew.page.inner_text(".bar")
        assert bool(HAN.search(words)) == (language == "zh-CN"), words
    crew.tap("more")
    _fits(crew, "more")
    crew.tap("extend")
    _fits(crew, "extend")
    own = {f"127.0.0.1:{town.centre.http_port}", f"127.0.0.1:{town.centre.ws_port}"}
    assert {url.split("/")[2] for url in crew.asked if not url.startswith(("blob:", "data:"))} == own
    assert crew.errors == []


def _fits(crew: Crew, screen: str) -> None:
    assert crew.page.evaluate("document.documentElement.scrollWidth") <= 390, screen
    small = crew.page.evaluate(
        """(px) => [...document.querySelectorAll('button, a, label.slot, textarea, input:not([type=file])')]
          .filter((e) => e.checkVisibility() && !(e instanceof SVGElement))
          .map((e) => [e.outerHTML.slice(0, 80), e.getBoundingClientRect()])
          .filter(([, r]) => r.width < px || r.height < px)""",
        TARGET_PX,
    )
    assert small == [], screen
    widths = "(circles) => circles.map((circle) => circle.getBoundingClientRect().width)"
    radii = crew.page.eval_on_selector_all("main.mapped .touch", widths)
    assert all(width >= TARGET_PX for width in radii)
    assert screen != "map" or radii


@pytest.mark.slow
def test_a_second_page_of_the_same_phone_stands_back_until_the_first_is_closed(town: Town, phone: Phones) -> None:
    crew = phone("phone-1")
    crew.sync("current")
    second = crew.context.new_page()
    second.goto(town.url)
    second.wait_for_selector("main.alone")
    assert second.locator("[data-sync]").count() == 0
    crew.page.close()
    second.wait_for_selector("[data-sync=current]")


@pytest.mark.slow
def test_a_phone_claims_with_a_code_once_and_empties_itself_when_it_was_shut_out(town: Town, phone: Phones) -> None:
    town.enrol("phone-3")
    code = town.invite("phone-3")
    crew = phone("phone-3", code=code)
    crew.sync("current")
    (me,) = crew.rows("me", "zhuomu.me")
    state, stored = town.stands("phone-3")
    assert state == "active" and matches(me["password"], stored)
    assert me["code"] == "" and me["renew_at"] > 0 and code.split(":")[1] not in crew.page.url
    _order(town, crew)
    second = phone("phone-3", code=code)
    second.page.wait_for_selector("p.wrong:not(:empty)")
    assert town.stands("phone-3") == (state, stored), "a code is good once"
    town.shut_out("phone-3")
    crew.page.reload()
    crew.page.wait_for_selector("main.alone")
    eventually(lambda: crew.rows("me", "zhuomu.me")[0]["password"] == "", "the password is gone")
    assert crew.rows("things") == crew.rows("ops") == crew.rows("blobs") == []
    assert crew.errors == []


def test_the_page_comes_with_a_strict_policy_and_the_brokers_address(town: Town) -> None:
    answer = httpx.get(town.url)
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'" and policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["connect-src"] == f"'self' ws://127.0.0.1:{town.centre.ws_port}"
    assert httpx.get(town.url + "link.json").json() == {"mqtt": f"ws://127.0.0.1:{town.centre.ws_port}"}
    assert httpx.get(town.url + "../phone/%2e%2e/book.py").status_code == 404
    assert httpx.get(town.url, headers={"Host": "a;script-src *"}).status_code == 400
    manifest = httpx.get(town.url + "manifest.webmanifest").json()
    for icon in manifest["icons"]:
        picture = Image.open(io.BytesIO(httpx.get(town.url + icon["src"]).content))
        assert f"{picture.width}x{picture.height}" == icon["sizes"]


@pytest.mark.slow
def test_the_embedded_broker_serves_phones_too(tmp_path: Path, phone: Phones) -> None:
    town = Town(tmp_path, "amqtt")
    town.enrol("phone-1")
    crew = phone("phone-1", at=town)
    order_id = _order(town, crew)
    crew.dispose(order_id, jpeg(7))
    (row,) = _done(town, crew)
    assert hashlib.sha256(town.stored(row["sha256"]) or b"").hexdigest() == row["sha256"]
    town.stop()
