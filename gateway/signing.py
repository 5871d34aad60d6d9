"""Signatures of webhooks, both ways: HMAC-SHA256 over `timestamp.body`, so that an old request cannot be sent again."""

import hashlib
import hmac

TIMESTAMP = "X-Zhuomu-Timestamp"
SIGNATURE = "X-Zhuomu-Signature"
AGE_S_MAX = 300.0


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """`sha256=<hex>`. `timestamp`: Unix seconds as text."""
    mac = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256)
    return f"sha256={mac.hexdigest()}"


def genuine(secret: str, timestamp: str, signature: str, body: bytes, now_s: float) -> bool:
    """Whether the sender knows the secret and signed within the last AGE_S_MAX. `now_s`: Unix seconds."""
    if not (secret and timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return False
    if abs(now_s - int(timestamp)) > AGE_S_MAX:
        return False
    return hmac.compare_digest(sign(secret, timestamp, body).encode(), signature.encode())


def same(secret: str, given: str) -> bool:
    """Whether a header holds the secret; takes the same time for any other text."""
    return bool(secret) and hmac.compare_digest(secret.encode(), given.encode())
