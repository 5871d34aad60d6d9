"""From an area on the map to flights that cover it: pure, no vehicle, no network.

`geojson` (what is asked) -> `camera`, `aircraft`, `law` (what is possible and allowed) -> `sweep` (lines and cells),
`paths` (round obstacles), `tour` (order), `route`, `patch` (what lines miss) -> `split` (flights that come home) ->
`build` (areas), `streets`, `revisit` -> `plan` (the one type); `resume`; exports `items` (MAVLink), `qgc`, `wpml`
(DJI); `preflight`; `picture`.
"""

from drone.mission.errors import PlanError
from drone.mission.items import MissionItem, Upload, from_uploads, to_uploads
from drone.mission.plan import Fence, Flight, Plan, Waypoint

__all__ = ["Fence", "Flight", "MissionItem", "Plan", "PlanError", "Upload", "Waypoint", "from_uploads", "to_uploads"]
