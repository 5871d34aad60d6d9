"""One way to write a record down, so that everybody hashes and signs the same bytes.

The rule (within RFC 8785, the JSON Canonicalization Scheme): UTF-8; object keys sorted, all of them ASCII; no white
space; strings with the shortest escapes; no floating point numbers at all, whole numbers below 2**53 in decimal; every
field written, null where there is nothing.
"""

import json

import msgspec


def canonical(value: object) -> bytes:
    """A struct or JSON value -> its canonical bytes. Raises ValueError for what the rule has no form for."""
    plain = msgspec.to_builtins(value)
    _check(plain)
    return json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def read(line: bytes) -> object:
    """Canonical bytes -> JSON value. Raises ValueError when they are no JSON or not in canonical form."""
    try:
        value: object = json.loads(line)
        if canonical(value) == line:
            return value
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON") from None
    raise ValueError("it is not in canonical form")


def _check(value: object) -> None:
    if isinstance(value, dict):
        for inner in value.values():
            _check(inner)
    elif isinstance(value, list):
        for inner in value:
            _check(inner)
    elif isinstance(value, float) or (isinstance(value, int) and abs(value) >= 2**53):
        raise ValueError(f"{value!r} has no canonical form: only whole numbers below 2**53 have")
