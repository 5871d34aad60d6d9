"""Topics and envelopes of DJI's Cloud API, checked before anything else looks at them.

Source: DJI Cloud API documentation v1.11, "Dock to Cloud", topic definition (github dji-sdk/Cloud-API-Doc,
docs/en/60.api-reference/20.dock-to-cloud/00.mqtt/00.topic-definition.md). Facts of the protocol only.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any, TypeVar

import msgspec

PAYLOAD_MAX = 262_144
TEXT_MAX = 200
SN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{3,63}")
TOPIC = re.compile(r"(thing|sys)/product/([^/]{1,64})/(osd|state|services_reply|events|requests|status)")

T = TypeVar("T")
BROKEN = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class Channel(StrEnum):
    """What comes up from a dock, by the last part of its topic."""

    OSD = "osd"
    STATE = "state"
    SERVICES_REPLY = "services_reply"
    EVENTS = "events"
    REQUESTS = "requests"
    STATUS = "status"


class BadMessage(ValueError):
    """A message that is not taken; `str()` is one line: what, where, what to do."""


class Envelope(msgspec.Struct, frozen=True):
    """What every message is wrapped in. tid: one exchange; bid: one business of several exchanges; timestamp: the
    sender's clock in ms; gateway: the dock's serial number; need_reply: 1 where an event wants an answer."""

    tid: str = ""
    bid: str = ""
    timestamp: float = 0
    data: msgspec.Raw = msgspec.Raw(b"null")
    method: str = ""
    gateway: str = ""
    need_reply: int = 0


class Out(msgspec.Struct, frozen=True):
    """A message to publish, QoS 1."""

    topic: str
    payload: bytes


def subscriptions() -> list[tuple[str, int]]:
    """What to subscribe to: all docks' upward topics. Telemetry comes at 0.5 Hz and may get lost."""
    things = [("osd", 0), ("state", 1), ("services_reply", 1), ("events", 1), ("requests", 1)]
    return [(f"thing/product/+/{name}", qos) for name, qos in things] + [("sys/product/+/status", 1)]


def split_topic(topic: str) -> tuple[str, Channel]:
    """(serial number, channel) of a topic. Raises BadMessage."""
    found = TOPIC.fullmatch(topic)
    if not found or (found[1] == "sys") != (found[3] == "status") or not SN.fullmatch(found[2]):
        raise BadMessage(f"{shown(topic)}: no topic of a dock; check the broker's access rules")
    return found[2], Channel(found[3])


def down(sn: str, channel: str) -> str:
    """The topic to a dock: services, events_reply, requests_reply or status_reply."""
    return f"{'sys' if channel == 'status_reply' else 'thing'}/product/{sn}/{channel}"


def read(topic: str, payload: bytes) -> Envelope:
    """The envelope of a message. Raises BadMessage."""
    if len(payload) > PAYLOAD_MAX:
        raise BadMessage(f"{shown(topic)}: {len(payload)} bytes, at most {PAYLOAD_MAX} are read; dropped")
    try:
        envelope = msgspec.json.decode(payload, type=Envelope)
    except BROKEN as error:
        raise BadMessage(f"{shown(topic)}: no message of the Cloud API ({shown(str(error))}); dropped") from None
    for name in ("tid", "bid", "method", "gateway"):
        if len(getattr(envelope, name)) > TEXT_MAX:
            raise BadMessage(f"{shown(topic)}: {name} of more than {TEXT_MAX} characters; dropped")
    if not 0 <= envelope.timestamp < 1e14:
        raise BadMessage(f"{shown(topic)}: timestamp {envelope.timestamp:g} is no time in ms; set the dock's clock")
    return envelope


def body(envelope: Envelope, kind: type[T], where: str) -> T:
    """The data of an envelope as `kind`. Raises BadMessage."""
    try:
        return msgspec.json.decode(envelope.data, type=kind, strict=False)
    except BROKEN as error:
        name = shown(envelope.method) or "data"
        raise BadMessage(f"{where}: {name}: {shown(str(error))}; dropped") from None


def pack(tid: str, bid: str, method: str, data: Any, unix_ms: int, gateway: str = "") -> bytes:
    """A message as bytes."""
    whole = {"tid": tid, "bid": bid, "timestamp": unix_ms, "method": method, "data": data}
    return msgspec.json.encode(whole | ({"gateway": gateway} if gateway else {}))


def shown(text: str) -> str:
    """Somebody else's text, safe to print on one line."""
    return "".join(c if c.isprintable() else "?" for c in text[:TEXT_MAX])
