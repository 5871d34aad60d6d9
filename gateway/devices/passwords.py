"""Passwords of devices in mosquitto's own form, so that one file serves mosquitto, the embedded broker and the hook.

The form is `$7$<rounds>$<salt>$<hash>`: PBKDF2-HMAC-SHA512, base64 (mosquitto 2.0, lib `password_mosq.c`). Passwords
are made here, 160 random bits, so a thousand rounds are plenty; a broker checks 1,400 devices at once after a restart.
"""

import base64
import hashlib
import secrets

from edge.link.passwords import FORM, ROUNDS, matches

__all__ = ["hashed", "made", "matches"]
SALT_BYTES = 12  # mosquitto takes no other


def made() -> str:
    """A new password, 32 letters and digits."""
    return base64.b32encode(secrets.token_bytes(20)).decode().lower()


def hashed(password: str) -> str:
    """In the form of a password file's second field."""
    salt = secrets.token_bytes(SALT_BYTES)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ROUNDS)
    return f"{FORM}{ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"
