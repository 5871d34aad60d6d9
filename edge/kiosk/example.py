"""The JSON file beside a hard example: what the detector said of a picture, for people and for `zhuomu model label`."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from edge.wire.messages import Box, Share

# filed: a candidate, whose picture went to the centre as evidence; grey: long near the rule's threshold, never filed;
# overruled: a check in which nothing was detected though the place looked as it did before.
Why = Literal["filed", "grey", "overruled"]


class Seen(Struct, frozen=True, kw_only=True):
    """One detection, its box in pixels of the frame."""

    label: str
    score: Share
    box: Box


class Example(Struct, frozen=True, kw_only=True):
    """One picture worth labelling. `picture`: sha256 of the redacted JPEG, which may be smaller than the frame;
    `subject`: the thing that the example is about. `candidate_id` is "" where nothing was ever filed."""

    schema_version: Annotated[int, Meta(ge=1, le=1)] = 1
    why: Why
    reason: str
    device: str
    camera: str
    at: datetime
    spot_id: str
    candidate_id: str
    model: str
    model_sha256: str
    picture: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
    frame_width: Annotated[int, Meta(ge=1)]
    frame_height: Annotated[int, Meta(ge=1)]
    subject: Seen
    detections: Annotated[list[Seen], Meta(max_length=1000)]


def read(data: bytes) -> Example:
    """Raises msgspec.DecodeError (msgspec.ValidationError is one) with the reason in words."""
    return msgspec.json.decode(data, type=Example)
