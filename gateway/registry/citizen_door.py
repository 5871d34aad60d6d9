"""What the citizens' door works with, and who may come through it: api keys, addresses, jurisdiction."""

import dataclasses
import time
from collections.abc import Callable

import structlog
from fastapi import Request

from gateway.registry.citizen_form import Problem
from gateway.registry.citizen_settings import ApiKey, CitizenSettings
from gateway.registry.citizens import Citizens
from gateway.registry.photos import PhotoFolder
from gateway.registry.standard import Standard
from gateway.registry.throttle import Throttle, network_of
from gateway.times import Clock, utc_now

log = structlog.get_logger()


@dataclasses.dataclass(frozen=True)
class Door:
    """What the routes work with. `monotonic`: for the limits."""

    settings: CitizenSettings
    table: Standard
    citizens: Citizens
    photos: PhotoFolder
    clock: Clock = utc_now
    throttle: Throttle = dataclasses.field(default_factory=Throttle)
    monotonic: Callable[[], float] = time.monotonic

    def caller(self, request: Request) -> str:
        """The address that the limits count by."""
        named = request.headers.get(self.settings.address_header, "") if self.settings.address_header else ""
        return network_of(named or (request.client.host if request.client else ""))

    def enter(self, request: Request, what: str, per_min: float) -> None:
        """One call from an address. Raises Problem(429)."""
        self._take(f"{what} {self.caller(request)}", per_min)

    def key(self, api_key: str) -> ApiKey:
        """Who files. Raises Problem(403), Problem(429)."""
        found = self.settings.key_of(api_key)
        if found is None:
            raise Problem(403, "api_key is missing or not known here; ask the city for one")
        self._take(f"key {found.name}", found.per_minute)
        return found

    def reader(self, request: Request) -> str:
        """The name of the key that reads, "" without one. Raises Problem for a key or jurisdiction that is not ours."""
        self.enter(request, "read", self.settings.reads_per_address_minute)
        self.jurisdiction(request.query_params.get("jurisdiction_id", ""))
        api_key = request.query_params.get("api_key", "")
        return self.key(api_key).name if api_key else ""

    def jurisdiction(self, given: str) -> None:
        """Raises Problem(404)."""
        if given and given != self.settings.jurisdiction_id:
            raise Problem(404, f"jurisdiction_id '{given[:64]}' was not found; it may be left out here")

    def _take(self, name: str, per_min: float) -> None:
        if not self.throttle.allows(name, per_min, self.monotonic()):
            log.warning("open311.throttled", who=name)
            raise Problem(429, "too many requests; wait a minute")
