"""Phones in a real browser against the real centre: mosquitto with WebSockets, gateway, registry, Chromium."""

import hashlib
import io
import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gateway_helpers import REPOSITORY, Centre, Device, candidate, eventually
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page

from edge.wire import Notice
from gateway import tables
from gateway.bulk import Bulk
from gateway.database import Database, sqlite_url
from gateway.devices import known
from gateway.sync.books import SqlBooks
from gateway.sync.desk import Desk
from gateway.times import to_text

CHROMIUM = Path("/usr/bin/chromium")
REGISTRY = {"auto_file": ["stall", "litter"], "auto_file_unmeasured": True, "crews": ["crew-a"], "recheck_s": 0.3}
WAIT_MS = 30_000
PLACE = {"latitude": 34.262, "longitude": 117.201, "accuracy": 8}
EXIF_MAKE = 0x010F


class Town:
    """A centre with a kiosk and a crew; every order is a new thing on the street."""

    def __init__(self, folder: Path, broker: str = "mosquitto") -> None:
        self.folder = folder
        self.centre = Centre(folder, {"resend_s": 0.3}, REGISTRY)
        self.centre.broker = broker
        self.centre.start()
        self.kiosk = Device(self.centre.mqtt_port, "kiosk-1")
        self._things = 0

    @property
    def url(self) -> str:
        """The phone page."""
        return f"http://127.0.0.1:{self.centre.http_port}/phone/"

    def stop(self) -> None:
        """End everything."""
        self.kiosk.stop()
        self.centre.stop()

    def enrol(self, *phones: str) -> None:
        """Into crew-a, beside the running gateway."""
        for name in phones:
            command = [sys.executable, "-m", "zhuomu", "gateway", "handsets", "enrol", name, "crew-a"]
            command += ["--data", str(self.folder / "gateway")]
            subprocess.run(command, capture_output=True, cwd=REPOSITORY, check=True)

    def invite(self, device: str) -> str:
        """A one-time code, as `zhuomu gateway device add` prints it."""
        database = self._database()
        with database.write() as tx:
            secret = known.invite(tx, device, "", datetime.now(UTC), timedelta(hours=1))
        database.close()
        return f"{device}:{secret}:{'0' * 32}"

    def stands(self, device: str) -> tuple[str, str]:
        """(state, password in mosquitto's form)."""
        database = self._database()
        with database.read() as tx:
            found = known.signs_in(tx, device)
        database.close()
        return found

    def shut_out(self, device: str) -> None:
        """As `zhuomu gateway device revoke` does it in the database."""
        database = self._database()
        with database.write() as tx:
            known.revoke(tx, device, "lost", datetime.now(UTC))
        database.close()

    def thing(self, **values: Any) -> None:
        """Something is seen that becomes an order of crew-a's."""
        self._things += 1
        self.kiosk.send(candidate(self._things, **values))

    def orders(self) -> list[dict[str, Any]]:
        """What the centre has, one row for each order."""
        database = self._database()
        with database.read() as tx:
            rows = [dict(row) for row in tx.execute(tables.work_orders.select()).mappings()]
        database.close()
        return rows

    def stored(self, sha256: str) -> bytes | None:
        """A photo's bytes, proven; None while they are not there."""
        path = self.folder / "gateway" / "evidence" / sha256[:2] / sha256
        data = path.read_bytes() if path.is_file() else None
        assert data is None or hashlib.sha256(data).hexdigest() == sha256
        return data

    def notice(self, title: str, text: str) -> None:
        """Words to crew-a, as a desk at the centre would write them."""
        now = datetime.now(UTC)
        database = self._database()
        with database.write() as tx:
            words = Notice(notice_id=f"n-{title}", title=title, text=text, at=now, expires=now + timedelta(hours=1))
            Desk(SqlBooks(tx, Bulk(tx), to_text(now)), lambda: now).notice("crew-a", words)
        database.close()

    def _database(self) -> Database:
        return Database(sqlite_url(self.folder / "gateway" / "gateway.sqlite3"), tables.metadata, tables.SCHEMA_VERSION)


class Crew:
    """One phone: its browser profile, and what it asked for and what went wrong in it."""

    def __init__(
        self, town: Town, browser: Browser, device: str, language: str = "zh-CN", width: int = 390, code: str = ""
    ) -> None:
        self.town = town
        self.device = device
        self.code = code
        self.asked: list[str] = []
        self.errors: list[str] = []
        self.context: BrowserContext = browser.new_context(
            viewport={"width": width, "height": 780},
            locale=language,
            has_touch=True,
            geolocation=PLACE,  # type: ignore[arg-type]
            permissions=["geolocation"],
        )
        self.context.set_default_timeout(WAIT_MS)
        self.context.on("request", lambda request: self.asked.append(request.url))
        self.page = self.open()

    def open(self) -> Page:
        """A new page in the same profile, as after a kill; the device's name is asked for once alone."""
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("websocket", lambda socket: self.asked.append(socket.url))
        page.on("console", lambda said: self.errors.append(said.text) if "Security Policy" in said.text else None)
        page.goto(f"{self.town.url}#device={self.device}" + (f"&code={self.code}" if self.code else ""))
        begin = page.locator("[data-do=begin]")
        page.wait_for_selector("[data-do=begin], [data-sync], main.alone")
        if begin.count():
            begin.tap()
        self.page = page
        return page

    def sync(self, state: str) -> None:
        """Wait until the head says so."""
        self.page.wait_for_selector(f"[data-sync={state}]")

    def show(self, order_id: str) -> None:
        """Open an order from the list."""
        self.page.goto(f"{self.town.url}#/list")
        self.page.locator(f"a.card[data-order='{order_id}']").tap()
        self.page.wait_for_selector(f"main[data-order='{order_id}']")

    def tap(self, action: str) -> None:
        """One of the actions by its name."""
        self.page.locator(f"[data-do={action}]:visible").last.tap()

    def first(self) -> str:
        """The first order of the list."""
        found = self.page.locator("a.card").first.get_attribute("data-order")
        assert found
        return found

    def dispose(self, order_id: str, after: bytes, before: bytes = b"") -> None:
        """Whole, from the list, however far the order is."""
        self.show(order_id)
        if not self.page.locator(".bar [data-do=disposed]").count():
            self.tap("more")
        self.tap("disposed")
        if before:
            self.shoot("before", before)
        self.shoot("after", after)
        self.tap("submit")
        self.page.wait_for_selector("dialog", state="detached")

    def shoot(self, which: str, data: bytes) -> None:
        """A photo from the camera."""
        shots = self.page.locator(f".slot:has(input[name={which}]) img")
        before = shots.count()
        file = {"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": data}
        self.page.set_input_files(f"input[name={which}]", [file])  # type: ignore[list-item]
        eventually(lambda: shots.count() == before + 1, f"the photo {which}")

    def rows(self, store: str, database: str = "") -> list[Any]:
        """What lies in the phone's own database, or in the one that says who it is (`zhuomu.me`)."""
        script = """([name, store]) => new Promise((resolve, reject) => {
          const open = indexedDB.open(name);
          open.onerror = () => reject(open.error);
          open.onsuccess = () => {
            const all = open.result.transaction(store).objectStore(store).getAll();
            all.onsuccess = () => { open.result.close(); resolve(all.result); };
          };
        })"""
        return list(self.page.evaluate(script, [database or f"zhuomu-{self.device}", store]))

    def kill(self) -> None:
        """The page is closed from outside, whatever is under way in it."""
        self.page.close(run_before_unload=False)

    def close(self) -> None:
        """The profile is gone."""
        self.context.close()


def jpeg(seed: int, width: int = 640, height: int = 480) -> bytes:
    """Noise, so that it compresses badly, with a maker's name in its EXIF."""
    noise = random.Random(seed).randbytes(width * height * 3)
    picture = Image.frombytes("RGB", (width, height), noise)
    exif = Image.Exif()
    exif[EXIF_MAKE] = "SECRET-CAMERA"
    out = io.BytesIO()
    picture.save(out, "JPEG", exif=exif)
    return out.getvalue()
