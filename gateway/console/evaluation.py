"""Evaluation (综合评价) as charts: an indicator over the places of one level; a bar leads to its cases."""

from datetime import timedelta
from typing import Any

from nicegui import run, ui
from nicegui.events import EChartPointClickEventArguments

from gateway.console import shell, tables
from gateway.console.office import Office
from gateway.console.panels import text
from gateway.console.visit import Visit
from gateway.queries import Row
from gateway.registry_desk import NotAnswered

LEVELS = {
    "city": ("全市", "city"),
    "district": ("区", "district"),
    "subdistrict": ("街道", "subdistrict"),
    "department": ("部门", "department"),
    "patrol_area": ("巡区", "patrol area"),
}
MONTHS = 24
CASES_SHOWN = 500


async def show(office: Office, visit: Visit) -> None:
    """The page at `/evaluation`."""
    with shell.page(visit, "/evaluation"):
        page = Evaluation(office, visit)
    await page.load()
    ui.timer(5.0, visit.alive)


class Evaluation:
    """One month at a time."""

    def __init__(self, office: Office, visit: Visit) -> None:
        self._office, self._visit, t = office, visit, visit.t
        self._figures: Row = {"rows": [], "meanings": []}
        self._bars: list[Row] = []
        with ui.element("h1"):
            text(t("综合评价", "Evaluation"), "zm-h1")
        with ui.element("div").classes("zm-filters"):
            months = _months(office)
            self._month = ui.select(months, value=months[0], label=t("月份", "month"), on_change=self.load)
            levels = {name: t(*words) for name, words in LEVELS.items()}
            self._level = ui.select(levels, value="city", label=t("层级", "level"), on_change=self._draw)
            self._indicator = ui.select({}, label=t("指标", "indicator"), on_change=self._draw).classes("zm-wide")
            for one in (self._month, self._level, self._indicator):
                one.props("dense outlined options-dense")
            for form in ("html", "pdf"):
                word = t("通报", "Bulletin") + f" {form.upper()}"
                ui.button(word, on_click=lambda form=form: self._bulletin(form)).props(
                    "dense flat no-caps color=teal-9"
                )
        self._meaning = text("", "zm-sub")
        self._chart = ui.element("div")
        self._table = ui.element("div")
        self._cases = ui.element("div").mark("evaluation-cases")

    async def load(self) -> None:
        """Another month's figures."""
        try:
            found = await run.io_bound(self._office.registry.evaluation, str(self._month.value))
        except NotAnswered as error:
            ui.notify(str(error), type="negative")
            return
        self._figures = found or {"rows": [], "meanings": []}
        names = {m["name"]: self._visit.t(m["name_zh"], m["name"]) for m in self._figures["meanings"]}
        chosen = self._indicator.value if self._indicator.value in names else next(iter(names), None)
        self._indicator.set_options(names, value=chosen)
        self._draw()

    def _bulletin(self, form: str) -> None:
        ui.navigate.to(f"/bulletin?month={self._month.value}&lang={self._visit.language}&form={form}", new_tab=True)

    def _draw(self) -> None:
        name, level = self._indicator.value, self._level.value
        meaning = next((m for m in self._figures["meanings"] if m["name"] == name), None)
        self._meaning.set_text(f"{meaning['numerator']} / {meaning['denominator']}" if meaning else "")
        rows = [row for row in self._figures["rows"] if row["level"] == level and name in row["indicators"]]
        self._bars = sorted(rows, key=lambda row: (row["group"], row["rank"] or 10**6, row["code"]))
        for part in (self._chart, self._table, self._cases):
            part.clear()
        with self._chart:
            if self._bars:
                told = ui.echart(_options(self._bars, str(name)), on_point_click=self._clicked).classes("zm-chart")
                told.props(f'role=img aria-label="{name}"')
            else:
                text(self._visit.t("本月此层级没有数据", "nothing was due here in this month"), "zm-empty")
        with self._table:
            self._figures_table(str(name))

    def _figures_table(self, name: str) -> None:
        t = self._visit.t
        head = [
            t("代码", "code"),
            t("组", "group"),
            t("名次", "rank"),
            t("得分", "score"),
            t("指标", "rate"),
            t("案件", "cases"),
        ]
        rows: list[list[tables.Cell]] = [
            [
                row["code"],
                row["group"] or "—",
                str(row["rank"] or "—"),
                row["score"] or "—",
                _percent(row["indicators"][name]),
                self._way(row, name),
            ]
            for row in self._bars
        ]
        if rows:
            tables.draw(head, rows, name)

    def _way(self, row: Row, name: str) -> tables.Cell:
        figure = row["indicators"][name]
        words = f"{figure['numerator']} / {figure['denominator']}"
        return lambda: ui.button(words, on_click=lambda: self._open(row)).props("flat dense no-caps color=teal-9")

    async def _clicked(self, event: EChartPointClickEventArguments) -> None:
        if 0 <= event.data_index < len(self._bars):
            await self._open(self._bars[event.data_index])

    async def _open(self, row: Row) -> None:
        """The cases behind a figure: first those in the numerator, then the rest of the denominator."""
        name, ask = str(self._indicator.value), self._office.registry.evaluated_cases
        month, t = str(self._month.value), self._visit.t
        self._cases.clear()
        with self._cases:
            for part, words in (
                ("numerator", t("计入分子", "in the numerator")),
                ("rest", t("只在分母", "in the denominator alone")),
            ):
                found = await run.io_bound(ask, month, name, row["level"], row["code"], part) or []
                text(f"{row['code']} · {words}: {len(found)}", "zm-h2")
                with ui.element("div").classes("zm-filters"):
                    for case_id in found[:CASES_SHOWN]:
                        ui.link(case_id, f"/case/{case_id}").classes("zm-filter")


def _months(office: Office) -> list[str]:
    """This month and those before, `2026-11`, local time."""
    at = office.clock() + timedelta(hours=8)
    last = at.year * 12 + at.month - 1
    return [f"{n // 12}-{n % 12 + 1:02d}" for n in range(last, last - MONTHS, -1)]


def _options(bars: list[Row], name: str) -> dict[str, Any]:
    values = [round(float(row["indicators"][name]["rate"] or 0) * 100, 2) for row in bars]
    labels = [f"{row['group']} {row['code']}".strip() for row in bars]
    return {
        "grid": {"left": 50, "right": 16, "top": 16, "bottom": 70},
        "animation": False,
        "tooltip": {"trigger": "item"},
        "xAxis": {"type": "category", "data": labels, "axisLabel": {"rotate": 40, "color": "#334155"}},
        "yAxis": {"type": "value", "max": 100, "axisLabel": {"formatter": "{value} %", "color": "#334155"}},
        "series": [{"type": "bar", "data": values, "barMaxWidth": 38, "itemStyle": {"color": "#0f766e"}}],
    }


def _percent(figure: Row) -> str:
    return f"{float(figure['rate']) * 100:.2f} %" if figure["rate"] is not None else "—"
