"""The sample street under a simulated copter: what its camera shows at any moment, exactly, and what stands there."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from detectors.types import Image
from drone.georef.camera import Intrinsics
from drone.seeing.zones import GroundZone
from drone.sim.vehicle import SimCopter
from edge.sim.camera import Camera
from edge.sim.scene import Seen
from edge.sim.street import Street
from edge.sim.timetable import Event

FOV_DEG = 60.0
WIDTH, HEIGHT = 960, 540
HOME_M = (0.0, -14.0)  # take-off place: on the road, east and north of the street's anchor
MOMENT_S = 30.0  # the street's clock stands there while a drone flies: its things stay half a minute, flights longer
LENS = Intrinsics.from_hfov(WIDTH, HEIGHT, FOV_DEG)


@dataclass
class AirStreet:
    """removed: ids of things that crews have taken away."""

    seed: int = 5
    removed: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.street = Street(self.seed, WIDTH, HEIGHT)
        active = self.street.timetable.between(MOMENT_S, MOMENT_S + 1e-6)
        # Nobody walks or rides while the clock stands: a rider who stood there for minutes would be a parked bicycle.
        self._moving = frozenset(thing.id for event in active if event.path is not None for thing in event.things)

    @property
    def home_e7(self) -> tuple[int, int]:
        """The take-off place in 1e-7 degrees."""
        lat, lon = self.street.anchor.to_wgs84(*HOME_M)
        return round(lat * 1e7), round(lon * 1e7)

    def picture(self, copter: SimCopter) -> tuple[Image, list[Seen]]:
        """What the copter's camera shows now, from where it truly is, and the truth about it."""
        body = copter.body
        pitch, yaw = copter.gimbal_deg
        camera = Camera(
            body.east + HOME_M[0],
            body.north + HOME_M[1],
            max(body.up, 0.3),
            body.yaw_deg + yaw,
            pitch,
            FOV_DEG,
            WIDTH,
            HEIGHT,
        )
        return self.street.view(camera, MOMENT_S, self._moving | self.removed)

    def standing(self) -> list[Event]:
        """Everything of a case class that stands at that second, removed or not."""
        events = self.street.timetable.between(MOMENT_S, MOMENT_S + 1e-6)
        return [event for event in events if event.path is None]

    def zones(self) -> tuple[GroundZone, ...]:
        """Pavement, road, permitted place and bicycle bay as ground zones."""
        return tuple(
            GroundZone(zone.name, zone.name, tuple((lat, lon) for lat, lon in zone.wgs84))
            for zone in self.street.zones()
            if zone.name != "wall"
        )

    def site(self, path: Path) -> Path:
        """Write the patrol's area, fence and home as GeoJSON for the planner."""

        def ring(west: float, south: float, east: float, north: float) -> list[list[float]]:
            corners = [(west, south), (east, south), (east, north), (west, north), (west, south)]
            return [list(reversed(self.street.anchor.to_wgs84(*corner))) for corner in corners]

        shapes: dict[str, dict[str, Any]] = {
            "area": {"type": "Polygon", "coordinates": [ring(-8.0, -4.6, 6.5, -0.4)]},
            "fence": {"type": "Polygon", "coordinates": [ring(-24.0, -26.0, 24.0, 4.0)]},
            "home": {"type": "Point", "coordinates": list(reversed(self.street.anchor.to_wgs84(*HOME_M)))},
        }
        features = [{"type": "Feature", "properties": {"kind": k}, "geometry": g} for k, g in shapes.items()]
        path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
        return path
