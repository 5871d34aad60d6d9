"""Numeric error codes of the contract and the exception that each one becomes, on both sides of the wire."""

from enum import IntEnum


class ErrorCode(IntEnum):
    """Why a message was refused; carried in a receipt's refusals and in the gateway's dead letters."""

    NOT_PARSED = 100
    UNKNOWN_VERSION = 101
    UNKNOWN_CHANNEL = 102
    TOO_LARGE = 103
    WRONG_SENDER = 104
    HASH_MISMATCH = 105
    UNKNOWN_REFERENCE = 106
    FORBIDDEN_STATE = 107
    STALE_VERSION = 120
    WRONG_CREW = 121
    REVOKED = 122
    EMPTY_PHOTO = 123
    REASON_MISSING = 124
    OVER_QUOTA = 125
    NO_RIGHT = 126


class WireError(ValueError):
    """A message that breaks the contract; `code` says how, `str()` says it in words."""

    code = ErrorCode.NOT_PARSED


class NotParsed(WireError):
    """The bytes are not JSON of the channel's message type."""


class UnknownVersion(WireError):
    """The message states a schema version that this side does not speak."""

    code = ErrorCode.UNKNOWN_VERSION


class UnknownChannel(WireError):
    """The topic is none of the channel table's."""

    code = ErrorCode.UNKNOWN_CHANNEL


class TooLarge(WireError):
    """The payload is over its channel's size limit."""

    code = ErrorCode.TOO_LARGE


class WrongSender(WireError):
    """The device named in the payload is not the device of the topic."""

    code = ErrorCode.WRONG_SENDER


class HashMismatch(WireError):
    """The content is not what its sha256 says."""

    code = ErrorCode.HASH_MISMATCH


class UnknownReference(WireError):
    """The message speaks of an order or request that the gateway never gave this device."""

    code = ErrorCode.UNKNOWN_REFERENCE


class ForbiddenState(WireError):
    """The step is not allowed in the case's present state."""

    code = ErrorCode.FORBIDDEN_STATE


class OverQuota(WireError):
    """The device has sent its day's bytes of pictures; the original stays where it is."""

    code = ErrorCode.OVER_QUOTA


class StaleVersion(WireError):
    """The operation was made on a version of the order whose work is over; people look at what was done."""

    code = ErrorCode.STALE_VERSION


class WrongCrew(WireError):
    """The order is another crew's."""

    code = ErrorCode.WRONG_CREW


class Revoked(WireError):
    """The handset was revoked; nothing more is taken from it."""

    code = ErrorCode.REVOKED


class EmptyPhoto(WireError):
    """A photo of 0 bytes."""

    code = ErrorCode.EMPTY_PHOTO


class ReasonMissing(WireError):
    """A return, extension or suspension without its reason, or an extension without its hours."""

    code = ErrorCode.REASON_MISSING


class NoRight(WireError):
    """A crew of this kind (police, volunteers) may not do that."""

    code = ErrorCode.NO_RIGHT


EXCEPTIONS: dict[ErrorCode, type[WireError]] = {
    cls.code: cls
    for cls in (
        NotParsed,
        UnknownVersion,
        UnknownChannel,
        TooLarge,
        WrongSender,
        HashMismatch,
        UnknownReference,
        ForbiddenState,
        OverQuota,
        StaleVersion,
        WrongCrew,
        Revoked,
        EmptyPhoto,
        ReasonMissing,
        NoRight,
    )
}
