"""What the citizens' door answers, as plain dictionaries with the specification's names."""

from collections.abc import Mapping
from typing import Any

from gateway.registry.citizen_form import Service, questions
from gateway.registry.citizen_settings import Attribute, CitizenSettings
from gateway.times import from_text, to_text

NOTICE = "已收到，核实后立案。Received; a person verifies it before it is filed."


def discovery(settings: CitizenSettings) -> dict[str, Any]:
    """Service discovery: where the endpoint is and what it speaks."""
    endpoint = {
        "specification": "http://wiki.open311.org/GeoReport_v2",
        "url": settings.endpoint,
        "changeset": "",
        "type": "production",
        "formats": ["text/xml", "application/json"],
    }
    return {"changeset": "", "contact": settings.contact, "key_service": settings.contact, "endpoints": [endpoint]}


def service_list(services: Mapping[str, Service], settings: CitizenSettings) -> list[dict[str, Any]]:
    """GET services."""
    return [
        {
            "service_code": service.code,
            "service_name": service.name,
            "description": service.description,
            "metadata": bool(questions(settings, service.code)),
            "type": "realtime",
            "keywords": service.group,
            "group": service.group,
        }
        for service in services.values()
    ]


def definition(code: str, settings: CitizenSettings) -> dict[str, Any]:
    """GET a service's definition."""
    asked = [_attribute(order, a) for order, a in enumerate(questions(settings, code), 1)]
    return {"service_code": code, "attributes": asked}


def receipt(row: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to a POST: the request's id, or a token while the registry could not give one."""
    named = {"service_request_id": row["case_id"]} if row["case_id"] else {"token": row["token"]}
    return {**named, "service_notice": NOTICE, "account_id": None}


def request(
    row: Mapping[str, Any], services: Mapping[str, Service], settings: CitizenSettings, key_name: str
) -> dict[str, Any]:
    """One request; text and photo only for the application that filed it (`key_name`)."""
    mine = key_name == row["key_name"]
    service = services.get(row["service_code"])
    photo = f"{settings.endpoint}/media/{row['photo']}.jpg" if row["photo"] else row["media_url"]
    return {
        "service_request_id": row["case_id"],
        "status": row["status"],
        "status_notes": row["notes"],
        "service_name": service.name if service else row["service_code"],
        "service_code": row["service_code"],
        "description": row["description"] if mine else None,
        "agency_responsible": None,
        "service_notice": None,
        "requested_datetime": _time(row["requested_at"]),
        "updated_datetime": _time(row["updated_at"]),
        "expected_datetime": _time(row["expected"]) if row["expected"] else None,
        "address": (row["address"] or None) if mine else None,
        "address_id": None,
        "zipcode": None,
        "lat": row["lat"],
        "long": row["lon"],
        "media_url": (photo or None) if mine else None,
    }


def _attribute(order: int, attribute: Attribute) -> dict[str, Any]:
    page: dict[str, Any] = {"variable": True, "code": attribute.code, "datatype": attribute.datatype}
    page |= {"required": attribute.required, "datatype_description": None, "order": order}
    page["description"] = attribute.description
    if attribute.values:
        page["values"] = [{"key": choice.key, "name": choice.name} for choice in attribute.values]
    return page


def _time(text: str) -> str:
    """To whole seconds, in UTC."""
    return to_text(from_text(text))[:19] + "Z"
