"""Leave to upload by HTTP what is too large for MQTT: asked for and given over the device's own topics.

Told in docs/uploads.md.
"""

from typing import Annotated, Literal

from msgspec import Meta

from edge.wire.messages import DeviceId, Message, Sha256, Text, Utc

UPLOAD_PATH = "/uploads"

MediaType = Literal["video/mp4", "image/jpeg", "image/png"]
Purpose = Literal["evidence", "photo"]


class UploadAsk(Message, kw_only=True):
    """May I upload these bytes? Asked again whenever the last leave has run out; what has arrived stays.

    `purpose`: `evidence` of a candidate, or a crew's `photo`."""

    device: DeviceId
    sha256: Sha256
    size_bytes: Annotated[int, Meta(ge=1)]
    media_type: MediaType
    purpose: Purpose = "evidence"


class UploadGrant(Message, kw_only=True):
    """The answer: POST to `path` (tus 1.0.0) with `Authorization: Bearer <token>`, and the same header on every request
    that follows, until `expires`. The token is good for this device, sha256 and size alone.

    `code`: it will not be taken, with the reason (0: all is well); then there is no token."""

    sha256: Sha256
    path: str = ""
    token: str = ""
    expires: Utc | None = None
    code: int = 0
    reason: Text = ""
