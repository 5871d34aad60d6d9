"""Which doubtful thing is worth a second look now, as an order for the autopilot room."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from drone.autopilot.detour import Aim
from drone.autopilot.vehicle import State
from drone.mission.second import SecondLooks
from drone.seeing.things import Thing

SCORE_MIN = 0.25  # less is not worth a battery
SIGHTINGS_MIN = 2  # what one picture alone shows may be a known thing that a turn of the aircraft misplaced


class Chooser:
    """Decides in flight; every refusal is counted by its words. A thing gets one second look, in all flights."""

    def __init__(self, looks: SecondLooks, counts: Counter[str]) -> None:
        self._looks = looks
        self._counts = counts
        self.why_not: Counter[str] = Counter()

    def choose(self, doubtful: Sequence[Thing], state: State) -> tuple[Thing, Aim] | None:
        """The doubtful thing that is seen best, and how to look at it; None when there is none or nothing is left for
        it. `spend` it once the autopilot room has taken the order."""
        if state.lat is None or state.lon is None or state.seq is None:
            return None
        here = self._local(state.lat, state.lon)
        battery = (state.battery_percent if state.battery_percent is not None else 0) / 100
        for thing in sorted(doubtful, key=lambda t: -t.score):
            if thing.second_looks or thing.score < SCORE_MIN or thing.hits < SIGHTINGS_MIN:
                continue
            spot = thing.estimate()
            found = self._looks.detour(self._local(spot.lat, spot.lon), here, battery, state.seq)
            if isinstance(found, str):
                self.why_not[found] += 1
                continue
            lat, lon = self._looks.frame.e7([found.view])[0]
            flight, bounds = self._looks.flight, self._looks.bounds
            target = (round(spot.lat * 1e7), round(spot.lon * 1e7))
            self._chosen = found
            return thing, Aim((lat, lon, flight.height_m), target, bounds.hold_s, flight.pitch_deg)
        return None

    def spend(self, thing: Thing) -> None:
        """The order was taken."""
        self._looks.spend(self._chosen)
        thing.second_looks += 1
        self._counts["second_looks"] += 1

    def _local(self, lat: float, lon: float) -> tuple[float, float]:
        east, north = self._looks.frame.local([lat], [lon])[0].tolist()
        return east, north
