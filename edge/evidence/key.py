"""The device's own key (Ed25519): made at the first start, never overwritten, never leaves the device."""

import hashlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from edge.evidence.files import private, sync_folder, write_whole

PRIVATE_NAME, PUBLIC_NAME = "device.key", "device.pub"


class KeyUnusable(RuntimeError):
    """A key file that cannot be used; `str()` is one line: what, where, what to do."""


@dataclass(frozen=True)
class PublicKey:
    """What everybody may know."""

    key: Ed25519PublicKey

    @property
    def fingerprint(self) -> str:
        """The first 16 hex digits of the raw key's sha256."""
        raw = self.key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return hashlib.sha256(raw).hexdigest()[:16]

    @property
    def pem(self) -> str:
        """SubjectPublicKeyInfo, as OpenSSL writes it."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.key.public_bytes(serialization.Encoding.PEM, form).decode()

    def signed(self, signature: bytes, data: bytes) -> bool:
        """Whether this key signed the data."""
        try:
            self.key.verify(signature, data)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class DeviceKey:
    """What only the device knows."""

    key: Ed25519PrivateKey

    @property
    def public(self) -> PublicKey:
        """Its public half."""
        return PublicKey(self.key.public_key())


def device_key(folder: Path) -> DeviceKey:
    """The key in a device's data folder, made when there is none; `device.pub` beside it. Raises KeyUnusable."""
    path = folder / PRIVATE_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            _make(path)
        found = serialization.load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyUnusable(
            f"{path}: not a device key that can be read ({error}); restore it from a copy, or move it away to begin "
            "with a new key (what the old one signed is then proved by the old device.pub alone)"
        ) from error
    if not isinstance(found, Ed25519PrivateKey):
        raise KeyUnusable(f"{path}: not an Ed25519 key; move it away and start again")
    made = DeviceKey(found)
    _publish(folder / PUBLIC_NAME, made.public)
    return made


def read_public(path: Path) -> PublicKey:
    """A public key in PEM. Raises KeyUnusable."""
    try:
        return public_of(path.read_bytes())
    except (OSError, ValueError) as error:
        raise KeyUnusable(f"{path}: not a public key that can be read ({error}); give a device's device.pub") from error


def public_of(pem: bytes) -> PublicKey:
    """A public key in PEM. Raises ValueError."""
    try:
        found = serialization.load_pem_public_key(pem)
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from error
    if not isinstance(found, Ed25519PublicKey):
        raise ValueError("not an Ed25519 key")
    return PublicKey(found)


def _make(path: Path) -> None:
    """Whole or not at all, and linked in place: a link never replaces a file that is there."""
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        with os.fdopen(private(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as out:
            out.write(pem)
            out.flush()
            os.fsync(out.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            return
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _publish(path: Path, key: PublicKey) -> None:
    try:
        if not path.exists() or path.read_text(encoding="ascii", errors="replace") != key.pem:
            write_whole(path, key.pem.encode())
    except OSError as error:
        raise KeyUnusable(f"{path}: cannot be written ({error.strerror}); mend the disk or its rights") from error
