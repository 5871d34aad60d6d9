"""Documents of Open311 GeoReport v2 in XML and JSON, written and read; client and server share them.

Source: https://wiki.open311.org/GeoReport_v2 (frozen).
"""

import re
import xml.etree.ElementTree as ET
from typing import Any, Literal

import msgspec

Format = Literal["json", "xml"]
DOCUMENT_BYTES_MAX = 4 * 1024 * 1024
MEDIA_TYPES: dict[Format, str] = {"json": "application/json; charset=utf-8", "xml": "text/xml; charset=utf-8"}
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# What the entries of a list are called in XML.
_ENTRY = {
    "services": "service",
    "service_requests": "request",
    "errors": "error",
    "attributes": "attribute",
    "values": "value",
    "endpoints": "endpoint",
    "formats": "format",
}


class BadDocument(ValueError):
    """The bytes are no GeoReport document; `str()` says why."""


def render(root: str, body: Any, form: Format) -> bytes:
    """`body` (a list for services, service_requests and errors, else a dict) under `root`; JSON has no root."""
    if form == "json":
        return msgspec.json.encode(body)
    return bytes(ET.tostring(_element(root, body), encoding="utf-8", xml_declaration=True))


def errors(code: int, description: str, form: Format) -> bytes:
    """The error document that the specification asks for."""
    return render("errors", [{"code": code, "description": description}], form)


def parse(content: bytes, form: Format) -> list[dict[str, str]]:
    """Entries of an answer (requests, tokens, services, errors) as flat texts. Raises BadDocument."""
    if len(content) > DOCUMENT_BYTES_MAX:
        raise BadDocument(f"{len(content)} bytes are over {DOCUMENT_BYTES_MAX}")
    return _from_json(content) if form == "json" else _from_xml(content)


def _element(name: str, value: Any) -> ET.Element:
    element = ET.Element(name)
    if isinstance(value, dict):
        element.extend(_element(key, child) for key, child in value.items())
    elif isinstance(value, list):
        element.extend(_element(_ENTRY.get(name, "value"), child) for child in value)
    elif value is not None:
        element.text = str(value).lower() if isinstance(value, bool) else _clean(str(value))
    return element


def _clean(text: str) -> str:
    """Without the characters that XML 1.0 has no way to write."""
    return _UNWRITABLE.sub("", text)


def _from_json(content: bytes) -> list[dict[str, str]]:
    try:
        body = msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadDocument(f"not JSON: {error}") from error
    rows = body if isinstance(body, list) else [body]
    return [{str(k): _text(v) for k, v in row.items()} for row in rows if isinstance(row, dict)]


def _from_xml(content: bytes) -> list[dict[str, str]]:
    try:
        text = content.decode("utf-8")
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise BadDocument("XML with a document type; entities are not read")
        root = ET.fromstring(text)
    except (UnicodeDecodeError, ET.ParseError) as error:
        raise BadDocument(f"not XML: {error}") from error
    return [{child.tag: (child.text or "").strip() for child in row} for row in root]


def _text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else str(value)
