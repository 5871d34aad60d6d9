"""What goes beside the pictures on the data channel "meta": one JSON object a message, each about one frame.

{"kind": "boxes", "ts": RTP timestamp of the frame, "at": UTC, "boxes": [{"name", "score", "box": shares}]}
{"kind": "pose", "ts": ..., and what the source tells}; {"kind": "state", ...}: about the stream itself.
From the viewer: {"kind": "pick", "id", "ts", "x", "y"} (shares), answered by {"kind": "place", "id", ...}.
"""

from datetime import datetime
from itertools import islice
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from detectors import Detections

BOXES_MAX = 200
NOTE_BYTES_MAX = 16 * 1024
PICK_BYTES_MAX = 512

Share = Annotated[float, Meta(ge=0, le=1)]


class Pick(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="pick"):
    """A click on the picture: `ts` RTP timestamp of the frame that was shown; shares of its width and height."""

    id: Annotated[int, Meta(ge=0, le=2**31)]
    ts: Annotated[int, Meta(ge=0, le=2**32 - 1)]
    x: Share
    y: Share


def box_note(timestamp: int, at: datetime, found: Detections, size: tuple[int, int], whole: bool) -> str:
    """Detections of one frame. size: (height, width) px; whole: the network saw all of the picture."""
    height, width = size
    sides = (width, height, width, height)
    boxes = [
        {
            "name": one.name,
            "score": round(one.score, 3),
            "box": [round(v / s, 4) for v, s in zip(one.box, sides, strict=True)],
        }
        for one in islice(found, BOXES_MAX)
    ]
    return note("boxes", ts=timestamp, at=at.isoformat(timespec="milliseconds"), whole=whole, boxes=boxes)


def note(kind: Literal["boxes", "pose", "state", "place"], **more: object) -> str:
    """Any message. Raises ValueError when it is longer than NOTE_BYTES_MAX."""
    text = msgspec.json.encode({"kind": kind, **more}).decode()
    if len(text) > NOTE_BYTES_MAX:
        raise ValueError(f"a message of {len(text)} bytes for the data channel; at most {NOTE_BYTES_MAX} are sent")
    return text


def pick(text: str | bytes) -> Pick | None:
    """A viewer's message; None for anything else than a click."""
    if len(text) > PICK_BYTES_MAX:
        return None
    try:
        return msgspec.json.decode(text, type=Pick)
    except msgspec.DecodeError:
        return None
