"""Checking a password against mosquitto's form `$7$<rounds>$<salt>$<hash>` (PBKDF2-HMAC-SHA512, base64)."""

import base64
import binascii
import hashlib
import hmac

FORM = "$7$"
ROUNDS = 1000
ROUNDS_MAX = 1_000_000
PASSWORD_BYTES_MAX = 1024


def matches(password: str, stored: str) -> bool:
    """False for anything that is not in the form, too."""
    parts = stored.split("$")
    given = password.encode()
    if len(parts) != 5 or not stored.startswith(FORM) or not parts[2].isdigit() or len(given) > PASSWORD_BYTES_MAX:
        return False
    rounds = int(parts[2][:8])
    try:
        salt, digest = base64.b64decode(parts[3], validate=True), base64.b64decode(parts[4], validate=True)
    except (binascii.Error, ValueError):
        return False
    if not 1 <= rounds <= ROUNDS_MAX:
        return False
    return hmac.compare_digest(hashlib.pbkdf2_hmac("sha512", given, salt, rounds), digest)


def read(text: str) -> dict[str, str]:
    """A password file: user -> stored form; lines without a colon are passed over."""
    pairs = (line.strip().partition(":") for line in text.splitlines())
    return {user: stored for user, colon, stored in pairs if colon and user}
