"""Confirmations: how often a thing was seen again, each time at least an interval after the one that counted."""

from collections.abc import Callable, Iterable

from edge.watch.rules import Confirmed

History = Callable[[str], Iterable[tuple[int, int]]]


class _Chain:
    """Greedy over moments in microseconds; begins anew when the thing does (another `first_us`)."""

    def __init__(self, every_us: int) -> None:
        self._every_us = every_us
        self._first_us = 0
        self._last_us: int | None = None
        self._count = 0

    def add(self, first_us: int, at_us: int) -> None:
        if first_us != self._first_us:
            self._first_us, self._last_us, self._count = first_us, None, 0
        if self._counts(at_us):
            self._count += 1
            self._last_us = at_us

    def with_now(self, first_us: int, at_us: int) -> int:
        return self._count + self._counts(at_us) if first_us == self._first_us else 1

    def shift(self, by_us: int) -> None:
        self._first_us += by_us
        self._last_us = None if self._last_us is None else self._last_us + by_us

    def _counts(self, at_us: int) -> bool:
        return self._last_us is None or at_us - self._last_us >= self._every_us


class Confirmations:
    """Of all places that a rule asks about. Counted are the sightings that are logged, and the present one: so a replay
    over the log comes to the same numbers. `history`: (first_us, at_us) of a place's rows that are logged already."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._chains: dict[str, dict[int, _Chain]] = {}

    def of(self, spot_id: str, first_us: int, at_us: int) -> Confirmed:
        """For `decide`: interval in seconds -> how often, with the sighting at `at_us`."""
        return lambda every_s: self._chain(spot_id, round(every_s * 1e6)).with_now(first_us, at_us)

    def add(self, spot_id: str, first_us: int, at_us: int) -> None:
        """A sighting was logged."""
        for chain in self._chains.get(spot_id, {}).values():
            chain.add(first_us, at_us)

    def shift(self, spot_ids: Iterable[str], by_us: int) -> None:
        """The wall clock was set while these places were watched; the log keeps what it holds, so that after a restart
        counting begins with the first row by the new clock."""
        for spot_id in spot_ids:
            for chain in self._chains.get(spot_id, {}).values():
                chain.shift(by_us)

    def forget(self, spot_ids: Iterable[str]) -> None:
        """These places are over; one that comes back is counted from the log."""
        for spot_id in spot_ids:
            self._chains.pop(spot_id, None)

    def _chain(self, spot_id: str, every_us: int) -> _Chain:
        chains = self._chains.setdefault(spot_id, {})
        if every_us not in chains:
            chains[every_us] = _Chain(every_us)
            for first_us, at_us in self._history(spot_id):
                chains[every_us].add(first_us, at_us)
        return chains[every_us]
