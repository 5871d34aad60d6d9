"""A health message always fits its channel: where it would not, what cameras tell is cut down and that is counted."""

from msgspec.structs import replace

from edge.wire import Health, TooLarge, encode

# What is left out first; what stays to the last: whether a camera gives pictures, and what its view is like.
KEPT_LONG = ("frames", "age_s", "fps", "view", "failures", "dropped", "decode_ms")
KEPT_LAST = ("age_s", "view")


def fitting(message: Health) -> bytes:
    """The message's bytes, at most its channel's limit. Raises TooLarge only where not even the bare message fits."""
    for kept in (None, KEPT_LONG, KEPT_LAST, ()):
        smaller = message if kept is None else _trimmed(message, kept)
        try:
            return encode(smaller)
        except TooLarge:
            continue
    return encode(replace(_trimmed(message, ()), dropped={}, cameras={}))


def _trimmed(message: Health, kept: tuple[str, ...]) -> Health:
    cameras = {
        camera: {name: value for name, value in figures.items() if name in kept}
        for camera, figures in message.cameras.items()
    }
    before = sum(len(figures) for figures in message.cameras.values())
    after = sum(len(figures) for figures in cameras.values())
    return replace(message, cameras=cameras if kept else {}, trimmed=before - after)
