"""One campaign is one telephone number: sightings of a poster vote on each digit until all of them are sure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from detectors.phones import kind_of

READINGS_MIN = 2  # that agree on each digit: one sighting alone names no campaign
SHARE_MIN = 0.7  # of all votes on that digit; less is ambiguous
DISTANCE_MAX = 3  # wrong, missing and added digits by which two readings may differ and still be one number
READINGS_MAX = 64  # per number: the oldest goes
BALLOTS_MAX = 16  # numbers on one poster: the least seen goes
UNKNOWN = "?"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the sightings agree on. digits: the national form with "?" for a digit that is not sure; readings: how many
    voted; campaign: the id, which is the number, or None while a digit is unsure or the number fits no plan."""

    digits: str
    readings: int
    campaign: str | None


@dataclass
class Ballot:
    """Readings of one number, right and wrong ones."""

    readings: list[tuple[str, float]] = field(default_factory=list)

    def add(self, digits: str, score: float) -> None:
        """Count a reading."""
        self.readings = [*self.readings[1 - READINGS_MAX :], (digits, score)]

    def leader(self) -> str:
        """The reading with the most score behind it; one that fits the numbering plan goes first."""
        sums: dict[str, float] = {}
        for digits, score in self.readings:
            sums[digits] = sums.get(digits, 0.0) + score
        return max(sums, key=lambda digits: (kind_of(digits) is not None, sums[digits], digits))

    def verdict(self) -> Verdict:
        """The vote per digit, aligned to the leader."""
        leader = self.leader()
        votes: list[dict[str, list[float]]] = [{} for _ in leader]
        for digits, score in self.readings:
            for box, digit in zip(votes, aligned(digits, leader), strict=True):
                if digit != UNKNOWN:
                    box.setdefault(digit, []).append(score)
        agreed = "".join(map(_elected, votes))
        return Verdict(agreed, len(self.readings), agreed if kind_of(agreed) else None)


@dataclass
class Tally:
    """All numbers on one poster (or one place), over its sightings."""

    ballots: list[Ballot] = field(default_factory=list)

    def add(self, digits: str, score: float) -> None:
        """Count one reading (digits 0 to 9, "?" for one that cannot be read) under the number that it is nearest to."""
        if not digits or set(digits) - set("0123456789" + UNKNOWN) or not 0.0 < score <= 1.0:
            raise ValueError(f"a reading is digits and a score in 0..1, not {digits!r} with {score}")
        near = [(distance(digits, ballot.leader()), i) for i, ballot in enumerate(self.ballots)]
        gap, index = min(near, default=(DISTANCE_MAX + 1, -1))
        if gap > DISTANCE_MAX:
            self._room()
            self.ballots.append(Ballot())
            index = len(self.ballots) - 1
        self.ballots[index].add(digits, score)

    def verdicts(self) -> list[Verdict]:
        """One per number, most seen first."""
        return sorted((ballot.verdict() for ballot in self.ballots), key=lambda verdict: -verdict.readings)

    def campaigns(self) -> list[str]:
        """Ids of the campaigns that this poster surely belongs to."""
        return sorted({verdict.campaign for verdict in self.verdicts() if verdict.campaign})

    def _room(self) -> None:
        if len(self.ballots) >= BALLOTS_MAX:
            self.ballots.remove(min(self.ballots, key=lambda ballot: len(ballot.readings)))


def tallied(sightings: Iterable[Iterable[tuple[str, float]]]) -> Tally:
    """A tally of several frames' `poster.readings`."""
    tally = Tally()
    for sighting in sightings:
        for digits, score in sighting:
            tally.add(digits, score)
    return tally


def places_of(posters: Mapping[str, Tally]) -> dict[str, list[str]]:
    """Campaign id -> the posters (by their place's id) that carry its number."""
    places: dict[str, list[str]] = {}
    for place, tally in sorted(posters.items()):
        for campaign in tally.campaigns():
            places.setdefault(campaign, []).append(place)
    return places


def _elected(votes: dict[str, list[float]]) -> str:
    """The digit with enough readings and a clear share of the summed scores."""
    if not votes:
        return UNKNOWN
    digit = max(votes, key=lambda digit: sum(votes[digit]))
    share = sum(votes[digit]) / sum(map(sum, votes.values()))
    return digit if len(votes[digit]) >= READINGS_MIN and share >= SHARE_MIN else UNKNOWN


def distance(a: str, b: str) -> int:
    """Levenshtein distance; an unknown digit equals any."""
    return _table(a, b)[len(a)][len(b)]


def aligned(digits: str, leader: str) -> str:
    """A reading laid over the leader, len(leader) long: "?" where it lacks a digit, added digits left out."""
    table = _table(digits, leader)
    i, j, out = len(digits), len(leader), ""
    while j:
        if i and table[i][j] == table[i - 1][j - 1] + _differ(digits[i - 1], leader[j - 1]):
            out, i, j = digits[i - 1] + out, i - 1, j - 1
        elif i and table[i][j] == table[i - 1][j] + 1:
            i -= 1
        else:
            out, j = UNKNOWN + out, j - 1
    return out


def _differ(a: str, b: str) -> int:
    return int(a != b and UNKNOWN not in (a, b))


def _table(a: str, b: str) -> list[list[int]]:
    table = [[i + j if not i * j else 0 for j in range(len(b) + 1)] for i in range(len(a) + 1)]
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            replaced = table[i - 1][j - 1] + _differ(a[i - 1], b[j - 1])
            table[i][j] = min(replaced, table[i - 1][j] + 1, table[i][j - 1] + 1)
    return table
