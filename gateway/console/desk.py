"""The desk: cases that wait for a person, who files them or rejects them with a cause and a reason."""

from collections.abc import Callable

from nicegui import run, ui

from gateway.console import words
from gateway.console.panels import Panel, Row, picture, text
from gateway.decide import Cause, Decider, NotDecided

NAME_CHARS_MAX = 128
REASON_CHARS_MAX = 2000


class Desk:
    """The panel with one dialog for rejections. There are no accounts yet: a person says who they are."""

    def __init__(self, decider: Decider) -> None:
        self._decider = decider
        self._case_id = ""
        self._panel = Panel("待确认", "Waiting for a decision", "zm-desk", self._draw, "— 无 none —", self._who)
        self._dialog = self._rejection()

    def show(self, rows: list[Row]) -> None:
        """Draw if something changed; an open dialog stays open."""
        self._panel.show(rows)

    def _who(self) -> None:
        label, most = "姓名 your name", f"maxlength={NAME_CHARS_MAX}"
        self._name = ui.input(label).props(f"dense outlined {most}").classes("zm-name").mark("desk-name")

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
                    self._buttons(row["case_id"])

    def _buttons(self, case_id: str) -> None:
        async def file() -> None:
            await self._send(lambda person: self._decider.file(case_id, person))

        def reject() -> None:
            if self._person():
                self._case_id = case_id
                self._title.set_text(f"不予立案 Do not file · {case_id}")
                self._reason.set_value("")
                self._cause.set_value(None)
                self._dialog.open()

        with ui.element("div").classes("zm-buttons"):
            ui.button("立案 File", on_click=file).props("dense unelevated no-caps color=teal-8")
            ui.button("不予立案 Reject", on_click=reject).props("dense outline no-caps color=red-8")

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
        case_id, reason = self._case_id, str(self._reason.value or "").strip()
        cause: Cause | None = self._cause.value
        if cause is None:
            ui.notify("请选择情形 choose what it was", type="warning")
        elif not reason:
            ui.notify("请填写理由 give a reason", type="warning")
        elif await self._send(lambda person: self._decider.reject(case_id, person, cause, reason)):
            self._dialog.close()

    def _person(self) -> str:
        name = str(self._name.value or "").strip()
        if not name:
            ui.notify("请先填写姓名 first write your name", type="warning")
        return name

    async def _send(self, decide: Callable[[str], None]) -> bool:
        person = self._person()
        if not person:
            return False
        try:
            await run.io_bound(decide, person)
        except NotDecided as error:
            ui.notify(str(error), type="negative")
            return False
        ui.notify("已提交 done", type="positive")
        return True
