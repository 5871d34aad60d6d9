"""JSON Schema and AsyncAPI of the contract, generated from the channel table for people who write other clients."""

import json
from typing import Any

import msgspec

from edge.wire.channels import CHANNELS, Channel, topic
from edge.wire.errors import EXCEPTIONS
from edge.wire.messages import SCHEMA_VERSION


def json_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 with one definition per message."""
    _, components = msgspec.json.schema_components([c.message for c in CHANNELS], ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"zhuomu wire messages, schema_version {SCHEMA_VERSION}",
        "$defs": dict(sorted(components.items())),
    }


def asyncapi() -> dict[str, Any]:
    """AsyncAPI 3.0 document: one channel per table row; messages refer to the JSON Schema file beside it."""
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "zhuomu over MQTT", "version": str(SCHEMA_VERSION), "description": _codes()},
        "channels": {f"{c.direction}.{c.name}": _channel(c) for c in CHANNELS},
        "operations": {f"{c.direction}.{c.name}": _operation(c) for c in CHANNELS},
    }


def files() -> dict[str, str]:
    """File name -> content, as they stand in configs/wire/."""
    return {"messages.schema.json": _dump(json_schema()), "asyncapi.json": _dump(asyncapi())}


def _channel(row: Channel) -> dict[str, Any]:
    name = row.message.__name__
    return {
        "address": topic(row.direction, "{device}", row.name),
        "parameters": {"device": {"description": "the device's own id"}},
        "description": row.meaning,
        "messages": {name: {"payload": {"$ref": f"messages.schema.json#/$defs/{name}"}}},
        "bindings": {"mqtt": {"bindingVersion": "0.2.0"}},
        "x-limits": {"size_bytes_max": row.size_bytes_max, "rate_per_min_max": row.rate_per_min_max},
        "x-durable": row.durable,
    }


def _operation(row: Channel) -> dict[str, Any]:
    return {
        "action": "receive" if row.direction == "up" else "send",
        "channel": {"$ref": f"#/channels/{row.direction}.{row.name}"},
        "bindings": {"mqtt": {"qos": row.qos, "retain": row.retained, "bindingVersion": "0.2.0"}},
    }


def _codes() -> str:
    rows = [f"{int(code)} {cls.__name__}: {(cls.__doc__ or '').strip()}" for code, cls in EXCEPTIONS.items()]
    return "Seen from the gateway. Refusal codes: " + " | ".join(rows)


def _dump(data: dict[str, Any]) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"
