"""The plans of a simulated patrol over the sample street: the area once, and places to look at again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from drone.autopilot.planfile import load_plan
from drone.autopilot.prepare import Plan
from drone.georef.locate import Located
from drone.mission.aircraft import Aircraft, Pace, Wind
from drone.mission.build import Planned, Settings, plan_area
from drone.mission.camera import Camera
from drone.mission.files import write_all
from drone.mission.geojson import Check, Site, read_site
from drone.mission.revisit import plan_revisits
from drone.mission.second import Bounds, SecondLooks
from drone.sim.world import HEIGHT, WIDTH, AirStreet

# 60 degrees across, as `drone.sim.world.LENS`.
CAMERA = Camera(11.547, 6.495, 10.0, WIDTH, HEIGHT, 0.5)
SETTINGS = Settings(
    height_m=12.0, forward=0.6, side=0.4, camera=CAMERA, aircraft=Aircraft(speed_mps=2.5), pitch_deg=-45.0, hold_s=5.0
)


@dataclass(frozen=True)
class Flown:
    """A plan as planned and as the autopilot room takes it."""

    planned: Planned
    items: Plan

    def second_looks(self, bounds: Bounds) -> SecondLooks:
        """The budget for second looks in it."""
        pace = Pace(SETTINGS.aircraft, Wind(), self.planned.speed_mps)
        plan = self.planned.plan
        return SecondLooks(plan.flights[0], plan.fence, pace, bounds)


def area_plan(street: AirStreet, folder: Path) -> Flown:
    """A lawnmower over the pavement, camera straight down. Raises PlanError."""
    site = _site(street, folder)
    return _written(plan_area(site, SETTINGS), site, folder / "patrol")


def revisit_plan(street: AirStreet, folder: Path, places: dict[str, Located]) -> Flown:
    """A look at each of these places, obliquely. Raises PlanError."""
    site = _site(street, folder)
    checks = tuple(
        Check(name, (float(at[0]), float(at[1])))
        for name, spot in places.items()
        for at in [site.frame.local([spot.lat], [spot.lon])[0].tolist()]
    )
    site = msgspec.structs.replace(site, checks=checks)
    return _written(plan_revisits(site, SETTINGS), site, folder / "revisit")


def _site(street: AirStreet, folder: Path) -> Site:
    folder.mkdir(parents=True, exist_ok=True)
    return read_site(street.site(folder / "site.geojson"))


def _written(planned: Planned, site: Site, folder: Path) -> Flown:
    write_all(folder, planned, site)
    return Flown(planned, load_plan(folder / "flight-1.plan"))
