"""The desk: cases that wait for a person, who files them or rejects them with a cause and a reason."""

from collections.abc import Callable

from nicegui import run, ui

from gateway.console import words
from gateway.console.panels import Panel, Row, picture, text
from gateway.console.visit import NotAllowed, Visit
from gateway.decide import Cause, Decider, NotDecided

REASON_CHARS_MAX = 2000


class Desk:
    """The panel with one dialog for rejections; who decides is asked of the visit at every step."""

    def __init__(self, decider: Decider, visit: Visit) -> None:
        self._decider = decider
        self._visit = visit
        self._row: Row = {}
        self._panel = Panel("待确认", "Waiting for a decision", "zm-desk", self._draw, "— 无 none —")
        self._dialog = self._rejection()

    def show(self, rows: list[Row]) -> None:
        """Draw if something changed; an open dialog stays open."""
        self._panel.show(rows)

    def _draw(self, rows: list[Row]) -> None:
        for row in rows:
            with ui.element("article").classes("zm-candidate"):
                picture(row)
                with ui.element("div").classes("zm-lines"):
                    chinese, english = words.CLASSES.get(row["case_class"], (row["case_class"], ""))
                    with ui.element("div").classes("zm-head"):
                        text(f"{chinese} {english}", f"zm-chip zm-{row['case_class']}")
                        text(words.local_time(row["received_at"]), "zm-time")
                    text(f"{row['class_code']} · {row['label']} · {row['score']:.0%}", "zm-main")
                    text(f"{row['case_id']} · {row['device']}/{row['camera']}", "zm-sub")
                    self._buttons(row)

    def _buttons(self, row: Row) -> None:
        async def file() -> None:
            await self._send(row, lambda person: self._decider.file(row["case_id"], person))

        async def reject() -> None:
            if await self._person(row):
                self._row = row
                self._title.set_text(f"不予立案 Do not file · {row['case_id']}")
                self._reason.set_value("")
                self._cause.set_value(None)
                self._dialog.open()

        with ui.element("div").classes("zm-buttons"):
            ui.button("立案 File", on_click=file).props("dense unelevated no-caps color=teal-9")
            ui.button("不予立案 Reject", on_click=reject).props("dense outline no-caps color=red-9")
            ui.link("详情 case", f"/case/{row['case_id']}").classes("zm-link")

    def _rejection(self) -> ui.dialog:
        with ui.dialog() as dialog, ui.card():
            self._title = text("", "zm-main")
            self._cause = ui.radio(words.CAUSES, value=None).props("dense")
            most = f"outlined dense maxlength={REASON_CHARS_MAX}"
            self._reason = ui.input("理由 reason").props(most).classes("zm-reason")
            with ui.element("div").classes("zm-buttons"):
                ui.button("确定 Reject", on_click=self._reject).props("dense unelevated no-caps color=red-8")
                ui.button("取消 Cancel", on_click=dialog.close).props("dense flat no-caps")
        return dialog

    async def _reject(self) -> None:
        row, reason = self._row, str(self._reason.value or "").strip()
        cause: Cause | None = self._cause.value
        if cause is None:
            ui.notify("请选择情形 choose what it was", type="warning")
        elif not reason:
            ui.notify("请填写理由 give a reason", type="warning")
        elif await self._send(row, lambda person: self._decider.reject(row["case_id"], person, cause, reason)):
            self._dialog.close()

    async def _person(self, row: Row) -> str:
        """Who this is, "" for nobody who may; the page says why."""
        try:
            return str(await run.io_bound(self._visit.need, "case.decide", row))
        except NotAllowed as error:
            ui.notify(str(error), type="warning")
            return ""

    async def _send(self, row: Row, decide: Callable[[str], None]) -> bool:
        person = await self._person(row)
        if not person:
            return False
        try:
            await run.io_bound(decide, person)
        except NotDecided as error:
            ui.notify(str(error), type="negative")
            return False
        ui.notify("已提交 done", type="positive")
        return True
