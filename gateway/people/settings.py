"""The `[people]` table of the gateway's settings: whether operators sign in, for how long, and what each role may."""

from typing import Annotated

import msgspec
from msgspec import Meta

# Permission -> what it allows; a role is a name with a list of these.
PERMISSIONS = {
    "picture.view": "look at evidence",
    "case.decide": "file, reject, close",
    "case.dispatch": "give work to crews",
    "device.manage": "invite and revoke devices",
    "operator.manage": "accounts of other operators",
    "standard.change": "versions of the filing standard",
    "audit.read": "the audit log",
}
ROLES = {
    "viewer": ["picture.view"],
    "desk": ["picture.view", "case.decide", "case.dispatch"],
    "devices": ["device.manage"],
    "auditor": ["audit.read"],
    "admin": ["device.manage", "operator.manage", "standard.change"],
}


class PeopleSettings(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`required`: pictures are shown to operators who are signed in alone, and who saw which is logged.

    `roles`: name -> permissions; nobody has all, so that who administers accounts does not also see pictures or read
    the log of it. `*_s`: of a session; `wrong_max`: wrong tries before the first lock.
    """

    required: bool = False
    roles: dict[str, list[str]] = msgspec.field(
        default_factory=lambda: {name: list(may) for name, may in ROLES.items()}
    )
    session_s: Annotated[float, Meta(gt=0.0, le=7 * 86_400.0)] = 12 * 3600.0
    idle_s: Annotated[float, Meta(gt=0.0)] = 1800.0
    wrong_max: Annotated[int, Meta(ge=1, le=100)] = 5
    lock_s: Annotated[float, Meta(gt=0.0)] = 30.0
    lock_s_max: Annotated[float, Meta(gt=0.0)] = 3600.0
    cookie_secure: bool = True

    def faults(self) -> list[str]:
        """Permissions that do not exist, one line each."""
        return [
            f"[people.roles] {role}: there is no permission '{name}'; there are {', '.join(PERMISSIONS)}"
            for role, names in self.roles.items()
            for name in names
            if name not in PERMISSIONS
        ]

    def permissions(self, roles: list[str]) -> frozenset[str]:
        """What these roles allow together; a role that is no longer set allows nothing."""
        return frozenset(name for role in roles for name in self.roles.get(role, []))
