"""What of the city somebody sees whose role holds in these places (gateway/people/places.py): by where a thing is and
by whose work it is."""

from collections.abc import Iterable

import sqlalchemy as sa

from gateway.people import places
from gateway.registry.city import Cell, City
from gateway.registry.standard import Standard
from gateway.tables import incidents

Box = tuple[float, float, float, float]


class Sight:
    """Of one city, by one filing standard (whose classes say which department is responsible)."""

    def __init__(self, city: City, standard: Standard) -> None:
        self.city = city
        self.standard = standard
        self._boxes: dict[str, Box | None] = {}

    def sees(self, at: Iterable[str], lat: float, lon: float, class_code: str) -> bool:
        """Whether a thing lies in one of the places. What lies outside the city's grid is the whole city's alone."""
        return any(self._in(place, lat, lon, class_code) for place in at)

    def narrowed(self, at: Iterable[str]) -> sa.ColumnElement[bool]:
        """A condition on `incidents` that lets through everything that `sees` does, and little else."""
        return sa.or_(sa.false(), *(self._about(place) for place in at))

    def _in(self, place: str, lat: float, lon: float, class_code: str) -> bool:
        level = places.level_of(place)
        if level == "city":
            return True
        if level == "department":
            return self.standard.responsible(class_code) == place.partition("/")[2]
        found = self.city.locate(lat, lon)
        if found is None or level is None:
            return False
        if level == "kiosk":
            return found.patrol_area in self._areas(place)
        return found.cell.startswith(place)

    def _about(self, place: str) -> sa.ColumnElement[bool]:
        level = places.level_of(place)
        if level == "city":
            return sa.true()
        if level == "department":
            party = place.partition("/")[2]
            codes = [case.code for case in self.standard.classes if case.responsible == party]
            return incidents.c.class_code.in_(codes)
        box = self._box(place)
        if box is None:
            return sa.false()
        south, west, north, east = box
        return sa.and_(incidents.c.lat.between(south, north), incidents.c.lon.between(west, east))

    def _box(self, place: str) -> Box | None:
        """Around the place's cells; None for a place without any."""
        if place not in self._boxes:
            areas = self._areas(place) if place.startswith("kiosk/") else frozenset()
            cells = [c for c in self.city.cells if c.patrol_area in areas or c.code.startswith(place)]
            self._boxes[place] = _around(cells) if cells else None
        return self._boxes[place]

    def _areas(self, place: str) -> frozenset[str]:
        code = place.partition("/")[2]
        return frozenset(area for kiosk in self.city.kiosks if kiosk.code == code for area in kiosk.patrol_areas)


def _around(cells: list[Cell]) -> Box:
    south, west = min(c.south for c in cells), min(c.west for c in cells)
    return south, west, max(c.north for c in cells), max(c.east for c in cells)
