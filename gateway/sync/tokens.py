"""The token by which a handset fetches pages over HTTP: given to it over its own MQTT topic, good for some minutes."""

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta

import sqlalchemy as sa

from gateway.database import Database
from gateway.sync_tables import sync_secrets

LIFE = timedelta(minutes=15)
_NAME = "bulk"


class Tokens:
    """HMAC-SHA256 over device and expiry; the secret is in the database, so that every gateway knows it."""

    def __init__(self, database: Database) -> None:
        with database.write() as tx:
            found = tx.scalar(sa.select(sync_secrets.c.value).where(sync_secrets.c.name == _NAME))
            if found is None:
                found = secrets.token_hex(32)
                tx.execute(sa.insert(sync_secrets), {"name": _NAME, "value": found})
        self._secret = bytes.fromhex(found)

    def give(self, device: str, now: datetime) -> tuple[str, datetime]:
        """(token, until when)."""
        expires = now + LIFE
        text = f"{device}.{int(expires.timestamp())}"
        return f"{text}.{self._sign(text)}", expires

    def device(self, token: str, now: datetime) -> str | None:
        """Whose token it is; None when it is not ours or no longer good."""
        text, _, signature = token.rpartition(".")
        device, _, until = text.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._sign(text).encode()):
            return None
        return device if int(until) >= now.timestamp() else None

    def _sign(self, text: str) -> str:
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()
