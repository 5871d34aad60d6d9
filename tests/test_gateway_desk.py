"""The desk on the console page in a real browser: a person files or rejects, and what they said can be read again."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import missing
from gateway_helpers import Centre, Device, candidate, eventually, picture
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, sync_playwright

from edge.wire import EvidenceRef
from gateway.reviewed import decision

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
    """A city that files posters by itself and nothing else."""
    registry = {"crews": ["handset-1"], "auto_file": ["poster"], "auto_file_unmeasured": True}
    centre = Centre(tmp_path_factory.mktemp("centre"), {"console": True}, registry)
    centre.start()
    yield centre
    centre.stop()


@pytest.fixture
def page(centre: Centre, browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1280, "height": 1700})
    page.goto(f"http://127.0.0.1:{centre.http_port}/")
    page.wait_for_selector(".zm-legend")
    yield page
    page.close()


def see(centre: Centre, *numbers: int, **values: Any) -> None:
    """A kiosk files things with a picture each, and their cases are known at the gateway."""
    kiosk = Device(centre.mqtt_port, "kiosk-1", epoch=f"{numbers[0]:08d}")
    for number in numbers:
        shown = picture(jpeg(number))
        ref = EvidenceRef(sha256=shown.sha256, media_type="image/jpeg", size_bytes=9, kind="crop", redacted=True)
        kiosk.send(candidate(number, label=f"thing {number}", evidence=[ref], **values), shown)
    kiosk.settle()
    kiosk.stop()
    eventually(lambda: all(told(centre, n)["case_id"] for n in numbers), "the cases")


def told(centre: Centre, number: int) -> dict[str, Any]:
    """What the API says of a thing."""
    rows = centre.get("/api/reviewed")["candidates"]
    return next((r for r in rows if r["candidate_id"] == f"cand-{number}"), {"case_id": "", "decision": "none"})


def card(page: Page, number: int) -> Locator:
    """A thing's card at the desk."""
    return page.locator(".zm-desk .zm-candidate").filter(has_text=f"· thing {number} ·")


def name(page: Page, text: str) -> None:
    """Write who is at the desk."""
    page.locator(".zm-name input").fill(text)


def test_a_person_files_one_case_and_rejects_another_with_a_cause_and_a_reason(centre: Centre, page: Page) -> None:
    see(centre, 1, 2)
    name(page, "李敏")
    card(page, 1).get_by_role("button", name="File").click()
    eventually(lambda: told(centre, 1)["decision"] == "confirmed", "the filing")
    card(page, 1).wait_for(state="detached")
    card(page, 2).get_by_role("button", name="Reject").click()
    dialog = page.locator(".q-dialog")
    dialog.get_by_text("it is there, and allowed").click()
    dialog.get_by_label("reason").fill("licensed stall")
    dialog.get_by_role("button", name="Reject").click()
    eventually(lambda: told(centre, 2)["decision"] == "rejected", "the rejection")
    assert (told(centre, 1)["person"], told(centre, 2)["person"]) == ("李敏", "李敏")
    assert (told(centre, 2)["cause"], told(centre, 2)["reason"]) == ("permitted", "licensed stall")
    case = centre.registry_http.get(f"/cases/{told(centre, 2)['case_id']}").json()
    assert case["state"] == "rejected"


def test_without_a_name_a_cause_or_a_reason_nothing_is_decided_and_the_page_says_what_is_missing(
    centre: Centre, page: Page
) -> None:
    see(centre, 11)
    card(page, 11).get_by_role("button", name="File").click()
    page.get_by_text("first write your name").wait_for()
    name(page, "李敏")
    card(page, 11).get_by_role("button", name="Reject").click()
    dialog = page.locator(".q-dialog")
    dialog.get_by_role("button", name="Reject").click()
    page.get_by_text("choose what it was").wait_for()
    dialog.get_by_text("nothing of the kind").click()
    dialog.get_by_role("button", name="Reject").click()
    page.get_by_text("give a reason").wait_for()
    assert told(centre, 11)["decision"] == "waiting"


def test_a_case_that_a_colleague_decided_meanwhile_is_refused_in_words(centre: Centre, page: Page) -> None:
    see(centre, 21)
    name(page, "李敏")
    card(page, 21).get_by_role("button", name="Reject").click()
    confirm = centre.registry_http.post(f"/cases/{told(centre, 21)['case_id']}/confirm", json={"person": "Mr Wu"})
    assert confirm.is_success
    page.locator(".q-dialog").get_by_text("nothing of the kind").click()
    page.locator(".q-dialog").get_by_label("reason").fill("nothing there")
    page.locator(".q-dialog").get_by_role("button", name="Reject").click()
    page.get_by_text("refused, nothing changed").wait_for()
    eventually(lambda: told(centre, 21)["person"] == "Mr Wu", "the colleague's decision")


def test_what_the_city_files_by_itself_is_unreviewed_and_never_waits(centre: Centre) -> None:
    see(centre, 31, case_class="poster", class_code="02-01")
    eventually(lambda: told(centre, 31)["decision"] == "unreviewed", "the filing")
    assert told(centre, 31)["person"] == ""
    assert told(centre, 31)["case_id"] not in {row["case_id"] for row in centre.get("/api/waiting")}


def test_a_second_witness_is_not_what_the_person_was_shown(centre: Centre) -> None:
    see(centre, 41)
    other = Device(centre.mqtt_port, "kiosk-2", epoch="00000041")
    other.send(candidate(41, candidate_id="cand-410"))
    other.settle()
    other.stop()
    centre.registry_http.post(f"/cases/{told(centre, 41)['case_id']}/confirm", json={"person": "Mr Wu"})
    eventually(lambda: told(centre, 41)["decision"] == "confirmed", "the decision")
    assert told(centre, 410)["incident_id"] == told(centre, 41)["incident_id"]
    assert told(centre, 410)["decision"] == "witness"


def test_pages_of_decisions_join_without_gap_or_repeat(centre: Centre) -> None:
    see(centre, 51, 52, 53)
    whole = [row["n"] for row in centre.get("/api/reviewed")["candidates"]]
    paged, after = [], 0
    while after is not None:
        answer = centre.get("/api/reviewed", after=after, limit=2)
        paged += [row["n"] for row in answer["candidates"]]
        after = answer["next"]
    assert paged == whole


def test_a_filing_whose_actor_was_not_kept_counts_as_unreviewed() -> None:
    """Rows that the gateway mirrored before it kept names."""
    assert decision([{"kind": "filed", "data": {}, "at": "x", "case_id": "c"}])["decision"] == "unreviewed"


def jpeg(number: int) -> bytes:
    """A picture of its own."""
    out = io.BytesIO()
    Image.new("RGB", (64, 48), (number, 80, 40)).save(out, "JPEG")
    return out.getvalue()
