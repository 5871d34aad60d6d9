"""When a cell may file by itself: earned by measured precision, lost when it drops."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.registry.trust.outcomes import CONFIRMED, WRONG
from gateway.registry.trust.wilson import interval

Share = Annotated[float, Meta(ge=0.0, le=1.0)]


class Policy(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`[auto_file_policy]` of the registry's settings.

    A cell (camera x class x hour) earns the right when the lower bound (Wilson, 95 %) of its precision reaches
    `earned_at`, and loses it when that falls below `lost_at`, or when `recent_wrong` of its last `recent` outcomes
    are wrong. Outcomes older than `window_days` do not count. `sample`: the share of candidates that a person sees
    all the same, so that precision stays measured where nobody would look any more.
    """

    earned_at: Share = 0.90
    lost_at: Share = 0.85
    recent: Annotated[int, Meta(ge=1, le=1000)] = 20
    recent_wrong: Annotated[int, Meta(ge=1, le=1000)] = 3
    window_days: Annotated[int, Meta(ge=1, le=3660)] = 90
    sample: Share = 0.05

    def problem(self) -> str:
        """Why this policy cannot work, or ""."""
        if self.lost_at > self.earned_at:
            return f"lost_at {self.lost_at} is above earned_at {self.earned_at}: what is earned would be lost at once"
        if self.recent_wrong > self.recent:
            return f"recent_wrong {self.recent_wrong} is more than recent {self.recent}: it could never be reached"
        return ""


@dataclass(frozen=True)
class Judgement:
    """Whether a cell may file, and the figures that say so."""

    granted: bool
    good: int
    total: int
    reason: str


def judge(newest_first: Sequence[str], granted: bool, policy: Policy) -> Judgement:
    """A cell's outcomes in the window, the newest first, and whether it may file now."""
    good, total = newest_first.count(CONFIRMED), len(newest_first)
    lower, upper = interval(good, total)
    wrong = newest_first[: policy.recent].count(WRONG)
    figures = f"{good} of {total} right, precision {lower:.3f} to {upper:.3f} (95 %)"
    if wrong >= policy.recent_wrong:
        return Judgement(False, good, total, f"{wrong} of the last {min(policy.recent, total)} were wrong; {figures}")
    needed = policy.lost_at if granted else policy.earned_at
    return Judgement(lower >= needed, good, total, f"{figures}, {needed:.2f} needed")


def sampled(incident_id: str, share: float) -> bool:
    """Whether a person is to see this one all the same; the same incident gets the same answer everywhere."""
    drawn = int.from_bytes(hashlib.sha256(incident_id.encode()).digest()[:8]) / 2**64
    return drawn < share
