"""One case: state, time line, pictures, orders, checks, proof, and what may be done by whoever is here."""

from typing import Any

from nicegui import run, ui

from gateway import caseview
from gateway.console import actions, shell, tables, words
from gateway.console.case_dialog import ActionDialog
from gateway.console.office import Office
from gateway.console.panels import text
from gateway.console.review_parts import fact
from gateway.console.visit import Visit
from gateway.queries import Row
from gateway.registry_desk import NotAnswered

REFRESH_S = 2.0


async def show(office: Office, visit: Visit, case_id: str) -> None:
    """The page at `/case/<id>`."""
    with shell.page(visit, "/cases"):
        page = CasePage(office, visit, case_id)
    await page.refresh()
    ui.timer(REFRESH_S, page.refresh)


class CasePage:
    """Drawn again when the case has changed."""

    def __init__(self, office: Office, visit: Visit, case_id: str) -> None:
        self._office, self._visit, self._case_id = office, visit, case_id
        self._shown: Row | None = None
        self._told = False
        self._body = ui.element("div").classes("zm-case")
        self._dialog = ActionDialog(visit, office.registry, self.refresh)

    async def refresh(self) -> None:
        """Ask the gateway and the registry again."""
        if not await self._visit.alive():
            return
        try:
            found = await run.io_bound(self._read)
        except NotAnswered as error:
            found = {"fault": str(error)}
        if found is None or found == self._shown:
            return
        self._shown = found
        self._body.clear()
        with self._body:
            if "fault" in found:
                text(found["fault"], "zm-empty").props("role=alert")
            else:
                self._draw(found)

    def _read(self) -> Row:
        """The case with what is allowed; {"fault": words} for one that is not there or lies elsewhere: the same words,
        so that nobody learns what exists outside their places."""
        case = self._office.registry.case(self._case_id)
        at = self._visit.places("case.view")
        if case is None or not self._office.sight.sees(at, case["lat"], case["lon"], case["class_code"]):
            return {"fault": self._visit.t("没有此案件，或不在您的辖区", "no such case, or not in your place")}
        with self._office.database.read() as tx:
            known = caseview.case(tx, self._case_id)
        if not self._told:
            self._visit.tell("case.viewed", self._case_id)
            self._told = True
        may = self._visit.permissions_at(case["lat"], case["lon"], case["class_code"])
        return {"case": case, "known": known, "may": sorted(may)}

    def _draw(self, found: Row) -> None:
        case, known, t = found["case"], found["known"], self._visit.t
        with ui.element("div").classes("zm-review-head"):
            with ui.element("h1"):
                text(case["case_id"], "zm-h1")
            text(t(*words.STATES[case["state"]]), f"zm-state-chip zm-state-{case['state']}").mark("case-state")
        self._buttons(case, frozenset(found["may"]))
        with ui.element("div").classes("zm-two"):
            with ui.element("section").classes("zm-panel"):
                self._title(t("案件", "Case"))
                self._facts(case)
            with ui.element("section").classes("zm-panel"):
                self._title(t("时间线", "Time line"))
                self._timeline(case["events"])
        if known is not None:
            self._known(known)

    def _buttons(self, case: Row, may: frozenset[str]) -> None:
        t, allowed = self._visit.t, actions.allowed(case, may)
        with ui.element("div").classes("zm-keys").mark("case-actions"):
            for action in allowed:
                with ui.element("button").classes("zm-key").props("type=button") as button:
                    text(t(action.chinese, action.english), "")
                button.on("click", lambda action=action: self._dialog.open(case, action))
            if not allowed:
                text(t("您在此状态下没有可执行的操作", "nothing for you to do in this state"), "zm-sub")

    def _facts(self, case: Row) -> None:
        t = self._visit.t
        at = self._office.sight.city.locate(case["lat"], case["lon"])
        cell, area = (at.cell, at.patrol_area) if at is not None else ("", "")
        limit = f"{case['limit_hours']:g} h ({case['limit_unit']})"
        for chinese, english, value in (
            ("类别", "class", f"{case['class_code']} {case['label']}"),
            ("责任部门", "department", case["department"]),
            ("网格", "grid cell", case["cell"] or cell),
            ("巡区", "patrol area", case["patrol_area"] or area),
            ("位置", "place", f"{case['lat']:.6f}, {case['lon']:.6f} (WGS-84)"),
            ("上报", "reported", words.local_stamp(case["reported_at"])),
            ("处置时限", "limit", limit),
            ("截止", "deadline", words.local_stamp(case["deadline"] or "")),
            ("标准", "standard", case["standard"]),
            ("班组", "crew", case["crew"]),
            ("立案人", "filed by", case["filed_by"]),
            ("申诉", "appeal", case["appeal"]),
        ):
            fact(t(chinese, english), value or "—")

    def _timeline(self, events: list[Row]) -> None:
        with ui.element("ol").classes("zm-timeline"):
            for event in events:
                with ui.element("li"):
                    text(words.local_stamp(event["at"]), "zm-time")
                    word = self._visit.t(*words.STEPS.get(event["kind"], (event["kind"],) * 2))
                    text(word, f"zm-kind zm-kind-{event['kind']}")
                    text(" · ".join(filter(None, (event["actor"], event["reason"]))), "zm-main zm-grow")

    def _known(self, known: Row) -> None:
        t = self._visit.t
        with ui.element("section").classes("zm-panel"):
            self._title(t("图片", "Pictures"))
            with ui.element("div").classes("zm-gallery"):
                for picture in known["pictures"]:
                    self._picture(picture)
        self._table(t("目击与证据", "Witnesses and proof"), _WITNESS, known["witnesses"])
        self._table(t("派遣单", "Work orders"), _ORDER, known["orders"])
        self._table(t("核查", "Checks"), _CHECK, known["checks"])

    def _picture(self, picture: Row) -> None:
        kind = self._visit.t(*words.PICTURES.get(picture["kind"], (picture["kind"],) * 2))
        with ui.element("figure").classes("zm-figure"):
            if picture["url"]:
                ui.element("img").props(f'src="{picture["url"]}?why={self._case_id}" alt="{kind}" loading=lazy')
            else:
                text(self._visit.t("不在或不可显示", "not here, or not to be shown"), "zm-nopicture zm-gap")
            with ui.element("figcaption"):
                text(f"{kind} · {picture['source'].partition(':')[0]} · {picture['sha256'][:12]}", "zm-sub")

    def _table(self, title: str, columns: tuple[tuple[str, str, str], ...], rows: list[Row]) -> None:
        if not rows:
            return
        with ui.element("section").classes("zm-panel"):
            self._title(title)
            head = [self._visit.t(chinese, english) for _, chinese, english in columns]
            tables.draw(head, [[_said(row[name]) for name, _, _ in columns] for row in rows], title)

    def _title(self, words_: str) -> None:
        with ui.element("h2"):
            text(words_, "zm-zh")


_WITNESS = (
    ("device", "设备", "device"),
    ("camera", "摄像头", "camera"),
    ("rule", "规则", "rule"),
    ("rule_version", "版本", "version"),
    ("score", "得分", "score"),
    ("reason", "归并依据", "why one incident"),
    ("received_at", "收到", "received"),
    ("evidence_record", "证据链记录", "record in the evidence chain"),
)
_ORDER = (
    ("order_id", "单号", "order"),
    ("crew", "班组", "crew"),
    ("version", "版本", "version"),
    ("state", "状态", "state"),
    ("step", "进展", "step"),
)
_CHECK = (
    ("verify_id", "编号", "check"),
    ("device", "设备", "device"),
    ("camera", "摄像头", "camera"),
    ("verdict", "结论", "verdict"),
)


def _said(value: Any) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value if value not in (None, "") else "—")
