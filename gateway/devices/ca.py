"""The city's certificate authority (P-256): one now, one before it while devices change over; issues and revokes.

A folder of files, 0600: `ca.pem` (certificate and key), `ca-before.pem` during a change-over. What others may see,
`ca.crt` (both certificates), is written beside them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from edge.evidence.files import write_whole
from edge.wire.access import is_device_name

CSR_BYTES_MAX = 8 * 1024
CA_DAYS = 3650
SERVER_DAYS = 397
EARLIER = timedelta(hours=1)  # certificates begin so much before their issue: devices' clocks are not trusted
NOW_NAME, BEFORE_NAME, BUNDLE_NAME = "ca.pem", "ca-before.pem", "ca.crt"
DEVICE_URI = "urn:zhuomu:device:"
_SIGN = hashes.SHA256()


class CaUnusable(RuntimeError):
    """The authority's files cannot be used, or the step is not possible; `str()` is one line with the mend."""


class BadRequest(ValueError):
    """A certificate request that is not signed; `str()` says why."""


@dataclass(frozen=True)
class Issued:
    """A certificate as PEM with what the database keeps of it. `serial`: hex."""

    pem: bytes
    serial: str
    issuer: str
    not_after: datetime


@dataclass(frozen=True)
class _One:
    """One authority: certificate and key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.certificate)

    def pem(self) -> bytes:
        return _pem(self.certificate) + _key_pem(self.key)


class Authority:
    """What is signed is signed by the one now; both are trusted."""

    def __init__(self, folder: Path, now: _One, before: _One | None) -> None:
        self._folder = folder
        self._now = now
        self._before = before

    @classmethod
    def make(cls, folder: Path, city: str, now: datetime) -> "Authority":
        """A new authority. Raises CaUnusable when there is one already, OSError."""
        if (folder / NOW_NAME).exists():
            raise CaUnusable(f"{folder / NOW_NAME}: there is an authority already; `ca rotate` makes its successor")
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = cls(folder, _new(city, now), None)
        made._write()
        return made

    @classmethod
    def load(cls, folder: Path) -> "Authority":
        """Raises CaUnusable."""
        before = folder / BEFORE_NAME
        return cls(folder, _read(folder / NOW_NAME), _read(before) if before.exists() else None)

    @property
    def fingerprint(self) -> str:
        """sha256 of the present certificate, hex: what a claim code carries."""
        return self._now.fingerprint

    @property
    def changing(self) -> bool:
        """Whether the one before is still trusted."""
        return self._before is not None

    def bundle(self) -> bytes:
        """PEM of all that are trusted, the one now first."""
        return b"".join(_pem(one.certificate) for one in self._all())

    def rotate(self, now: datetime) -> None:
        """A successor signs from here on, the present one stays trusted until `finish`. Raises CaUnusable."""
        if self._before is not None:
            raise CaUnusable(f"{self._folder}: a change-over is under way; end it with `ca finish` first")
        city = self._now.certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value
        self._before, self._now = self._now, _new(str(city), now)
        self._write()

    def finish(self) -> None:
        """The one before is trusted no longer. Raises CaUnusable when there is none."""
        if self._before is None:
            raise CaUnusable(f"{self._folder}: no change-over is under way")
        self._before = None
        self._write()

    def issue(self, csr_pem: bytes, device: str, now: datetime, days: float) -> Issued:
        """A client certificate whose name is `device`, whatever the request calls itself. Raises BadRequest."""
        public = public_key_of(csr_pem)
        if not is_device_name(device):
            raise BadRequest(f"'{device[:64]}' is no device's name")
        names = [x509.UniformResourceIdentifier(DEVICE_URI + device)]
        usage = ExtendedKeyUsageOID.CLIENT_AUTH
        return self._sign(public, device, names, usage, now, timedelta(days=days))

    def issue_server(self, names: Sequence[str], now: datetime) -> tuple[bytes, Issued]:
        """(key as PEM, certificate) of a broker or web server. `names`: host names and addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        general = [_general_name(name) for name in names]
        life = timedelta(days=SERVER_DAYS)
        made = self._sign(key.public_key(), names[0], general, ExtendedKeyUsageOID.SERVER_AUTH, now, life)
        return _key_pem(key), made

    def crl(self, revoked: Iterable[tuple[str, datetime]], now: datetime) -> bytes:
        """A revocation list of each authority, PEM. It never runs out before its authority: a list that does shuts out
        every device at once, and what must be quick, a revocation, is written anew and told to the broker anyway."""
        rows = [
            x509.RevokedCertificateBuilder().serial_number(int(serial, 16)).revocation_date(at).build()
            for serial, at in revoked
        ]
        lists = b""
        for one in self._all():
            builder = x509.CertificateRevocationListBuilder().issuer_name(one.certificate.subject)
            builder = builder.last_update(now - EARLIER).next_update(one.certificate.not_valid_after_utc)
            builder = builder.add_extension(_authority_id(one), False)
            builder = builder.add_extension(x509.CRLNumber(int(now.timestamp() * 1_000_000)), False)
            for row in rows:
                builder = builder.add_revoked_certificate(row)
            lists += builder.sign(one.key, _SIGN).public_bytes(serialization.Encoding.PEM)
        return lists

    def issued_by(self, certificate: x509.Certificate) -> bool:
        """Whether one of ours signed it."""
        return any(_signed_by(certificate, one.certificate) for one in self._all())

    def _all(self) -> list[_One]:
        return [self._now] + ([self._before] if self._before else [])

    def _write(self) -> None:
        before = self._folder / BEFORE_NAME
        if self._before is not None:
            write_whole(before, self._before.pem())
        write_whole(self._folder / NOW_NAME, self._now.pem())
        if self._before is None:
            before.unlink(missing_ok=True)
        (self._folder / BUNDLE_NAME).write_bytes(self.bundle())

    def _sign(
        self,
        public: ec.EllipticCurvePublicKey,
        name: str,
        names: Sequence[x509.GeneralName],
        usage: x509.ObjectIdentifier,
        now: datetime,
        life: timedelta,
    ) -> Issued:
        until = min(now + life, self._now.certificate.not_valid_after_utc)
        builder = x509.CertificateBuilder().subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        builder = builder.issuer_name(self._now.certificate.subject).public_key(public)
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - EARLIER).not_valid_after(until)
        builder = builder.add_extension(x509.BasicConstraints(False, None), True)
        builder = builder.add_extension(_key_usage(signs=False), True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), False)
        builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
        builder = builder.add_extension(_authority_id(self._now), False)
        made = builder.sign(self._now.key, _SIGN)
        return Issued(_pem(made), f"{made.serial_number:x}", self._now.fingerprint, made.not_valid_after_utc)


def fingerprint(certificate: x509.Certificate) -> str:
    """sha256 of the DER, hex."""
    return certificate.fingerprint(_SIGN).hex()


def public_key_of(csr_pem: bytes) -> ec.EllipticCurvePublicKey:
    """The key of a request that its holder signed. Raises BadRequest for anything but P-256."""
    if len(csr_pem) > CSR_BYTES_MAX:
        raise BadRequest(f"the request has {len(csr_pem)} bytes, the limit is {CSR_BYTES_MAX}")
    try:
        request = x509.load_pem_x509_csr(csr_pem)
        public = request.public_key()
        signed = request.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature) as error:
        raise BadRequest("not a PKCS#10 certificate request in PEM") from error
    if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
        raise BadRequest("the key is not of curve P-256")
    if not signed:
        raise BadRequest("the request is not signed by its own key")
    return public


def _new(city: str, now: datetime) -> _One:
    key = ec.generate_private_key(ec.SECP256R1())
    serial = x509.random_serial_number()
    words = [(NameOID.ORGANIZATION_NAME, city), (NameOID.COMMON_NAME, f"zhuomu device CA {serial:x}"[:32])]
    name = x509.Name([x509.NameAttribute(oid, value) for oid, value in words])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(serial).not_valid_before(now - EARLIER)
    builder = builder.not_valid_after(now + timedelta(days=CA_DAYS))
    builder = builder.add_extension(x509.BasicConstraints(True, 0), True).add_extension(_key_usage(signs=True), True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    return _One(builder.sign(key, _SIGN), key)


def _read(path: Path) -> _One:
    try:
        data = path.read_bytes()
        certificate = x509.load_pem_x509_certificate(data)
        key = serialization.load_pem_private_key(data, None)
    except FileNotFoundError:
        raise CaUnusable(f"{path}: no authority yet; make one with `zhuomu gateway ca init`") from None
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CaUnusable(f"{path}: not an authority that can be read ({error}); restore it from a copy") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise CaUnusable(f"{path}: not a P-256 key; restore it from a copy")
    return _One(certificate, key)


def _signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _authority_id(one: _One) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(one.key.public_key())


def _key_usage(signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
