"""The desk's tests: a centre whose operators sign in, things with pictures, people with telephones, a browser."""

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyotp
import sqlalchemy as sa
from conftest import missing
from gateway_helpers import Centre, Device, candidate, eventually, picture
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, BrowserContext, Page, Playwright

from edge.wire import EvidenceRef, Place
from gateway import migrations, tables  # noqa: F401  (migrations brings the tables of people in)
from gateway.database import Database, sqlite_url
from gateway.identity_tables import operators
from gateway.people import accounts, passwords
from gateway.people.settings import PeopleSettings
from gateway.people.vault import Vault

CHROMIUM = Path("/usr/bin/chromium")
PASSWORD = "a wholly new pass phrase"
PEOPLE = {"required": True, "cookie_secure": False}


def launched(playwright: Playwright) -> Browser:
    """Chromium without a window."""
    if not CHROMIUM.exists():
        missing("chromium (apt-get install chromium)")
    return playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])


class Staff:
    """Operators of a centre, added to its database as `zhuomu gateway operator add` does."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._secrets: dict[str, str] = {}

    def add(self, name: str, *roles: str, first_password: bool = False) -> str:
        """A new account, past its first password unless that is asked for. Returns the password."""
        database = Database(sqlite_url(self._folder / "gateway.sqlite3"), tables.metadata, tables.SCHEMA_VERSION)
        with database.write() as tx:
            made = accounts.add(tx, Vault(self._folder), PeopleSettings(), name, roles, "test", datetime.now(UTC))
            if not first_password:
                values = {"password": passwords.hashed(PASSWORD, 8), "confirmed": True}
                tx.execute(sa.update(operators).where(operators.c.name == name).values(values))
        database.close()
        self._secrets[name] = parse_qs(urlsplit(made.uri).query)["secret"][0]
        return made.password if first_password else PASSWORD

    def code(self, name: str) -> str:
        """What the person's telephone shows now."""
        return str(pyotp.TOTP(self._secrets[name]).now())


class Visitor:
    """A browser in which somebody signed in; every request and every error of its pages is kept."""

    def __init__(self, browser: Browser, centre: Centre, width: int = 1280, height: int = 900) -> None:
        self.base = f"http://127.0.0.1:{centre.http_port}"
        self.context: BrowserContext = browser.new_context(viewport={"width": width, "height": height})
        self.asked: list[str] = []
        self.errors: list[str] = []
        self.page: Page = self.context.new_page()
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def sign_in(self, name: str, password: str, code: str) -> None:
        """Through the login page."""
        self.page.goto(f"{self.base}/login")
        self.page.get_by_label("用户名 User").fill(name)
        self.page.get_by_label("密码 Password").first.fill(password)
        self.page.get_by_label("动态码").fill(code)
        self.page.get_by_role("button", name="登录 Sign in").click()

    def open(self, path: str) -> Page:
        """A page of the desk, connected."""
        self.page.goto(f"{self.base}{path}")
        self.page.locator("header.zm-bar").wait_for()
        return self.page

    def cookie(self) -> dict[str, str]:
        """The session, as a header for a client that is no browser."""
        return {"cookie": "; ".join(f"{c['name']}={c['value']}" for c in self.context.cookies())}

    def hosts(self) -> set[str]:
        """Whom the pages asked."""
        return {url.split("/")[2] for url in self.asked if url.startswith(("http", "ws"))}

    def close(self) -> None:
        """End the session's browser."""
        self.context.close()


def see(centre: Centre, *numbers: int, east_m: float = 0.0, **values: Any) -> None:
    """A kiosk files things with three pictures each; waits until the gateway knows their cases."""
    kiosk = Device(centre.mqtt_port, "kiosk-1", epoch=f"{numbers[0]:08d}")
    for number in numbers:
        kinds: tuple[Any, ...] = ("before", "frame", "crop")
        shown = [picture(jpeg(number, kind), kind=kind) for kind in kinds]
        refs = [
            EvidenceRef(sha256=p.sha256, media_type="image/jpeg", size_bytes=len(p.data), kind=p.kind, redacted=True)
            for p in shown
        ]
        kiosk.send(candidate(number, label=f"thing {number}", evidence=refs, **values), *shown)
    kiosk.settle()
    kiosk.stop()
    known = {f"thing {number}" for number in numbers}
    eventually(lambda: known <= {row["label"] for row in cases_of(centre)}, "the cases")


def cases_of(centre: Centre) -> list[dict[str, Any]]:
    """What the registry has."""
    return list(centre.registry_http.get("/cases", params={"limit": 5000}).json()["cases"])


def case_of(centre: Centre, number: int) -> dict[str, Any]:
    """The case of one thing, with its events."""
    row = next(row for row in cases_of(centre) if row["label"] == f"thing {number}")
    return dict(centre.registry_http.get(f"/cases/{row['case_id']}").json())


def near(number: int, north_m: float) -> Place:
    """So many metres north of thing `number`."""
    return Place(lat=34.2 + number * 0.001 + north_m / 111_195, lon=117.2, error_major_m=1.0, error_minor_m=0.5)


def jpeg(number: int, kind: str) -> bytes:
    """A street in a few rectangles, the thing on it except before."""
    image = Image.new("RGB", (640, 480), (168, 178, 186))
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 0, 640, 190), fill=(201, 190, 170))
    pen.rectangle((0, 300, 640, 480), fill=(96, 101, 106))
    for x in range(20, 640, 120):
        pen.rectangle((x, 40, x + 70, 150), fill=(110 + number % 60, 128, 150))
    if kind != "before":
        pen.rectangle((260, 210, 400, 320), fill=(200, 60 + number % 100, 40))
        pen.text((280, 250), f"thing {number}", fill=(255, 255, 255))
    if kind == "crop":
        image = image.crop((230, 180, 430, 340))
    pen = ImageDraw.Draw(image)
    pen.text((6, 6), f"{kind} {number}", fill=(20, 20, 20))
    out = io.BytesIO()
    image.save(out, "JPEG")
    return out.getvalue()


__all__ = ["PASSWORD", "PEOPLE", "Staff", "Visitor", "case_of", "cases_of", "launched", "near", "see"]
