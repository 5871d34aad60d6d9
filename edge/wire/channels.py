"""The one table of channels: what is said on each, by whom, how surely, how large and how often."""

from dataclasses import dataclass
from typing import Literal

from edge.wire import asks, care
from edge.wire import messages as m
from edge.wire import sync as s
from edge.wire import upload as u
from edge.wire.errors import UnknownChannel

ROOT = "zm/1"
KIB = 1024

Direction = Literal["up", "down"]


@dataclass(frozen=True)
class Channel:
    """One row. `durable`: kept in an outbox until a receipt. `urgency`: 0 is sent first."""

    name: str
    direction: Direction
    message: type[m.Message]
    qos: Literal[0, 1]
    retained: bool
    durable: bool
    size_bytes_max: int
    rate_per_min_max: int
    urgency: int
    meaning: str


CHANNELS: tuple[Channel, ...] = (
    Channel("presence", "up", m.Presence, 1, True, False, 1 * KIB, 30, 0, "birth and last will"),
    Channel("verdict", "up", m.Verdict, 1, False, True, 16 * KIB, 600, 0, "answer to a verify request"),
    Channel("op", "up", s.Op, 1, False, True, 48 * KIB, 1200, 0, "a crew's operation, in the device's own order"),
    Channel("sync", "up", s.Pull, 1, False, False, 4 * KIB, 600, 0, "where a handset stands; asks for a page"),
    Channel("wiped", "up", s.Wiped, 1, False, False, 48 * KIB, 6, 0, "a revoked handset is empty"),
    Channel("candidate", "up", m.Candidate, 1, False, True, 16 * KIB, 6000, 1, "a rule took a thing for a case"),
    Channel("health", "up", m.Health, 0, False, False, 16 * KIB, 12, 2, "counters of a device"),
    Channel("evidence", "up", m.Evidence, 1, False, True, 384 * KIB, 1200, 3, "pictures up to 256 KiB, by hash"),
    Channel("photo", "up", s.Piece, 1, False, False, 384 * KIB, 1200, 3, "a photo in pieces of up to 256 KiB"),
    Channel("grant", "up", u.UploadAsk, 1, False, False, 4 * KIB, 120, 3, "may these bytes be uploaded by HTTP?"),
    Channel("answer", "up", asks.Answer, 1, False, False, 256 * KIB, 600, 1, "what a device was asked"),
    Channel("receipt", "down", m.Receipt, 1, False, False, 64 * KIB, 60000, 0, "committed: you may delete"),
    Channel("verify", "down", m.Verify, 1, False, False, 16 * KIB, 600, 0, "look again at a place"),
    Channel("delta", "down", s.Delta, 1, False, False, 256 * KIB, 1200, 0, "a page of the crew's log, or a wake-up"),
    Channel("photostate", "down", s.PhotoState, 1, False, False, 4 * KIB, 1200, 1, "how much of a photo is there"),
    Channel("wipe", "down", s.Wipe, 1, False, False, 4 * KIB, 6, 0, "delete everything: this handset was revoked"),
    Channel("grant", "down", u.UploadGrant, 1, False, False, 4 * KIB, 120, 3, "a token for one upload, or why not"),
    Channel("config", "down", care.Config, 1, False, False, 160 * KIB, 60, 0, "settings that the centre wishes for"),
    Channel("ask", "down", asks.Ask, 1, False, False, 320 * KIB, 600, 1, "answer this: replay rules, show a camera"),
)

_BY_KEY: dict[tuple[str, str], Channel] = {(c.direction, c.name): c for c in CHANNELS}
_BY_MESSAGE = {c.message: c for c in CHANNELS}
PAYLOAD_BYTES_MAX = max(c.size_bytes_max for c in CHANNELS)


def channel(direction: str, name: str) -> Channel:
    """The row for a direction and name. Raises UnknownChannel."""
    row = _BY_KEY.get((direction, name))
    if row is None:
        raise UnknownChannel(f"no channel '{direction}/{name}' in the channel table")
    return row


def channel_of(message: m.Message) -> Channel:
    """The row that a message travels on."""
    return _BY_MESSAGE[type(message)]


def topic(direction: Direction, device: str, name: str) -> str:
    """`zm/1/up/<device>/<channel>`: a device publishes only below its own name, so one ACL pattern holds for all."""
    return f"{ROOT}/{direction}/{device}/{name}"


def parse_topic(text: str) -> tuple[Channel, str]:
    """Topic -> (row, device). Raises UnknownChannel for any topic outside the table."""
    parts = text.split("/")
    if len(parts) != 5 or "/".join(parts[:2]) != ROOT or not parts[3]:
        raise UnknownChannel(f"topic '{text[:200]}' is not {ROOT}/<up|down>/<device>/<channel>")
    return channel(parts[2], parts[4]), parts[3]


def up_filter() -> str:
    """What the gateway subscribes to."""
    return f"{ROOT}/up/+/+"


def down_filter(device: str) -> str:
    """What a device subscribes to."""
    return f"{ROOT}/down/{device}/+"
