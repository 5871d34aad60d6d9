"""What a call asks for, out of its query or its form; what cannot be meant is a Problem."""

from datetime import datetime, timedelta
from typing import Any

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from gateway.registry.citizen_door import Door
from gateway.registry.citizen_form import FIELDS_MAX, Problem

FORM_BYTES_MAX = 64 * 1024
SPAN = timedelta(days=90)
PAGE_MAX = 1000
SPAN_WORDS = "start_date and end_date may span at most 90 days"


def wanted(door: Door, request: Request) -> list[dict[str, Any]]:
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


async def form(request: Request, photo_bytes_max: int) -> tuple[list[tuple[str, str]], bytes]:
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
