"""The `[people]` table of the gateway's settings: whether operators sign in, for how long, and what each role may."""

from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.people import places

# Permission -> what it allows; a role is a name with a list of these.
PERMISSIONS = {
    "picture.view": "look at evidence",
    "live.view": "cameras live (实时画面); each viewing is logged with its reason",
    "case.view": "cases, map, dashboard",
    "case.collect": "look on the spot before filing (核实)",
    "case.decide": "file, reject, merge, send a collector (受理)",
    "case.dispatch": "suspend, take up again, extend (派遣)",
    "case.feedback": "feed back that it is done, appeal against a time-out (反馈)",
    "case.check": "decide what the cameras could not (核查)",
    "case.supervise": "close by order, cancel, review appeals (督察)",
    "device.view": "the fleet and its health",
    "device.manage": "invite and revoke devices",
    "flight.start": "missions of drones: import, delete, start at a dock (飞行)",
    "evaluation.read": "figures of evaluation (综合评价)",
    "rules.read": "filing standard, measured precision, thresholds",
    "operator.manage": "accounts of other operators",
    "standard.change": "versions of the filing standard, thresholds",
    "audit.read": "the audit log",
}
_SEES = ["picture.view", "case.view"]
ROLES = {
    "viewer": _SEES,
    "desk": [*_SEES, "live.view", "case.decide", "case.dispatch"],
    "devices": ["device.view", "device.manage"],
    "auditor": ["audit.read"],
    "pilot": ["device.view", "case.view", "flight.start"],
    "admin": ["device.view", "device.manage", "operator.manage", "rules.read", "standard.change"],
    "collector": [*_SEES, "case.collect"],
    "acceptor": [*_SEES, "case.decide"],
    "dispatcher": [*_SEES, "case.dispatch", "device.view"],
    "department": [*_SEES, "case.feedback"],
    "checker": [*_SEES, "case.check"],
    "supervisor": [*_SEES, "live.view", "case.supervise", "device.view", "evaluation.read", "rules.read"],
}
# Role -> the places that it exists at: the city centre supervises, city and districts command, subdistricts, kiosks
# and departments manage. A role that is not named here exists at every level.
LEVELS: dict[str, list[places.Level]] = {
    "devices": ["city"],
    "auditor": ["city"],
    "pilot": ["city"],
    "admin": ["city"],
    "supervisor": ["city"],
    "acceptor": ["city", "district"],
    "dispatcher": ["city", "district"],
    "checker": ["city", "district"],
    "department": ["department", "subdistrict"],
    "collector": ["subdistrict", "kiosk"],
}


class PeopleSettings(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`required`: operators sign in before anything is shown, and who saw which picture is logged.

    `roles`: name -> permissions; nobody has all, so that who administers accounts does not also see pictures or read
    the log of it. `levels`: role -> where it may be given (gateway/people/places.py). `*_s`: of a session;
    `wrong_max`: wrong tries before the first lock.
    """

    required: bool = False
    roles: dict[str, list[str]] = msgspec.field(
        default_factory=lambda: {name: list(may) for name, may in ROLES.items()}
    )
    levels: dict[str, list[places.Level]] = msgspec.field(
        default_factory=lambda: {name: list(levels) for name, levels in LEVELS.items()}
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

    def permissions(self, given: list[str]) -> frozenset[str]:
        """What these roles allow together, each in its place; a role that is no longer set allows nothing."""
        return frozenset(self.reach(given))

    def reach(self, given: list[str]) -> dict[str, tuple[str, ...]]:
        """Permission -> the places where it holds, for roles with their places (`dispatcher@990101`)."""
        found: dict[str, list[str]] = {}
        for one in given:
            role, place = places.split(one)
            for name in self.roles.get(role, []):
                found.setdefault(name, []).append(place)
        return {name: tuple(dict.fromkeys(at)) for name, at in found.items()}

    def misplaced(self, given: str) -> str:
        """Why a role with its place cannot be given; "" when it can."""
        role, place = places.split(given)
        if role not in self.roles:
            return f"there is no role '{role[:64]}'; there are {', '.join(sorted(self.roles))}"
        level = places.level_of(place)
        if level is None:
            return f"'{place[:64]}' is no place; {places.SHAPES}"
        known = self.levels.get(role, list(places.ORDER))
        return "" if level in known else f"a {role} has a place in: {', '.join(known)}; '{given[:64]}' is in: {level}"
