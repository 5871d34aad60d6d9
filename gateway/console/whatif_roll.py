"""From what was tried to what runs: a rollout of these rules, begun with a reason, on trial at each kiosk."""

from collections.abc import Callable

from nicegui import run, ui

from edge.wire import WireError
from gateway import rule_rollout, rule_text
from gateway.console.office import Office
from gateway.console.panels import text
from gateway.console.visit import NotAllowed, Visit
from gateway.fleet import FleetError
from gateway.times import to_text

NEEDS = ("standard.change", "device.manage")
SHARES = {0.1: "10 %", 0.25: "25 %", 0.5: "50 %", 1.0: "100 %"}


class RollOut:
    """`rules`: the text (raises NotRules); `chosen`: kiosks by name."""

    def __init__(self, office: Office, visit: Visit, rules: Callable[[], str], chosen: Callable[[], list[str]]) -> None:
        self._office, self._visit, t = office, visit, visit.t
        self._rules, self._chosen = rules, chosen
        if not all(visit.places(need) for need in NEEDS):
            words = t("下发需要管理员：", "Rolling out is for who may: ") + ", ".join(NEEDS)
            text(words, "zm-sub").props("role=note")
            return
        with ui.element("section").classes("zm-panel"):
            with ui.element("h2"):
                text(t("下发", "Roll out"), "zm-zh")
            with ui.element("div").classes("zm-filters zm-pad"):
                scopes = {"": t("选定的岗亭", "the chosen kiosks"), "all": t("全部岗亭", "all kiosks")}
                look = "dense outlined options-dense"
                self._scope = ui.select(scopes, value="", label=t("范围", "scope")).props(look)
                self._share = ui.select(SHARES, value=1.0, label=t("先发比例", "share first")).props(look)
                most = ui.number(t("容许拒绝数", "refusals allowed"), value=0, min=0, max=10_000, step=1)
                self._refusals = most.props("dense outlined")
                self._why = ui.input(t("理由", "reason")).props("dense outlined maxlength=500").classes("zm-wide")
                word = t("下发这些规则", "Roll out these rules")
                ui.button(word, on_click=self._begin).props("dense unelevated no-caps color=teal-9")
                ui.link(t("查看下发", "see rollouts"), "/rollouts").classes("zm-link")

    async def _begin(self) -> None:
        t = self._visit.t
        why = str(self._why.value or "").strip()
        if not why:
            ui.notify(t("请填写理由", "give a reason"), type="warning")
            return
        try:
            person = ""
            for need in NEEDS:
                person = str(await run.io_bound(self._visit.need_whole, need))
            versions = await run.io_bound(self._start, self._rules(), person, why)
        except (NotAllowed, FleetError, WireError, rule_text.NotRules) as error:
            ui.notify(str(error), type="negative", multi_line=True)
            return
        self._office.news()
        self._why.set_value("")
        shown = ", ".join(map(str, versions or []))
        ui.notify(t(f"已开始下发：版本 {shown}", f"begun: version {shown}"), type="positive")

    def _start(self, rules: str, person: str, why: str) -> list[int]:
        scope = str(self._scope.value or "")
        chosen = [] if scope else self._chosen()
        with self._office.database.write() as tx:
            now = to_text(self._office.clock())
            args = (float(self._share.value), int(self._refusals.value or 0), person, why, now)
            versions = rule_rollout.begin(tx, rules, scope, chosen, *args)
        subject = scope or ", ".join(chosen)
        self._visit.tell("rollout.begun", subject, f"{rule_text.version_of(rules)} as {versions}: {why}")
        return versions
