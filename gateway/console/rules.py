"""What decides: the filing standard in force, what each camera has earned, thresholds proposed from outcomes."""

from nicegui import run, ui

from gateway.console import shell, tables, words
from gateway.console.office import Office
from gateway.console.panels import text
from gateway.console.visit import Visit
from gateway.decide import NotDecided
from gateway.queries import Row
from gateway.registry_desk import NotAnswered

ROWS = 500
PERMISSION = "standard.change"


async def show(office: Office, visit: Visit) -> None:
    """The page at `/rules`."""
    with shell.page(visit, "/rules"):
        page = Rules(office, visit)
    await page.load()
    ui.timer(5.0, visit.alive)


class Rules:
    """Three tables; a proposal is applied or dismissed with a reason."""

    def __init__(self, office: Office, visit: Visit) -> None:
        self._office, self._visit, t = office, visit, visit.t
        self._settling: tuple[int, bool] = (0, False)
        with ui.element("h1"):
            text(t("立案标准与自动立案", "Filing standard, and what files by itself"), "zm-h1")
        self._thresholds = ui.element("section").classes("zm-panel")
        self._trust = ui.element("section").classes("zm-panel")
        with ui.element("section").classes("zm-panel"):
            self._standard()
        with ui.dialog() as self._dialog, ui.card().classes("zm-dialog"):
            self._title = text("", "zm-big")
            self._reason = ui.input(t("理由", "reason")).props("outlined dense maxlength=2000").classes("zm-reason")
            with ui.element("div").classes("zm-buttons"):
                ui.button(t("确定", "Confirm"), on_click=self._settle).props("dense unelevated no-caps color=teal-9")
                ui.button(t("取消", "Cancel"), on_click=self._dialog.close).props("dense flat no-caps")

    async def load(self) -> None:
        """Ask the registry for what was measured."""
        try:
            proposed = await run.io_bound(self._office.registry.thresholds)
            trust = await run.io_bound(self._office.registry.precision)
        except NotAnswered as error:
            ui.notify(str(error), type="negative")
            return
        t = self._visit.t
        for part, title, draw, rows in (
            (self._thresholds, t("阈值提议", "Thresholds proposed"), self._proposals, proposed or []),
            (self._trust, t("实测精度（90 天）", "Measured precision, 90 days"), self._cells, trust or []),
        ):
            part.clear()
            with part:
                with ui.element("h2"):
                    text(title, "zm-zh")
                if rows:
                    draw(rows[:ROWS])
                else:
                    text(t("尚无", "none yet"), "zm-empty")

    def _proposals(self, rows: list[Row]) -> None:
        t = self._visit.t
        head = [
            "#",
            t("摄像头", "camera"),
            t("类别", "class"),
            t("阈值", "threshold"),
            t("回放验证", "holds on replay"),
        ]
        head += [t("状态", "state"), t("操作", "action")]
        lines: list[list[tables.Cell]] = [
            [
                str(row["n"]),
                row["camera"],
                row["class_code"],
                f"{row['threshold']:.2f}",
                t("通过", "yes") if row["holds"] else t("未通过", "no"),
                f"{row['state']} {row['person']}".strip(),
                self._buttons(row) if row["state"] == "proposed" and self._visit.places(PERMISSION) else "",
            ]
            for row in rows
        ]
        tables.draw(head, lines, t("阈值", "thresholds"))

    def _buttons(self, row: Row) -> tables.Cell:
        def ask(apply: bool) -> None:
            self._settling = (row["n"], apply)
            word = self._visit.t("采用", "Apply") if apply else self._visit.t("放弃", "Dismiss")
            self._title.set_text(f"{word} #{row['n']} · {row['camera']} {row['class_code']}")
            self._dialog.open()

        def draw() -> None:
            for word, apply in ((self._visit.t("采用", "Apply"), True), (self._visit.t("放弃", "Dismiss"), False)):
                ui.button(word, on_click=lambda apply=apply: ask(apply)).props("dense outline no-caps color=teal-9")

        return draw

    async def _settle(self) -> None:
        session = await run.io_bound(self._visit.session)
        if not self._visit.demo and (session is None or not session.may(PERMISSION)):
            ui.notify("无权操作 not for your role", type="negative")
            return
        person = session.name if session is not None else self._visit.name.strip()
        reason = str(self._reason.value or "").strip()
        if not person or not reason:
            ui.notify(self._visit.t("请填写姓名和理由", "a name and a reason are needed"), type="warning")
            return
        try:
            await run.io_bound(self._office.registry.settle, self._settling[0], person, reason, self._settling[1])
        except NotDecided as error:
            ui.notify(str(error), type="negative")
            return
        self._dialog.close()
        await self.load()

    def _cells(self, rows: list[Row]) -> None:
        t = self._visit.t
        head = [t("摄像头", "camera"), t("类别", "class"), t("小时", "hour"), t("正确", "right"), t("错误", "wrong")]
        head += [t("精度", "precision"), t("95% 区间", "95 % interval"), t("自动立案", "files by itself")]
        lines: list[list[tables.Cell]] = [
            [
                row["camera"],
                row["class_code"],
                f"{row['hour']:02d}",
                str(row["right"]),
                str(row["wrong"]),
                f"{row['precision']:.0%}" if row["precision"] is not None else "—",
                f"{row['lower']:.0%} – {row['upper']:.0%}",
                t("是", "yes") if row["files_by_itself"] else t("否", "no"),
            ]
            for row in rows
        ]
        tables.draw(head, lines, t("实测精度", "measured precision"))

    def _standard(self) -> None:
        standard, t = self._office.sight.standard, self._visit.t
        with ui.element("h2"):
            text(t("立案标准", "Filing standard"), "zm-zh")
            text(f"{standard.city} {standard.version}", "zm-en")
        head = [t("代码", "code"), t("类别", "class"), t("立案条件", "filed when"), t("时限", "limit")]
        head += [t("结案条件", "closed when"), t("责任部门", "responsible")]
        lines: list[list[tables.Cell]] = [
            [
                one.code,
                t(one.name_zh, one.name_en),
                one.filed_when,
                f"{one.limit.amount:g} {t(*words.UNITS[one.limit.unit])}",
                one.closed_when,
                one.responsible,
            ]
            for one in standard.classes
        ]
        tables.draw(head, lines, t("立案标准", "filing standard"))
