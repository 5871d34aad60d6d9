"""The citizens' door: an Open311 GeoReport v2 server on the embedded registry, all six methods, XML and JSON.

Anybody may read how requests stand, as the specification has it; what a citizen wrote and photographed is shown to the
application that filed it alone. Source: https://wiki.open311.org/GeoReport_v2.
"""

import dataclasses
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, Response

from edge.link.settings import load
from gateway import georeport
from gateway.database import Database, sqlite_url
from gateway.registry import citizen_form, citizen_pages, citizen_query, citizen_tables
from gateway.registry.citizen_door import Door
from gateway.registry.citizen_form import Problem
from gateway.registry.citizen_settings import CitizenSettings
from gateway.registry.citizens import Citizens, IdReused, Wish
from gateway.registry.photos import NoPicture, PhotoFolder, cleaned
from gateway.registry.standard import Standard
from gateway.registry.store import Registry
from gateway.times import utc_now

ROOT = "/open311/v2"


def open_door(app: FastAPI, path: str, data: Path, registry: Registry, table: Standard) -> Database | None:
    """Mount the door when a settings file is named; its database is the caller's to close. Raises SettingsError."""
    if not path:
        return None
    settings = load(Path(path), CitizenSettings)
    url = sqlite_url(data / "citizens.sqlite3")
    database = Database(url, citizen_tables.metadata, citizen_tables.SCHEMA_VERSION, citizen_tables.MIGRATIONS)
    citizens = Citizens(database, registry, utc_now, settings.keep_contact_days)
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
        fields, photo = await citizen_query.form(request, door.settings.photo_bytes_max)
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
        return shown(citizen_query.wanted(door, request), form, key_name)

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
