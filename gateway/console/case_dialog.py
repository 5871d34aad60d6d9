"""The dialog of one action on a case: the reason, and what else that action needs."""

from collections.abc import Awaitable, Callable

from nicegui import run, ui

from gateway.console import words
from gateway.console.actions import Action
from gateway.console.panels import text
from gateway.console.visit import NotAllowed, Visit
from gateway.decide import NotDecided
from gateway.queries import Row
from gateway.registry_desk import RegistryDesk

REASON_CHARS_MAX = 2000


class ActionDialog:
    """Built anew for each action, since each asks for something else."""

    def __init__(self, visit: Visit, registry: RegistryDesk, done: Callable[[], Awaitable[None]]) -> None:
        self._visit, self._registry, self._done = visit, registry, done
        self._dialog = ui.dialog()

    def open(self, case: Row, action: Action) -> None:
        """Ask for what the action needs."""
        t = self._visit.t
        self._dialog.clear()
        with self._dialog, ui.card().classes("zm-dialog"):
            text(f"{t(action.chinese, action.english)} · {case['case_id']}", "zm-big")
            extra = self._extra(case, action)
            label = t("理由", "reason") if action.needs_reason else t("说明（可不填）", "note (may stay empty)")
            most = f"outlined dense maxlength={REASON_CHARS_MAX}"
            reason = ui.input(label).props(most).classes("zm-reason").mark("action-reason")

            async def send() -> None:
                await self._send(case, action, str(reason.value or "").strip(), extra.value if extra else None)

            reason.on("keydown.enter", send)
            with ui.element("div").classes("zm-buttons"):
                ui.button(t("确定", "Confirm"), on_click=send).props("dense unelevated no-caps color=teal-9")
                ui.button(t("取消", "Cancel"), on_click=self._dialog.close).props("dense flat no-caps")
        self._dialog.open()

    def _extra(self, case: Row, action: Action) -> ui.input | ui.number | ui.radio | None:
        t = self._visit.t
        match action.extra:
            case "hours":
                return ui.number(t("小时", "hours"), value=case["limit_hours"], min=0.5).props("outlined dense")
            case "collector":
                return ui.input(t("采集员", "collector")).props("outlined dense maxlength=128")
            case "cause":
                causes = {name: t(zh, en) for name, zh, en in words.REASONS}
                return ui.radio(causes, value=words.REASONS[0][0]).props("dense")
            case _:
                return None

    async def _send(self, case: Row, action: Action, reason: str, extra: object) -> None:
        t = self._visit.t
        if action.needs_reason and not reason:
            ui.notify(t("请填写理由", "give a reason"), type="warning")
            return
        if action.extra in ("hours", "collector") and not extra:
            ui.notify(t("请填写完整", "something is missing"), type="warning")
            return
        try:
            person = await run.io_bound(self._visit.need, action.permission, case)
            body = action.request(str(person), reason, extra)
            await run.io_bound(self._registry.step, case["case_id"], action.path, body)
        except (NotAllowed, NotDecided) as error:
            ui.notify(str(error), type="negative")
            return
        self._dialog.close()
        ui.notify(t("已提交", "done"), type="positive")
        await self._done()
