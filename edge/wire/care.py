"""What the centre wants a device to run with."""

from typing import Annotated

from msgspec import Meta

from edge.wire.messages import DeviceId, Message, Sha256


class Config(Message, kw_only=True):
    """Please run with these settings from now on. `body` is the whole wish, a JSON document in the device's own form;
    `sha256` is its UTF-8 bytes' hash. A device takes only a version above the one that it has; going back is a new
    version with an old body. What became of it stands in the device's next Health messages."""

    device: DeviceId
    version: Annotated[int, Meta(ge=1, le=2**53)]
    body: Annotated[str, Meta(max_length=120_000)]
    sha256: Sha256
