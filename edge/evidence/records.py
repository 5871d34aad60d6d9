"""What stands in the chain: a record of each candidate's evidence and of everything that was done to evidence since."""

from datetime import UTC, datetime
from typing import Literal

from msgspec import Struct

VERSION = 1
NOTHING = "0" * 64  # what the first record names as its previous one

Part = Literal["frame", "crop", "before", "clip"]


class File(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An original as it lies sealed on the device, named by its content."""

    sha256: str
    size_bytes: int
    media_type: Literal["image/jpeg", "video/mp4"]

    @property
    def name(self) -> str:
        """Its file name."""
        return self.sha256 + (".mp4" if self.media_type == "video/mp4" else ".jpg")


class Past(File, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The picture from before; `at`: when it was taken (UTC)."""

    at: str


class Clip(File, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Packets as the camera sent them; `from_ms`, `to_ms`: on the device's monotonic clock, 0 is the frame's moment."""

    codec: str
    frames: int
    from_ms: int
    to_ms: int


class Sent(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was given out to leave the device: a redacted copy, or the clip itself where the operator sends clips."""

    kind: str
    sha256: str


class Times(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a record was made, and how far the clock could be trusted, see `clock`."""

    wall: str
    mono_us: int
    boot: str
    clock_synchronised: bool | None
    clock_offset_us: int | None
    clock_error_us_max: int | None


class Proof(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="evidence", tag_field="kind"):
    """A candidate's manifest. `at`, `mono_us`: the frame; `missing`: why a part is not there, by its name."""

    candidate: str
    camera: str
    case_class: str
    rule: str
    rule_version: str
    model: str
    model_sha256: str
    at: str
    mono_us: int
    frame: File
    crop: File
    before: Past | None
    clip: Clip | None
    missing: dict[Part, str]
    sent: list[Sent]

    @property
    def files(self) -> list[File]:
        """The originals."""
        return [f for f in (self.frame, self.crop, self.before, self.clip) if f is not None]


class Deleted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="deleted", tag_field="kind"):
    """Originals that the device itself gave up, by file name."""

    names: list[str]
    why: str


class Healed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="healed", tag_field="kind"):
    """The end of the chain could not be read. `lost_records` 0: a record that was being written when the power went;
    more: records that had been complete (the head names them) were damaged or taken away."""

    lost_bytes: int
    lost_sha256: str
    lost_records: int


class Pruned(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="pruned", tag_field="kind"):
    """The oldest records were given up for room: the chain now begins with `first`, whose previous is `previous`."""

    first: int
    previous: str


class Exported(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="exported", tag_field="kind"):
    """A person took a candidate's originals out."""

    candidate: str
    by: str
    why: str


Body = Proof | Deleted | Healed | Pruned | Exported


class Record(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One link. `key`: fingerprint of the public key; `previous`: hash of the record before."""

    version: int = VERSION
    device: str
    key: str
    seq: int
    previous: str
    times: Times
    body: Body


class Line(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line of a chain file: `sha256` and `signature` (hex) are over the record's canonical bytes, see `lines`."""

    record: Record
    sha256: str
    signature: str


def utc_text(at: datetime) -> str:
    """RFC 3339 in UTC with microseconds."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
