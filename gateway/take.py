"""An incoming MQTT message, looked at before any transaction: decoded, or the reason why not."""

import re
from dataclasses import dataclass
from datetime import datetime

from edge.link.mqtt import Incoming
from edge.wire import (
    Candidate,
    Channel,
    Durable,
    Message,
    NotParsed,
    Op,
    OverQuota,
    UnknownChannel,
    Verdict,
    Wiped,
    WireError,
    decode,
    identity,
    parse_topic,
)
from gateway.times import to_text

DEVICE = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
EPOCH = re.compile(r"[0-9a-f]{8,32}")
SEQ_MAX = 2**63 - 1

Identity = tuple[str, str, int]


@dataclass(frozen=True)
class Taken:
    """One of `message` and `error` is set. `identity`: (device, epoch, seq) where it can be read."""

    incoming: Incoming
    device: str
    row: Channel | None
    message: Message | None
    error: WireError | None
    identity: Identity | None


def take(incoming: Incoming, over_quota: bool = False) -> Taken:
    """Decode; never raises for anything that a device can send. `over_quota`: refuse it unread."""
    device, row = incoming.topic.split("/")[3] if incoming.topic.count("/") >= 3 else "", None
    try:
        row, device = parse_topic(incoming.topic)
        if not DEVICE.fullmatch(device):  # the message's own pattern lets a newline at the end through
            raise UnknownChannel(f"topic names no device: {device[:64]!r}")
        if over_quota:
            raise OverQuota(f"{row.name}: {device} has sent its bytes of today; the original stays with it")
        message = decode(row, incoming.payload, device)
        _check_values(message, incoming.payload)
    except WireError as error:
        return Taken(incoming, device, row, None, error, _identity(device, incoming.payload))
    named = (device, message.epoch, message.seq) if isinstance(message, Durable) else None
    return Taken(incoming, device, row, message, None, named)


def channel_hint(topic: str) -> tuple[str, Channel | None]:
    """(device, row) of a topic for the flood limit, before anything is decoded."""
    try:
        row, device = parse_topic(topic)
    except WireError:
        return topic[:100], None
    return device, row


def _check_values(message: Message, payload: bytes) -> None:
    """What the types allow and a database does not: NUL in text, endless integers, times off the calendar."""
    if b"\\u0000" in payload:
        raise NotParsed("text with the NUL character")
    if isinstance(message, Durable) and message.seq > SEQ_MAX:
        raise NotParsed(f"seq is over {SEQ_MAX}")
    try:
        for instant in _times(message):
            to_text(instant)
    except OverflowError as error:
        raise NotParsed(f"a time off the calendar: {error}") from error


def _times(message: Message) -> list[datetime]:
    if isinstance(message, Candidate):
        _check_box(message)
        return [message.first_seen, message.last_seen]
    if isinstance(message, Verdict):
        return [message.at, *(look.at for look in message.looks)]
    if isinstance(message, Op):
        return [message.at, *(point.at for point in message.points)]
    return [op.at for op in message.ops] if isinstance(message, Wiped) else []


def _check_box(candidate: Candidate) -> None:
    x1, y1, x2, y2 = candidate.box
    if not (x1 < x2 and y1 < y2):
        raise NotParsed(f"box {candidate.box} is not x1 < x2, y1 < y2")


def _identity(device: str, payload: bytes) -> Identity | None:
    found = identity(payload)
    if found is None or not DEVICE.fullmatch(device):
        return None
    epoch, seq = found
    return (device, epoch, seq) if EPOCH.fullmatch(epoch) and 1 <= seq <= SEQ_MAX else None
