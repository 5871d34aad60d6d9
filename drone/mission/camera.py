"""What a camera sees of the ground from a height, and the spacing of lines and pictures that follows."""

from math import atan, degrees

import msgspec

from drone.mission.errors import PlanError


class Camera(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A camera that looks straight down, its long side across the track. Millimetres and pixels of the maker's sheet.

    interval_min_s: shortest time between two pictures.
    """

    sensor_width_mm: float = 17.3
    sensor_height_mm: float = 13.0
    focal_mm: float = 12.29
    width_px: int = 5280
    height_px: int = 3956
    interval_min_s: float = 0.7

    def __post_init__(self) -> None:
        sizes = (self.sensor_width_mm, self.sensor_height_mm, self.focal_mm, self.width_px, self.height_px)
        if min(sizes) <= 0 or self.interval_min_s < 0:
            raise ValueError("a camera's sizes and focal length must be above 0")

    @property
    def field_of_view_deg(self) -> float:
        """Across the track."""
        return 2 * degrees(atan(self.sensor_width_mm / (2 * self.focal_mm)))


CAMERAS: dict[str, Camera] = {
    "mavic3e": Camera(),  # DJI Mavic 3 Enterprise wide camera, 4/3 CMOS
    "m30": Camera(6.4, 4.8, 4.5, 4000, 3000, 0.7),  # DJI M30 wide camera, 1/2 inch CMOS
    "a6000-16": Camera(23.5, 15.6, 16.0, 6000, 4000, 1.0),  # Sony A6000 with a 16 mm lens
}


class Spacing(msgspec.Struct, frozen=True):
    """What height and overlap make of a camera. Metres; `cm_per_px` on flat ground."""

    footprint_across_m: float
    footprint_along_m: float
    line_m: float
    trigger_m: float
    cm_per_px: float


def spacing_of(camera: Camera, height_m: float, forward: float, side: float) -> Spacing:
    """Line spacing and trigger distance at a height above ground for overlaps given as shares, 0 to 0.95.

    Source: similar triangles of the pinhole camera, footprint = sensor * height / focal length.
    """
    for name, share in (("forward", forward), ("side", side)):
        if not 0.0 <= share <= 0.95:
            raise PlanError(f"{name} overlap {share:g}: give a share from 0 to 0.95, as 0.7")
    if not height_m > 0:
        raise PlanError(f"height {height_m:g} m: fly above the ground")
    scale = height_m / camera.focal_mm
    across, along = camera.sensor_width_mm * scale, camera.sensor_height_mm * scale
    return Spacing(across, along, across * (1 - side), along * (1 - forward), 100 * across / camera.width_px)
