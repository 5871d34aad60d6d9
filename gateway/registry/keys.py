"""Service keys: who holds one proves a role to the registry (`Authorization: Bearer`). Only their hashes are kept."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from edge.evidence.files import write_whole
from gateway.registry.doors import Role

BEARER = "Bearer "


class ServiceKey(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """One `[[keys]]` table. `sha256`: of the key, which only its holder has; two tables may name one holder while it
    changes over."""

    name: Annotated[str, Meta(min_length=1, max_length=64)]
    role: Role
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


def hashed(key: str) -> str:
    """As it stands in the settings."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def holder(keys: Iterable[ServiceKey], authorization: str) -> ServiceKey | None:
    """Whose key a header bears; None for nobody's. Every table is compared, in the same time."""
    if not authorization.startswith(BEARER):
        return None
    told = hashed(authorization.removeprefix(BEARER))
    good = [key for key in keys if hmac.compare_digest(key.sha256, told)]
    return good[0] if good else None


def make(name: str, role: Role, path: Path) -> str:
    """A new key into a file for its holder (0600); returns the table for the registry's settings. Raises OSError."""
    key = secrets.token_urlsafe(32)
    write_whole(path, key.encode() + b"\n")
    return f'[[keys]]\nname = "{name}"\nrole = "{role}"\nsha256 = "{hashed(key)}"\n'
