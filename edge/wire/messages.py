"""Every message that crosses the wire, as msgspec structs: unknown fields are ignored, unknown versions refused."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from edge.wire.trace import Traceparent
from edge.wire.vitals import Versions, Vitals

SCHEMA_VERSION = 1

DeviceId = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="one topic level, lower case")]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, Meta(min_length=1, max_length=128)]
Text = Annotated[str, Meta(max_length=2000)]
Utc = Annotated[datetime, Meta(tz=True, description="RFC 3339 with offset; stored as UTC")]
Share = Annotated[float, Meta(ge=0.0, le=1.0)]
Box = Annotated[tuple[float, float, float, float], Meta(description="x1, y1, x2, y2 in pixels of the frame")]
PhoneNumber = Annotated[str, Meta(pattern=r"^[0-9]{10,12}$", description="national form, digits alone")]
CaseClass = Literal["stall", "poster", "bike", "litter"]


class Message(Struct, kw_only=True, omit_defaults=False):
    """What every message has."""

    schema_version: int = SCHEMA_VERSION


class Durable(Message, kw_only=True):
    """A message that is kept by its sender until the gateway's receipt: (device, epoch, seq) names it for ever."""

    device: DeviceId
    epoch: Annotated[str, Meta(pattern=r"^[0-9a-f]{8,32}$", description="new with each new outbox database")]
    seq: Annotated[int, Meta(ge=1)]


class Place(Struct, kw_only=True):
    """A point on the ground in WGS-84 with its one-sigma error ellipse in metres."""

    lat: Annotated[float, Meta(ge=-90, le=90)]
    lon: Annotated[float, Meta(ge=-180, le=180)]
    error_major_m: Annotated[float, Meta(gt=0)]
    error_minor_m: Annotated[float, Meta(gt=0)]
    error_azimuth_deg: float = 0.0
    datum: Literal["WGS-84"] = "WGS-84"


class EvidenceRef(Struct, kw_only=True):
    """Content by its hash; the bytes follow on the evidence channel and are never waited for."""

    sha256: Sha256
    media_type: Literal["image/jpeg", "image/png"]
    size_bytes: Annotated[int, Meta(ge=1)]
    kind: Literal["frame", "crop", "before", "after", "look"]
    redacted: bool


class Candidate(Durable, kw_only=True):
    """A thing that a rule took for a case. It is not a case until a person, or a rule the city switched on, says so.

    `evidence_record`: hash of its manifest in the device's evidence chain; `evidence_missing`: why it comes without
    pictures or record.
    `campaigns`: telephone numbers that several readings of a poster agree on; one number is one campaign.
    `standard`: the city's table (city and version), "" where the kiosk has none; `filing_condition` (立案条件) and
    `limit` (处置时限): in the table's words. `deadline`: if it were filed when it was last seen, null where the limit
    is working time; the registry's own clocks decide. `trace`: made where its frame completed the rule."""

    candidate_id: Name
    camera: Name
    place_id: Name
    case_class: CaseClass
    label: Name
    class_code: Name
    rule: Name
    rule_version: Name
    zone: str
    score: Share
    box: Box
    frame_width: Annotated[int, Meta(ge=1)]
    frame_height: Annotated[int, Meta(ge=1)]
    first_seen: Utc
    last_seen: Utc
    dwell_s: Annotated[float, Meta(ge=0)]
    place: Place
    model: Name
    model_sha256: Sha256
    evidence: Annotated[list[EvidenceRef], Meta(max_length=8)] = []
    evidence_record: Sha256 | None = None
    evidence_missing: Text = ""
    campaigns: Annotated[list[PhoneNumber], Meta(max_length=8)] = []
    standard: str = ""
    filing_condition: Text = ""
    limit: str = ""
    deadline: Utc | None = None
    trace: Traceparent = ""


class Evidence(Durable, kw_only=True):
    """The bytes behind an EvidenceRef (base64 in JSON), at most 256 KiB."""

    sha256: Sha256
    media_type: Literal["image/jpeg", "image/png"]
    kind: Literal["frame", "crop", "before", "after", "look"]
    redacted: bool
    data: Annotated[bytes, Meta(min_length=1, max_length=256 * 1024)]


class Look(Struct, kw_only=True):
    """One look at a place during a check."""

    at: Utc
    verdict: Literal["cleared", "still_there", "cannot_see"]
    score: Share
    reason: Text = ""
    picture: Sha256 | None = None


class Verdict(Durable, kw_only=True):
    """The answer to a Verify request (核查). "Not seen" is not "gone": cannot_see is an answer of its own."""

    verify_id: Name
    incident_id: Name
    camera: Name
    verdict: Literal["cleared", "still_there", "cannot_see"]
    at: Utc
    looks: Annotated[list[Look], Meta(max_length=32)]
    evidence: Annotated[list[EvidenceRef], Meta(max_length=8)] = []


class Presence(Message, kw_only=True):
    """Birth (online) and last will (offline) of a device; retained."""

    device: DeviceId
    kind: Literal["kiosk", "handset", "drone"]
    online: bool
    software: str = ""
    at: Utc | None = None


class Health(Message, kw_only=True):
    """How a device feels; counters are since its start. `trimmed`: figures of cameras that were left out for room."""

    device: DeviceId
    at: Utc
    outbox_rows: int
    outbox_bytes: int
    dropped: dict[str, int] = {}
    cameras: dict[str, dict[str, float | str]] = {}
    vitals: Vitals | None = None
    versions: Versions | None = None
    trimmed: int = 0


class Refusal(Struct, kw_only=True):
    """One message that the gateway put among the dead letters; the device must not send it again."""

    seq: int
    code: int
    reason: Text


class Receipt(Message, kw_only=True):
    """The gateway has committed these messages; only now may the device delete them. `at`: the gateway's clock then."""

    device: DeviceId
    epoch: str
    seqs: list[int]
    refused: list[Refusal] = []
    at: Utc | None = None


class Verify(Message, kw_only=True):
    """Please look again: is the thing of this incident still in its place?"""

    verify_id: Name
    incident_id: Name
    camera: Name
    place_id: Name
    case_class: CaseClass
    label: Name
    box: Box
    frame_width: Annotated[int, Meta(ge=1)]
    frame_height: Annotated[int, Meta(ge=1)]
    looks: Annotated[int, Meta(ge=1, le=32)] = 3
    over_s: Annotated[float, Meta(ge=0, le=86400)] = 2.0
    deadline: Utc | None = None


class Work(Message, kw_only=True):
    """A work order as the registry has it now; a higher version replaces a lower one."""

    order_id: Name
    version: Annotated[int, Meta(ge=1)]
    state: Literal["dispatched", "rework", "recalled", "closed"]
    case_id: Name
    incident_id: Name
    case_class: CaseClass
    class_code: Name
    lat: float
    lon: float
    deadline: Utc
    attempt: Annotated[int, Meta(ge=1)] = 1
    note: Text = ""
