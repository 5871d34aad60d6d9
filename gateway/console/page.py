"""The page itself: NiceGUI on the gateway's own port, every asset local, live without reload."""

import logging
from collections.abc import Callable
from pathlib import Path

from fastapi import FastAPI
from nicegui import app as nicegui_app
from nicegui import run, ui
from sqlalchemy.exc import OperationalError

from gateway.console import panels
from gateway.console.desk import Desk
from gateway.console.snapshot import Snapshots
from gateway.counters import Counters
from gateway.database import Database
from gateway.decide import Decider

STATIC = Path(__file__).parent.parent / "static"
STATIC_URL = "/zhuomu-static"
TITLE = "啄木 zhuomu"
REFRESH_S = 1.0
XUZHOU = (34.26, 117.19)
LIMITS_SHOWN = (
    "throttled",
    "queue_overflow",
    "commit_retries",
    "evidence_deferred",
    "evidence_evicted",
    "poisonous",
    "registry_went_back",
)


def add_console(
    app: FastAPI, database: Database, counters: Counters, is_up: Callable[[], bool], decider: Decider
) -> None:
    """Mount the console at `/`. Call it after all other routes: it takes every path that is left."""
    snapshots = Snapshots(database, counters)
    nicegui_app.add_static_files(STATIC_URL, STATIC)

    @ui.page("/", title=TITLE)
    async def console() -> None:
        ui.add_head_html(f'<link rel="stylesheet" href="{STATIC_URL}/console.css">')
        await _page(snapshots, is_up, decider)

    logging.getLogger("nicegui").setLevel(logging.WARNING)
    ui.run_with(app, title=TITLE, favicon=STATIC / "favicon.svg", show_welcome_message=False, tailwind=False)


async def _page(snapshots: Snapshots, is_up: Callable[[], bool], decider: Decider) -> None:
    with ui.element("main").classes("zm-page"):
        pill, limits = _header()
        counts = panels.Counts()
        with ui.element("div").classes("zm-grid"):
            _map()
            candidates = panels.Panel(
                "最新候选", "Newest candidates", "zm-candidates", panels.candidates, "— 尚无 none yet —"
            )
            events = panels.Panel("动态", "What happened", "zm-events", panels.events, "— 尚无 none yet —")
            devices = panels.Panel("设备", "Devices", "zm-devices", panels.devices, "— 尚无 none yet —")
            desk = Desk(decider)
            letters = panels.Panel("死信", "Dead letters", "zm-letters", panels.dead_letters, "— 无 none —")

    async def refresh() -> None:
        try:
            view = await run.io_bound(snapshots.get)
        except OperationalError:
            _say(pill, False, "数据库忙 database busy")
            return
        if view is None:
            return
        _say(pill, is_up(), "在线 broker connected" if is_up() else "断线 broker unreachable")
        reached = [f"{name} {view.counters[name]:,}" for name in LIMITS_SHOWN if view.counters.get(name)]
        limits.set_text(" · ".join(reached))
        counts.show(view.summary)
        candidates.show(view.candidates)
        events.show(view.events)
        devices.show(view.devices)
        letters.show(view.dead_letters)
        desk.show(view.waiting)

    await refresh()
    ui.timer(REFRESH_S, refresh)


def _header() -> tuple[ui.label, ui.label]:
    with ui.element("header").classes("zm-header"):
        ui.element("img").props(f'src="{STATIC_URL}/favicon.svg" alt=""').classes("zm-logo")
        with ui.element("div").classes("zm-grow"):
            panels.text(TITLE, "zm-title")
            panels.text("城市管理感知网关 · city case intake", "zm-subtitle")
        limits = panels.text("", "zm-limits")
        pill = panels.text("", "zm-pill")
    return pill, limits


def _say(pill: ui.label, good: bool, words: str) -> None:
    pill.set_text(words)
    pill.classes(add="zm-good" if good else "zm-bad", remove="zm-bad" if good else "zm-good")


def _map() -> None:
    with ui.element("section").classes("zm-panel zm-map"):
        with ui.element("h2"):
            panels.text("事件地图", "zm-zh")
            panels.text("Map of incidents", "zm-en")
        options = {"preferCanvas": True, "attributionControl": False, "maxZoom": 21, "minZoom": 3, "zoomSnap": 0.25}
        leaflet = ui.leaflet(XUZHOU, 15, options=options, additional_resources=[f"{STATIC_URL}/map.js"])
        leaflet.clear_layers()  # the tiles of openstreetmap.org, which NiceGUI adds unasked: never asked for now
        leaflet.classes("zm-leaflet")
        leaflet.on("init", lambda: ui.run_javascript(f"zhuomuMap.start(getElement({leaflet.id}).map)"))
