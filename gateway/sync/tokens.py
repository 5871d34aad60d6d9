"""The token by which a handset fetches pages over HTTP: given to it over its own MQTT topic, good for some minutes."""

from datetime import datetime, timedelta

from gateway.database import Database
from gateway.seals import Seal

LIFE = timedelta(minutes=15)
_NAME = "bulk"


class Tokens:
    """Each says a device's name."""

    def __init__(self, database: Database) -> None:
        self._seal = Seal(database, _NAME)

    def give(self, device: str, now: datetime) -> tuple[str, datetime]:
        """(token, until when)."""
        expires = now + LIFE
        return self._seal.make(device, expires), expires

    def device(self, token: str, now: datetime) -> str | None:
        """Whose token it is; None when it is not ours or no longer good."""
        return self._seal.read(token, now)
