"""Codes over the versions of a standard: what a class of one version is called in another, and who may change what."""

import hashlib
from dataclasses import dataclass

import msgspec
import sqlalchemy as sa

from gateway.database import SchemaMismatch
from gateway.registry.standard import Standard
from gateway.registry.tables import standards


class VersionChanged(SchemaMismatch):
    """A version that cases were filed under has another content now; `str()` says what to do."""


@dataclass(frozen=True)
class Translated:
    """`codes` of the newer version: exactly one is certain, several need a person, none says that the class is gone."""

    codes: tuple[str, ...]
    steps: tuple[str, ...]


class UnknownVersion(LookupError):
    """No chain of versions leads from the one to the other; `str()` says where it breaks."""


def translate(code: str, old: str, new: str, known: dict[str, Standard]) -> Translated:
    """A code of version `old` in version `new`. known: version -> table. Raises UnknownVersion."""
    steps: list[str] = []
    at = new
    while at != old:
        table = known.get(at)
        if table is None or not table.follows or at in steps:
            raise UnknownVersion(f"version '{at}' does not follow '{old}'; its file must say which version it follows")
        steps.append(at)
        at = table.follows
    codes = [code]
    for version in reversed(steps):
        codes = list(dict.fromkeys(after for before in codes for after in known[version].moved(before)))
    return Translated(tuple(codes), tuple(reversed(steps)))


def keep(tx: sa.Connection, table: Standard, now: str) -> None:
    """Write a version down when it is first used. Raises VersionChanged when it was used with another content."""
    body = msgspec.json.encode(table, order="deterministic")
    digest = hashlib.sha256(body).hexdigest()
    kept = tx.scalar(sa.select(standards.c.sha256).where(standards.c.version == table.version))
    if kept is None:
        row = {"version": table.version, "city": table.city, "sha256": digest, "body": body, "first_used_at": now}
        tx.execute(sa.insert(standards), row)
    elif kept != digest:
        raise VersionChanged(
            f"standard version '{table.version}' was used with another content before (sha256 {kept[:12]}, now "
            f"{digest[:12]}): cases keep the version they were filed under, so give the changed table a new one"
        )


def kept(tx: sa.Connection) -> dict[str, Standard]:
    """All versions that were ever used here."""
    bodies = tx.scalars(sa.select(standards.c.body))
    found = [msgspec.json.decode(body, type=Standard) for body in bodies]
    return {table.version: table for table in found}
