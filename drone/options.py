"""The options of `zhuomu drone` commands that read recordings, each with its words for people."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
UtcOffset = Annotated[
    float | None, typer.Option("--utc-offset", min=-14, max=14, help="Hours the camera's clock was ahead of UTC (SRT).")
]
Camera = Annotated[
    Path | None, typer.Option(help="JSON with width, height, fx, fy, cx, cy, distortion (OpenCV calibration).")
]
Fov = Annotated[float | None, typer.Option(help="Horizontal field of view in degrees, instead of --camera.")]
Start = Annotated[
    str | None, typer.Option(help="When the video began, ISO time with zone; none: as the telemetry file tells.")
]
LagMs = Annotated[float, typer.Option("--lag-ms", help="How late pictures are against the telemetry, in ms.")]
Look = Annotated[
    str | None, typer.Option(help="Direction of the camera as YAW,PITCH in degrees against north and horizon.")
]
Mounted = Annotated[
    str | None, typer.Option(help="Camera without gimbal: ROLL,PITCH,YAW in degrees in the vehicle's axes.")
]
DemFile = Annotated[Path | None, typer.Option("--dem", help="GeoTIFF of heights over mean sea level; none: flat.")]
HeightOver = Annotated[float, typer.Option("--ground", help="Flat ground's height over the place of take-off, m.")]
Home = Annotated[float | None, typer.Option("--home", help="Height of the place of take-off over mean sea level, m.")]
Undulation = Annotated[
    float | None,
    typer.Option("--undulation", help="Geoid undulation here: ellipsoid height minus sea level height, m."),
]
Datum = Annotated[
    str | None, typer.Option("--height-datum", help="What an altitude without datum is: ellipsoid, sea-level or home.")
]
Every = Annotated[float, typer.Option("--every", min=0.01, help="Seconds of video between two looks.")]
