"""What the desk's pages are given."""

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import Request

from gateway.asks import Asker
from gateway.console.trusted import Trusted
from gateway.console.visit import Visit
from gateway.counters import Counters
from gateway.database import Database
from gateway.decide import Decider
from gateway.devices.shut import Shutter
from gateway.missions import Missions
from gateway.people.api import Door
from gateway.registry_desk import RegistryDesk
from gateway.sight import Sight
from gateway.times import Clock


@dataclass(frozen=True)
class Office:
    """The parts of one gateway."""

    database: Database
    counters: Counters
    is_up: Callable[[], bool]
    decider: Decider
    registry: RegistryDesk
    trusted: Trusted
    shutter: Shutter
    door: Door
    sight: Sight
    clock: Clock
    asker: Asker
    missions: Missions
    news: Callable[[], None]  # something is to be sent to devices

    def visit(self, request: Request) -> Visit:
        """Who asks for a page."""
        return Visit.of(self.door, self.sight, request)
