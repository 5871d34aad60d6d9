"""The errors of this room, each one line that says what, where and what to do."""

from __future__ import annotations


class DetectorError(Exception):
    """Base of every error that a caller of this room can act on."""


class ModelError(DetectorError):
    """The network or its manifest cannot be used."""


class ImageError(DetectorError):
    """A picture or a video cannot be read."""


class RedactionError(DetectorError):
    """A picture could not be redacted, so it must not leave."""
