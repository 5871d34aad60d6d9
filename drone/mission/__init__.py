"""From an area on the map to flights that cover it: pure, no vehicle, no network.

`geojson` (what is asked) -> `camera`, `aircraft`, `law` (what is possible and allowed) -> `sweep` (lines and cells),
`paths` (round obstacles), `tour` (order), `patch` (what lines miss) -> `split` (flights that come home) -> `plan`;
`resume`; exports `items` (MAVLink), `qgc`, `wpml` (DJI); `preflight`; `picture`.
"""

from drone.mission.errors import PlanError
from drone.mission.plan import Fence, Flight, Plan, Waypoint

__all__ = ["Plan"]
