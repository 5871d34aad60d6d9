"""The citizens' door: an Open311 GeoReport v2 server on the embedded registry, all six methods, XML and JSON.

Anybody may read how requests stand, as the specification has it; what a citizen wrote and photographed is shown to the
application that filed it alone. Source: https://wiki.open311.org/GeoReport_v2.
"""

import dataclasses
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, Response
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from edge.link.settings import load
from gateway import georeport
from gateway.database import Database, sqlite_url
from gateway.registry import citizen_form, citizen_pages, citizen_tables
from gateway.registry.citizen_form import FIELDS_MAX, Problem
from gateway.registry.citizen_settings import ApiKey, CitizenSettings
from gateway.registry.citizens import Citizens, IdReused, Wish
from gateway.registry.photos import NoPicture, PhotoFolder, cleaned
from gateway.registry.standard import Standard
from gateway.registry.store import Registry
from gateway.registry.throttle import Throttle, network_of
from gateway.times import Clock, utc_now

ROOT = "/open311/v2"
FORM_BYTES_MAX = 64 * 1024
SPAN = timedelta(days=90)
PAGE_MAX = 1000
SPAN_WORDS = "start_date and end_date may span at most 90 days"
log = structlog.get_logger()


@dataclasses.dataclass(frozen=True)
class Door:
    """What the routes work with. `monotonic`: for the limits."""

    settings: CitizenSettings
    table: Standard
    citizens: Citizens
    photos: PhotoFolder
    clock: Clock = utc_now
    throttle: Throttle = dataclasses.field(default_factory=Throttle)
    monotonic: Callable[[], float] = time.monotonic

    def caller(self, request: Request) -> str:
        """The address that the limits count by."""
        named = request.headers.get(self.settings.address_header, "") if self.settings.address_header else ""
        return network_of(named or (request.client.host if request.client else ""))

    def enter(self, request: Request, what: str, per_min: float) -> None:
        """One call from an address. Raises Problem(429)."""
        self._take(f"{what} {self.caller(request)}", per_min)

    def key(self, api_key: str) -> ApiKey:
        """Who files. Raises Problem(403), Problem(429)."""
        found = self.settings.key_of(api_key)
        if found is None:
            raise Problem(403, "api_key is missing or not known here; ask the city for one")
        self._take(f"key {found.name}", found.per_minute)
        return found

    def reader(self, request: Request) -> str:
        """The name of the key that reads, "" without one. Raises Problem for a key or jurisdiction that is not ours."""
        self.enter(request, "read", self.settings.reads_per_address_minute)
        self.jurisdiction(request.query_params.get("jurisdiction_id", ""))
        api_key = request.query_params.get("api_key", "")
        return self.key(api_key).name if api_key else ""

    def jurisdiction(self, given: str) -> None:
        """Raises Problem(404)."""
        if given and given != self.settings.jurisdiction_id:
            raise Problem(404, f"jurisdiction_id '{given[:64]}' was not found; it may be left out here")

    def _take(self, name: str, per_min: float) -> None:
        if not self.throttle.allows(name, per_min, self.monotonic()):
            log.warning("open311.throttled", who=name)
            raise Problem(429, "too many requests; wait a minute")


def open_door(app: FastAPI, path: str, data: Path, registry: Registry, table: Standard) -> Database | None:
    """Mount the door when a settings file is named; its database is the caller's to close. Raises SettingsError."""
    if not path:
        return None
    settings = load(Path(path), CitizenSettings)
    url = sqlite_url(data / "citizens.sqlite3")
    database = Database(url, citizen_tables.metadata, citizen_tables.SCHEMA_VERSION)
    citizens = Citizens(database, registry, utc_now)
    citizens.settle(_classes(table))
    photos = PhotoFolder(data / "citizens-photos", settings.photos_bytes_max)
    mount(app, Door(settings, table, citizens, photos))
    return database


def mount(app: FastAPI, door: Door) -> None:
    """All routes."""
    app.add_exception_handler(Problem, _problem)
    _add_services(app, door)
    _add_post(app, door)
    _add_reading(app, door)


def _add_services(app: FastAPI, door: Door) -> None:
    services = citizen_form.services_of(door.table)

    @app.get("/open311/discovery.{form}")
    def discovery(form: str, request: Request) -> Response:
        door.reader(request)
        return _document(form, "discovery", citizen_pages.discovery(door.settings))

    @app.get(ROOT + "/services.{form}")
    def service_list(form: str, request: Request) -> Response:
        door.reader(request)
        return _document(form, "services", citizen_pages.service_list(services, door.settings))

    @app.get(ROOT + "/services/{code}.{form}")
    def definition(code: str, form: str, request: Request) -> Response:
        door.reader(request)
        if code not in services:
            raise Problem(404, f"service_code '{code[:64]}' was not found; see services")
        return _document(form, "service_definition", citizen_pages.definition(code, door.settings))


def _add_post(app: FastAPI, door: Door) -> None:
    services = citizen_form.services_of(door.table)

    @app.post(ROOT + "/requests.{form}")
    async def file(form: str, request: Request) -> Response:
        _format(form)
        door.enter(request, "post", door.settings.posts_per_address_minute)
        fields, photo = await _form(request, door.settings.photo_bytes_max)
        single = dict(fields)
        door.jurisdiction(single.get("jurisdiction_id", ""))
        key = door.key(single.get("api_key", "") or request.query_params.get("api_key", ""))
        header_id = request.headers.get("Idempotency-Key", "")
        wish = citizen_form.read(fields, header_id, key.name, services, door.settings)
        row = await run_in_threadpool(_file, door, wish, photo)
        return _document(form, "service_requests", [citizen_pages.receipt(row)], 201)


def _file(door: Door, wish: Wish, photo: bytes) -> dict[str, Any]:
    try:
        if photo:
            wish = dataclasses.replace(wish, photo=door.photos.keep(cleaned(photo)))
        return door.citizens.file(wish)
    except NoPicture as error:
        raise Problem(400, f"media: {error}") from error
    except IdReused as error:
        raise Problem(400, str(error)) from error
    except OSError as error:
        raise Problem(500, "the photo could not be kept; send it again later, or without the photo") from error


def _add_reading(app: FastAPI, door: Door) -> None:
    services = citizen_form.services_of(door.table)

    def shown(rows: list[dict[str, Any]], form: str, key_name: str) -> Response:
        pages = [citizen_pages.request(row, services, door.settings, key_name) for row in rows]
        return _document(form, "service_requests", pages)

    @app.get(ROOT + "/requests.{form}")
    def requests(form: str, request: Request) -> Response:
        key_name = door.reader(request)
        return shown(_wanted(door, request), form, key_name)

    @app.get(ROOT + "/requests/{request_id}.{form}")
    def one(request_id: str, form: str, request: Request) -> Response:
        key_name = door.reader(request)
        rows = door.citizens.by_case([request_id])
        if not rows:
            raise Problem(404, f"service_request_id '{request_id[:64]}' was not found")
        return shown(rows, form, key_name)

    @app.get(ROOT + "/tokens/{token}.{form}")
    def token(token: str, form: str, request: Request) -> Response:
        door.reader(request)
        door.citizens.settle(_classes(door.table))
        row = door.citizens.by_token(token)
        if row is None:
            raise Problem(404, f"token '{token[:64]}' was not found")
        answer = {"service_request_id": row["case_id"], "token": token}
        return _document(form, "service_requests", [answer])

    @app.get(ROOT + "/media/{name}.jpg")
    def media(name: str, request: Request) -> Response:
        key_name = door.reader(request)
        if not key_name or not door.citizens.by_photo(name, key_name):
            raise Problem(404, "no such photo for this api_key")
        headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "private, max-age=3600"}
        return FileResponse(door.photos.path(name), media_type="image/jpeg", headers=headers)


def _wanted(door: Door, request: Request) -> list[dict[str, Any]]:
    """The rows that a query names: by ids, or by time, service and status."""
    asked = request.query_params
    listed = {name: [v for v in asked.get(name, "").split(",") if v] for name in ("service_request_id", "service_code")}
    if listed["service_request_id"]:
        return door.citizens.by_case(listed["service_request_id"][:PAGE_MAX])
    status = [v for v in asked.get("status", "").lower().split(",") if v]
    if set(status) - {"open", "closed"}:
        raise Problem(400, "status must be open, closed or both")
    start, end = _span(asked.get("start_date", ""), asked.get("end_date", ""), door.clock())
    page, size = _number(asked.get("page", ""), 1, 10**6), _number(asked.get("page_size", ""), PAGE_MAX, PAGE_MAX)
    return door.citizens.between(start, end, listed["service_code"][:100], status, (page - 1) * size, size)


def _span(start_text: str, end_text: str, now: datetime) -> tuple[datetime, datetime]:
    start = _time("start_date", start_text) if start_text else None
    end = _time("end_date", end_text) if end_text else None
    end = end or (min(now, start + SPAN) if start else now)
    start = start or end - SPAN
    if end - start > SPAN:
        raise Problem(400, SPAN_WORDS)
    return start, end


def _time(name: str, text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        found = None
    if found is None or found.tzinfo is None or not 1970 < found.year < 9000:
        raise Problem(400, f"{name} must be like 2026-01-31T08:00:00Z, with a zone")
    return found


def _number(text: str, default: int, most: int) -> int:
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 9 and int(text) >= 1):
        raise Problem(400, "page and page_size must be whole numbers from 1")
    return min(most, int(text))


async def _form(request: Request, photo_bytes_max: int) -> tuple[list[tuple[str, str]], bytes]:
    """(texts, photo) of a form; nothing is read before its announced size is known to be small enough."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("application/x-www-form-urlencoded", "multipart/form-data"):
        raise Problem(400, "send a form: application/x-www-form-urlencoded, or multipart/form-data with a photo")
    length = request.headers.get("content-length", "")
    if not (length.isascii() and length.isdigit()):
        raise Problem(411, "Content-Length was not provided")
    most = FORM_BYTES_MAX + (photo_bytes_max if kind == "multipart/form-data" else 0)
    if int(length[:12]) > most:
        raise Problem(413, f"the form has {length[:12]} bytes, at most {most} are taken")
    try:
        async with request.form(max_files=1, max_fields=FIELDS_MAX, max_part_size=FORM_BYTES_MAX) as form:
            texts = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
            files = [value for value in form.values() if isinstance(value, UploadFile)]
            photo = await files[0].read() if files else b""
    except (HTTPException, UnicodeDecodeError) as error:
        raise Problem(400, f"the form cannot be read: {getattr(error, 'detail', error)}") from error
    if len(texts) > FIELDS_MAX:
        raise Problem(400, f"more than {FIELDS_MAX} fields")
    return texts, photo


def _classes(table: Standard) -> dict[str, tuple[str, str]]:
    return {code: (service.case_class, service.name) for code, service in citizen_form.services_of(table).items()}


def _format(form: str) -> georeport.Format:
    if form == "json":
        return "json"
    if form == "xml":
        return "xml"
    raise Problem(404, f"format '{form[:16]}' is not spoken here; xml and json are")


def _document(form: str, root: str, body: Any, status: int = 200) -> Response:
    known = _format(form)
    return Response(georeport.render(root, body, known), status, media_type=georeport.MEDIA_TYPES[known])


def _problem(request: Request, error: Exception) -> Response:
    """Registered for Problem alone; the format is the one that was asked for."""
    code = error.code if isinstance(error, Problem) else 500
    form: georeport.Format = "xml" if request.url.path.endswith(".xml") else "json"
    headers = {"Retry-After": "60"} if code == 429 else None
    body = georeport.errors(code, str(error), form)
    return Response(body, code, headers=headers, media_type=georeport.MEDIA_TYPES[form])
