"""`zhuomu drone fly`: a plan on a real autopilot."""

import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from drone.autopilot.wire import Signing


def fly(
    link: Annotated[
        str, typer.Option(help="udpin:HOST:PORT (wait for the vehicle), udpout:HOST:PORT or tcp:HOST:PORT.")
    ] = "",
    plan: Annotated[Path | None, typer.Option(help="QGroundControl .plan, or a JSON list of mission items.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Upload and read back only; no arming. 只上传核对。")
    ] = False,
    height: Annotated[
        float | None, typer.Option(min=1.0, max=120.0, help="Take-off height above home, metres; none: the plan's.")
    ] = None,
    keep_params: Annotated[
        bool, typer.Option("--keep-params", help="Do not set FS_GCS_ENABLE and FENCE_ENABLE. 不改飞控参数。")
    ] = False,
    return_at: Annotated[int, typer.Option(min=5, max=90, help="Come home at so many per cent of battery.")] = 25,
    link_wait: Annotated[float, typer.Option(min=1.0, help="Seconds to wait for the vehicle on the ground.")] = 30.0,
    ready_wait: Annotated[float, typer.Option(min=1.0, help="Seconds to wait for the pre-arm checks.")] = 120.0,
    system: Annotated[
        int | None, typer.Option(min=1, max=254, help="The vehicle's system id; none: the first autopilot heard.")
    ] = None,
    signing_key: Annotated[
        Path | None, typer.Option(help="File with a MAVLink 2 signing key: 64 hexadecimal digits. 签名密钥。")
    ] = None,
    sim: Annotated[
        bool, typer.Option("--sim", help="A whole patrol over the sample street, centre included. 模拟巡查全流程。")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="With --sim: which sample street.")] = 5,
    data: Annotated[
        Path | None, typer.Option(help="Where files are kept: with --video needed, with --sim as wanted.")
    ] = None,
    video: Annotated[
        str, typer.Option(help="Pictures of this flight: rtsp://, udp://, a file. Needs --data and --fov or --camera.")
    ] = "",
    fov: Annotated[float | None, typer.Option(help="With --video: horizontal field of view, degrees.")] = None,
    camera: Annotated[Path | None, typer.Option(help="With --video: JSON of the lens, instead of --fov.")] = None,
    zones: Annotated[Path | None, typer.Option(help="With --video: GeoJSON of permitted places and such.")] = None,
    device: Annotated[str, typer.Option(help="With --video: this drone's name at the gateway.")] = "drone-1",
    broker: Annotated[str, typer.Option(help="With --video: HOST:PORT of the MQTT broker.")] = "127.0.0.1:1883",
    lag_ms: Annotated[float, typer.Option(min=0.0, help="With --video: how late pictures come.")] = 250.0,
    lag_sigma_ms: Annotated[float, typer.Option(min=10.0, help="With --video: how well that is known.")] = 250.0,
    as_json: Annotated[bool, typer.Option("--json", help="With --sim: one JSON object on stdout.")] = False,
) -> None:
    """Upload a plan, verify it, fly it; or show all of it on a simulated autopilot. 上传、核对并执行航线。

    Ctrl-C sends the vehicle home; this program's heartbeat ends only when the vehicle has acknowledged (a second Ctrl-C
    does not wait for that). A pilot's mode change is never overruled. Ctrl-C 返航,确认后才停止心跳;飞手优先。
    """
    if sim:
        from drone.sim.show import show_sim

        raise typer.Exit(show_sim(seed, data, as_json))
    if not link or plan is None:
        sys.stderr.write("error: 请给出 --link 和 --plan,或用 --sim / give --link and --plan, or --sim\n")
        raise typer.Exit(2)

    from drone.autopilot.flight import Flight, Options
    from drone.autopilot.link import LinkError, open_link
    from drone.autopilot.planfile import PlanError, load_plan
    from drone.autopilot.session import Session
    from drone.autopilot.types import GROUND, Event, Refusal
    from drone.autopilot.words import event_line, refusal_line

    stops = 0

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stops
        stops += 1

    def say(event: Event) -> None:
        sys.stdout.write(event_line(event) + "\n")
        sys.stdout.flush()

    try:
        wanted = load_plan(plan)
        line = open_link(link, GROUND, _signing(signing_key))
    except (PlanError, LinkError) as error:
        sys.stderr.write(f"error: {error}\n")
        raise typer.Exit(2) from error
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, stop)
    options = Options(dry_run, height, not keep_params, link_wait, ready_wait, return_at, system)
    flight = Flight(wanted, options)
    try:
        if video and not dry_run:
            from drone.aloft_open import Asked, fly_seeing

            lag, unsure = lag_ms / 1000, lag_sigma_ms / 1000
            asked = Asked(video, data, device, broker, fov, camera, zones, lag, unsure)
            outcome = fly_seeing(asked, flight, line, say, lambda: stops)
        else:
            outcome = Session(flight, line, on_event=say).run(lambda: stops)
    finally:
        line.close()
    if isinstance(outcome, Refusal):
        sys.stderr.write(f"error: {refusal_line(outcome)}\n")
        raise typer.Exit(2)


def _signing(path: Path | None) -> "Signing | None":
    from drone.autopilot.link import LinkError
    from drone.autopilot.wire import Signing

    if path is None:
        return None
    try:
        return Signing(bytes.fromhex(path.read_text(encoding="ascii").strip()), 0, time.time())
    except (OSError, ValueError) as error:
        raise LinkError(f"--signing-key {path}: 不是签名密钥 no key of 64 hexadecimal digits: {error}") from error
