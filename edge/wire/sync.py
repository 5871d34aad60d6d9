"""The handset's protocol: operations up, the crew's log down, photos in pieces, wipe. Told in docs/sync.md."""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from edge.wire.messages import CaseClass, DeviceId, Durable, EvidenceRef, Message, Name, Sha256, Text, Utc

PHOTO_BYTES_MAX = 40 * 1024 * 1024
PIECE_BYTES_MAX = 256 * 1024
PAGE_ENTRIES_MAX = 50
POINTS_MAX = 200
WAITING_MAX = 256
# How far a crew is with an order; messages of two phones can overtake each other.
RANK = {"": 0, "accepted": 1, "arrived": 2, "disposed": 3, "returned": 3}

Uuid = Annotated[str, Meta(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", description="UUID, lower case")]
Epoch = Annotated[str, Meta(pattern=r"^[0-9a-f]{8,32}$", description="new with each new database of the device")]
Cursor = Annotated[str, Meta(max_length=200, description='opaque: given back as it came; "" is the beginning')]
Crew = Annotated[str, Meta(max_length=128)]
Step = Literal["", "accepted", "arrived", "disposed", "returned"]
OpKind = Literal[
    "accepted",
    "arrived",
    "disposed",
    "returned",
    "extend",
    "suspend",
    "photo",
    "shift_on",
    "shift_off",
    "track",
    "read",
    "sign",
    "answer",
    "report",
]
OrderState = Literal["dispatched", "rework", "recalled", "closed"]
Outcome = Literal["applied", "merged", "late", "rejected"]


class Point(Struct, kw_only=True):
    """Where a handset was. `accuracy_m`: the receiver's own word, null where it has none."""

    at: Utc
    lat: Annotated[float, Meta(ge=-90, le=90)]
    lon: Annotated[float, Meta(ge=-180, le=180)]
    accuracy_m: Annotated[float, Meta(ge=0)] | None = None


class Op(Durable, kw_only=True):
    """One operation of a crew, made on the handset, perhaps offline.

    `seq` counts a device's operations without a gap: 1, 2, 3 ... in each epoch; the centre applies them in that order.
    `op_id` names the operation for ever. `base_version`: the order's version that the crew saw; 0 without an order.
    `order_id` is "" for shift_on, shift_off, track, read, sign, answer and report. `note`: the reason, needed for
    returned, extend and suspend, and for sign the signer's name. `hours`: of extend. `points`: of track, and where the
    crew stood for every other kind (at most one; report needs it). `notice_id`: of read, of sign (the handover) and of
    answer (the call-out). `case_class`: of report.
    """

    op_id: Uuid
    kind: OpKind
    at: Utc
    order_id: Annotated[str, Meta(max_length=128)] = ""
    base_version: Annotated[int, Meta(ge=0)] = 0
    note: Text = ""
    hours: Annotated[float, Meta(gt=0, le=8784)] | None = None
    notice_id: Annotated[str, Meta(max_length=128)] = ""
    case_class: CaseClass | None = None
    points: Annotated[list[Point], Meta(max_length=POINTS_MAX)] = field(default_factory=list)
    evidence: Annotated[list[EvidenceRef], Meta(max_length=8)] = field(default_factory=list)


class Pull(Message, kw_only=True):
    """Where a handset stands: `cursor` is the last that it has committed, `through` the checkpoint that it knows.

    `ask` false: only an acknowledgement, no page is wanted. `urgent`: the priority page first.
    """

    device: DeviceId
    epoch: Epoch
    cursor: Cursor = ""
    through: Annotated[int, Meta(ge=0)] = 0
    ask: bool = True
    urgent: bool = False
    reason: Literal["", "start", "shift", "gap", "timer"] = ""


class Order(Struct, kw_only=True, tag="order", tag_field="kind"):
    """A work order as the centre has it. `rev` grows with each change; a lower one changes nothing.

    `version` is the registry's: recall, rework and closing raise it. `step`, `step_by`, `step_at`: how far the crew is.
    `asked`: an extension or suspension that waits for its answer; `answer`: what a person said to the last one, with
    the words. `reminders`: how often somebody urged (催办), with
    the last words. `photos`: what belongs to it, whether the bytes are there yet or not.
    """

    rev: Annotated[int, Meta(ge=0)] = 0
    order_id: Name
    version: Annotated[int, Meta(ge=1)]
    state: OrderState
    case_id: Name
    incident_id: Name
    case_class: CaseClass
    class_code: Name
    lat: float
    lon: float
    deadline: Utc
    attempt: Annotated[int, Meta(ge=1)] = 1
    note: Text = ""
    urgent: bool = False
    step: Step = ""
    step_by: str = ""
    step_at: Utc | None = None
    asked: Literal["", "extend", "suspend"] = ""
    answer: Literal["", "granted", "refused"] = ""
    answer_words: Text = ""
    reminders: Annotated[int, Meta(ge=0)] = 0
    reminder: Text = ""
    photos: Annotated[list[Sha256], Meta(max_length=64)] = field(default_factory=list)


class Notice(Struct, kw_only=True, tag="notice", tag_field="kind"):
    """Words to a crew. It expires; an order never does."""

    rev: Annotated[int, Meta(ge=0)] = 0
    notice_id: Name
    title: Text
    text: Text = ""
    at: Utc
    expires: Utc
    read_by: Annotated[list[DeviceId], Meta(max_length=64)] = field(default_factory=list)


class Rejection(Struct, kw_only=True, tag="rejection", tag_field="kind"):
    """An operation that changed nothing, with code and words: it lies on its device's shelf until a person has seen
    it. `review`: people at the centre look at it too, because work was done that nobody may overwrite in silence."""

    rev: Annotated[int, Meta(ge=0)] = 0
    op_id: str
    device: DeviceId
    epoch: Epoch
    seq: Annotated[int, Meta(ge=1)]
    op_kind: str
    order_id: str = ""
    at: Utc
    code: int
    reason: Text
    review: bool = False


Entry = Order | Notice | Rejection


class Bulk(Struct, kw_only=True):
    """Much is new: fetch the pages by `GET <path>?cursor=` with `Authorization: Bearer <token>`, same cursor."""

    path: str
    token: str
    expires: Utc


class Delta(Message, kw_only=True):
    """One page of the crew's log. It is for a handset whose cursor is `after`; any other one asks again with its own.

    `next`: the cursor behind it. `through`: when `more` is false, the state up to `next` contains this device's own
    operations of `epoch` up to this seq (write checkpoint). `more`: ask for the next page; without entries it is a
    wake-up. `urgent`: the priority page, which moves no cursor. `reset`: forget the orders and notices of before,
    keep the operations. `defer_s`: nothing now, ask again after so many seconds and up to half as many more.
    """

    crew: Crew
    epoch: str = ""
    after: Cursor = ""
    next: Cursor = ""
    entries: Annotated[list[Entry], Meta(max_length=PAGE_ENTRIES_MAX)] = field(default_factory=list)
    more: bool = False
    urgent: bool = False
    reset: bool = False
    through: Annotated[int, Meta(ge=0)] = 0
    defer_s: Annotated[float, Meta(ge=0)] = 0.0
    bulk: Bulk | None = None


class Piece(Message, kw_only=True):
    """Bytes of a photo from `offset` on; without `data` an offer: how much of it is there already?"""

    device: DeviceId
    sha256: Sha256
    size_bytes: Annotated[int, Meta(ge=0)]
    media_type: Literal["image/jpeg", "image/png"]
    kind: Literal["before", "after"]
    offset: Annotated[int, Meta(ge=0)] = 0
    data: Annotated[bytes, Meta(max_length=PIECE_BYTES_MAX)] = b""


class PhotoState(Message, kw_only=True):
    """What the centre has of a photo: the first `have_bytes`. `done`: all of it, proven by its hash and on disk; only
    now may the device delete it. `code`: it will not be taken, with the reason (0: all is well)."""

    sha256: Sha256
    have_bytes: Annotated[int, Meta(ge=0)] = 0
    done: bool = False
    code: int = 0
    reason: Text = ""


class Wipe(Message, kw_only=True):
    """This handset was revoked: delete everything, tell what was unsent, send nothing more."""

    wipe_id: Name
    reason: Text = ""


class UnsentOp(Struct, kw_only=True):
    """The head of an operation that a wiped handset had not brought out."""

    op_id: str
    op_kind: str
    order_id: str = ""
    at: Utc


class Wiped(Message, kw_only=True):
    """The answer to a wipe: how much was unsent, and the heads of the newest."""

    device: DeviceId
    wipe_id: Name
    unsent: Annotated[int, Meta(ge=0)]
    photos: Annotated[int, Meta(ge=0)] = 0
    ops: Annotated[list[UnsentOp], Meta(max_length=100)] = field(default_factory=list)
