"""The review queue in a real browser: decided from the keyboard alone, live, within one's place, each look logged."""

from collections.abc import Iterator

import pytest
from desk_helpers import PASSWORD, PEOPLE, Staff, Visitor, case_of, launched, near, see
from gateway_helpers import Centre, Device, candidate, eventually
from playwright.sync_api import Browser, Page, expect, sync_playwright

from gateway.console.words import REASONS

SOME_S = 20_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = launched(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Centre]:
    """A city whose operators sign in and where nothing is filed by itself."""
    centre = Centre(tmp_path_factory.mktemp("centre"), {"console": True, "people": PEOPLE}, {"crews": ["handset-1"]})
    centre.start()
    yield centre
    centre.stop()


@pytest.fixture(scope="module")
def staff(centre: Centre) -> Staff:
    return Staff(centre.folder / "gateway")


def at_the_queue(browser: Browser, centre: Centre, staff: Staff, name: str, *roles: str) -> Visitor:
    """Somebody new, signed in, at the review queue in English."""
    staff.add(name, *roles)
    visitor = Visitor(browser, centre)
    visitor.sign_in(name, PASSWORD, staff.code(name))
    visitor.page.locator("header.zm-bar").wait_for()
    visitor.open("/review?lang=en")
    return visitor


def label(page: Page) -> str:
    """What is shown now."""
    return page.locator(".zm-facts .zm-big").inner_text(timeout=SOME_S)


def shows(page: Page, number: int) -> None:
    expect(page.locator(".zm-facts .zm-big")).to_contain_text(f"· thing {number} ·", timeout=SOME_S)


@pytest.mark.slow
def test_twenty_candidates_are_decided_from_the_keyboard_alone_and_the_log_says_who_looked(
    browser: Browser, centre: Centre, staff: Staff
) -> None:
    see(centre, *range(1, 20))
    see(centre, 120, place=near(19, 20.0), case_class="bike", class_code="04-10", camera="cam-2")
    visitor = at_the_queue(browser, centre, staff, "li", "acceptor", "auditor")
    page, keys = visitor.page, visitor.page.keyboard
    expect(page.get_by_text("waiting 1 / 20")).to_be_visible(timeout=SOME_S)
    shows(page, 1)
    page.wait_for_function("[...document.querySelectorAll('.zm-figure img')].filter(i => i.naturalWidth).length === 3")
    keys.press("j")
    shows(page, 2)
    keys.press("k")
    for number in range(1, 20):
        shows(page, number)
        if number % 3:
            keys.press("f")
            continue
        keys.press("r")
        expect(page.get_by_text("Do not file")).to_be_visible(timeout=SOME_S)
        keys.press(str(1 + number % len(REASONS)))
        expect(page.get_by_label("reason")).to_be_focused(timeout=SOME_S)
        keys.press("Enter")
    shows(page, 120)
    keys.press("m")
    expect(page.get_by_text("Which one is the same thing?")).to_be_visible(timeout=SOME_S)
    keys.press("1")
    expect(page.get_by_text("Nothing waits.")).to_be_visible(timeout=SOME_S)
    expect(page.get_by_text("decided here 20")).to_be_visible()
    for number in range(1, 20):
        kept = case_of(centre, number)
        steps = {e["kind"]: e["actor"] for e in kept["events"]}
        assert steps.get("filed" if number % 3 else "rejected") == "li", (number, steps)
    gone = case_of(centre, 120)
    assert (gone["state"], gone["reject_cause"]) == ("rejected", "duplicate")
    assert case_of(centre, 19)["case_id"] in gone["events"][-1]["reason"]
    log = centre.http.get("/people/audit", params={"limit": 1000, "actor": "li"}, headers=visitor.cookie()).json()[
        "rows"
    ]
    looked = {row["subject"] for row in log if (row["action"], row["reason"]) == ("picture.viewed", "review")}
    assert len(looked) >= 20
    assert visitor.errors == []
    assert visitor.hosts() == {f"127.0.0.1:{centre.http_port}"}
    visitor.close()


@pytest.mark.slow
def test_what_was_merged_is_one_incident_for_the_next_sighting(browser: Browser, centre: Centre, staff: Staff) -> None:
    see(centre, 21)
    see(centre, 22, place=near(21, 30.0), case_class="bike", class_code="04-10")
    visitor = at_the_queue(browser, centre, staff, "sun", "acceptor")
    shows(visitor.page, 21)
    visitor.page.keyboard.press("j")
    shows(visitor.page, 22)
    visitor.page.keyboard.press("m")
    visitor.page.get_by_text("1 · 04-06 thing 21").wait_for()
    visitor.page.keyboard.press("1")
    shows(visitor.page, 21)
    again = Device(centre.mqtt_port, "kiosk-1", epoch="00000222")
    again.send(candidate(22, candidate_id="cand-again", case_class="bike", class_code="04-10", place=near(21, 30.0)))
    again.settle()
    again.stop()
    rows = centre.http.get("/api/incidents", headers=visitor.cookie(), params={"limit": 500}).json()
    kept = next(row for row in rows if row["label"] == "thing 21")
    assert {"cand-21", "cand-22", "cand-again"} == {w["candidate_id"] for w in kept["witnesses"]}
    visitor.page.keyboard.press("f")
    visitor.page.get_by_text("Nothing waits.").wait_for()
    visitor.close()


@pytest.mark.slow
def test_a_new_candidate_appears_without_reload_and_one_that_a_colleague_decided_goes_with_a_word(
    browser: Browser, centre: Centre, staff: Staff
) -> None:
    visitor = at_the_queue(browser, centre, staff, "zhao", "acceptor")
    page = visitor.page
    page.get_by_text("Nothing waits.").wait_for()
    see(centre, 31)
    shows(page, 31)
    centre.registry_http.post(f"/cases/{case_of(centre, 31)['case_id']}/confirm", json={"person": "Mr Wu"})
    page.get_by_text("decided by somebody else meanwhile").wait_for(timeout=SOME_S)
    page.get_by_text("Nothing waits.").wait_for()
    visitor.close()


@pytest.mark.slow
def test_each_sees_and_decides_only_what_lies_in_their_place(browser: Browser, centre: Centre, staff: Staff) -> None:
    """Thing 33 lies in the fifth district of the synthetic city, things 1 and 2 (decided above) in the first."""
    see(centre, 33)
    here, there = ("990101", "990105")
    away = at_the_queue(browser, centre, staff, "away", f"acceptor@{here}")
    away.page.get_by_text("Nothing waits.").wait_for()
    case_id = case_of(centre, 33)["case_id"]
    away.open(f"/case/{case_id}").get_by_text("no such case, or not in your place").wait_for()
    rows = centre.http.get("/api/map", headers=away.cookie()).json()
    assert "thing 33" not in {row["label"] for row in rows}
    assert {"thing 1", "thing 2"} <= {row["label"] for row in rows}
    assert centre.http.get("/api/incidents", headers=away.cookie()).status_code == 403
    shut = away.cookie()
    away.close()
    mine = at_the_queue(browser, centre, staff, "mine", f"acceptor@{there}")
    shows(mine.page, 33)
    picture = mine.page.locator(".zm-figure img").first.get_attribute("src")
    assert centre.http.get(str(picture), headers=shut).status_code == 403
    mine.page.keyboard.press("f")
    mine.page.get_by_text("Nothing waits.").wait_for()
    eventually(lambda: case_of(centre, 33)["filed_by"] == "mine", "the filing")
    mine.close()


@pytest.mark.slow
def test_a_session_that_is_ended_elsewhere_leaves_nothing_on_the_open_page(
    browser: Browser, centre: Centre, staff: Staff
) -> None:
    visitor = at_the_queue(browser, centre, staff, "gone", "acceptor")
    assert centre.http.delete("/people/session", headers=visitor.cookie()).is_success
    visitor.page.wait_for_url("**/login", timeout=SOME_S)
    visitor.close()


@pytest.mark.slow
def test_the_first_password_leads_to_a_new_one_and_to_nothing_else(
    browser: Browser, centre: Centre, staff: Staff
) -> None:
    handed_out = staff.add("new", "acceptor", first_password=True)
    visitor = Visitor(browser, centre)
    visitor.page.goto(f"{visitor.base}/review")
    assert visitor.page.url.endswith("/login?next=/review")
    visitor.sign_in("new", handed_out, "000000")
    visitor.page.get_by_text("name, password or code is wrong").wait_for()
    visitor.sign_in("new", handed_out, staff.code("new"))
    visitor.page.get_by_label("新密码").fill(PASSWORD)
    visitor.page.get_by_label("再输一次").fill(PASSWORD)
    visitor.page.goto(f"{visitor.base}/review")
    assert "/login" in visitor.page.url
    visitor.close()
