"""Bytes to MAVLink messages and back: one codec for one end of a line, with MAVLink 2 signing as an option.

Source: https://mavlink.io/en/guide/serialization.html and message_signing.html. pymavlink's dialect does the work.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pymavlink.dialects.v20 import ardupilotmega as mav

from drone.autopilot.types import Address

__all__ = ["Codec", "Counts", "Message", "Signing", "addressed_to", "mav", "source", "text"]

Message = Any  # a pymavlink MAVLink_message: its classes are generated and carry no usable types

KEY_BYTES = 32
# Signing time: 10 microsecond units since 2015-01-01 UTC.
SIGNING_EPOCH_S = 1_420_070_400
RADIO_STATUS = 109  # telemetry radios send it unsigned, and it commands nothing


@dataclass(frozen=True)
class Signing:
    """A shared key of 32 bytes and the line's number. unix_s: the wall clock when the line opens."""

    key: bytes
    link_id: int
    unix_s: float

    def __post_init__(self) -> None:
        if len(self.key) != KEY_BYTES:
            raise ValueError(f"signing key: {len(self.key)} bytes, {KEY_BYTES} are needed")


@dataclass
class Counts:
    """What went through a codec, and what did not."""

    received: int = 0
    sent: int = 0
    bad: int = 0
    unsigned: int = 0
    unknown: int = 0
    skipped: int = 0  # sequence numbers that never came: messages lost on the way


class Codec:
    """One end of a line. Not thread-safe; use one for each peer stream."""

    def __init__(self, own: Address, signing: Signing | None = None) -> None:
        self.own = own
        self.counts = Counts()
        self._mav: Any = mav.MAVLink(None, srcSystem=own.system, srcComponent=own.component)
        self._mav.robust_parsing = True
        self._signed = signing is not None
        self._sequence: dict[tuple[int, int], int] = {}
        if signing is not None:
            self._mav.signing.secret_key = signing.key
            self._mav.signing.link_id = signing.link_id
            self._mav.signing.timestamp = int((signing.unix_s - SIGNING_EPOCH_S) * 1e5)
            self._mav.signing.sign_outgoing = True
            self._mav.signing.allow_unsigned_callback = _allow_unsigned

    def encode(self, message: Message) -> bytes:
        """One message as bytes, numbered and signed."""
        data: bytes = message.pack(self._mav)
        self._mav.seq = (self._mav.seq + 1) % 256
        self.counts.sent += 1
        return data

    def decode(self, data: bytes) -> list[Message]:
        """The whole messages in what came, also over the edges of calls. Garbage is counted and passed over."""
        return list(self._good(self._mav.parse_buffer(data) or []))

    def _good(self, parsed: list[Message]) -> Iterator[Message]:
        for message in parsed:
            name = message.get_type()
            if name == "BAD_DATA":
                unsigned = "signature" in str(message.reason)
                self.counts.unsigned += unsigned
                self.counts.bad += not unsigned
            elif name.startswith("UNKNOWN"):
                self.counts.unknown += 1
            else:
                self.counts.received += 1
                self._count_gap(message)
                yield message

    def _count_gap(self, message: Message) -> None:
        source = (message.get_srcSystem(), message.get_srcComponent())
        last = self._sequence.get(source)
        self._sequence[source] = message.get_seq()
        if last is not None:
            gap = (message.get_seq() - last - 1) % 256
            self.counts.skipped += gap if gap < 128 else 0  # more is a message that came late, or a reboot


def _allow_unsigned(_mav: Any, message_id: int) -> bool:
    return message_id == RADIO_STATUS


def source(message: Message) -> Address:
    """Who sent it."""
    return Address(message.get_srcSystem(), message.get_srcComponent())


def addressed_to(message: Message, own: Address) -> bool:
    """Whether a message is meant for us: its target is us or everybody (0), or it has no target."""
    system = getattr(message, "target_system", 0)
    component = getattr(message, "target_component", 0)
    return system in (0, own.system) and component in (0, own.component)


def text(value: bytes | str) -> str:
    """A text field: up to its first NUL, unreadable bytes replaced."""
    raw = value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")
    return raw.split(b"\0")[0].decode("utf-8", "replace")
