"""The devices' door: `GET /identity/ca`, `POST /identity/claim` (by one-time code), `POST /identity/renew`; for
phones in a browser `POST /identity/phone` and `/identity/phone/renew`."""

import base64
import binascii
from collections.abc import Callable
from typing import Any

import msgspec
import structlog
from cryptography import x509
from cryptography.x509.oid import NameOID
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from edge.link.identity import proved
from gateway.counters import Counters
from gateway.database import Database
from gateway.devices import known
from gateway.devices.ca import Authority, BadRequest, CaUnusable, Issued
from gateway.devices.phones import PhoneClaim, PhoneRenew, Phones
from gateway.devices.refusal import Refused
from gateway.people import ledger
from gateway.times import Clock
from gateway.tries import Tries, body_of

BODY_BYTES_MAX = 32 * 1024
TRIES_PER_MIN = 10  # of one address; a code has 120 random bits, so this saves work rather than secrets
log = structlog.get_logger()


class ClaimBody(msgspec.Struct):
    """`csr`: PKCS#10 in PEM, of a P-256 key."""

    device: str
    code: str
    csr: str


class RenewBody(msgspec.Struct):
    """`signature`: base64 of edge.link.identity.prove by the present certificate's key."""

    certificate: str
    csr: str
    signature: str


class Registrar:
    """Gives certificates. `load` reads the authority anew each time, so that a rotation needs no restart."""

    def __init__(
        self, database: Database, load: Callable[[], Authority], counters: Counters, clock: Clock, days: float
    ) -> None:
        self._database = database
        self._load = load
        self._counters = counters
        self._clock = clock
        self._days = days
        self.on_change: Callable[[], None] = lambda: None

    def ca(self) -> bytes:
        """What is trusted, PEM. Raises Refused."""
        return self._authority().bundle()

    def claim(self, body: ClaimBody) -> bytes:
        """A certificate for a code. A request that cannot be certified does not use the code up. Raises Refused."""
        authority, now = self._authority(), self._clock()
        with self._database.write() as tx:
            issued = self._issue(authority, body.csr, body.device)
            if not known.take_code(tx, body.device, body.code, now):
                raise Refused(403, "the code is wrong, used or too old; ask the centre for a new one")
            known.record(tx, body.device, issued, now)
            ledger.append(
                tx, now, f"device:{body.device}", "device.claimed", body.device, "", {"serial": issued.serial}
            )
        self._counters.add("identity_claimed")
        self.on_change()
        return _granted(issued, authority)

    def renew(self, body: RenewBody) -> bytes:
        """The next certificate for a good one. Raises Refused."""
        authority, now = self._authority(), self._clock()
        certificate, device = _holder(body)
        if not authority.issued_by(certificate):
            raise Refused(403, "the certificate is not from this centre; claim the device with a code")
        with self._database.write() as tx:
            try:
                good = known.may_renew(tx, device, f"{certificate.serial_number:x}", now)
            except known.NotKnown as error:
                raise Refused(429, str(error)) from error
            if not good:
                raise Refused(403, "the certificate is revoked or has run out; claim the device with a new code")
            issued = self._issue(authority, body.csr, device)
            known.record(tx, device, issued, now)
        self._counters.add("identity_renewed")
        return _granted(issued, authority)

    def _issue(self, authority: Authority, csr: str, device: str) -> Issued:
        try:
            return authority.issue(csr.encode(), device, self._clock(), self._days)
        except BadRequest as error:
            raise Refused(400, str(error)) from error

    def _authority(self) -> Authority:
        try:
            return self._load()
        except CaUnusable as error:
            log.error("identity.no_authority", reason=str(error))
            raise Refused(
                503, "this centre has no authority yet; its operator runs `zhuomu gateway ca init`"
            ) from error


def add_door(
    app: FastAPI, registrar: Registrar, phones: Phones, counters: Counters, monotonic_s: Callable[[], float]
) -> None:
    """Mount the routes."""
    tries = Tries(TRIES_PER_MIN)

    @app.get("/identity/ca")
    def ca() -> Response:
        try:
            return Response(registrar.ca(), media_type="application/x-pem-file")
        except Refused as error:
            return _refuse(counters, error)

    @app.post("/identity/claim")
    async def claim(request: Request) -> Response:
        return await answer(request, ClaimBody, registrar.claim)

    @app.post("/identity/renew")
    async def renew(request: Request) -> Response:
        return await answer(request, RenewBody, registrar.renew)

    @app.post("/identity/phone")
    async def claim_phone(request: Request) -> Response:
        return await answer(request, PhoneClaim, phones.claim)

    @app.post("/identity/phone/renew")
    async def renew_phone(request: Request) -> Response:
        return await answer(request, PhoneRenew, phones.renew)

    async def answer(request: Request, kind: type[Any], act: Callable[[Any], bytes]) -> Response:
        try:
            if not tries.allowed(request.client.host if request.client else "", monotonic_s()):
                raise Refused(429, f"more than {TRIES_PER_MIN} requests in a minute; wait")
            body = await body_of(request, BODY_BYTES_MAX)
            if body is None:
                raise Refused(413, f"over {BODY_BYTES_MAX} bytes")
            told = _decoded(body, kind)
            return Response(await run_in_threadpool(act, told), media_type="application/json")
        except Refused as error:
            return _refuse(counters, error)


def _decoded(body: bytes, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise Refused(400, f"not what is expected here: {error}") from error


def _holder(body: RenewBody) -> tuple[x509.Certificate, str]:
    """The certificate and its device, when whoever asks has its key. Raises Refused."""
    try:
        certificate = x509.load_pem_x509_certificate(body.certificate.encode())
        signature = base64.b64decode(body.signature, validate=True)
        names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        good = proved(certificate, signature, body.csr.encode())
    except (ValueError, binascii.Error, UnicodeError) as error:
        raise Refused(400, "not a certificate with a signature") from error
    if not good or len(names) != 1:
        raise Refused(403, "the signature is not by the certificate's key")
    return certificate, str(names[0].value)


def _granted(issued: Issued, authority: Authority) -> bytes:
    return msgspec.json.encode({"certificate": issued.pem.decode(), "ca": authority.bundle().decode()})


def _refuse(counters: Counters, error: Refused) -> Response:
    counters.add("identity_refused")
    return Response(msgspec.json.encode({"error": str(error)}), error.status, media_type="application/json")
