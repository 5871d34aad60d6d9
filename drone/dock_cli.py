"""`zhuomu drone dock`: DJI docks by the Cloud API. `run` is the service; the other commands speak to it."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from drone.dji.settings import Settings

app = typer.Typer(no_args_is_help=True, help="DJI docks: serve them, fly plans, live pictures. 大疆机场。")

Config = Annotated[Path, typer.Option(help="Settings, see configs/docks.toml.")]
Sn = Annotated[str, typer.Argument(help="The dock's serial number.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
CONFIG = Path("configs/docks.toml")
POLL_S = 0.5


@app.command()
def run(config: Config = CONFIG) -> None:
    """Serve docks until Ctrl-C: answer, send tasks, serve wayline files. Flights go on without it. 运行机场服务。"""
    import signal

    from drone.dji.cloud import Notice
    from drone.dji.control import ControlError
    from drone.dji.service import Service
    from drone.dji.store import StoreError

    settings = _settings(config)
    stops: list[int] = []
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda number, _frame: stops.append(number))

    def say(notice: Notice) -> None:
        sys.stdout.write(f"{time.strftime('%H:%M:%S')} {notice.sn} {notice.text}\n")
        sys.stdout.flush()

    try:
        service = Service(settings, Path(settings.data), say)
        sys.stdout.write(f"docks: {len(settings.docks)}, waylines at {service.files_url}\n")
        sys.stdout.flush()
        service.run(lambda: bool(stops))
        service.close()
    except (StoreError, ControlError) as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"[files] {settings.files.host}:{settings.files.port}: {error.strerror}; choose another port")


@app.command("list")
def list_docks(config: Config = CONFIG, as_json: Json = False) -> None:
    """All docks: on line, bound, mode, aircraft, flight, alarms. 机场列表。"""
    told = _ask(config, "list")
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table()
    for name in ("机场 dock", "状态 state", "飞行器 aircraft", "任务 flight"):
        table.add_column(name, no_wrap=name[:2] in ("机场", "飞行"))
    for dock in told["docks"]:
        planes = "\n".join(_plane_words(plane) for plane in dock["aircraft"])
        task = dock["task"]
        flight = f"{task['state_zh']} {task['state']} {task['percent']:g} %\n{task['why']}".strip() if task else ""
        line = "在线 on line" if dock["online"] else "离线 off line"
        bound = "已绑定 bound" if dock["bound"] else "未绑定 not bound"
        table.add_row(
            f"{dock['sn']}\n{dock['name']}", f"{line}\n{bound}\n{dock['mode'] or ''}".rstrip(), planes, flight
        )
    Console().print(table)


@app.command()
def status(sn: Sn, config: Config = CONFIG) -> None:
    """Everything known of one dock, as JSON. 机场状态。"""
    docks = [dock for dock in _ask(config, "list")["docks"] if dock["sn"] == sn]
    if not docks:
        _fail(f"{sn}: not in {config}; add it with `zhuomu drone dock bind`")
    typer.echo(json.dumps(docks[0], ensure_ascii=False, indent=2))


@app.command()
def fly(
    sn: Sn,
    plan: Annotated[Path, typer.Argument(help="plan.json of `zhuomu drone plan --out`.")],
    flight: Annotated[int, typer.Option(min=1, help="Which flight of the plan, from 1.")] = 1,
    rth: Annotated[int, typer.Option(help="Height to come home at, metres over the dock, 20 to 1500.")] = 60,
    rtk: Annotated[bool, typer.Option("--rtk/--gps", help="Wait in the air until RTK has converged.")] = True,
    simulate: Annotated[
        bool, typer.Option("--simulate", help="The dock's own simulator flies. 机场模拟飞行。")
    ] = False,
    config: Config = CONFIG,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Stay and tell how it goes.")] = True,
) -> None:
    """Fly one flight of a plan from a dock. Ctrl-C stops the telling, not the flight. 机场执行航线。"""
    from drone.mission.errors import PlanError
    from drone.mission.files import read_plan

    try:
        whole = read_plan(plan)
    except PlanError as error:
        _fail(str(error))
    if flight > len(whole.flights):
        _fail(f"{plan}: it has {len(whole.flights)} flights; give --flight 1 to {len(whole.flights)}")
    from drone.dji.order import FlyOrder

    how = FlyOrder(rth_m=rth, rtk=rtk, simulate=simulate)
    told = _ask(config, "fly", sn, flight=whole.flights[flight - 1], fence=whole.fence, how=how)
    typer.echo(told["flight_id"])
    if follow:
        raise typer.Exit(_follow(config, told["flight_id"]))


@app.command()
def pause(sn: Sn, config: Config = CONFIG) -> None:
    """Hold still in the air. 暂停航线。"""
    _say(_ask(config, "pause", sn))


@app.command()
def resume(sn: Sn, config: Config = CONFIG) -> None:
    """Go on after a pause. 恢复航线。"""
    _say(_ask(config, "resume", sn))


@app.command()
def undo(sn: Sn, config: Config = CONFIG) -> None:
    """Cancel a flight that has not begun; one in the air is called home with `home`. 取消任务。"""
    _say(_ask(config, "undo", sn))


@app.command()
def home(sn: Sn, config: Config = CONFIG) -> None:
    """Call the aircraft home. 一键返航。"""
    _say(_ask(config, "home", sn))


@app.command()
def live(
    sn: Sn,
    video: Annotated[str, typer.Option(help="SN/CAMERA/STREAM; none: the aircraft's first.")] = "",
    quality: Annotated[str, typer.Option(help="adaptive, smooth, sd, hd or uhd.")] = "adaptive",
    stop: Annotated[bool, typer.Option("--stop", help="End it. 停止直播。")] = False,
    config: Config = CONFIG,
) -> None:
    """Let a dock send a live picture to the ingest by WHIP, or stop it. 开始或停止直播。"""
    _say(_ask(config, "unlive" if stop else "live", sn, video=video, quality=quality))


@app.command()
def bind(
    sn: Sn,
    name: Annotated[str, typer.Option(help="What people call it.")],
    aircraft: Annotated[list[str] | None, typer.Option(help="Its aircraft's serial number; again for more.")] = None,
    config: Config = CONFIG,
) -> None:
    """Add a dock to the settings with a binding code of its own, to be typed into DJI Pilot. 添加机场。"""
    from drone.dji.binding import added
    from edge.link.settings import SettingsError

    try:
        code = added(config, sn, name, tuple(aircraft or ()))
    except SettingsError as error:
        _fail(str(error))
    typer.echo(f"绑定码 binding code: {code}")
    typer.echo("restart `zhuomu drone dock run`, then type the code and the organization's id into DJI Pilot")


@app.command()
def acl(config: Config = CONFIG) -> None:
    """mosquitto's access rules, so that a dock can speak only for itself. 代理访问规则。"""
    from drone.dji.acl import acl_of

    settings = _settings(config)
    typer.echo(acl_of(settings, settings.broker.username or "zhuomu-docks"), nl=False)


def _follow(config: Path, flight_id: str) -> int:
    before = ""
    while True:
        told = _ask(config, "task", flight_id=flight_id)
        line = f"{told['state_zh']} {told['state']} {told['percent']:g} % {told['step']} {told['why']}".rstrip()
        if line != before:
            typer.echo(line)
            before = line
        if told["over"]:
            return 0 if told["state"] == "done" else 1
        time.sleep(POLL_S)


def _ask(config: Path, verb: str, sn: str = "", **rest: Any) -> dict[str, Any]:
    from drone.dji.control import ControlError, Order, ask

    try:
        return ask(Path(_settings(config).data), Order(verb, sn, **rest))
    except ControlError as error:
        _fail(str(error))


def _settings(config: Path) -> Settings:
    from drone.dji.settings import read_settings
    from edge.link.settings import SettingsError

    try:
        return read_settings(config)
    except SettingsError as error:
        _fail(str(error))


def _plane_words(plane: dict[str, Any]) -> str:
    battery = "" if plane["battery_percent"] is None else f" {plane['battery_percent']} %"
    return f"{plane['sn']}\n{plane['mode'] or ('on' if plane['on'] else 'off')}{battery}"


def _say(told: dict[str, Any]) -> None:
    typer.echo(json.dumps(told, ensure_ascii=False))


def _fail(text: str) -> NoReturn:
    sys.stderr.write(f"error: {text}\n")
    raise typer.Exit(2)
