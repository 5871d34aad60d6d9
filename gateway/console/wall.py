"""The video wall (视频墙): live views of chosen cameras, each with its name and, when it shows nothing, why."""

import json

from nicegui import run, ui

from gateway.console import shell
from gateway.console.office import Office
from gateway.console.panels import text
from gateway.console.visit import NotAllowed, Visit
from gateway.fleet_view import device_list
from gateway.queries import Row

TILES_MAX = 9
REFRESH_S = 5.0
PERMISSION = "live.view"


async def show(office: Office, visit: Visit) -> None:
    """The page at `/wall`; static/wall.js asks `/api/live/...`, which writes each viewing into the audit log."""
    ui.add_head_html(f'<script src="{shell.STATIC_URL}/wall.js"></script>')
    with shell.page(visit, "/wall"):
        page = Wall(office, visit)
    await page.refresh()
    ui.timer(REFRESH_S, page.refresh)


class Wall:
    """A choice of cameras, a reason, the tiles."""

    def __init__(self, office: Office, visit: Visit) -> None:
        self._office, self._visit, t = office, visit, visit.t
        self._named: dict[str, str] = {}
        with ui.element("h1"):
            text(t("视频墙", "Video wall"), "zm-h1")
        note = t(
            f"最多同时 {TILES_MAX} 路；每次观看连同理由记入审计日志。画面由岗亭直接送到浏览器，按其设置遮挡人脸车牌。",
            f"At most {TILES_MAX} at once; each viewing is in the audit log with its reason. Pictures come from the "
            "kiosk straight to this browser, with faces and plates hidden as the kiosk is set.",
        )
        text(note, "zm-sub").props("role=note")
        with ui.element("div").classes("zm-filters"):
            cameras = ui.select({}, multiple=True, value=[], label=t("摄像头", "cameras")).classes("zm-wide")
            self._cameras = cameras.props("dense outlined options-dense use-chips")
            self._why = ui.input(t("理由", "reason")).props("dense outlined maxlength=200").classes("zm-wide")
            look = "dense unelevated no-caps color=teal-9"
            ui.button(t("观看", "Watch"), on_click=self._watch).props(look)
            ui.button(t("全部停止", "Stop all"), on_click=self._stop).props("dense outline no-caps color=teal-9")
        self._said = text("", "zm-sub").props("role=status")
        self._tiles = ui.element("div").classes("zm-wall")

    async def refresh(self) -> None:
        """Which cameras there are, as their devices said last."""
        if not await self._visit.alive():
            return
        named = await run.io_bound(self._known)
        if named is None or named == self._named:
            return
        self._named = named
        self._cameras.set_options(named, value=[one for one in self._cameras.value if one in named])
        if not named:
            words = "没有设备报告摄像头 no device has told of a camera"
            self._said.set_text(words)

    def _known(self) -> dict[str, str]:
        with self._office.database.read() as tx:
            rows = device_list(tx, self._office.clock(), 2000)
        return {f"{row['device']}/{name}": self._label(row, name) for row in rows for name in sorted(row["cameras"])}

    def _label(self, row: Row, name: str) -> str:
        t, view = self._visit.t, str(row["cameras"][name].get("view", ""))
        state = t("离线", "offline") if row["online"] is False else view if view not in ("", "ok", "unknown") else ""
        return f"{row['device']} · {name}" + (f" · {state}" if state else "")

    async def _watch(self) -> None:
        t, why = self._visit.t, str(self._why.value or "").strip()
        chosen = [str(one) for one in self._cameras.value]
        if not why:
            ui.notify(t("请填写理由", "give a reason"), type="warning")
            return
        if not 0 < len(chosen) <= TILES_MAX:
            ui.notify(t(f"请选择 1 到 {TILES_MAX} 路", f"choose 1 to {TILES_MAX} cameras"), type="warning")
            return
        try:
            await run.io_bound(self._visit.need_whole, PERMISSION)
        except NotAllowed as error:
            ui.notify(str(error), type="negative")
            return
        pairs = [one.split("/", 1) for one in chosen]
        told = ", ".join(json.dumps(one) for one in (pairs, why, self._visit.language))
        ui.run_javascript(f"zhuomuWall.show(getElement({self._tiles.id}).$el ?? getElement({self._tiles.id}), {told})")

    def _stop(self) -> None:
        ui.run_javascript("zhuomuWall.stop()")
