"""Rollouts of settings: each with its devices' state (pending, on trial, applied, refused), widened, paused, ended."""

from nicegui import run, ui

from gateway import fleet, fleet_view
from gateway.console import shell, tables, words
from gateway.console.office import Office
from gateway.console.panels import text
from gateway.console.visit import NotAllowed, Visit
from gateway.queries import Row
from gateway.times import to_text

ROWS = 50
DEVICES_SHOWN = 200
REFRESH_S = 2.0
PERMISSION = "device.manage"
STATES = {"running": ("进行中", "running"), "paused": ("已暂停", "paused"), "ended": ("已结束", "ended")}
OUTCOMES = {
    "pending": ("未应答", "not answered"),
    "trial": ("试用中", "on trial"),
    "applied": ("已生效", "applied"),
    "refused": ("已拒绝", "refused"),
}


async def show(office: Office, visit: Visit) -> None:
    """The page at `/rollouts`."""
    with shell.page(visit, "/rollouts"):
        page = Rollouts(office, visit)
    await page.refresh()
    ui.timer(REFRESH_S, page.refresh)


class Rollouts:
    """Newest first; drawn again when something changed."""

    def __init__(self, office: Office, visit: Visit) -> None:
        self._office, self._visit, t = office, visit, visit.t
        self._shown: list[Row] | None = None
        with ui.element("h1"):
            text(t("设置下发", "Rollouts"), "zm-h1")
        words_ = t(
            "岗亭先试用：每路摄像头都出图才算生效，否则退回上一版本并说明原因。",
            "A kiosk takes settings on trial: kept once every camera gave pictures, else it goes back and says why.",
        )
        text(words_, "zm-sub")
        self._body = ui.element("div").classes("zm-case")

    async def refresh(self) -> None:
        """What stands where."""
        if not await self._visit.alive():
            return
        rows = await run.io_bound(self._read)
        if rows is None or rows == self._shown:
            return
        self._shown = rows
        self._body.clear()
        with self._body:
            for row in rows:
                self._one(row)
            if not rows:
                text(self._visit.t("尚无下发", "nothing was rolled out yet"), "zm-empty")

    def _read(self) -> list[Row]:
        with self._office.database.read() as tx:
            return [
                fleet_view.rollout(tx, fleet.found(tx, row["version"])) for row in fleet_view.rollout_list(tx, ROWS)
            ]

    def _one(self, row: Row) -> None:
        t, n = self._visit.t, row["version"]
        with ui.element("section").classes("zm-panel").mark(f"rollout-{n}"):
            with ui.element("h2"):
                text(t(f"版本 {n}", f"version {n}"), "zm-zh")
                text(f"{t(*STATES[row['state']])} · {row['scope']} · {row['share']:.0%}", "zm-en")
            with ui.element("div").classes("zm-pad"):
                text(f"{row['by']} · {words.local_stamp(row['at'])} · {row['why']}", "zm-main")
                if row["reason"]:
                    text(row["reason"], "zm-main zm-bad-view")
                counted = " · ".join(f"{t(*OUTCOMES[name])} {count}" for name, count in sorted(row["outcomes"].items()))
                text(counted or t("已被新版本取代", "later versions have taken its place"), "zm-sub")
                if self._visit.places(PERMISSION):
                    self._buttons(row)
            lines: list[list[tables.Cell]] = [
                [one["device"], t(*OUTCOMES[one["outcome"]]), one["reason"], words.local_stamp(one["changed_at"])]
                for one in row["devices"][:DEVICES_SHOWN]
            ]
            if lines:
                head = [t("设备", "device"), t("状态", "state"), t("说明", "said"), t("自", "since")]
                tables.draw(head, lines, t(f"版本 {n} 的设备", f"devices of version {n}"))
                if (more := len(row["devices"]) - DEVICES_SHOWN) > 0:
                    text(t(f"另有 {more} 台", f"{more} more"), "zm-sub")

    def _buttons(self, row: Row) -> None:
        t, state = self._visit.t, row["state"]
        offered: list[tuple[str, str, float | None]] = []
        if state == "running":
            offered.append((t("暂停", "Pause"), "paused", None))
            if row["share"] < 1.0:
                offered.append((t("扩大到全部", "Widen to all"), "", 1.0))
        if state == "paused":
            offered.append((t("继续", "Go on"), "running", None))
        if state != "ended":
            offered.append((t("停止", "Stop"), "ended", None))
        with ui.element("div").classes("zm-buttons"):
            for word, to, share in offered:
                colour = "red-9" if to == "ended" else "teal-9"
                press = ui.button(word, on_click=lambda to=to, share=share: self._change(row["version"], to, share))
                press.props(f"dense outline no-caps color={colour}")

    async def _change(self, n: int, state: str, share: float | None) -> None:
        try:
            person = str(await run.io_bound(self._visit.need_whole, PERMISSION))
            await run.io_bound(self._changed, n, state, share, person)
        except (NotAllowed, fleet.FleetError) as error:
            ui.notify(str(error), type="negative")
            return
        self._office.news()
        await self.refresh()

    def _changed(self, n: int, state: str, share: float | None, person: str) -> None:
        with self._office.database.write() as tx:
            fleet.change(tx, n, to_text(self._office.clock()), person, state=state, share=share)
        self._visit.tell("rollout.changed", str(n), state or f"share {share}")
