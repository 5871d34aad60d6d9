"""Who may ask the registry for what: one row for each route; what has no row is shut (gateway/registry/gate.py).

A caller is no person but a system that holds a service key: the gateway, which has asked its own operators for their
roles (gateway/people/access.py), a payroll, a department's screen.
"""

import re
from dataclasses import dataclass
from typing import Literal

Need = Literal[
    "open", "intake", "case.view", "case.step", "evaluation.read", "trust.read", "trust.change", "reward.read",
    "reward.settle",
]  # fmt: skip
Role = Literal["gateway", "reader", "evaluation", "payroll"]
# Role -> what it may. `intake`: reports, crews' steps, cameras' verdicts; `case.step`: people's steps, passed on.
ROLES: dict[Role, frozenset[Need]] = {
    "gateway": frozenset({"intake", "case.view", "case.step", "evaluation.read", "trust.read", "trust.change"}),
    "reader": frozenset({"case.view"}),
    "evaluation": frozenset({"evaluation.read", "trust.read"}),
    "payroll": frozenset({"reward.read", "reward.settle"}),
}


@dataclass(frozen=True)
class Row:
    """`path`: `{}` stands for one part, a `*` at the end for all that follows. `open`: nobody proves a role, because
    the door asks for its own proof or tells nothing."""

    path: str
    need: Need
    method: str = "GET"


def _steps(*names: str) -> tuple[Row, ...]:
    return tuple(Row(f"/cases/{{}}/{name}", "case.step", "POST") for name in names)


def _reads(need: Need, *paths: str) -> tuple[Row, ...]:
    return tuple(Row(path, need) for path in paths)


ROWS: tuple[Row, ...] = (
    Row("/healthz", "open"),
    Row("/open311/*", "open"),  # the citizens' door: api keys and limits of its own (citizen_door.py)
    Row("/open311/*", "open", "POST"),
    Row("/reports", "intake", "POST"),
    Row("/reports/many", "intake", "POST"),
    Row("/sightings", "intake", "POST"),
    Row("/groupings", "intake", "POST"),
    Row("/cases/{}/ops", "intake", "POST"),
    Row("/cases/{}/verdicts", "intake", "POST"),
    Row("/duty/reports", "intake", "POST"),
    Row("/duty/callouts/{}/answers", "intake", "POST"),
    Row("/duty/handovers/{}/signatures", "intake", "POST"),
    *_reads("case.view", "/cases", "/cases/{}", "/cases/{}/page", "/cases/{}/parties", "/events", "/summary"),
    *_reads("case.view", "/map", "/queue", "/search", "/duty/now", "/duty/handovers", "/duty/callouts"),
    *_reads("case.view", "/duty/leads", "/duty/asks", "/openapi.json"),
    *_steps("confirm", "decide", "verify", "verified", "feedback", "suspend", "resume", "extend", "force-close"),
    *_steps("cancel", "appeal", "review", "parties"),
    Row("/duty/handovers", "case.step", "POST"),
    Row("/duty/callouts", "case.step", "POST"),
    Row("/duty/leads", "case.step", "POST"),
    Row("/duty/leads/{}/receipt", "case.step", "POST"),
    Row("/duty/asks/{}/decide", "case.step", "POST"),
    *_reads("evaluation.read", "/evaluation", "/evaluation/cases", "/bulletin"),
    *_reads("trust.read", "/trust", "/trust/history", "/trust/thresholds"),
    Row("/trust/thresholds", "trust.change", "POST"),
    Row("/trust/thresholds/{}", "trust.change", "POST"),
    *_reads("reward.read", "/rewards", "/rewards/verify", "/rewards/months/{}"),
    Row("/rewards/months/{}/approve", "reward.settle", "POST"),
    Row("/rewards/months/{}/settle", "reward.settle", "POST"),
)


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.escape(path).replace(r"\{\}", "[^/]+").replace(r"\*", ".*"))


_COMPILED = tuple((row, _pattern(row.path)) for row in ROWS)


def row_of(method: str, path: str) -> Row | None:
    """The row for a request; None: shut. HEAD asks what GET asks."""
    asked = "GET" if method == "HEAD" else method
    return next((row for row, pattern in _COMPILED if row.method == asked and pattern.fullmatch(path)), None)


def may(role: Role, need: Need) -> bool:
    """Whether a role passes a door."""
    return need == "open" or need in ROLES[role]
