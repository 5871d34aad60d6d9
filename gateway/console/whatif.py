"""Rules with what-if replay (规则试算): edit a kiosk's rules, see what they would have filed, then roll them out.

The sightings that a replay needs lie on each kiosk, so each kiosk replays over its own and answers; what does not
answer is named, and nothing is guessed for it.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from nicegui import run, ui

from edge.wire import Answer, WireError
from edge.wire.asks import ReplayAsk, Replayed
from gateway import asks, rule_text
from gateway.console import shell, whatif_shown
from gateway.console.office import Office
from gateway.console.panels import text
from gateway.console.visit import NotAllowed, Visit
from gateway.console.whatif_form import Form
from gateway.console.whatif_roll import RollOut
from gateway.fleet_view import device_list
from gateway.queries import Row

KIOSKS_MAX = 50
ANSWER_S = 130.0  # a kiosk gives its replay two minutes
SPANS = {"24": ("最近一天", "last day"), "72": ("三天", "3 days"), "168": ("一周", "a week"), "0": ("全部", "all")}


@dataclass(frozen=True)
class Told:
    """One kiosk's replay, or why there is none."""

    device: str
    replayed: Replayed | None
    why: str = ""


async def show(office: Office, visit: Visit) -> None:
    """The page at `/whatif`."""
    with shell.page(visit, "/whatif"):
        page = WhatIf(office, visit)
    await page.load()
    ui.timer(5.0, visit.alive)


class WhatIf:
    """Choose kiosks, fetch their rules, change them, replay, roll out."""

    def __init__(self, office: Office, visit: Visit) -> None:
        self._office, self._visit, t = office, visit, visit.t
        self._busy = False
        with ui.element("h1"):
            text(t("规则试算", "Rules: what if"), "zm-h1")
        basis = t(
            "试算由各岗亭用自己保存的观测回放，中心不保存观测；离线的岗亭没有结果。对现行规则是精确的，"
            "对其他规则，时刻误差约为停留时间的二十分之一；区域与网络以岗亭为准。",
            "Each kiosk replays over the sightings that it keeps itself; the centre keeps none, and a kiosk that is "
            "away gives no result. Exact for the rules in force; others are right to a twentieth of the dwell.",
        )
        text(basis, "zm-sub").props("role=note")
        with ui.element("div").classes("zm-filters"):
            chosen = ui.select([], multiple=True, value=[], label=t("岗亭", "kiosks")).classes("zm-wide")
            self._kiosks = chosen.props("dense outlined options-dense use-chips").mark("whatif-kiosks")
            spans = {name: t(*words) for name, words in SPANS.items()}
            self._span = ui.select(spans, value="0", label=t("时段", "span")).props("dense outlined options-dense")
            look = "dense unelevated no-caps color=teal-9"
            ui.button(t("取回现行规则", "Fetch rules in force"), on_click=self._fetch).props(look)
            ui.button(t("试算", "What if"), on_click=self._try).props(look)
        self._said = text("", "zm-sub").props("role=status")
        self._found = ui.element("div").classes("zm-case").mark("whatif-found")
        self._form = Form(visit)
        self._roll = RollOut(office, visit, lambda: self._form.text(), lambda: [str(k) for k in self._kiosks.value])

    async def load(self) -> None:
        """Which kiosks there are."""
        rows = await run.io_bound(self._kiosk_rows)
        names = {row["device"]: self._named(row) for row in rows or []}
        online = [row["device"] for row in rows or [] if row["online"]]
        self._kiosks.set_options(names, value=online[:1])

    def _kiosk_rows(self) -> list[Row]:
        with self._office.database.read() as tx:
            found = device_list(tx, self._office.clock(), 2000)
        return [row for row in found if row["kind"] == "kiosk"]

    def _named(self, row: Row) -> str:
        state = self._visit.t("在线", "online") if row["online"] else self._visit.t("离线", "offline")
        return f"{row['device']} · {state} · {row['rules'] or '—'}"

    async def _fetch(self) -> None:
        """The first chosen kiosk's rules into the form, and what they file on replay."""
        if told := await self._replayed(self._kiosks.value[:1], ""):
            first = told[0].replayed
            if first is None:
                return
            try:
                self._form.set(rule_text.of_json(first.rules), first.zones)
            except rule_text.NotRules as error:
                ui.notify(str(error), type="negative")

    async def _try(self) -> None:
        try:
            rules = self._form.text()
        except rule_text.NotRules as error:
            ui.notify(str(error), type="warning")
            return
        await self._replayed(self._kiosks.value, rules)

    async def _replayed(self, devices: list[str], rules: str) -> list[Told]:
        """Ask, wait, show. Empty when nothing was asked."""
        t = self._visit.t
        if self._busy or not 0 < len(devices) <= KIOSKS_MAX:
            words = t(f"请选择 1 到 {KIOSKS_MAX} 个岗亭", f"choose 1 to {KIOSKS_MAX} kiosks")
            ui.notify(t("上一次尚未结束", "the last one is under way") if self._busy else words, type="warning")
            return []
        try:
            person = await run.io_bound(self._visit.need_whole, "rules.read")
        except NotAllowed as error:
            ui.notify(str(error), type="negative")
            return []
        self._busy = True
        self._said.set_text(t(f"等待 {len(devices)} 个岗亭…", f"waiting for {len(devices)} kiosks…"))
        try:
            told = await asyncio.gather(*(run.io_bound(self._one, name, rules, str(person)) for name in devices))
        finally:
            self._busy = False
        found = [one for one in told if one is not None]
        self._show(found)
        return found

    def _one(self, device: str, rules: str, person: str) -> Told:
        hours = float(self._span.value or 0)
        start = self._office.clock() - timedelta(hours=hours) if hours else None
        try:
            what = ReplayAsk(rules=rules, start=start)
            ask_id = self._office.asker.ask(device, what, person)
            self._visit.tell("rules.replayed", device, rule_text.version_of(rules) or "in force")
            answer: Answer = self._office.asker.answer(ask_id, ANSWER_S)
        except (asks.NotAnswered, WireError) as error:
            return Told(device, None, str(error))
        return Told(device, answer.replayed, "" if answer.replayed else "岗亭没有给出结果 the answer holds no replay")

    def _show(self, told: list[Told]) -> None:
        answered = sum(one.replayed is not None for one in told)
        self._said.set_text(
            self._visit.t(f"{answered} / {len(told)} 个岗亭已回放", f"{answered} of {len(told)} kiosks replayed")
        )
        self._found.clear()
        with self._found:
            whatif_shown.draw(self._visit, [(one.device, one.replayed, one.why) for one in told])
