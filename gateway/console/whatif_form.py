"""The rules as a form (dwell, thresholds, hours, permits) over the whole file as text; both say the same."""

import copy
from collections.abc import Callable
from typing import Any

from nicegui import ui

from gateway import rule_text
from gateway.console import tables
from gateway.console.panels import text
from gateway.console.visit import Visit
from gateway.rule_text import Book, NotRules

Row = dict[str, Any]
# Field -> words, smallest value, step; what a rule file may say besides stands in its text.
NUMBERS = {
    "dwell_s": ("停留 秒", "dwell s", 0.0, 1.0),
    "score_min": ("置信度", "score", 0.0, 0.05),
    "confirmations_min": ("确认次数", "confirmations", 1.0, 1.0),
}
DEFAULTS: Row = {"score_min": 0.35, "confirmations_min": 1, "grace_s": 0.0, "hours": []}
WHOLE = frozenset({"confirmations_min"})


class Form:
    """Empty until rules were fetched or a text was put in. `text` raises NotRules."""

    def __init__(self, visit: Visit) -> None:
        self._visit, t = visit, visit.t
        self._book: Book = {}
        self._fields = ui.element("div").classes("zm-case").mark("whatif-form")
        with self._fields:
            text(t("先取回一个岗亭的规则", "fetch a kiosk's rules first"), "zm-empty")
        with ui.expansion(t("规则文件全文（TOML）", "The whole rule file (TOML)")).classes("zm-panel"):
            label = t("规则文件", "rule file")
            self._whole = ui.textarea(label=label).props("outlined autogrow input-class=zm-mono").classes("zm-reason")
            ui.button(t("采用此文", "Take this text"), on_click=self._taken).props("dense outline no-caps color=teal-9")

    def set(self, book: Book, zones: list[str]) -> None:
        """Rules in force, under a version of their own."""
        self._book = copy.deepcopy(book)
        self._book["version"] = f"{book['version'][:48]}-desk"
        self._draw(zones)

    def text(self) -> str:
        """The file as it stands in the form. Raises NotRules."""
        if not self._book:
            raise NotRules(self._visit.t("先取回一个岗亭的规则", "fetch a kiosk's rules first"))
        return rule_text.text_of(self._book)

    def _taken(self) -> None:
        try:
            self._book = rule_text.parsed(str(self._whole.value or ""))
        except NotRules as error:
            ui.notify(str(error), type="warning")
            return
        self._draw([])

    def _changed(self) -> None:
        self._whole.set_value(rule_text.text_of(self._book))

    def _draw(self, zones: list[str]) -> None:
        t = self._visit.t
        self._fields.clear()
        with self._fields:
            version = ui.input(t("版本", "version"), value=self._book["version"]).props("dense outlined maxlength=64")
            version.on_value_change(lambda e: self._put(self._book, "version", str(e.value or "")))
            head = [t("规则", "rule"), t("类别", "class"), *(t(*words[:2]) for words in NUMBERS.values())]
            head += [t("时段", "hours"), t("区域", "zones")]
            tables.draw(head, [self._rule(row) for row in self._book["rule"]], t("规则", "rules"))
            if permits := self._book.get("permit") or []:
                head = [t("许可", "permit"), t("类别", "class"), t("区域", "zone"), t("时段", "hours")]
                head += [t("宽限 秒", "grace s"), t("截止日", "until")]
                tables.draw(head, [self._permit(row) for row in permits], t("许可", "permits"))
            if zones:
                text(t("岗亭的区域：", "The kiosk's zones: ") + "；".join(zones), "zm-sub")
        self._changed()

    def _rule(self, row: Row) -> list[tables.Cell]:
        name, t = row["name"], self._visit.t
        numbers = [self._number(row, field, f"{name} {t(*NUMBERS[field][:2])}") for field in NUMBERS]
        zones = ", ".join([*row.get("zones", []), *row.get("streets", [])]) or t("任何", "anywhere")
        return [name, row["class_code"], *numbers, self._hours(row, name), zones]

    def _permit(self, row: Row) -> list[tables.Cell]:
        name, t = row["name"], self._visit.t
        grace = self._number(row, "grace_s", f"{name} {t('宽限 秒', 'grace s')}")
        place = " ".join([row["zone"], *row.get("places", [])])
        return [name, row["case_class"], place, self._hours(row, name), grace, str(row.get("until") or "—")]

    def _number(self, row: Row, field: str, label: str) -> Callable[[], object]:
        least, step = NUMBERS[field][2:] if field in NUMBERS else (0.0, 60.0)

        def put(value: float | None) -> None:
            if value is not None:
                self._put(row, field, int(value) if field in WHOLE else float(value))

        def draw() -> None:
            one = ui.number(value=row.get(field, DEFAULTS.get(field)), min=least, step=step)
            one.props(f'dense outlined aria-label="{label}"').classes("zm-figure-in")
            one.on_value_change(lambda e: put(e.value))

        return draw

    def _hours(self, row: Row, name: str) -> Callable[[], object]:
        """A permit has one span, a rule a list of them."""
        one = isinstance(row.get("hours"), str)
        shown = str(row["hours"]) if one else ", ".join(row.get("hours", []))

        def put(said: str) -> None:
            spans = [part.strip() for part in said.split(",") if part.strip()]
            self._put(row, "hours", (spans or ["00:00-24:00"])[0] if one else spans)

        def draw() -> None:
            label = f"{name} {self._visit.t('时段', 'hours')}"
            field = ui.input(value=shown, placeholder=self._visit.t("全天", "all day"))
            field.props(f'dense outlined aria-label="{label}"')
            field.on_value_change(lambda e: put(str(e.value or "")))

        return draw

    def _put(self, row: Row, field: str, value: Any) -> None:
        row[field] = value
        self._changed()
