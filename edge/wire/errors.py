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
    OVER_QUOTA = 121


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
    )
}
