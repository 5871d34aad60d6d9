"""A throw-away certificate authority, and a certificate for a broker and for every handset (P-256)."""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LIFE = timedelta(days=2)
LISTENER = """
listener {{port}} 127.0.0.1
cafile {folder}/ca.pem
certfile {folder}/broker.pem
keyfile {folder}/broker.pem
require_certificate true
use_identity_as_username true
"""


@dataclass(frozen=True)
class Authority:
    """`folder` holds ca.pem, and one PEM with key and certificate for each name."""

    folder: Path
    names: tuple[str, ...]

    def listener(self) -> str:
        """mosquitto's lines for a listener that wants certificates; `port` is left to be filled in."""
        return LISTENER.format(folder=self.folder)

    def context(self, name: str) -> ssl.SSLContext:
        """As a handset connects: it proves itself and checks the broker."""
        context = ssl.create_default_context(cafile=str(self.folder / "ca.pem"))
        context.load_cert_chain(self.folder / f"{name}.pem")
        return context


def make(folder: Path, names: Sequence[str]) -> Authority:
    """Keys and certificates for `broker` (on 127.0.0.1) and the names."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = _name("bench ca")
    ca = _begun(issuer, issuer, key).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    (folder / "ca.pem").write_bytes(_pem(ca.sign(key, hashes.SHA256())))
    for name in ("broker", *names):
        own = ec.generate_private_key(ec.SECP256R1())
        where = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
        signed = _begun(_name(name), issuer, own).add_extension(where, critical=False).sign(key, hashes.SHA256())
        plain = own.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (folder / f"{name}.pem").write_bytes(plain + _pem(signed))
    return Authority(folder, tuple(names))


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _begun(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + LIFE)
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
