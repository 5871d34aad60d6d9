"""Live view from the air: each frame's pose beside the picture, and a click on it as a place with its error."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from drone.georef.frames import view
from drone.georef.locate import Located, Locator
from drone.georef.refusal import NotPlaced
from drone.telemetry.buffer import Gap
from edge.live.notes import Pick
from edge.live.timeline import Moment
from edge.watch.camera import Shot

if TYPE_CHECKING:
    from edge.live.feed import Feed

POSE_EVERY_S = 0.1  # a page draws no more, and each viewer's channel carries it

CHINESE: Mapping[str, str] = {
    "above the horizon": "该处在地平线以上，没有地面",
    "too shallow": "俯角不足，误差无法界定",
    "too uncertain": "误差过大",
    "turning": "镜头转动过快，无法定位",
    "telemetry gap": "此刻没有遥测数据",
    "outside the picture": "在画面之外",
    "outside the lens model": "在镜头模型之外",
}
Answer = dict[str, object]


class AirView:
    """What `edge.live` asks of a flight. `locator`: its buffer is filled while it flies. `at_s`: from the device's
    monotonic clock, with which pictures are stamped, to the telemetry's clock, the video's latency taken off. Counts in
    `counts`: clicks placed and refused by reason, poses told and missing."""

    def __init__(self, locator: Locator, at_s: Callable[[float], float], clock: Callable[[], float] = time.monotonic):
        self._locator = locator
        self._at_s = at_s
        self._clock = clock
        self._told_s = float("-inf")
        self.counts: Counter[str] = Counter()

    def place(self, pick: Pick, moment: Moment) -> Answer:
        """For `edge.live.feed.Feed`: the ground under a click on a frame: `lat`, `lon` (WGS-84), `height_m` with its
        datum and the 95 % ellipse; or `error` in words."""
        camera = self._locator.camera
        try:
            # shares count from the picture's edge, pixels from the centre of the first
            x, y = pick.x * camera.width - 0.5, pick.y * camera.height - 0.5
            found = self._locator.locate(self._at_s(moment.mono_s), x, y)
        except NotPlaced as refusal:
            self.counts[f"refused: {refusal.reason}"] += 1
            return {"error": str(refusal), "error_zh": CHINESE.get(refusal.reason, "无法定位")}
        self.counts["placed"] += 1
        return answer(found)

    def tell(self, feed: Feed, shot: Shot) -> None:
        """Send a frame's pose to its viewers; call it with every decoded picture, after `feed.shot`."""
        pose = self.pose(shot.mono_s)
        if pose is not None:
            feed.tell(shot.stream_s if shot.stream_s is not None else shot.mono_s, pose)

    def pose(self, mono_s: float) -> Answer | None:
        """The camera's pose at a frame, at most every POSE_EVERY_S; None where it is not due or not known."""
        now = self._clock()
        if now - self._told_s < POSE_EVERY_S:
            return None
        try:
            sample = self._locator.buffer.at(self._at_s(mono_s))
            yaw, pitch, roll = view(sample, self._locator.mount).as_euler("ZYX", degrees=True).tolist()
        except (Gap, NotPlaced):
            self.counts["poses_missing"] += 1
            return None
        self._told_s = now
        self.counts["poses"] += 1
        position = sample.position
        assert position is not None  # the buffer gives none without
        place = {"lat": round(position.lat, 7), "lon": round(position.lon, 7)}
        return {**place, "yaw_deg": round(yaw % 360, 2), "pitch_deg": round(pitch, 2), "roll_deg": round(roll, 2)}


def answer(found: Located) -> Answer:
    """A place as the page shows it."""
    major, minor, azimuth = found.ellipse95
    axes = {"major_m": round(major, 2), "minor_m": round(minor, 2), "azimuth_deg": round(azimuth, 1)}
    height = {"height_m": round(found.height_m, 2), "height_datum": found.datum.value}
    return {"lat": round(found.lat, 7), "lon": round(found.lon, 7), **height, "ellipse95": axes}
