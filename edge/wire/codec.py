"""Bytes to message and back, with the channel's limits checked on both sides."""

from typing import Any

import msgspec

from edge.wire.channels import Channel, channel_of
from edge.wire.errors import NotParsed, TooLarge, UnknownVersion, WrongSender
from edge.wire.messages import SCHEMA_VERSION, Message

_encoder = msgspec.json.Encoder()
_decoders: dict[type[Message], msgspec.json.Decoder[Any]] = {}


class _VersionOnly(msgspec.Struct):
    schema_version: int = 0


_version_decoder = msgspec.json.Decoder(_VersionOnly)


class _IdentityOnly(msgspec.Struct):
    epoch: str
    seq: int


_identity_decoder = msgspec.json.Decoder(_IdentityOnly)


def encode(message: Message) -> bytes:
    """Message -> JSON bytes. Raises TooLarge when it is over its channel's limit."""
    payload = _encoder.encode(message)
    _check_size(channel_of(message), payload)
    return payload


def decode(row: Channel, payload: bytes, device: str | None = None) -> Message:
    """JSON bytes -> the channel's message.

    `device`: the topic's device; a payload that names another is refused. Raises a WireError with its code.
    """
    _check_size(row, payload)
    try:
        message: Message = _decoder(row.message).decode(payload)
    except msgspec.DecodeError as error:
        _check_version(payload)  # the version says more than what a newer one breaks
        raise NotParsed(f"{row.name}: {error}") from error
    if message.schema_version != SCHEMA_VERSION:
        _check_version(payload)
    named = getattr(message, "device", None)
    if device is not None and row.direction == "up" and named != device:
        raise WrongSender(f"{row.name}: payload names device '{named}', the topic '{device}'")
    return message


def identity(payload: bytes) -> tuple[str, int] | None:
    """(epoch, seq) of a payload that may be otherwise unusable, so that even a refusal can be receipted; or None."""
    try:
        found = _identity_decoder.decode(payload)
    except msgspec.DecodeError:
        return None
    return found.epoch, found.seq


def _decoder(kind: type[Message]) -> "msgspec.json.Decoder[Any]":
    if kind not in _decoders:
        _decoders[kind] = msgspec.json.Decoder(kind)
    return _decoders[kind]


def _check_size(row: Channel, payload: bytes) -> None:
    if len(payload) > row.size_bytes_max:
        raise TooLarge(f"{row.name}: {len(payload)} bytes, the limit is {row.size_bytes_max}")


def _check_version(payload: bytes) -> None:
    try:
        version = _version_decoder.decode(payload).schema_version
    except msgspec.DecodeError as error:
        raise NotParsed(f"not a JSON object with a schema_version: {error}") from error
    if version != SCHEMA_VERSION:
        raise UnknownVersion(f"schema_version {version}; this side speaks {SCHEMA_VERSION}")
