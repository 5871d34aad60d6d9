"""A GeoReport POST, checked field by field: what is wrong is told in one line with the field's name."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.registry.citizen_settings import Attribute, CitizenSettings
from gateway.registry.citizens import Wish
from gateway.registry.standard import Standard

DESCRIPTION_MAX = 4000
TEXT_MAX = 200
URL_MAX = 2000
FIELDS_MAX = 60
CLIENT_ID = re.compile(r"[\x21-\x7e]{1,128}")
URL = re.compile(r"https?://[\x21-\x7e]+")
CONTACT = ("email", "device_id", "account_id", "first_name", "last_name", "phone", "address_id")
_ATTRIBUTE = re.compile(r"attribute\[([^\[\]]{1,64})\](?:\[\])?")


class Problem(Exception):
    """An error document: `code` is the HTTP status, `str()` the description."""

    def __init__(self, code: int, description: str) -> None:
        super().__init__(description)
        self.code = code


@dataclass(frozen=True)
class Service:
    """A class of the filing standard as citizens see it."""

    code: str
    name: str
    group: str
    description: str
    case_class: str


def services_of(table: Standard) -> dict[str, Service]:
    """Code -> service, in the standard's order."""
    return {
        c.code: Service(c.code, f"{c.name_zh} {c.name_en}", c.case_class, f"{c.name_zh}: {c.closed_when}", c.case_class)
        for c in table.classes
    }


def questions(settings: CitizenSettings, code: str) -> list[Attribute]:
    """The attributes that a service asks for."""
    return [a for a in settings.attributes if not a.services or code in a.services]


def read(
    fields: Sequence[tuple[str, str]],
    header_id: str,
    key_name: str,
    services: Mapping[str, Service],
    settings: CitizenSettings,
) -> Wish:
    """Texts of a form to a Wish without its photo. Raises Problem."""
    single = {name: value.strip() for name, value in fields if not name.startswith("attribute[")}
    attributes = _attributes(fields)
    service = services.get(single.get("service_code", ""))
    if not single.get("service_code"):
        raise Problem(400, "service_code was not provided")
    if service is None:
        raise Problem(404, f"service_code '{single['service_code'][:64]}' was not found; see services")
    own = {name: attributes.pop(name)[0] for name in settings.client_id_attributes if attributes.get(name)}
    lat, lon = _place(single)
    return Wish(
        key_name=key_name,
        client_id=_client_id(header_id or next(iter(own.values()), "")),
        service_code=service.code,
        case_class=service.case_class,
        label=service.name,
        lat=lat,
        lon=lon,
        address=_text(single, "address_string", TEXT_MAX),
        description=_text(single, "description", DESCRIPTION_MAX),
        media_url=_url(single),
        contact={name: _text(single, name, TEXT_MAX) for name in CONTACT if single.get(name)},
        attributes=_answers(attributes, questions(settings, service.code)),
    )


def _attributes(fields: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in fields:
        if name.startswith("attribute["):
            match = _ATTRIBUTE.fullmatch(name)
            if match is None:
                raise Problem(400, f"'{name[:80]}' is not attribute[CODE] or attribute[CODE][]")
            found.setdefault(match[1], []).append(value.strip())
    return found


def _place(single: Mapping[str, str]) -> tuple[float, float]:
    """WGS-84 degrees. A report without coordinates cannot be put on the map here: there is no geocoder."""
    if not (single.get("lat") and single.get("long")):
        raise Problem(400, "lat and long are required (WGS-84 degrees); an address alone cannot be placed")
    try:
        lat, lon = float(single["lat"]), float(single["long"])
    except ValueError:
        raise Problem(400, "lat and long must be numbers (WGS-84 degrees)") from None
    if not (math.isfinite(lat) and math.isfinite(lon) and abs(lat) <= 90 and abs(lon) <= 180):
        raise Problem(400, "lat must be within 90 and long within 180 degrees")
    return lat, lon


def _text(single: Mapping[str, str], name: str, most: int) -> str:
    text = single.get(name, "")
    if len(text) > most:
        raise Problem(400, f"{name} is longer than {most} characters")
    if "\0" in text:
        raise Problem(400, f"{name} has a NUL character")
    return text


def _url(single: Mapping[str, str]) -> str:
    """Kept as text for people to look at; nothing here ever fetches it."""
    url = single.get("media_url", "")
    if url and (len(url) > URL_MAX or not URL.fullmatch(url)):
        raise Problem(400, f"media_url must be http:// or https://, at most {URL_MAX} characters")
    return url


def _client_id(text: str) -> str | None:
    if text and not CLIENT_ID.fullmatch(text):
        raise Problem(400, "a client's own id must be 1 to 128 printable ASCII characters without spaces")
    return text or None


def _answers(given: Mapping[str, list[str]], asked: Sequence[Attribute]) -> dict[str, list[str]]:
    known = {a.code: a for a in asked}
    for code in given:
        if code not in known:
            raise Problem(400, f"attribute[{code}] is not in the service's definition")
    answers: dict[str, list[str]] = {}
    for attribute in asked:
        values = [value for value in given.get(attribute.code, []) if value]
        if attribute.required and not values:
            raise Problem(400, f"attribute[{attribute.code}] is required: {attribute.description}")
        if values:
            answers[attribute.code] = _checked(attribute, values)
    return answers


def _checked(attribute: Attribute, values: list[str]) -> list[str]:
    name = f"attribute[{attribute.code}]"
    if len(values) > 1 and attribute.datatype != "multivaluelist":
        raise Problem(400, f"{name} takes one value")
    choices = {choice.key for choice in attribute.values}
    for value in values:
        if len(value) > DESCRIPTION_MAX or "\0" in value:
            raise Problem(400, f"{name} is longer than {DESCRIPTION_MAX} characters, or has a NUL character")
        if choices and value not in choices:
            raise Problem(400, f"{name}: '{value[:64]}' is none of {', '.join(sorted(choices))}")
        if attribute.datatype == "number" and not re.fullmatch(r"-?\d{1,15}(\.\d{1,10})?", value):
            raise Problem(400, f"{name}: '{value[:64]}' is not a number")
    return values
