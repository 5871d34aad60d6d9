"""The overview of the whole city: counts, map, newest candidates, what happened; live without reload."""

from nicegui import run, ui
from sqlalchemy.exc import OperationalError

from gateway.console import panels, shell
from gateway.console.desk import Desk
from gateway.console.office import Office
from gateway.console.snapshot import Snapshots
from gateway.console.visit import Visit

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


async def show(office: Office, snapshots: Snapshots, visit: Visit) -> None:
    """The page at `/`."""
    shell.add_head()
    with ui.element("div").classes("zm-page"):
        shell.header(visit, "/")
        with ui.element("main"):
            await _body(office, snapshots, visit)


async def _body(office: Office, snapshots: Snapshots, visit: Visit) -> None:
    pill, limits = _state()
    counts = panels.Counts()
    with ui.element("div").classes("zm-grid"):
        add_map()
        candidates = panels.Panel(
            "最新候选", "Newest candidates", "zm-candidates", panels.candidates, "— 尚无 none yet —"
        )
        events = panels.Panel("动态", "What happened", "zm-events", panels.events, "— 尚无 none yet —")
        devices = panels.Panel("设备", "Devices", "zm-devices", panels.devices, "— 尚无 none yet —")
        desk = Desk(office.decider, visit)
        letters = panels.Panel("死信", "Dead letters", "zm-letters", panels.dead_letters, "— 无 none —")

    async def refresh() -> None:
        if not await visit.alive():
            return
        try:
            view = await run.io_bound(snapshots.get)
        except OperationalError:
            _say(pill, False, "数据库忙 database busy")
            return
        if view is None:
            return
        up = office.is_up()
        _say(pill, up, "在线 broker connected" if up else "断线 broker unreachable")
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


def _state() -> tuple[ui.label, ui.label]:
    with ui.element("div").classes("zm-state"):
        panels.text("城市管理感知网关 · city case intake", "zm-subtitle zm-grow")
        limits = panels.text("", "zm-limits")
        pill = panels.text("", "zm-pill")
    return pill, limits


def _say(pill: ui.label, good: bool, words: str) -> None:
    pill.set_text(words)
    pill.classes(add="zm-good" if good else "zm-bad", remove="zm-bad" if good else "zm-good")


def add_map(classes: str = "") -> ui.leaflet:
    """The map; its drawing is in static/map.js, and no tile is asked for anywhere."""
    with ui.element("section").classes(f"zm-panel zm-map {classes}"):
        with ui.element("h2"):
            panels.text("事件地图", "zm-zh")
            panels.text("Map of incidents", "zm-en")
        options = {"preferCanvas": True, "attributionControl": False, "maxZoom": 21, "minZoom": 3, "zoomSnap": 0.25}
        leaflet = ui.leaflet(XUZHOU, 15, options=options, additional_resources=[f"{shell.STATIC_URL}/map.js"])
        leaflet.clear_layers()  # the tiles of openstreetmap.org, which NiceGUI adds unasked: never asked for now
        leaflet.classes("zm-leaflet")
        leaflet.on("init", lambda: ui.run_javascript(f"zhuomuMap.start(getElement({leaflet.id}).map)"))
    return leaflet
