"""Who may ask for what: one row for each door of the gateway; what has no row is shut (gateway/people/gate.py)."""

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["open", "signed", "permission"]


@dataclass(frozen=True)
class Rule:
    """`path`: `{}` stands for one part, a `*` at the end for all that follows. `open`: nobody signs in, because the
    door asks for its own proof or tells nothing; `signed`: anybody who is signed in. `whole_city`: a permission that
    holds in a part of the city is not enough, because what is told is of all of it. `by_hand`: a person did this, a
    page did not ask by itself.
    """

    path: str
    kind: Kind = "permission"
    permission: str = ""
    methods: tuple[str, ...] = ("GET", "HEAD")
    whole_city: bool = True
    by_hand: bool = True


def _open(path: str, *methods: str) -> Rule:
    return Rule(path, "open", methods=methods or ("GET", "HEAD"))


def _page(path: str, permission: str, whole_city: bool = False) -> Rule:
    return Rule(path, permission=permission, whole_city=whole_city)


def _data(path: str, permission: str, whole_city: bool = True) -> Rule:
    return Rule(path, permission=permission, whole_city=whole_city, by_hand=False)


RULES: tuple[Rule, ...] = (
    _open("/healthz"),
    _open("/readyz"),
    _open("/metrics"),  # counts alone
    _open("/login"),
    _open("/zhuomu-static/*"),  # our own style sheets and scripts
    _open("/people/session", "GET", "HEAD", "POST", "DELETE"),
    _open("/people/password", "POST"),  # asks for the session itself: the first password may do nothing else
    _open("/hooks/{}", "POST"),  # signed
    _open("/mqtt/authn", "POST"),  # a secret
    _open("/mqtt/authz", "POST"),
    _open("/identity/ca"),
    _open("/identity/claim", "POST"),  # a one-time code
    _open("/identity/renew", "POST"),  # a certificate
    _open("/identity/phone", "POST"),  # a one-time code
    _open("/identity/phone/renew", "POST"),  # a password
    _open("/api/sync/page"),  # a handset's token
    _open("/uploads", "OPTIONS", "POST"),  # a device's token for this content
    _open("/uploads/{}", "HEAD", "PATCH", "DELETE"),
    _open("/phone"),  # the handsets' page itself: what it shows comes over MQTT
    _open("/phone/*"),
    _open("/api/fleet/rollouts", "POST"),  # the fleet's token
    _open("/api/fleet/rollouts/{}", "POST"),
    _open("/api/fleet/devices/{}/group", "PUT"),
    _open("/fleet/releases/{}/{}"),  # signed networks, for devices
    Rule("/home", "signed"),
    Rule("/_nicegui/*", "signed", by_hand=False),
    Rule("/_nicegui_ws/*", "signed", methods=("GET", "HEAD", "POST", "WEBSOCKET"), by_hand=False),
    _data("/evidence/{}", "picture.view", whole_city=False),
    _data("/people/audit", "audit.read"),
    Rule("/api/live/{}/{}", permission="live.view", methods=("POST",), by_hand=False),  # a page comes back by itself
    Rule("/api/live/{}/{}/{}", permission="live.view", methods=("DELETE",), by_hand=False),
    _data("/api/map", "case.view", whole_city=False),
    Rule("/api/missions/{}", permission="flight.start", methods=("POST",)),
    _data("/api/second_looks", "device.view"),
    _data("/api/basemap", "case.view", whole_city=False),
    _data("/api/tiles/{}/{}/{}", "case.view", whole_city=False),
    _data("/api/city", "case.view", whole_city=False),
    _data("/api/things", "case.view", whole_city=False),
    Rule("/bulletin", permission="evaluation.read"),
    _data("/api/summary", "case.view"),
    _data("/api/feed", "case.view"),
    _data("/api/incidents", "case.view"),
    _data("/api/incidents/{}/why", "case.view"),
    Rule("/api/incidents/{}/merge", permission="case.decide", methods=("POST",)),
    Rule("/api/incidents/{}/split", permission="case.decide", methods=("POST",)),
    _data("/api/decisions", "case.view"),
    _data("/api/matching", "rules.read"),
    Rule("/api/matching", permission="case.decide", methods=("POST",)),
    _data("/api/campaigns", "case.view"),
    _data("/api/candidates", "case.view"),
    _data("/api/waiting", "case.view"),
    _data("/api/reviewed", "case.view"),
    _data("/api/devices", "device.view"),
    _data("/api/fleet/devices", "device.view"),
    _data("/api/fleet/rollouts", "device.view"),
    _data("/api/fleet/rollouts/{}", "device.view"),
    _data("/api/fleet/releases", "device.view"),
    _data("/api/handsets", "device.view"),
    _data("/api/handsets/reviews", "device.view"),
    _data("/api/handsets/{}/unsent", "device.view"),
    _data("/api/dead_letters", "device.view"),
    _data("/api/counters", "device.view"),
    _page("/", "case.view", whole_city=True),
    _page("/review", "case.decide"),
    _page("/cases", "case.view"),
    _page("/case/{}", "case.view"),
    _page("/map", "case.view"),
    _page("/fleet", "device.view", whole_city=True),
    _page("/evaluation", "evaluation.read", whole_city=True),
    _page("/rules", "rules.read", whole_city=True),
    _page("/wall", "live.view", whole_city=True),
    _page("/drones", "device.view", whole_city=True),
    _page("/whatif", "rules.read", whole_city=True),
    _page("/rollouts", "device.view", whole_city=True),
    _page("/audit", "audit.read", whole_city=True),
)


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.escape(path).replace(r"\{\}", "[^/]+").replace(r"\*", ".*"))


_COMPILED = tuple((rule, _pattern(rule.path)) for rule in RULES)


def rule_of(method: str, path: str) -> Rule | None:
    """The row for a request; None: shut."""
    return next((rule for rule, pattern in _COMPILED if method in rule.methods and pattern.fullmatch(path)), None)
