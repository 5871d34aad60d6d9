"""`zhuomu kiosk calibrate`: serve the calibration page on this machine until the operator ends it."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from edge.link import SettingsError


def calibrate(
    camera: Annotated[str, typer.Option(help="The camera's name in the settings.")],
    config: Annotated[Path, typer.Option(help="The kiosk's settings, which are written.")],
    port: Annotated[int, typer.Option(min=1, max=65535, help="Of the page, on 127.0.0.1.")] = 8090,
) -> None:
    """Click points on the ground, type their places: pixels to WGS-84. 标定摄像头：点选地面点，填写坐标。"""
    import uvicorn

    from edge.kiosk.calibrate import Calibration, create_app
    from edge.kiosk.config import load_settings
    from edge.watch.source import Image, Source, SourceError, check

    try:
        settings = load_settings(config)
        chosen = next((c for c in settings.camera if c.name == camera), None)
        if chosen is None:
            names = ", ".join(c.name for c in settings.camera)
            raise SettingsError(f"{config}: has no camera {camera!r}; it has {names}")
        if not Source(chosen.source).live:
            check(chosen.source)
    except (SettingsError, SourceError) as error:
        sys.stderr.write(f"error: {error}\n")
        raise typer.Exit(2) from error
    source = chosen.source

    def newest() -> Image:
        for frame in Source(source).frames():
            return frame.image
        raise SourceError(f"{source}: gives no picture; check the camera")

    app = create_app(Calibration(config, chosen, newest))
    sys.stdout.write(f"http://127.0.0.1:{port}/\n")
    sys.stdout.flush()
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")
