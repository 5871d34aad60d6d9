"""What a first report is worth and to whom: a part of the city's file."""

from datetime import date
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Fen = Annotated[int, Meta(ge=0, le=100_000_00)]  # a hundredth of a yuan
Hours = Annotated[float, Meta(ge=0, le=24 * 31)]
Channel = Literal["phone_credit", "transfer", "cash", "red_packet"]


class RewardPolicy(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`reward` of the city's file. The amounts are examples: the city sets its own.

    `by_class`: other amounts for a code (`04-01`) or main class (`04`). Two reports are of one incident when they are
    of one class, at most `same_within_m` apart and received within `same_within_hours`. A decision waits `wait_hours`
    after filing, so that what was reported offline can come in and still be first. `person_interval_min`: between two
    rewarded reports of one person; `place_interval_hours`: between two rewards for one class within `same_within_m`.
    `daily_max`, `monthly_max`: fen for one person by local day and month of the report. `missed_by`: whose miss it was,
    the first kind that serves the place; where none does, the city pays. `channels`: how people are paid, the first
    that what they left allows.
    """

    amount: Fen = 500
    by_class: dict[str, Fen] = {}
    same_within_m: Annotated[float, Meta(gt=0, le=1000)] = 50.0
    same_within_hours: Hours = 24.0
    wait_hours: Hours = 24.0
    person_interval_min: Annotated[float, Meta(ge=0, le=60 * 24)] = 10.0
    place_interval_hours: Hours = 24.0
    daily_max: Fen = 3_000
    monthly_max: Fen = 20_000
    missed_by: tuple[Literal["cleaning", "collection"], ...] = ("cleaning", "collection")
    channels: tuple[Channel, ...] = ("phone_credit", "red_packet", "transfer", "cash")
    since: date = date(2000, 1, 1)

    def worth(self, class_code: str) -> int:
        """Fen for a report of this class."""
        return self.by_class.get(class_code, self.by_class.get(class_code[:2], self.amount))

    def problems(self) -> list[str]:
        """What cannot be meant, one line for each."""
        found = []
        if self.daily_max > self.monthly_max:
            found.append(f"reward: daily_max {self.daily_max} is above monthly_max {self.monthly_max}")
        if not self.channels:
            found.append("reward: channels is empty; name at least one way to pay")
        return found
