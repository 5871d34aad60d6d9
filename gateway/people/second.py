"""The second factor: time-based one-time codes (RFC 6238, SHA-1, 6 digits, 30 s), each good once."""

import hmac
from datetime import datetime

import pyotp

STEP_S = 30
WINDOW = 1  # steps before and after: clocks of telephones
ISSUER = "zhuomu 啄木"


def new_secret() -> str:
    """160 random bits, base32."""
    return str(pyotp.random_base32())


def uri(name: str, secret: str) -> str:
    """What an authenticator app reads as a QR code (otpauth://)."""
    return str(pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=ISSUER))


def step_of(code: str, secret: str, now: datetime, after_step: int) -> int | None:
    """The time step that a code belongs to, None for a wrong one or one of a step that was used before (RFC 6238,
    section 5.2: a code is accepted once)."""
    given = code.strip().replace(" ", "")
    if not (given.isascii() and given.isdigit() and len(given) == 6):
        return None
    present = int(now.timestamp()) // STEP_S
    otp = pyotp.TOTP(secret)
    found = None
    for step in range(present - WINDOW, present + WINDOW + 1):
        if hmac.compare_digest(otp.generate_otp(step), given) and step > after_step:
            found = step
    return found
