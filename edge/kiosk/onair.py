"""Live view of a kiosk: its cameras' packets, pictures and boxes to `edge.live`; what a click means on the ground."""

import asyncio
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from detectors import Detections
from detectors.redact import Redactor
from edge.kiosk.config import CalibrationPoint, CameraSettings, KioskSettings, ground_of
from edge.kiosk.deskviewers import DeskViewers
from edge.link import Outbox
from edge.live.feed import Feed
from edge.live.hide import Redactors
from edge.live.notes import Pick
from edge.live.server import LiveServer
from edge.live.service import Live
from edge.live.tokens import Tokens, token_key
from edge.live.viewings import Viewings
from edge.watch.camera import Camera, Shot
from edge.watch.ground import Ground
from edge.watch.packets import Piece
from edge.watch.source import Source

CHI2_95 = 5.991464547107979  # two degrees of freedom
Answer = dict[str, object]


class OnAir:
    """`takers` and `shots`: what a camera's tap and thread call, by its name. Raises OSError: no key, port taken."""

    def __init__(self, settings: KioskSettings, data: Path, outbox: Outbox) -> None:
        self._settings = settings
        self._shown = {c.name: c for c in settings.camera if c.live.on}
        self._cameras: dict[str, Camera] = {}
        self._sizes: dict[str, tuple[int, int]] = {}
        self._redactors = Redactors(Redactor)
        tokens = Tokens(token_key(data), frozenset(settings.live.revoked))
        log = Viewings(outbox.transact, settings.live.viewings_rows_max)
        self._live = Live(settings.live, self._feeds, tokens, log, redactors=self._redactors)
        self.desk = DeskViewers(self._live, tokens, settings.live.viewers_max)
        self._server = LiveServer(self._live)
        self._server.bind()
        self.takers = {name: self._taker(name) for name in self._shown}
        self.shots = {name: self._shot_taker(name) for name in self._shown}

    @property
    def port(self) -> int:
        """Where it is served."""
        return self._server.port

    def start(self, cameras: list[Camera]) -> None:
        """Serve."""
        self._cameras = {camera.name: camera for camera in cameras}
        self._server.start()

    def stop(self) -> None:
        """End every viewing."""
        self._server.stop()

    def saw(self, camera: str, shot: Shot, found: Detections, whole: bool) -> None:
        """What the network found in a frame."""
        self._sizes[camera] = shot.size
        feed = self._live.feeds.get(camera)
        if feed is not None:
            feed.saw(shot, found, whole)

    def counters(self) -> dict[str, int]:
        """For the health message."""
        return self._live.counters()

    def _feeds(self, loop: asyncio.AbstractEventLoop) -> dict[str, Feed]:
        return {name: self._feed(camera, loop) for name, camera in self._shown.items()}

    def _feed(self, camera: CameraSettings, loop: asyncio.AbstractEventLoop) -> Feed:
        return Feed(
            camera.name,
            self._settings.live,
            loop,
            self._redactors if camera.live.redact else None,
            keep_open=self._cameras[camera.name].open,
            recording=not Source(camera.source).live,
            place=lambda pick, _: placed(camera, self._sizes.get(camera.name), pick),
        )

    def _taker(self, name: str) -> Callable[[Piece], None]:
        def take(piece: Piece) -> None:
            if (feed := self._live.feeds.get(name)) is not None:
                feed.piece(piece)

        return take

    def _shot_taker(self, name: str) -> Callable[[Shot], None]:
        def take(shot: Shot) -> None:
            if (feed := self._live.feeds.get(name)) is not None:
                feed.shot(shot)

        return take


def placed(camera: CameraSettings, size: tuple[int, int] | None, pick: Pick) -> Answer:
    """A click on a picture of (height, width) px: its place on the camera's ground plane with the 95 % ellipse, or why
    there is none."""
    if size is None:
        return {"error": "no picture has come yet; click again", "error_zh": "还没有画面，请稍后再点"}
    height, width = size
    ground = ground_of(camera, width, height)
    if ground is None:
        return {"error": "this camera is not calibrated; run zhuomu kiosk calibrate", "error_zh": "摄像头未标定"}
    x, y = pick.x * width, pick.y * height
    if not _below_horizon(ground, camera.calibration[0], (width, height), (x, y)):
        return {"error": "above the horizon: no ground there", "error_zh": "该处在地平线以上"}
    found = ground.place((x, y, x, y), "bike")
    scale = math.sqrt(CHI2_95)
    axes = {"major_m": round(found.error_major_m * scale, 2), "minor_m": round(found.error_minor_m * scale, 2)}
    azimuth = round(found.error_azimuth_deg, 1)
    return {"lat": round(found.lat, 7), "lon": round(found.lon, 7), "ellipse95": {**axes, "azimuth_deg": azimuth}}


def _below_horizon(ground: Ground, point: CalibrationPoint, size: tuple[int, int], pixel: tuple[float, float]) -> bool:
    """Whether a pixel lies on the same side of the ground plane's horizon as a picked point."""
    row = ground.fit.to_ground[2]
    picked = row @ np.array([point.x * size[0], point.y * size[1], 1.0])
    return bool((row @ np.array([*pixel, 1.0])) * picked > 0)
