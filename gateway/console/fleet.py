"""The fleet: which devices are there, how they are, and shutting one out."""

from nicegui import run, ui

from gateway import devices
from gateway.console import shell, tables, words
from gateway.console.office import Office
from gateway.console.panels import text
from gateway.console.visit import Visit
from gateway.devices import known
from gateway.devices.cut import NotCut
from gateway.queries import Row

ROWS = 2000
REFRESH_S = 2.0
REASON_CHARS_MAX = 500
PERMISSION = "device.manage"


async def show(office: Office, visit: Visit) -> None:
    """The page at `/fleet`."""
    with shell.page(visit, "/fleet"):
        page = Fleet(office, visit)
    await page.refresh()
    ui.timer(REFRESH_S, page.refresh)


class Fleet:
    """One table, drawn again when something changed, and one dialog."""

    def __init__(self, office: Office, visit: Visit) -> None:
        self._office, self._visit, t = office, visit, visit.t
        self._shown: list[Row] | None = None
        self._device = ""
        with ui.element("h1"):
            text(t("设备", "Fleet"), "zm-h1")
        self._count = text("", "zm-sub").props("role=status")
        self._body = ui.element("div")
        with ui.dialog() as self._dialog, ui.card().classes("zm-dialog"):
            self._title = text("", "zm-big")
            most = f"outlined dense maxlength={REASON_CHARS_MAX}"
            self._reason = ui.input(t("理由", "reason")).props(most).classes("zm-reason")
            with ui.element("div").classes("zm-buttons"):
                ui.button(t("吊销", "Revoke"), on_click=self._revoke).props("dense unelevated no-caps color=red-9")
                ui.button(t("取消", "Cancel"), on_click=self._dialog.close).props("dense flat no-caps")

    async def refresh(self) -> None:
        """What was heard, and who each is."""
        if not await self._visit.alive():
            return
        rows = await run.io_bound(self._read)
        if rows is None or rows == self._shown:
            return
        self._shown = rows
        online = sum(row["online"] is True for row in rows)
        self._count.set_text(self._visit.t(f"{len(rows)} 台，在线 {online}", f"{len(rows)} devices, {online} online"))
        self._body.clear()
        with self._body:
            self._draw(rows)

    def _read(self) -> list[Row]:
        with self._office.database.read() as tx:
            heard = {row["device"]: row for row in devices.listed(tx, ROWS)}
            named = {row["device"]: row for row in known.listed(tx, ROWS)}
        nothing = {"kind": "", "online": None, "software": "", "last_heard": "", "messages": 0, "health": None}
        return [
            {**nothing, **heard.get(name, {}), "device": name, "standing": named.get(name, {}).get("state", "")}
            for name in sorted({*heard, *named})
        ]

    def _draw(self, rows: list[Row]) -> None:
        t = self._visit.t
        may = bool(self._visit.places(PERMISSION))
        head = [
            t("设备", "device"),
            t("类型", "kind"),
            t("在线", "online"),
            t("身份", "identity"),
            t("软件", "software"),
        ]
        head += [t("消息", "messages"), t("最近", "last heard"), t("健康", "health"), t("操作", "action")]
        lines: list[list[tables.Cell]] = [
            [
                row["device"],
                t(*words.KIND.get(row["kind"], ("未知", "unknown"))),
                {True: t("在线", "online"), False: t("离线", "offline"), None: "—"}[row["online"]],
                t(*words.STANDING.get(row["standing"], ("未登记", "not claimed"))),
                row["software"] or "—",
                f"{row['messages']:,}",
                words.local_stamp(row["last_heard"]),
                health(row["health"]),
                self._button(row) if may and row["standing"] in ("active", "invited") else "",
            ]
            for row in rows
        ]
        tables.draw(head, lines, t("设备", "devices"))

    def _button(self, row: Row) -> tables.Cell:
        def ask() -> None:
            self._device = row["device"]
            self._title.set_text(self._visit.t(f"吊销 {row['device']}", f"Revoke {row['device']}"))
            self._reason.set_value("")
            self._dialog.open()

        word = self._visit.t("吊销", "Revoke")
        return lambda: ui.button(word, on_click=ask).props("dense outline no-caps color=red-9")

    async def _revoke(self) -> None:
        reason = str(self._reason.value or "").strip()
        if not reason:
            ui.notify(self._visit.t("请填写理由", "give a reason"), type="warning")
            return
        session = await run.io_bound(self._visit.session)
        if not self._visit.demo and (session is None or not session.may(PERMISSION)):
            ui.notify("无权操作 not for your role", type="negative")
            return
        person = session.name if session is not None else self._visit.name.strip() or "demo"
        try:
            await run.io_bound(self._office.shutter.revoke, self._device, person, reason)
        except (known.NotKnown, NotCut) as error:
            ui.notify(str(error), type="negative")
        else:
            ui.notify(self._visit.t("已吊销", "revoked"), type="positive")
        self._dialog.close()
        await self.refresh()


def health(told: Row | None) -> str:
    """A device's own counters in one line: its outbox, and each camera that cannot be trusted now."""
    if not told:
        return "—"
    bad = [
        f"{name}: {words.VIEW_FAULTS.get(str(camera.get('view')), str(camera.get('view')))}"
        for name, camera in sorted((told.get("cameras") or {}).items())
        if camera.get("view", "ok") not in ("ok", "unknown")
    ]
    return " · ".join([f"outbox {told.get('outbox_rows', 0)}", *bad])
