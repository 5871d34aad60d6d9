"""What the centre asks a device to do at once and to answer: replay rules over its sightings, show a camera live.

An ask is sent again until its answer is there, and a device answers the same ask with the same answer. Nothing here
changes what a device runs: that is `config` alone.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from edge.wire.messages import DeviceId, Message, Name, Text, Utc

ROWS_MAX = 500
SDP_CHARS_MAX = 64 * 1024

AskId = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$")]
Sdp = Annotated[str, Meta(max_length=SDP_CHARS_MAX)]
Sign = Literal["=", "+", "-"]


class ReplayAsk(Struct, kw_only=True, tag="replay", tag_field="kind"):
    """What would these rules have filed over the stored sightings? `rules`: a whole rule file as text (TOML), "" the
    rules that were in force at each moment; `start`, `end`: null from the oldest, to the newest sighting."""

    rules: Annotated[str, Meta(max_length=100_000)] = ""
    start: Utc | None = None
    end: Utc | None = None
    rows_max: Annotated[int, Meta(ge=0, le=ROWS_MAX)] = ROWS_MAX


class WatchAsk(Struct, kw_only=True, tag="watch", tag_field="kind"):
    """A viewer's WHEP offer for one camera, passed on by the centre, which has asked who it is. `person` and `why`
    stand in the device's own viewing log; `session_s`: after which the viewer must ask again."""

    camera: Name
    offer: Sdp
    person: Annotated[str, Meta(min_length=1, max_length=64)]
    why: Annotated[str, Meta(min_length=1, max_length=200)]
    session_s: Annotated[float, Meta(gt=0, le=3600)] = 900.0


class LeaveAsk(Struct, kw_only=True, tag="leave", tag_field="kind"):
    """A viewer goes."""

    camera: Name
    session: Name


class Ask(Message, kw_only=True):
    """`ask_id` names the question for ever."""

    ask_id: AskId
    what: ReplayAsk | WatchAsk | LeaveAsk


class ReplayRow(Struct, kw_only=True):
    """One thing: filed by both (=), by the replayed rules alone (+), by the device alone (-). `place`: the place
    memory's id."""

    sign: Sign
    at: Utc
    camera: str
    class_code: str
    label: str
    rule: str
    zone: str
    dwell_s: float
    place: str


class ReplayCount(Struct, kw_only=True):
    """Of one class: filed = same + dropped, would = same + added."""

    class_code: str
    same: int = 0
    added: int = 0
    dropped: int = 0


class Replayed(Struct, kw_only=True):
    """`sightings`: how many rows the device holds of the span, the oldest and newest at `oldest`, `newest`. `rows`:
    what changes first; `left_out`: how many more there are. `rules`: the device's newest rules in force as JSON, and
    `zones` its cameras' zones in words, when the ask brought no rules."""

    version: str
    sightings: Annotated[int, Meta(ge=0)]
    oldest: Utc
    newest: Utc
    counts: list[ReplayCount] = field(default_factory=list)
    rows: Annotated[list[ReplayRow], Meta(max_length=ROWS_MAX)] = field(default_factory=list)
    left_out: int = 0
    rules: str = ""
    zones: list[str] = field(default_factory=list)


class Answer(Message, kw_only=True):
    """To one ask. `error`, `error_zh`: why there is nothing else in it, in words; `status`: as HTTP has them."""

    device: DeviceId
    ask_id: AskId
    status: Annotated[int, Meta(ge=100, le=599)] = 200
    error: Text = ""
    error_zh: Text = ""
    replayed: Replayed | None = None
    session: str = ""
    sdp: Sdp = ""
