"""Phones' door: a browser has no certificate, so a one-time code makes a password of its own choice good.

`POST /identity/phone` claims, `POST /identity/phone/renew` changes the password or only asks how the phone stands. The
phone keeps the password before it sends it, so an answer that is lost costs nothing: saying the same again is answered
the same. 410 tells a phone that was shut out to empty itself; whoever asks for a name learns no more than that.
"""

from collections.abc import Callable
from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.counters import Counters
from gateway.database import Database
from gateway.devices import known
from gateway.devices.passwords import hashed, matches
from gateway.devices.refusal import Refused
from gateway.people import ledger
from gateway.times import Clock

RENEW_SHARE = 2 / 3  # of how long a certificate would last
DAY_S = 86_400
Password = Annotated[str, Meta(pattern="^[0-9a-f]{40}$", description="160 random bits, made on the phone")]
Device = Annotated[str, Meta(max_length=63)]


class PhoneClaim(msgspec.Struct):
    """`code`: as `zhuomu gateway device add` prints it, whole or its middle part."""

    device: Device
    code: Annotated[str, Meta(max_length=200)]
    password: Password


class PhoneRenew(msgspec.Struct):
    """`next` "": nothing is to change. `password` is whatever the phone has; of other makers' form too."""

    device: Device
    password: Annotated[str, Meta(max_length=200)]
    next: Annotated[str, Meta(pattern="^([0-9a-f]{40})?$")] = ""


class Phones:
    """`days`: how long a certificate lasts here. `on_change`: the broker's files are to be written anew."""

    def __init__(self, database: Database, counters: Counters, clock: Clock, days: float) -> None:
        self._database = database
        self._counters = counters
        self._clock = clock
        self._renew_s = round(days * RENEW_SHARE * DAY_S)
        self.on_change: Callable[[], None] = lambda: None

    def claim(self, body: PhoneClaim) -> bytes:
        """The code is used up for this password. Raises Refused."""
        now, code = self._clock(), body.code.strip()
        code = code.split(":")[1] if code.count(":") == 2 else code
        with self._database.write() as tx:
            if not known.take_code(tx, body.device, code, now):
                if not _is(known.signs_in(tx, body.device)[1], body.password):
                    raise Refused(403, "the code is wrong, used or too old; ask the centre for a new one")
                return self._good()
            known.with_password(tx, body.device, hashed(body.password), "", now)
            ledger.append(tx, now, f"device:{body.device}", "device.claimed", body.device, "", {"password": True})
        self._counters.add("identity_claimed")
        self.on_change()
        return self._good()

    def renew(self, body: PhoneRenew) -> bytes:
        """The next password for a good one. Raises Refused: 410 for a phone that was shut out."""
        now = self._clock()
        with self._database.write() as tx:
            state, stored = known.signs_in(tx, body.device)
            if state == "revoked":
                raise Refused(410, "this phone was shut out; it empties itself")
            if body.next and _is(stored, body.next):
                return self._good()
            if not _is(stored, body.password):
                raise Refused(403, "this is not the phone's password; claim it with a new code")
            if not body.next:
                return self._good()
            known.with_password(tx, body.device, hashed(body.next), "", now)
        self._counters.add("identity_renewed")
        self.on_change()
        return self._good()

    def _good(self) -> bytes:
        return msgspec.json.encode({"renew_s": self._renew_s})


def _is(stored: str, password: str) -> bool:
    return bool(stored) and matches(password, stored)
