"""A device's identity on its own disk: a P-256 key that never leaves it, the certificate, the authority, the centre.

One folder, 0700: `identity.pem` (key and certificate in one file, so that a power cut leaves a pair that fits),
`ca.crt`, `identity.json` (name and the centre's address).
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from edge.evidence.files import sync_folder, write_whole
from edge.link.tls import CA_NAME, IDENTITY_NAME

ABOUT_NAME = "identity.json"
RENEW_AFTER = 2 / 3  # of a certificate's life, as ACME clients do
RENEW_WORDS = b"zhuomu renew 1\n"


class IdentityUnusable(RuntimeError):
    """The identity's files cannot be used; `str()` is one line: what, where, what to do."""


class About(msgspec.Struct, frozen=True):
    """What stands in identity.json. `url`: the centre's HTTP address."""

    device: str
    url: str


@dataclass(frozen=True)
class Identity:
    """What a device is to the centre."""

    about: About
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def renew_at(self) -> datetime:
        """When to ask for the next certificate."""
        since, until = self.certificate.not_valid_before_utc, self.certificate.not_valid_after_utc
        return since + (until - since) * RENEW_AFTER


def new_key() -> ec.EllipticCurvePrivateKey:
    """Curve P-256."""
    return ec.generate_private_key(ec.SECP256R1())


def request(key: ec.EllipticCurvePrivateKey, device: str) -> bytes:
    """A certificate request (PKCS#10, PEM) for the key."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, device)])
    made = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM)


def prove(key: ec.EllipticCurvePrivateKey, csr: bytes) -> bytes:
    """The signature with the present key that a renewal carries. It needs no time in it: sent again by somebody else,
    it brings a certificate for a key that only this device has."""
    return key.sign(RENEW_WORDS + csr, ec.ECDSA(hashes.SHA256()))


def proved(certificate: x509.Certificate, signature: bytes, csr: bytes) -> bool:
    """Whether the holder of this certificate's key asks for `csr`."""
    public = certificate.public_key()
    if not isinstance(public, ec.EllipticCurvePublicKey):
        return False
    try:
        public.verify(signature, RENEW_WORDS + csr, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def store(folder: Path, about: About, key: ec.EllipticCurvePrivateKey, certificate: bytes, ca: bytes) -> None:
    """Write what was given, the authority first. Raises IdentityUnusable when the certificate is not for the key."""
    public = x509.load_pem_x509_certificate(certificate).public_key()
    if public != key.public_key():
        raise IdentityUnusable(f"{folder}: the certificate that came is not for this device's key; ask the centre")
    form = serialization.PrivateFormat.PKCS8
    pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(folder / CA_NAME, ca)
        write_whole(folder / ABOUT_NAME, msgspec.json.encode(about))
        write_whole(folder / IDENTITY_NAME, certificate + pem)
        sync_folder(folder)
    except OSError as error:
        raise IdentityUnusable(f"{folder}: cannot be written ({error.strerror}); mend its permissions") from error


def load(folder: Path) -> Identity:
    """Raises IdentityUnusable."""
    path = folder / IDENTITY_NAME
    try:
        data = path.read_bytes()
        certificate = x509.load_pem_x509_certificate(data)
        key = serialization.load_pem_private_key(data, None)
        about = msgspec.json.decode((folder / ABOUT_NAME).read_bytes(), type=About)
    except FileNotFoundError as error:
        raise IdentityUnusable(f"{error.filename}: no such file; `zhuomu claim` writes it") from None
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm, msgspec.DecodeError) as error:
        raise IdentityUnusable(
            f"{folder}: not an identity that can be read ({error}); claim the device anew"
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise IdentityUnusable(f"{path}: not a P-256 key; claim the device anew")
    return Identity(about, key, certificate)
