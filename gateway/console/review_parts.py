"""What the review page is made of: pictures, facts, neighbours, the bar of keys, two dialogs and the help."""

from collections.abc import Awaitable, Callable
from typing import Any

from nicegui import ui

from gateway.console import words
from gateway.console.panels import text
from gateway.console.visit import Visit
from gateway.decide import Cause
from gateway.queries import Row

REASON_CHARS_MAX = 2000
_QUICK = "transition-duration=0 no-refocus"  # gone at once, and no button has the keyboard afterwards
Act = Callable[[], Awaitable[None]]


class View:
    """The candidate that is shown."""

    def __init__(self, visit: Visit, go: Callable[[int], Awaitable[None]], file: Act, reject: Act, merge: Act) -> None:
        self._visit = visit
        t = visit.t
        with ui.element("div").classes("zm-review-head"):
            with ui.element("h1"):
                text(t("审核队列", "Review queue"), "zm-h1")
            self._count = text("", "zm-sub").mark("review-count").props("role=status")
        with ui.element("div").classes("zm-keys"):
            _key("F", t("立案", "File"), file, "zm-key-good")
            _key("R", t("不予立案", "Reject"), reject, "zm-key-bad")
            _key("M", t("合并", "Merge"), merge)
            _key("K ←", t("上一个", "Previous"), lambda: go(-1))
            _key("J →", t("下一个", "Next"), lambda: go(1))
            text(t("? 帮助", "? help"), "zm-sub")
        self._body = ui.element("div").classes("zm-review")

    def count(self, place: int, waiting: int, decided: int) -> None:
        """How far one has come."""
        t = self._visit.t
        at = f"{place + 1} / {waiting}" if waiting else "0"
        self._count.set_text(t(f"待审 {at} · 本次已处理 {decided}", f"waiting {at} · decided here {decided}"))

    def show(self, row: Row | None) -> None:
        """Draw it, or that nothing waits."""
        self._body.clear()
        with self._body:
            if row is None:
                text(
                    self._visit.t("没有待审候选，新的会自动出现", "Nothing waits. New ones appear by themselves."),
                    "zm-empty",
                )
                return
            with ui.element("section").classes("zm-panel zm-pair"):
                self._pictures(row)
            with ui.element("section").classes("zm-panel zm-facts").mark(f"candidate-{row['incident_id']}"):
                self._facts(row)
                self._neighbours(row)

    def _pictures(self, row: Row) -> None:
        for kind in ("before", "frame", "crop"):
            with ui.element("figure").classes(f"zm-figure zm-{kind}"):
                words_ = self._visit.t(*words.PICTURES[kind])
                if url := row["pictures"].get(kind):
                    ui.element("img").props(f'src="{url}?why=review" alt="{words_}"')
                else:
                    text(self._visit.t("无此图片", "no such picture"), "zm-nopicture zm-gap")
                with ui.element("figcaption"):
                    text(words_, "zm-sub")

    def _facts(self, row: Row) -> None:
        t = self._visit.t
        with ui.element("div").classes("zm-head"):
            text(t(*words.CLASSES.get(row["case_class"], (row["case_class"],) * 2)), f"zm-chip zm-{row['case_class']}")
            ui.link(str(row["case_id"]), f"/case/{row['case_id']}").classes("zm-link")
        text(f"{row['class_code']} · {row['label']} · {row['score']:.0%}", "zm-big").mark("candidate-label")
        minutes = (row["dwell_s"] or 0) / 60
        for chinese, english, value in (
            ("规则", "rule that fired", f"{row['rule']} v{row['rule_version']} · {row['zone'] or '—'}"),
            ("停留", "dwell", t(f"{minutes:.1f} 分钟", f"{minutes:.1f} min")),
            ("立案条件", "filed when", row["filing_condition"] or "—"),
            ("许可", "permit", self._permit(row)),
            ("实测精度", "measured precision", self._precision(row)),
            ("摄像头", "camera", f"{row['device']}/{row['camera']}"),
            (
                "时间",
                "seen",
                f"{words.local_stamp(_utc(row['first_seen']))} – {words.local_time(_utc(row['last_seen']))}",
            ),
            ("位置", "place", f"{row['lat']:.6f}, {row['lon']:.6f} (WGS-84)"),
            ("证据记录", "evidence record", (row["evidence_record"] or row["evidence_missing"] or "—")[:24]),
        ):
            fact(t(chinese, english), value)

    def _permit(self, row: Row) -> str:
        """The rule has looked for a permit at this place and time and found none, or it would not have fired."""
        none = self._visit.t("规则未发现许可", "none found by the rule")
        forms = [f"{e.code} {self._visit.t(e.name_zh, e.name_en)} ({e.when})" for e in row["exempt"]]
        legal = self._visit.t("合法情形", "legal as")
        return f"{none}；{legal}: {'; '.join(forms)}" if forms else none

    def _precision(self, row: Row) -> str:
        trust: Any = row["trust"]
        if trust == "unknown":
            return self._visit.t("案件库无应答", "the registry does not answer")
        hour = words.beijing_hour(row["received_at"])
        if trust is None or trust["precision"] is None:
            return self._visit.t(f"{hour} 时尚无结论", f"nothing decided yet at {hour} h")
        total = trust["right"] + trust["wrong"]
        return f"{trust['precision']:.0%} ({trust['right']}/{total}, 95% ≥ {trust['lower']:.0%}) · {hour}:00"

    def _neighbours(self, row: Row) -> None:
        t = self._visit.t
        with ui.element("h2").classes("zm-h2"):
            text(t("邻近 50 米 24 小时", "Neighbours, 50 m and 24 h"), "")
        if not row["neighbours"]:
            text(t("无", "none"), "zm-sub")
        for number, near in enumerate(row["neighbours"], 1):
            with ui.element("div").classes("zm-row"):
                text(str(number), "zm-digit")
                text(neighbour_line(self._visit, near), "zm-main zm-grow")


def neighbour_line(visit: Visit, near: Row) -> str:
    """One neighbour in one line."""
    state = visit.t(*words.STATES.get(near["state"], (near["state"],) * 2))
    apart = f"{near['distance_m']:.0f} m · {near['apart_h']:+.1f} h"
    return f"{near['class_code']} {near['label']} · {apart} · {state} · {near['case_id'] or '—'}"


def fact(name: str, value: str) -> None:
    """A name with its value."""
    with ui.element("div").classes("zm-fact"):
        text(name, "zm-sub")
        text(value, "zm-main")


class RejectDialog:
    """Digits choose what it was, the reason is written already and may be changed, Enter sends."""

    def __init__(self, visit: Visit, send: Callable[[Cause, str], Awaitable[None]]) -> None:
        self._send, self._visit, t = send, visit, visit.t
        causes = {name: f"{n} · {t(zh, en)}" for n, (name, zh, en) in enumerate(words.REASONS, 1)}
        with ui.dialog().props(_QUICK) as self.dialog, ui.card().classes("zm-dialog"):
            self._title = text("", "zm-big")
            self._cause = ui.radio(causes, value=None, on_change=self._said).props("dense")
            most = f"outlined dense maxlength={REASON_CHARS_MAX}"
            self._reason = ui.input(t("理由", "reason")).props(most).classes("zm-reason").mark("reject-reason")
            # The field lets go of the keyboard at once: the next key is for the next candidate.
            self._reason.on("keydown.enter", self._confirm, js_handler="(e) => { e.target.blur(); emit(); }")
            with ui.element("div").classes("zm-buttons"):
                words_ = t("确定 ⏎", "Reject ⏎")
                ui.button(words_, on_click=self._confirm).props("dense unelevated no-caps color=red-9")
                ui.button(t("取消 Esc", "Cancel Esc"), on_click=self.dialog.close).props("dense flat no-caps")

    def open(self, row: Row) -> None:
        """For a candidate."""
        self._title.set_text(self._visit.t(f"不予立案 {row['case_id']}", f"Do not file {row['case_id']}"))
        self._cause.set_value(None)
        self._reason.set_value("")
        self.dialog.open()

    def choose(self, number: int) -> None:
        """What it was; the reason's field is next."""
        self._cause.set_value(words.REASONS[number][0])

    def _said(self) -> None:
        for name, chinese, english in words.REASONS:
            if name == self._cause.value:
                self._reason.set_value(self._visit.t(chinese, english))
                self._reason.run_method("focus")

    async def _confirm(self) -> None:
        reason = str(self._reason.value or "").strip()
        if self._cause.value is None:
            ui.notify(self._visit.t("请选择情形", "choose what it was"), type="warning")
        elif not reason:
            ui.notify(self._visit.t("请填写理由", "give a reason"), type="warning")
        else:
            await self._send(self._cause.value, reason)


class MergeDialog:
    """A digit chooses the neighbour."""

    def __init__(self, visit: Visit, send: Callable[[Row], Awaitable[None]]) -> None:
        self._send, self._visit = send, visit
        self._neighbours: list[Row] = []
        with ui.dialog().props(_QUICK) as self.dialog, ui.card().classes("zm-dialog"):
            text(visit.t("与哪一个是同一事件？按数字", "Which one is the same thing? Press its digit"), "zm-big")
            self._list = ui.element("div")

    def open(self, row: Row) -> None:
        """With the neighbours of a candidate."""
        self._neighbours = row["neighbours"]
        self._list.clear()
        with self._list:
            for place, near in enumerate(self._neighbours):
                line = f"{place + 1} · {neighbour_line(self._visit, near)}"
                ui.button(line, on_click=lambda place=place: self.choose(place)).props("flat dense no-caps align=left")
        self.dialog.open()

    async def choose(self, place: int) -> None:
        """Merge with a neighbour; a digit without one does nothing."""
        if 0 <= place < len(self._neighbours):
            await self._send(self._neighbours[place])


def help_dialog(visit: Visit) -> ui.dialog:
    """What each key does."""
    with ui.dialog() as dialog, ui.card().classes("zm-dialog"):
        text(visit.t("按键", "Keys"), "zm-big")
        for keys, chinese, english in (
            ("F", "确认并立案", "confirm and file"),
            ("R, 1–3, ⏎", "不予立案：选择情形，理由可改", "reject: what it was; the reason may be changed"),
            ("M, 1–9", "与邻近事件合并", "merge with a neighbour"),
            ("J N → ↓", "下一个", "next"),
            ("K P ← ↑", "上一个", "previous"),
            ("? H", "帮助", "help"),
            ("Esc", "关闭对话框", "close a dialog"),
        ):
            fact(keys, visit.t(chinese, english))
    return dialog


def _key(key: str, word: str, act: Act, classes: str = "") -> None:
    with ui.element("button").classes(f"zm-key {classes}").props("type=button").on("click", act):
        text(key, "zm-cap")
        text(word, "")


def _utc(text_: Any) -> str:
    return str(text_ or "")
