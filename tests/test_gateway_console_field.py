"""The desk's pages that reach into the field, in a browser: rules tried at a kiosk and rolled out, cameras live."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from desk_helpers import PASSWORD, PEOPLE, Staff, Visitor, launched
from gateway_helpers import Centre, eventually
from live_rig import Rig, clip
from playwright.sync_api import Browser, expect, sync_playwright
from test_gateway_missions import plan
from test_kiosk_rules_replay import BOOK, Street, watch

from edge.kiosk.asked import Asked
from edge.kiosk.deskviewers import DeskViewers
from edge.link import Broker, Link, Outbox
from edge.wire import Config, Health, Versions, encode, topic

SOME_S = 20_000
ROLES = ("supervisor", "admin", "auditor", "pilot")
pytestmark = pytest.mark.slow


class Kiosk:
    """A kiosk's line, its answers and what it was wished; what it sees was seen before."""

    def __init__(self, port: int, folder: Path, shows: object = None) -> None:
        self.wishes: list[Config] = []
        self._outbox = Outbox(folder / "line.db", "kiosk-1")
        handlers = {"ask": lambda ask: self.asked(ask), "config": self.wishes.append}
        self.link = Link(self._outbox, Broker(port=port), "kiosk", handlers=handlers)
        self.asked = Asked("kiosk-1", folder / "kiosk-1.db", folder, self.link.say, shows)  # type: ignore[arg-type]
        self.link.start()
        eventually(lambda: self.link.connected, "the line")

    def tells(self, cameras: dict[str, dict[str, float | str]] | None = None, **versions: object) -> None:
        """Health, as it comes every ten seconds."""
        told = Versions(**versions)  # type: ignore[arg-type]
        now = datetime.now(UTC)
        health = Health(device="kiosk-1", at=now, outbox_rows=0, outbox_bytes=0, cameras=cameras or {}, versions=told)
        self.link._connection.publish(topic("up", "kiosk-1", "health"), encode(health), 1)

    def stop(self) -> None:
        """End the line."""
        self.link.stop()
        self.asked.close()
        self._outbox.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = launched(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Centre]:
    centre = Centre(tmp_path_factory.mktemp("centre"), {"console": True, "people": PEOPLE})
    centre.start("broker", "gateway")
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


def audit(desktop: Visitor, centre: Centre) -> list[tuple[str, str]]:
    """(action, subject) of everything that was written down."""
    rows = centre.http.get("/people/audit", headers=desktop.cookie(), params={"limit": 200}).json()["rows"]
    return [(row["action"], row["subject"]) for row in rows]


def test_rules_are_tried_at_the_kiosk_before_they_are_rolled_out(
    desktop: Visitor, centre: Centre, tmp_path: Path
) -> None:
    """Fetch, change a dwell, see what falls away, roll out with a reason, watch the kiosk's state, stop."""
    watch(tmp_path, Street(2), 60.0, BOOK)
    kiosk = Kiosk(centre.mqtt_port, tmp_path)
    try:
        eventually(lambda: centre.http.get("/api/devices", headers=desktop.cookie()).json(), "the kiosk")
        page = desktop.open("/whatif?lang=en")
        page.get_by_role("button", name="Fetch rules in force").click()
        page.get_by_text("1 of 1 kiosks replayed").wait_for(timeout=SOME_S)
        page.get_by_label("heaps dwell s").fill("100000")
        page.get_by_role("button", name="What if").click()
        page.get_by_role("cell", name="- only what was filed").first.wait_for(timeout=SOME_S)
        heaps = page.get_by_role("region", name="by class").get_by_role("row").filter(has_text="01-10")
        filed, would = (int(heaps.get_by_role("cell").nth(n).inner_text()) for n in (1, 2))
        assert (would, filed > 0) == (0, True)
        assert kiosk.wishes == [], "trying applies nothing"
        page.get_by_role("button", name="Roll out these rules").click()
        page.get_by_text("give a reason").wait_for()
        page.get_by_label("reason").fill("too many heaps")
        page.get_by_role("button", name="Roll out these rules").click()
        eventually(lambda: kiosk.wishes, "the wish")
        assert 'version = "first-desk"' in kiosk.wishes[0].body.replace('\\"', '"')
        kiosk.tells(config=kiosk.wishes[0].version, config_state="trial")
        page = desktop.open("/rollouts?lang=en")
        page.get_by_role("cell", name="on trial").wait_for(timeout=SOME_S)
        kiosk.tells(config_refused=kiosk.wishes[0].version, config_reason="camera north gave no picture")
        page.get_by_text("camera north gave no picture").first.wait_for(timeout=SOME_S)
        expect(page.get_by_text("paused · device:kiosk-1")).to_be_visible(timeout=SOME_S)
        page.get_by_role("button", name="Stop").click()
        expect(page.get_by_text("ended · device:kiosk-1")).to_be_visible(timeout=SOME_S)
    finally:
        kiosk.stop()
    done = audit(desktop, centre)
    assert done.count(("rules.replayed", "kiosk-1")) == 2
    assert ("rollout.begun", "kiosk-1") in done
    assert ("rollout.changed", str(kiosk.wishes[0].version)) in done
    assert desktop.errors == []


def test_the_wall_shows_cameras_live_to_who_may_and_says_why_one_shows_nothing(
    desktop: Visitor, centre: Centre, tmp_path: Path
) -> None:
    """Pictures that move, a camera that is not shown, a live view that ends and comes back; each viewing is logged."""
    with Rig(clip(tmp_path / "north.mp4", 20.0)) as rig:
        kiosk = Kiosk(centre.mqtt_port, tmp_path, DeskViewers(rig.live, rig.tokens, 20))
        try:
            kiosk.tells({"north": {"fps": 5.0}, "yard": {"fps": 5.0}})
            page = desktop.open("/wall?lang=en")
            page.get_by_label("cameras").click()
            page.get_by_role("option", name="kiosk-1 · north").click()
            page.get_by_role("option", name="kiosk-1 · yard").click()
            page.keyboard.press("Escape")
            page.get_by_role("button", name="Watch").click()
            page.get_by_text("give a reason").wait_for()
            page.get_by_label("reason").fill("complaint 7")
            page.get_by_role("button", name="Watch").click()
            shown = "zhuomuWall.tiles.get('kiosk-1/north')?.shown"
            page.wait_for_function(f"{shown} > 10", timeout=60_000)
            page.get_by_text("no camera 'yard' is shown live here").wait_for(timeout=SOME_S)
            rig.live_ends()
            page.wait_for_function("zhuomuWall.tiles.get('kiosk-1/north').connects > 1", timeout=60_000)
            page.get_by_role("button", name="Stop all").click()
            eventually(lambda: len(rig.live.sessions) == 0, "the viewer's leaving")
            assert desktop.hosts() == {f"127.0.0.1:{centre.http_port}"}
        finally:
            kiosk.stop()
        rows = rig._conn.execute("select name, why, camera from viewing").fetchall()
    assert set(rows) == {("wang", "complaint 7", "north")} and len(rows) >= 2
    done = audit(desktop, centre)
    assert ("live.viewed", "kiosk-1/north") in done and ("live.viewed", "kiosk-1/yard") in done
    assert desktop.errors == []


def test_a_mission_is_imported_and_says_why_it_may_not_be_flown(
    desktop: Visitor, centre: Centre, tmp_path: Path
) -> None:
    (tmp_path / "east.json").write_bytes(msgspec.json.encode(plan()))
    (tmp_path / "bad.json").write_text("{}")
    page = desktop.open("/drones?lang=en")
    page.get_by_text("no dock service is named").wait_for(timeout=SOME_S)
    page.locator("input[type=file]").set_input_files(tmp_path / "bad.json")
    page.get_by_text("no plan; give the plan.json").wait_for(timeout=SOME_S)
    page.locator("input[type=file]").set_input_files(tmp_path / "east.json")
    page.get_by_role("img", name="east").wait_for(timeout=SOME_S)
    page.get_by_text("a check refuses: it cannot be started").wait_for()
    assert page.get_by_text("✗").count() >= 1 and page.get_by_role("button", name="fly").count() == 0
    page.get_by_role("button", name="Delete").click()
    page.get_by_text("no mission yet").wait_for(timeout=SOME_S)
    assert {("mission.imported", "east.json"), ("mission.deleted", "east")} <= set(audit(desktop, centre))
    assert desktop.errors == []


def test_nobody_sees_a_camera_without_the_role_or_a_reason(desktop: Visitor, centre: Centre) -> None:
    post = centre.http.post
    assert post("/api/live/kiosk-1/north?why=x", content="v=0").status_code == 401
    assert post("/api/live/kiosk-1/north", content="v=0", headers=desktop.cookie()).status_code == 422
    large = post("/api/live/kiosk-1/north?why=x", content="v" * 70_000, headers=desktop.cookie())
    assert large.status_code == 413
