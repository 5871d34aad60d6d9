"""The map alone, as large as the screen: incidents and things live, WGS-84 or GCJ-02."""

from nicegui import ui

from gateway.console import dashboard, shell
from gateway.console.office import Office
from gateway.console.panels import text
from gateway.console.visit import Visit

REFRESH_S = 5.0


async def show(office: Office, visit: Visit) -> None:
    """The page at `/map`; the script asks `/api/map`, which tells each what their places hold."""
    t = visit.t
    with shell.page(visit, "/map"):
        with ui.element("div").classes("zm-review-head"):
            with ui.element("h1"):
                text(t("地图", "Map"), "zm-h1")
            datum = ui.toggle({"wgs84": "WGS-84", "gcj02": "GCJ-02"}, value="wgs84").props("dense no-caps unelevated")
            datum.props(f'aria-label="{t("坐标系", "datum")}"').mark("datum")
            said = text("", "zm-sub").props("role=status")
        leaflet = dashboard.add_map("zm-map-whole")

    async def changed() -> None:
        said.set_text(
            t("仅供显示，存储仍为 WGS-84", "for display alone; what is stored stays WGS-84")
            if datum.value == "gcj02"
            else ""
        )
        ui.run_javascript(f"zhuomuMap.datum(getElement({leaflet.id}).map, '{datum.value}')")

    datum.on_value_change(changed)
    ui.timer(REFRESH_S, visit.alive)
