"""Leave to upload: a device asks over its own MQTT topic, and its token opens the tus door for that content.

| what | when | answer |
|---|---|---|
| over one upload's bytes | asked | TOO_LARGE |
| over the device's bytes of the day | asked, created, sent | OVER_QUOTA; 429 |
| revoked | asked, and at every request | REVOKED or no answer at all (`gateway/devices/doorman.py`); 403 |
| asked too often | asked | no answer: the channel's rate, as for every message; asked again later |

Where devices or operators must prove themselves nothing is uploaded without a token; elsewhere one that is given is
checked all the same.
"""

from dataclasses import dataclass
from datetime import timedelta

import structlog

from edge.wire import UPLOAD_PATH, OverQuota, Revoked, TooLarge, UploadAsk, UploadGrant, WireError
from gateway.counters import Counters
from gateway.database import Database
from gateway.devices import known
from gateway.devices.doorman import Doorman
from gateway.seals import Seal
from gateway.sync import handsets
from gateway.times import Clock
from gateway.uploads import Coming, Limits, UploadRefused

LIFE = timedelta(minutes=15)
BEARER = "Bearer "
_NAME = "upload"
log = structlog.get_logger()


@dataclass(frozen=True)
class Asked:
    """A question, and whether the handset that asks was revoked when its batch was committed."""

    ask: UploadAsk
    revoked: bool


class Grants:
    """`required`: no upload without a token. Any thread."""

    def __init__(
        self, database: Database, limits: Limits, doorman: Doorman, counters: Counters, clock: Clock, required: bool
    ) -> None:
        self._database = database
        self._limits = limits
        self._doorman = doorman
        self._counters = counters
        self._clock = clock
        self._required = required
        self._seal = Seal(database, _NAME)

    def answer(self, asked: Asked) -> UploadGrant:
        """The token, or the reason why not."""
        ask = asked.ask
        try:
            self._check(ask, asked.revoked)
        except WireError as error:
            self._counters.add("uploads_not_granted")
            log.info("upload.not_granted", device=ask.device, sha256=ask.sha256, code=int(error.code))
            return UploadGrant(sha256=ask.sha256, code=int(error.code), reason=str(error))
        self._counters.add("uploads_granted")
        expires = (self._clock() + LIFE).replace(microsecond=0)
        token = self._seal.make(_said(ask.device, ask.sha256, ask.size_bytes, ask.purpose), expires)
        return UploadGrant(sha256=ask.sha256, path=UPLOAD_PATH, token=token, expires=expires)

    def prove(self, authorization: str, coming: Coming) -> None:
        """Before anything is done for an upload. `authorization`: the header, "" when there is none. Raises
        UploadRefused (401: ask for a token; 403: never)."""
        token = authorization.removeprefix(BEARER)
        if token:
            self._check_token(token, coming)
        elif self._required:
            raise UploadRefused(401, "no token: ask for one over MQTT (up/<device>/grant)")
        if not self._may(coming.device):
            raise UploadRefused(403, f"{coming.device} may not upload: it was revoked, or was never claimed")

    def room(self, coming: Coming, size_bytes: int) -> None:
        """Before bytes are taken. Raises UploadRefused (429) when the device's day has no room for them."""
        if not self._doorman.has_room(coming.device, size_bytes):
            raise UploadRefused(429, f"{coming.device} has sent its bytes of today; go on tomorrow (UTC)")

    def spent(self, coming: Coming, size_bytes: int) -> None:
        """Bytes that were taken count for the device's day."""
        self._doorman.spend(coming.device, size_bytes)

    def _check(self, ask: UploadAsk, revoked: bool) -> None:
        if revoked:
            raise Revoked(f"{ask.device} was revoked")
        most = self._limits.most(ask.purpose)
        if ask.size_bytes > most:
            raise TooLarge(f"{ask.size_bytes} bytes; one upload may have {most}")
        if not self._doorman.has_room(ask.device, ask.size_bytes):
            raise OverQuota(f"{ask.device} has sent its bytes of today; ask again tomorrow (UTC)")

    def _check_token(self, token: str, coming: Coming) -> None:
        said = self._seal.read(token, self._clock())
        if said is None:
            raise UploadRefused(401, "the token is not ours or no longer good: ask for another over MQTT")
        if said != _said(coming.device, coming.sha256, coming.size_bytes, coming.purpose):
            raise UploadRefused(403, "the token is for another device, content, size or purpose")

    def _may(self, device: str) -> bool:
        with self._database.read() as tx:
            if handsets.is_revoked(tx, device):
                return False
            standing = known.standing_of(tx, device, self._clock())
        return standing == "active" or (standing in ("unknown", "invited") and not self._doorman.requires)


def _said(device: str, sha256: str, size_bytes: int, purpose: str) -> str:
    return f"{device}.{sha256}.{size_bytes}.{purpose}"
