"""`zhuomu drone track` and `replay`: what a recording holds, and where on the ground lies what it shows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from drone.options import (
    Camera,
    Datum,
    DemFile,
    Every,
    Fov,
    HeightOver,
    Home,
    Json,
    LagMs,
    Look,
    Mounted,
    Start,
    Undulation,
    UtcOffset,
)


def track(
    file: Annotated[Path, typer.Argument(help=".tlog, ArduPilot .BIN, PX4 .ulg, DJI .SRT, MISB KLV or a .ts with it.")],
    as_json: Json = False,
    utc_offset: UtcOffset = None,
) -> None:
    """What a telemetry file holds: path, span, rates, datums. 遥测文件概要。"""
    from drone.show import show_track

    show_track(file, as_json, utc_offset)


def replay(
    video: Annotated[Path, typer.Argument(help="The recorded video, or a folder of pictures.")],
    telemetry: Annotated[
        Path | None,
        typer.Option(help=".tlog, .BIN, .ulg, .SRT or KLV of the same flight; none: KLV in the video (.ts)."),
    ] = None,
    camera: Camera = None,
    fov: Fov = None,
    start: Start = None,
    lag_ms: LagMs = 0.0,
    look: Look = None,
    mount: Mounted = None,
    dem: DemFile = None,
    ground_m: HeightOver = 0.0,
    home_m: Home = None,
    undulation_m: Undulation = None,
    height_datum: Datum = None,
    utc_offset: UtcOffset = None,
    every_s: Every = 1.0,
    model: Annotated[Path | None, typer.Option(help="Network; none: the one that ships.")] = None,
    min_score: Annotated[float, typer.Option(min=0.0, max=1.0, help="Drop detections below it.")] = 0.35,
) -> None:
    """Detections of a recorded flight on the ground, one JSON line each, a summary at the end. 回放定位。"""
    from drone.show import Request, show_replay

    request = Request(
        video=video,
        telemetry=telemetry or video,
        camera=camera,
        fov_deg=fov,
        start=start,
        lag_s=lag_ms / 1000,
        look=look,
        mount=mount,
        dem=dem,
        ground_m=ground_m,
        home_m=home_m,
        undulation_m=undulation_m,
        height_datum=height_datum,
        utc_offset_h=utc_offset,
        every_s=every_s,
        model=model,
        min_score=min_score,
    )
    show_replay(request)
