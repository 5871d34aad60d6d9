"""`[gate]` in a kiosk's file: spend processor time only where something may have changed."""

from collections.abc import Iterable
from typing import Annotated, Literal

from msgspec import Meta, Struct

from edge.watch.decode import BaseRate
from edge.watch.lookout import Care
from edge.watch.places import Habits

AUTO_DWELL_S = 60.0  # rules that wait so long lose nothing by a picture every two seconds
GAP_TIMES = 1.5  # of base_s: a step between looks that still counts as seen through


class GateSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`mode` auto: on where every rule's dwell is at least AUTO_DWELL_S. Seconds; what each means stands in
    configs/kiosk.toml."""

    mode: Literal["auto", "on", "off"] = "auto"
    base_s: Annotated[float, Meta(ge=0.2, le=10)] = 2.0
    key_gap_s_max: Annotated[float, Meta(ge=1, le=60)] = 10.0
    width_px: Annotated[int, Meta(ge=32, le=320)] = 96
    whole_s: Annotated[float, Meta(ge=2, le=3600)] = 60.0
    place_s: Annotated[float, Meta(ge=2, le=3600)] = 60.0
    open_s: Annotated[float, Meta(ge=0, le=60)] = 1.0
    rest_s: Annotated[float, Meta(ge=0, le=3600)] = 60.0
    view_s: Annotated[float, Meta(ge=2, le=600)] = 30.0

    def rate(self) -> BaseRate:
        """For the cameras' decoders."""
        return BaseRate(self.base_s, self.key_gap_s_max)

    def care(self) -> Care:
        """For the lookouts."""
        return Care(self.width_px, self.whole_s, self.place_s, self.open_s, self.rest_s)

    def habits(self, gone_s: float) -> Habits:
        """For the place memories: between two looks there are `base_s` now."""
        usual = Habits()
        return Habits(
            gone_s=gone_s,
            gap_s_max=max(usual.gap_s_max, GAP_TIMES * self.base_s),
            forget_s=max(usual.forget_s, 2 * GAP_TIMES * self.base_s),
        )


def gate_for(settings: GateSettings, dwells_s: Iterable[float]) -> GateSettings | None:
    """The gate as it holds under rules of these dwell times, None where it is off."""
    on = settings.mode == "on" or (settings.mode == "auto" and min(dwells_s, default=0.0) >= AUTO_DWELL_S)
    return settings if on else None
