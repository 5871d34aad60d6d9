"""`zhuomu kiosk calibrate`: a page on this machine alone, on which an operator clicks points and types their places."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import cv2
import msgspec
import numpy as np
import pymap3d
from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from msgspec import Meta, Struct
from numpy.typing import NDArray
from starlette.middleware.trustedhost import TrustedHostMiddleware

from edge.kiosk.config import CalibrationPoint, CameraSettings
from edge.kiosk.settle import save_calibration
from edge.link import SettingsError
from edge.watch.ground import PIXEL_ERROR, Ground, NotCalibrated, Point, ellipse
from edge.watch.source import Image, SourceError
from edge.watch.survey import POINTS_MAX, refuse_doubtful

PAGE = Path(__file__).with_name("calibrate.html")
BODY_BYTES_MAX = 256 * 1024
LOCAL_M_MAX = 100_000.0
GRID_LINES_MAX = 24
# What a refusal means, for who reads Chinese: a piece of the English words -> the same.
CHINESE = {
    "pick at least 4": "点太少，请在地面上至少取 4 个点",
    "are enough": "点太多",
    "is no number": "有坐标不是数字，请重新填写",
    "on one line": "这些点（几乎）在一条直线上，请取地面上一块区域的四个角",
    "no homography": "这些点得不出单应矩阵，请取地面上一块区域的四个角",
    "are the same": "有两个点重合，请移动或删除其中一个",
    "horizon": "地平线从这些点之间穿过：有点不在地面上，或两点对调了",
    "from below": "地面像是从下方看到的：有两点对调，或纬度与经度（东与北）填反了",
    "far away": "坐标离原点太远，请检查单位与原点",
}

Coordinate = Annotated[float, Meta(ge=-1e9, le=1e9)]
Newest = Callable[[], Image]


class Picked(Struct, forbid_unknown_fields=True):
    """A click (shares of the picture's width and height) and what was typed for it: latitude and longitude, or east and
    north in metres from the origin."""

    x: Annotated[float, Meta(ge=-10, le=10)]
    y: Annotated[float, Meta(ge=-10, le=10)]
    first: Coordinate
    second: Coordinate


class Asked(Struct, forbid_unknown_fields=True):
    """What the page sends. The origin counts for local metres alone."""

    points: Annotated[list[Picked], Meta(max_length=POINTS_MAX)]
    kind: Literal["wgs84", "local"] = "wgs84"
    origin: tuple[Annotated[float, Meta(ge=-90, le=90)], Annotated[float, Meta(ge=-180, le=180)]] = (0.0, 0.0)


class Calibration:
    """State of the page: the camera, its newest picture, and the file that is written."""

    def __init__(self, settings_file: Path, camera: CameraSettings, newest: Newest) -> None:
        self._file = settings_file
        self.camera = camera
        self._newest = newest
        self.size: tuple[int, int] | None = None

    def picture(self) -> bytes:
        """JPEG of a fresh picture. Raises SourceError."""
        image = self._newest()
        self.size = (image.shape[1], image.shape[0])
        return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()

    def state(self) -> dict[str, object]:
        """What is set now."""
        c = self.camera
        points = [{"x": p.x, "y": p.y, "first": p.lat, "second": p.lon} for p in c.calibration]
        return {"camera": c.name, "file": str(self._file), "origin": [c.lat, c.lon], "points": points}

    def tried(self, asked: Asked) -> dict[str, object]:
        """The homography's residuals and errors at each point, and a grid on the ground. Raises NotCalibrated."""
        points = placed(asked)
        width, height = self.size or (1280, 720)
        pixels = np.array([[p.x * width, p.y * height] for p in points], np.float64).reshape(-1, 2)
        ground = Ground([Point(x, y, p.lat, p.lon) for (x, y), p in zip(pixels, points, strict=True)])
        metres = np.array([local(p, points[0]) for p in points])
        refuse_doubtful(ground.fit, pixels, metres)
        axes = [ellipse(ground.covariance(x, y, PIXEL_ERROR)) for x, y in pixels]
        found = zip(ground.fit.residuals_px, ground.fit.residuals_m, axes, strict=True)
        lines, step_m = grid(ground.fit.to_picture, metres, (width, height))
        return {
            "points": [
                {"residual_px": float(px), "residual_m": float(m), "major_m": axis[0], "minor_m": axis[1]}
                for px, m, axis in found
            ],
            "rms_px": math.sqrt(float(np.mean(ground.fit.residuals_px**2))),
            "rms_m": math.sqrt(float(np.mean(ground.fit.residuals_m**2))),
            "pick_px": ground.fit.pick_px,
            "spare": len(points) - 4,
            "grid": lines,
            "grid_m": step_m,
        }

    def save(self, asked: Asked) -> None:
        """Write what would be tried. Raises NotCalibrated, SettingsError."""
        self.tried(asked)
        points = placed(asked)
        save_calibration(self._file, self.camera.name, points)
        self.camera = msgspec.structs.replace(self.camera, calibration=points)


def placed(asked: Asked) -> list[CalibrationPoint]:
    """The points with WGS-84 coordinates. Raises NotCalibrated."""
    found = []
    for number, p in enumerate(asked.points, 1):
        lat, lon = p.first, p.second
        if asked.kind == "local":
            if max(abs(p.first), abs(p.second)) > LOCAL_M_MAX:
                raise NotCalibrated(f"point {number} is far away from the origin; check its unit (metres)")
            lat, lon, _ = pymap3d.enu2geodetic(p.first, p.second, 0.0, *asked.origin, 0.0)
        if abs(lat) > 90 or abs(lon) > 180:
            raise NotCalibrated(f"point {number} is no number of degrees; latitude is up to 90, longitude up to 180")
        found.append(CalibrationPoint(p.x, p.y, float(lat), float(lon)))
    if found and max(math.hypot(*local(p, found[0])) for p in found) > LOCAL_M_MAX:
        raise NotCalibrated("the points are far away from each other; check latitudes and longitudes")
    return found


def local(point: CalibrationPoint, origin: CalibrationPoint) -> tuple[float, float]:
    """East and north in metres."""
    east, north, _ = pymap3d.geodetic2enu(point.lat, point.lon, 0.0, origin.lat, origin.lon, 0.0)
    return float(east), float(north)


def grid(
    to_picture: NDArray[np.float64], metres: NDArray[np.float64], size: tuple[int, int]
) -> tuple[list[list[list[float]]], float]:
    """Lines on the ground around the points, a round number of metres apart, as shares of the picture: what a person
    can compare with kerbs and slabs. Returns (lines, step in metres)."""
    low, high = metres.min(axis=0), metres.max(axis=0)
    widest = float((high - low).max())
    step = next((s for s in (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0) if widest / s <= GRID_LINES_MAX / 2), widest / 10)
    sides = [np.arange(np.floor(a / step), np.ceil(b / step) + 1) * step for a, b in zip(low, high, strict=True)]
    lines = [[(e, n) for n in np.linspace(sides[1][0], sides[1][-1], 20)] for e in sides[0]]
    lines += [[(e, n) for e in np.linspace(sides[0][0], sides[0][-1], 20)] for n in sides[1]]
    depth = [to_picture[2] @ (*metres[0], 1.0), 0.0]
    found = []
    for line in lines:
        shown = []
        for e, n in line:
            u, v, w = to_picture @ (e, n, 1.0)
            if w * depth[0] > 0:
                shown.append([float(u / w / size[0]), float(v / w / size[1])])
        found.append(shown)
    return found, step


def create_app(calibration: Calibration) -> FastAPI:
    """The page and what it asks. It answers to names of this machine alone, so that no other site's page can ask."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])

    @app.get("/")
    def page() -> Response:
        policy = "default-src 'self'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src 'self' blob:"
        return Response(PAGE.read_bytes(), media_type="text/html", headers={"Content-Security-Policy": policy})

    @app.get("/state")
    def state() -> Response:
        return _json(calibration.state())

    @app.get("/picture.jpg")
    def picture() -> Response:
        try:
            return Response(calibration.picture(), media_type="image/jpeg", headers={"Cache-Control": "no-store"})
        except SourceError as error:
            return _refused(str(error), 502)

    @app.post("/fit")
    async def fit(request: Request) -> Response:
        return await run_in_threadpool(_answer, calibration.tried, await request.body(), _type(request))

    @app.post("/save")
    async def save(request: Request) -> Response:
        return await run_in_threadpool(_answer, calibration.save, await request.body(), _type(request))

    return app


def _type(request: Request) -> str:
    return request.headers.get("content-type", "")


def _answer(work: Callable[[Asked], dict[str, object] | None], body: bytes, media_type: str) -> Response:
    if media_type != "application/json" or len(body) > BODY_BYTES_MAX:
        return _refused(f"send at most {BODY_BYTES_MAX} bytes of application/json", 415)
    try:
        return _json({"ok": True, **(work(msgspec.json.decode(body, type=Asked)) or {})})
    except (NotCalibrated, SettingsError) as error:
        return _refused(str(error), 422)
    except msgspec.DecodeError as error:
        return _refused(f"{error}; a coordinate is no number", 422)


def _refused(words: str, status: int) -> Response:
    chinese = next((text for piece, text in CHINESE.items() if piece in words), "")
    return Response(
        msgspec.json.encode({"ok": False, "why": words, "why_zh": chinese}), status, media_type="application/json"
    )


def _json(value: dict[str, object]) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
