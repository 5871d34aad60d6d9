"""A registry with its citizens' door open: in this process with clocks of the test's own, or as a real process."""

import hashlib
import io
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from PIL import Image

from gateway.database import Database, sqlite_url
from gateway.registry import api, citizen_tables, standard, tables
from gateway.registry.cases import Rules
from gateway.registry.citizen_door import Door
from gateway.registry.citizen_settings import ApiKey, Attribute, Choice, CitizenSettings
from gateway.registry.citizens import Citizens
from gateway.registry.open311 import ROOT, mount
from gateway.registry.photos import PhotoFolder
from gateway.registry.store import Registry
from gateway.times import utc_now

KEY, OTHER = "a secret", "another secret"
REPORT = {"api_key": KEY, "service_code": "04-06", "lat": "34.2051234", "long": "117.2", "description": "摊位占道 <b>&"}
TOML = f"""
jurisdiction_id = "demo.example"
endpoint = "http://127.0.0.1:1/open311/v2"
posts_per_address_minute = 1000.0
[[keys]]
name = "app"
sha256 = "{hashlib.sha256(KEY.encode()).hexdigest()}"
per_minute = 1000.0
[[keys]]
name = "other"
sha256 = "{hashlib.sha256(OTHER.encode()).hexdigest()}"
"""


def hashed(key: str) -> str:
    """As it stands in the settings."""
    return hashlib.sha256(key.encode()).hexdigest()


def settings(**values: Any) -> CitizenSettings:
    """Two keys, one question for 04-06."""
    ask = Attribute(
        code="blocks",
        description="Blocks the way?",
        datatype="singlevaluelist",
        services=["04-10"],
        required=True,
        values=[Choice(key="yes", name="是"), Choice(key="no", name="否")],
    )
    row: dict[str, Any] = {
        "jurisdiction_id": "demo.example",
        "keys": [ApiKey(name="app", sha256=hashed(KEY)), ApiKey(name="other", sha256=hashed(OTHER))],
        "attributes": [ask],
        "posts_per_address_minute": 1000.0,
    }
    return CitizenSettings(**(row | values))


class Rig:
    """Registry, door and an HTTP client without a socket; `now_s` is the limits' clock."""

    def __init__(self, folder: Path, **values: Any) -> None:
        folder.mkdir(exist_ok=True)
        self.now_s = 0.0
        table = standard.read()
        self.database = Database(sqlite_url(folder / "registry.sqlite3"), tables.metadata, tables.SCHEMA_VERSION)
        own = sqlite_url(folder / "citizens.sqlite3")
        self.own = Database(own, citizen_tables.metadata, citizen_tables.SCHEMA_VERSION)
        self.registry = Registry(self.database, table, Rules(crews=("handset-1",)), frozenset(), utc_now)
        self.door = Door(
            settings(**values),
            table,
            Citizens(self.own, self.registry, utc_now),
            PhotoFolder(folder / "photos", 10**7),
            monotonic=lambda: self.now_s,
        )
        self.app = api.build(self.registry)
        mount(self.app, self.door)
        self.http = TestClient(self.app)

    def post(self, form: str = "json", **fields: Any) -> Any:
        """File REPORT with changes; `files`, `headers` go to the client."""
        extra = {name: fields.pop(name) for name in ("files", "headers") if name in fields}
        data = {name: value for name, value in (REPORT | fields).items() if value is not None}
        return self.http.post(f"{ROOT}/requests.{form}", data=data, **extra)

    def get(self, path: str, **params: Any) -> Any:
        """GET below the root."""
        return self.http.get(f"{ROOT}/{path}", params=params)

    def file(self, **fields: Any) -> str:
        """File and return the request's id."""
        answer = self.post(**fields)
        assert answer.status_code == 201, answer.text
        return str(answer.json()[0]["service_request_id"])

    def close(self) -> None:
        """Give the databases back."""
        self.http.close()
        self.database.close()
        self.own.close()


def jpeg(width: int = 320, height: int = 200, gps: bool = False) -> bytes:
    """A picture, if wanted with a GPS position in its EXIF."""
    exif = Image.Exif()
    if gps:
        exif.get_ifd(0x8825)[2] = (34.0, 12.0, 18.0)
        exif[0x010E] = "taken at home"
    out = io.BytesIO()
    Image.new("RGB", (width, height), (200, 30, 30)).save(out, "JPEG", exif=exif)
    return out.getvalue()
