"""What an operator sets about live view: who may ask where, how many, how large, and whether faces are hidden."""

from typing import Annotated

from msgspec import Meta, Struct


class LiveSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[live]` of a kiosk's file. Off by default, and on loopback: whoever opens it to a network puts a TLS proxy
    before it. `origins`: pages of other places that may ask, as `https://desk.example`; `revoked`: ids of withdrawn
    tokens. `desk`: viewers whom the centre's desk has signed in are shown cameras too, asked for over MQTT."""

    on: bool = False
    desk: bool = False
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8091
    origins: Annotated[list[str], Meta(max_length=32)] = []
    revoked: Annotated[list[str], Meta(max_length=1000)] = []
    viewers_max: Annotated[int, Meta(ge=1, le=256)] = 20
    viewers_per_camera_max: Annotated[int, Meta(ge=1, le=256)] = 10
    publishers_max: Annotated[int, Meta(ge=0, le=16)] = 2
    redact_published: bool = True
    sdp_bytes_max: Annotated[int, Meta(ge=1024, le=1024**2)] = 64 * 1024
    connect_s: Annotated[float, Meta(gt=0, le=120)] = 15.0
    idle_s: Annotated[float, Meta(gt=0, le=600)] = 20.0
    viewings_rows_max: Annotated[int, Meta(ge=100)] = 100_000
    width_px_max: Annotated[int, Meta(ge=160, le=3840)] = 1280
    fps_max: Annotated[float, Meta(gt=0, le=60)] = 25.0
    bits_per_s: Annotated[int, Meta(ge=100_000, le=20_000_000)] = 1_500_000
    redacted_width_px_max: Annotated[int, Meta(ge=160, le=3840)] = 960


class CameraLive(Struct, frozen=True, forbid_unknown_fields=True):
    """`[camera.live]`. `redact`: faces and plates are hidden in every picture that is shown, which costs much (see
    docs/benchmarks.md) and gives few pictures a second; without it an H.264 camera is passed through as it is."""

    on: bool = True
    redact: bool = True
