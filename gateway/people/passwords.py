"""Operators' passwords: scrypt with N = 2^15, r = 8, p = 3 (OWASP Password Storage Cheat Sheet), 32 MiB a check."""

import base64
import hashlib
import hmac
import secrets

LOG2_N, R, P = 15, 8, 3
CHARS_MIN, CHARS_MAX = 12, 128
_MEMORY_BYTES = 256 * 1024 * 1024


class TooWeak(ValueError):
    """The password is not taken; `str()` says why."""


def check(password: str, name: str) -> None:
    """Length alone, as NIST SP 800-63B has it, and not the name itself. Raises TooWeak."""
    if not CHARS_MIN <= len(password) <= CHARS_MAX:
        raise TooWeak(f"a password has {CHARS_MIN} to {CHARS_MAX} characters, this has {len(password)}")
    if name.lower() in password.lower() or len(set(password)) < 5:
        raise TooWeak("a password holds neither your name nor one character again and again")


def made() -> str:
    """A first password, 120 random bits."""
    return secrets.token_urlsafe(15)


def hashed(password: str, log2_n: int = LOG2_N) -> str:
    """`scrypt$<log2 N>$<r>$<p>$<salt>$<hash>`, base64."""
    salt = secrets.token_bytes(16)
    digest = _scrypt(password, salt, log2_n, R, P)
    return "$".join(["scrypt", str(log2_n), str(R), str(P), _text(salt), _text(digest)])


def matches(password: str, stored: str) -> bool:
    """`stored` comes from `hashed`."""
    _, log2_n, r, p, salt, digest = stored.split("$")
    given = _scrypt(password[: CHARS_MAX + 1], base64.b64decode(salt), int(log2_n), int(r), int(p))
    return hmac.compare_digest(given, base64.b64decode(digest))


def _scrypt(password: str, salt: bytes, log2_n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(
        password.encode("utf-8", "surrogatepass"), salt=salt, n=2**log2_n, r=r, p=p, maxmem=_MEMORY_BYTES, dklen=32
    )


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
