"""Every page of the desk in a browser: both languages, screen and telephone, nothing asked outside, axe-core."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from axe_playwright_python.sync_playwright import Axe
from desk_helpers import PASSWORD, PEOPLE, Staff, Visitor, case_of, launched, near, see
from gateway_helpers import Centre, eventually
from playwright.sync_api import Browser, expect, sync_playwright

from gateway.registry import city

SOME_S = 20_000
# Page -> its heading, Chinese and English.
PAGES = {
    "/review": ("审核队列", "Review queue"),
    "/cases": ("案件", "Cases"),
    "/map": ("地图", "Map"),
    "/fleet": ("设备", "Fleet"),
    "/evaluation": ("综合评价", "Evaluation"),
    "/rules": ("立案标准与自动立案", "Filing standard, and what files by itself"),
    "/wall": ("视频墙", "Video wall"),
    "/drones": ("无人机", "Drones"),
    "/whatif": ("规则试算", "Rules: what if"),
    "/rollouts": ("设置下发", "Rollouts"),
    "/audit": ("审计日志", "Audit log"),
}
ROLES = ("acceptor", "dispatcher", "supervisor", "checker", "auditor", "admin", "pilot")
DRAWN = {  # what stands on a page when it has drawn what it shows
    "/": ".zm-desk .zm-candidate",
    "/review": ".zm-facts",
    "/cases": "table",
    "/map": ".zm-legend",
    "/fleet": "table",
    "/evaluation": ".zm-chart canvas",
    "/rules": "table",
    "/audit": "table",
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = launched(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Centre]:
    """Three things: one waits with a neighbour, one was filed and went to a crew."""
    folder = tmp_path_factory.mktemp("centre")
    places = folder / "city.json"
    places.write_bytes(msgspec.json.encode(city.synthetic()))
    registry = {"crews": ["handset-1"], "city": str(places)}
    centre = Centre(folder, {"console": True, "people": PEOPLE, "city": str(places)}, registry)
    centre.start()
    see(centre, 1, 2)
    see(centre, 103, place=near(1, 20.0), case_class="bike", class_code="04-10", camera="cam-2")
    centre.registry_http.post(f"/cases/{case_of(centre, 2)['case_id']}/confirm", json={"person": "Mr Wu"})
    eventually(lambda: case_of(centre, 2)["state"] == "dispatched", "the dispatch")
    yield centre
    centre.stop()


@pytest.fixture(scope="module")
def desktop(browser: Browser, centre: Centre) -> Iterator[Visitor]:
    staff = Staff(centre.folder / "gateway")
    staff.add("wang", *ROLES)
    visitor = Visitor(browser, centre)
    visitor.sign_in("wang", PASSWORD, staff.code("wang"))
    visitor.page.locator("header.zm-bar").wait_for()
    yield visitor
    visitor.close()


@pytest.fixture(scope="module")
def telephone(browser: Browser, centre: Centre, desktop: Visitor) -> Iterator[Visitor]:
    """The same session, 390 px wide."""
    visitor = Visitor(browser, centre, 390, 844)
    visitor.context.add_cookies(desktop.context.cookies())  # type: ignore[arg-type]
    yield visitor
    visitor.close()


def case_page(centre: Centre) -> str:
    return f"/case/{case_of(centre, 2)['case_id']}"


@pytest.mark.slow
def test_every_page_speaks_both_languages(desktop: Visitor) -> None:
    for place, language in ((1, "en"), (0, "zh")):
        desktop.open(f"/cases?lang={language}")
        for path, words in PAGES.items():
            page = desktop.open(path)
            expect(page.get_by_role("heading", level=1)).to_have_text(words[place], timeout=SOME_S)
            assert page.evaluate("document.documentElement.lang") == ("en" if language == "en" else "zh-CN")
    assert desktop.errors == []


@pytest.mark.slow
@pytest.mark.parametrize(("who", "width"), [("desktop", 1280), ("telephone", 390)])
def test_axe_core_finds_nothing_serious_and_no_page_is_wider_than_its_screen(
    request: pytest.FixtureRequest, centre: Centre, who: str, width: int
) -> None:
    visitor: Visitor = request.getfixturevalue(who)
    axe, found = Axe(), []
    for path in ("/login", "/", *PAGES, case_page(centre)):
        visitor.page.goto(f"{visitor.base}{path}")
        visitor.page.locator(DRAWN.get(path, "main h1")).first.wait_for(timeout=SOME_S)
        assert visitor.page.evaluate("document.documentElement.scrollWidth") <= width, path
        told = axe.run(visitor.page, options={"resultTypes": ["violations"]})
        found += [
            f"{path} {v['id']} ({v['impact']}): {v['nodes'][0]['html'][:160]}"
            for v in told.response["violations"]
            if v["impact"] in ("serious", "critical")
        ]
    assert found == []
    assert visitor.errors == []
    assert visitor.hosts() == {f"127.0.0.1:{centre.http_port}"}, "something was asked of an outside host"


@pytest.mark.slow
def test_a_case_is_led_on_from_its_page_as_far_as_the_role_goes(desktop: Visitor, centre: Centre) -> None:
    page = desktop.open(f"{case_page(centre)}?lang=en")
    page.get_by_role("button", name="Suspend").click()
    page.get_by_role("button", name="Confirm").click()
    page.get_by_text("give a reason").wait_for()
    page.get_by_label("reason").fill("road works")
    page.get_by_label("reason").press("Enter")
    eventually(lambda: case_of(centre, 2)["state"] == "suspended", "the suspension")
    page.get_by_text("wang · road works").wait_for(timeout=SOME_S)
    expect(page.get_by_role("button", name="Take up again")).to_be_visible(timeout=SOME_S)
    assert page.get_by_role("button", name="Feed back").count() == 0
    assert page.get_by_role("button", name="Extend").count() == 0


@pytest.mark.slow
def test_the_map_shows_the_city_and_shifts_with_the_datum(desktop: Visitor, centre: Centre) -> None:
    """The answers are what the map draws; the page asks for them in the datum that was chosen."""
    page = desktop.open("/map?lang=en")
    page.locator(".zm-legend").wait_for(timeout=SOME_S)
    page.locator(".zm-thing-label").first.wait_for(timeout=SOME_S)
    with page.expect_response(lambda r: "/api/map" in r.url and "gcj02" in r.url) as answer:
        page.get_by_role("button", name="GCJ-02").click()
    shifted = {row["label"]: (row["lat"], row["lon"]) for row in answer.value.json()}
    page.get_by_text("what is stored stays WGS-84").wait_for()
    rows = centre.http.get("/api/map", headers=desktop.cookie()).json()
    stored = {row["label"]: (row["lat"], row["lon"]) for row in rows}
    assert shifted.keys() == stored.keys()
    assert all(100 < _apart_m(shifted[name], stored[name]) < 900 for name in stored)
    things = centre.http.get("/api/things", headers=desktop.cookie()).json()
    assert sum(row["kind"] == "kiosk" for row in things) == 50


@pytest.mark.slow
def test_a_bar_of_the_evaluation_leads_to_its_cases(desktop: Visitor, centre: Centre) -> None:
    page = desktop.open("/evaluation?lang=en")
    page.locator(".zm-chart canvas").wait_for(timeout=SOME_S)
    month = (datetime.now(UTC) + timedelta(hours=8)).strftime("%Y-%m")
    told = centre.registry_http.get("/evaluation", params={"month": month}).json()
    city_row = next(row for row in told["rows"] if row["level"] == "city")
    figure = city_row["indicators"]["filing"]
    page.get_by_role("button", name=f"{figure['numerator']} / {figure['denominator']}").click()
    page.get_by_role("link", name=case_of(centre, 2)["case_id"]).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(case_of(centre, 2)["case_id"], timeout=SOME_S)


@pytest.mark.slow
def test_the_demo_says_that_nobody_signs_in(browser: Browser, tmp_path: Path) -> None:
    centre = Centre(tmp_path, {"console": True})
    centre.start("broker", "gateway")
    try:
        visitor = Visitor(browser, centre)
        visitor.open("/review").get_by_text("演示模式：无需登录").wait_for()
        visitor.close()
    finally:
        centre.stop()


def _apart_m(a: tuple[float, float], b: tuple[float, float]) -> float:
    return ((a[0] - b[0]) ** 2 * 111_195**2 + (a[1] - b[1]) ** 2 * 91_900**2) ** 0.5
