"""Texts that the gateway gives out and knows again: signed by HMAC-SHA256, good until an instant.

The secrets are in the database, so that every gateway knows them; one for each use, so that a token of one door opens
no other.
"""

import hashlib
import hmac
import secrets
from datetime import datetime

import sqlalchemy as sa

from gateway.database import Database
from gateway.sync_tables import sync_secrets


class Seal:
    """`name`: the use. The secret is made by the first who asks for it."""

    def __init__(self, database: Database, name: str) -> None:
        with database.write() as tx:
            found = tx.scalar(sa.select(sync_secrets.c.value).where(sync_secrets.c.name == name))
            if found is None:
                found = secrets.token_hex(32)
                tx.execute(sa.insert(sync_secrets), {"name": name, "value": found})
        self._secret = bytes.fromhex(found)

    def make(self, text: str, expires: datetime) -> str:
        """A token that says `text` until then; seconds are cut off."""
        said = f"{text}.{int(expires.timestamp())}"
        return f"{said}.{self._sign(said)}"

    def read(self, token: str, now: datetime) -> str | None:
        """What it says; None when it is not ours or no longer good."""
        said, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._sign(said).encode()):
            return None
        text, _, until = said.rpartition(".")
        return text if int(until) >= now.timestamp() else None

    def _sign(self, text: str) -> str:
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()
