"""The opaque cursor: a place in one crew's log, as text that a handset gives back unread."""

import base64
import binascii

VERSION = "1"


def write(crew: str, rev: int) -> str:
    """The cursor behind entry `rev` of a crew's log."""
    return base64.urlsafe_b64encode(f"{VERSION}.{rev}.{crew}".encode()).decode().rstrip("=")


def read(text: str, crew: str) -> int | None:
    """The place that a cursor names; "" is the beginning. None: another crew's, or not one of ours."""
    if not text:
        return 0
    try:
        plain = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    version, _, rest = plain.partition(".")
    number, _, named = rest.partition(".")
    if version != VERSION or named != crew or not number.isascii() or not number.isdigit() or len(number) > 18:
        return None
    return int(number)
