"""Answers to what docks ask for: configuration, binding, storage, wayline files. Pure; a dock learns of its own only.

Source: DJI Cloud API documentation v1.11, Dock 2: config, organization, file, wayline.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from drone.dji import fields
from drone.dji.messages import Envelope, body
from drone.dji.settings import DockEntry, Settings

REFUSED = 1  # "non-zero represents an error"; docks show nothing but the number
BIND_REFUSED = 210231  # the number of DJI's own example for a device that was not bound


@dataclass(frozen=True)
class Resource:
    """A wayline file as docks fetch it. fingerprint: MD5 of its bytes, as the protocol wants it."""

    url: str
    fingerprint: str


@dataclass
class Asked:
    """Who asks, and what may be told. own: the dock's serial number and its aircraft's; resources: by flight."""

    settings: Settings
    entry: DockEntry
    own: frozenset[str]
    bound: dict[str, str]
    resources: Mapping[str, Resource]
    notes: list[str] = field(default_factory=list)


Answerer = Callable[[Asked, Envelope], dict[str, Any]]


def answer(asked: Asked, envelope: Envelope) -> dict[str, Any]:
    """`data` of the reply. Raises BadMessage for data that cannot be read."""
    known = ANSWERS.get(envelope.method)
    if known is None:
        return {"result": REFUSED}
    return known(asked, envelope)


def _config(asked: Asked, _envelope: Envelope) -> dict[str, Any]:
    """The licence and the clock's server; this one reply has neither result nor output in the documentation."""
    app = asked.settings.app
    return {
        "ntp_server_host": app.ntp_host,
        "ntp_server_port": app.ntp_port,
        "app_id": app.id,
        "app_key": app.key,
        "app_license": app.license,
    }


def _bind_status(asked: Asked, envelope: Envelope) -> dict[str, Any]:
    wanted = body(envelope, fields.BindStatus, asked.entry.sn)
    return {"result": 0, "output": {"bind_status": [_bound(asked, device.sn) for device in wanted.devices]}}


def _bound(asked: Asked, sn: str) -> dict[str, Any]:
    bound = sn in asked.own and sn in asked.bound
    organization = asked.settings.organization
    if sn not in asked.own:
        asked.notes.append(f"asked for {sn}, which is not its own")
    return {
        "sn": sn,
        "is_device_bind_organization": bound,
        "organization_id": organization.id if bound else "",
        "organization_name": organization.name if bound else "",
        "device_callsign": asked.bound[sn] if bound else "",
    }


def _organization(asked: Asked, envelope: Envelope) -> dict[str, Any]:
    wanted = body(envelope, fields.OrganizationGet, asked.entry.sn)
    if not _code_fits(asked, wanted.device_binding_code, wanted.organization_id):
        asked.notes.append("asked for the organization with a wrong binding code")
        return {"result": REFUSED, "output": {"organization_name": ""}}
    return {"result": 0, "output": {"organization_name": asked.settings.organization.name}}


def _bind(asked: Asked, envelope: Envelope) -> dict[str, Any]:
    errors = []
    for device in body(envelope, fields.OrganizationBind, asked.entry.sn).bind_devices:
        fits = device.sn in asked.own and _code_fits(asked, device.device_binding_code, device.organization_id)
        if fits:
            name = asked.entry.name if device.sn == asked.entry.sn else f"{asked.entry.name} {device.sn}"
            asked.bound[device.sn] = device.device_callsign or name
        else:
            asked.notes.append(f"binding of {device.sn} refused: not its own, or a wrong binding code")
        errors.append({"sn": device.sn, "err_code": 0 if fits else BIND_REFUSED})
    return {"result": 0, "output": {"err_infos": errors}}


def _code_fits(asked: Asked, code: str, organization: str) -> bool:
    same = hmac.compare_digest(code.encode(), asked.entry.binding_code.encode())
    return same and organization in ("", asked.settings.organization.id)


def _storage(asked: Asked, envelope: Envelope) -> dict[str, Any]:
    store = asked.settings.storage
    wanted = body(envelope, fields.StorageGet, asked.entry.sn)
    if store is None or wanted.module != 0:
        asked.notes.append("asked where to upload pictures; no [storage] in the settings, they stay in the dock")
        return {"result": REFUSED}
    credentials = {
        "access_key_id": store.access_key_id,
        "access_key_secret": store.access_key_secret,
        "expire": store.expire_s,
        "security_token": store.security_token,
    }
    place = {"bucket": store.bucket, "endpoint": store.endpoint, "provider": store.provider, "region": store.region}
    # A folder of its own for every dock; what it may write there is the credentials' to say.
    return {"result": 0, "output": {**place, "credentials": credentials, "object_key_prefix": asked.entry.sn}}


def _resource(asked: Asked, envelope: Envelope) -> dict[str, Any]:
    wanted = body(envelope, fields.ResourceGet, asked.entry.sn)
    resource = asked.resources.get(wanted.flight_id)
    if resource is None:
        asked.notes.append(f"asked for the wayline of flight {wanted.flight_id}, which is not its own")
        return {"result": REFUSED}
    return {"result": 0, "output": {"file": {"url": resource.url, "fingerprint": resource.fingerprint}}}


ANSWERS: dict[str, Answerer] = {
    "config": _config,
    "airport_bind_status": _bind_status,
    "airport_organization_get": _organization,
    "airport_organization_bind": _bind,
    "storage_config_get": _storage,
    "flighttask_resource_get": _resource,
}
