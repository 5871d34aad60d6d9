"""The citizens' door's settings: one TOML file, named by `citizens` in the registry's; see configs/open311.toml."""

import hashlib
import hmac
from typing import Annotated, Literal

import msgspec

MIB = 1024 * 1024


class ApiKey(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """One application that may file. The key itself is not in the file, its SHA-256 is: `printf %s KEY | sha256sum`."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    sha256: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
    per_minute: float = 60.0


class Choice(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """One value of a list attribute."""

    key: str
    name: str


class Attribute(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A question that a service asks (GeoReport's service definition). `services`: codes; empty: all."""

    code: str
    description: str
    datatype: Literal["string", "number", "datetime", "text", "singlevaluelist", "multivaluelist"] = "string"
    required: bool = False
    services: list[str] = []
    values: list[Choice] = []


class CitizenSettings(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`client_id_attributes`: attributes that carry a client's own id, beside the header Idempotency-Key; the same id
    from the same key is the same request. `keep_contact_days`: after so long a closed case's citizen is forgotten
    (name, telephone, email, device); 0 keeps for ever. `address_header`: where a reverse proxy writes the caller's
    address."""

    jurisdiction_id: str = ""
    endpoint: str = "http://127.0.0.1:8081/open311/v2"
    contact: str = ""
    keys: list[ApiKey] = []
    attributes: list[Attribute] = []
    client_id_attributes: tuple[str, ...] = ("fixmystreet_id", "client_id")
    address_header: str = ""
    posts_per_address_minute: float = 10.0
    reads_per_address_minute: float = 300.0
    keep_contact_days: float = 180.0
    photo_bytes_max: int = 8 * MIB
    photos_bytes_max: int = 2048 * MIB

    def key_of(self, secret: str) -> ApiKey | None:
        """Whose key this is; every entry is compared, so that the time taken tells nothing."""
        digest = hashlib.sha256(secret.encode()).hexdigest()
        found = [key for key in self.keys if hmac.compare_digest(key.sha256, digest)]
        return found[0] if found and secret else None
