"""Getting an identity from the centre: once with a one-time code, later again and again with the certificate itself."""

import base64
import ssl
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from edge.link import identity
from edge.link.identity import About
from edge.link.tls import CA_NAME, IDENTITY_NAME, why_unreachable

TIMEOUT_S = 15.0
FINGERPRINT_CHARS = 32
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class NotClaimed(RuntimeError):
    """The centre gave no certificate; `str()` is one line: what, where, what to do."""


class Granted(msgspec.Struct):
    """The centre's answer: PEM texts."""

    certificate: str
    ca: str


class Code(msgspec.Struct, frozen=True):
    """A claim code as `zhuomu gateway device add` prints it: `device:secret:fingerprint`."""

    device: str
    secret: str
    fingerprint: str

    @classmethod
    def parse(cls, text: str) -> "Code":
        """Raises NotClaimed."""
        parts = text.strip().split(":")
        if len(parts) != 3 or not all(parts) or len(parts[2]) != FINGERPRINT_CHARS:
            raise NotClaimed("the code is not DEVICE:SECRET:FINGERPRINT; copy the whole of what `device add` printed")
        return cls(*parts)

    def __str__(self) -> str:
        return f"{self.device}:{self.secret}:{self.fingerprint[:FINGERPRINT_CHARS]}"


def claim(url: str, code: Code, folder: Path) -> datetime:
    """Make a key, have it certified, store both. Returns until when. Raises NotClaimed, IdentityUnusable.

    The centre's authority is known by the fingerprint in the code before the code is sent.
    """
    host = urlsplit(url).hostname or ""
    if not url.startswith("https://") and host not in _LOOPBACK:
        raise NotClaimed(f"{url}: the code would go over the network readable; give the centre's https:// address")
    ca = _authority(url, code.fingerprint)
    key = identity.new_key()
    csr = identity.request(key, code.device).decode()
    body = {"device": code.device, "code": code.secret, "csr": csr}
    granted = _post(url, "/identity/claim", body, ca)
    _keep(folder, About(code.device, url), key, granted)
    return identity.load(folder).certificate.not_valid_after_utc


def renew(folder: Path) -> datetime:
    """A new key and certificate for the present one. Returns until when. Raises NotClaimed, IdentityUnusable."""
    mine = identity.load(folder)
    key = identity.new_key()
    csr = identity.request(key, mine.about.device)
    signature = base64.b64encode(identity.prove(mine.key, csr)).decode()
    certificate = (folder / IDENTITY_NAME).read_text().partition("-----BEGIN PRIVATE KEY")[0]
    body = {"certificate": certificate, "csr": csr.decode(), "signature": signature}
    granted = _post(mine.about.url, "/identity/renew", body, (folder / CA_NAME).read_text())
    _keep(folder, mine.about, key, granted)
    return identity.load(folder).certificate.not_valid_after_utc


def _keep(folder: Path, about: About, key: Any, granted: Granted) -> None:
    try:
        identity.store(folder, about, key, granted.certificate.encode(), granted.ca.encode())
    except ValueError as error:
        raise NotClaimed(f"{about.url}: what came is no certificate ({error}); is that the centre?") from error


def _authority(url: str, fingerprint: str) -> str:
    """The centre's authorities as PEM, one of which has the code's fingerprint. Nothing secret is said here, so the
    server need not be verified yet."""
    try:
        with httpx.Client(verify=False, timeout=TIMEOUT_S, trust_env=False) as client:
            answer = client.get(f"{url.rstrip('/')}/identity/ca")
        answer.raise_for_status()
        found = x509.load_pem_x509_certificates(answer.content)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise NotClaimed(f"{url}: no authority to be had there ({error}); look at the address") from error
    if not any(c.fingerprint(hashes.SHA256()).hex().startswith(fingerprint) for c in found):
        raise NotClaimed(f"{url}: not the centre that gave this code (its authority is another); look at the address")
    return answer.text


def _post(url: str, path: str, body: dict[str, str], ca: str) -> Granted:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=ca)
    try:
        with httpx.Client(verify=context, timeout=TIMEOUT_S, trust_env=False) as client:
            answer = client.post(f"{url.rstrip('/')}{path}", json=body)
    except httpx.HTTPError as error:
        cause = error.__cause__.__cause__ if error.__cause__ is not None else None
        raise NotClaimed(f"{url}: {why_unreachable(cause or error, urlsplit(url).hostname or url)}") from error
    if answer.status_code != 200:
        raise NotClaimed(f"{url}: {_refusal(answer)}")
    try:
        return msgspec.json.decode(answer.content, type=Granted)
    except msgspec.DecodeError as error:
        raise NotClaimed(f"{url}: the answer is not a certificate ({error}); is that the centre?") from error


def _refusal(answer: httpx.Response) -> str:
    try:
        words = str(answer.json()["error"])
    except (ValueError, KeyError, TypeError):
        words = "no reason given"
    return f"refused ({answer.status_code}): {words[:300]}"
