"""Flat-earth steps for the simulated vehicle: good to centimetres over the hundreds of metres that tests fly."""

import math
from dataclasses import dataclass

DEGREE_M = 111_319.49


@dataclass
class Body:
    """Where it is, metres from home (east, north) and above home."""

    east: float = 0.0
    north: float = 0.0
    up: float = 0.0
    yaw_deg: float = 0.0
    moving: bool = False

    def toward(self, east: float, north: float, up: float, speed: float, climb: float, dt_s: float) -> bool:
        """One step; True when it is there."""
        distance = math.hypot(east - self.east, north - self.north)
        self.moving = distance > 1e-6
        if distance > 1e-6:
            self.yaw_deg = math.degrees(math.atan2(east - self.east, north - self.north)) % 360
            part = min(1.0, speed * dt_s / distance)
            self.east += (east - self.east) * part
            self.north += (north - self.north) * part
        rise = up - self.up
        self.up += max(-climb * dt_s, min(climb * dt_s, rise))
        return math.hypot(east - self.east, north - self.north) < 0.5 and abs(up - self.up) < 0.2


def to_metres(lat: int, lon: int, home: tuple[int, int]) -> tuple[float, float]:
    """Degrees * 1e7 to metres east and north of home."""
    shrink = math.cos(math.radians(home[0] / 1e7))
    return (lon - home[1]) / 1e7 * DEGREE_M * shrink, (lat - home[0]) / 1e7 * DEGREE_M


def to_degrees(east: float, north: float, home: tuple[int, int]) -> tuple[int, int]:
    """Metres east and north of home to degrees * 1e7."""
    shrink = math.cos(math.radians(home[0] / 1e7))
    return home[0] + round(north / DEGREE_M * 1e7), home[1] + round(east / DEGREE_M / shrink * 1e7)
