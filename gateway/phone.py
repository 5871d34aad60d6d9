"""The phone page at `/phone/`: the files as they were built, where its MQTT is, and what it may do (CSP)."""

import json
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import msgspec
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from edge.link import SettingsError
from gateway.settings import GatewaySettings

# Data of the wheel, no code: the gateway knows nothing of the handset's room.
DIST = Path(str(files("edge"))) / "handset" / "page" / "dist"
AREAS_BYTES_MAX = 8 * 1024 * 1024
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".png": "image/png",
}
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}|\[[0-9a-fA-F:.]{2,45}\]")
_MQTT = re.compile(r"wss?://[A-Za-z0-9.\-\[\]:{}]+(/[A-Za-z0-9._~/-]*)?")


def add_phone(app: FastAPI, settings: GatewaySettings, dist: Path = DIST) -> None:
    """Mount it. Raises SettingsError for an address or a file of areas that cannot be used."""
    shell = {path.name: path.read_bytes() for path in sorted(dist.iterdir()) if path.suffix in TYPES}
    areas = _areas(settings.phone_areas)
    if not _MQTT.fullmatch(settings.phone_mqtt):
        raise SettingsError(f"phone_mqtt '{settings.phone_mqtt}': not ws:// or wss://; for example ws://{{host}}:9001")

    @app.get("/phone")
    def to_page() -> Response:
        return RedirectResponse("/phone/")

    @app.get("/phone/link.json")
    def link(request: Request) -> Response:
        return _answer(json.dumps({"mqtt": _mqtt(settings, request)}).encode(), ".json", request, settings)

    @app.get("/phone/areas.json")
    def outlines(request: Request) -> Response:
        return _answer(areas, ".json", request, settings)

    @app.get("/phone/{name:path}")
    def file(request: Request, name: str) -> Response:
        found = shell.get(name or "index.html")
        if found is None:
            raise HTTPException(404, "no such file of the phone page")
        return _answer(found, Path(name or "index.html").suffix, request, settings)


def _answer(body: bytes, suffix: str, request: Request, settings: GatewaySettings) -> Response:
    return Response(body, media_type=TYPES[suffix], headers=dict(_headers(_mqtt(settings, request))))


def _mqtt(settings: GatewaySettings, request: Request) -> str:
    """The broker's WebSocket address as the phone reaches it: by the name that it called us by."""
    host = request.headers.get("host", "")
    name = host if host.endswith("]") else host.rsplit(":", 1)[0]
    if not _HOST.fullmatch(name):
        raise HTTPException(400, "the request's Host is no name of a machine; open the page by the gateway's name")
    return settings.phone_mqtt.replace("{host}", name)


def _headers(mqtt: str) -> Mapping[str, str]:
    """Nothing but the page's own files, the gateway and the broker; camera and place for this page alone."""
    origin = "/".join(mqtt.split("/")[:3])
    own = "default-src 'none'; script-src 'self'; style-src 'self'; manifest-src 'self'; worker-src 'self'"
    return {
        "Content-Security-Policy": f"{own}; img-src 'self' blob:; connect-src 'self' {origin}; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'",
        "Permissions-Policy": "camera=(self), geolocation=(self), microphone=()",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-cache",
    }


def _areas(path: str) -> bytes:
    """A GeoJSON file with outlines of the city for the map; none: an empty collection. Raises SettingsError."""
    if not path:
        return b'{"type":"FeatureCollection","features":[]}'
    try:
        data = Path(path).read_bytes()
        if len(data) > AREAS_BYTES_MAX:
            raise SettingsError(f"{path}: {len(data)} bytes, the limit is {AREAS_BYTES_MAX}; simplify the outlines")
        kind = msgspec.json.decode(data, type=dict).get("type")
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror}); mend phone_areas") from error
    except msgspec.DecodeError as error:
        raise SettingsError(f"{path}: not JSON ({error}); phone_areas is a GeoJSON FeatureCollection") from error
    if kind != "FeatureCollection":
        raise SettingsError(f"{path}: type is '{kind}'; phone_areas is a GeoJSON FeatureCollection")
    return data
