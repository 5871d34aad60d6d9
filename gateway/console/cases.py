"""Cases of whoever's places, newest first, by state."""

from nicegui import run, ui

from gateway import caseview
from gateway.console import shell, tables, words
from gateway.console.office import Office
from gateway.console.panels import text
from gateway.console.visit import Visit
from gateway.queries import Row
from gateway.tables import incidents

ROWS = 200
OVER_READ = 4
REFRESH_S = 2.0


async def show(office: Office, visit: Visit, state: str) -> None:
    """The page at `/cases`; `state`: only these, "" for all."""
    t = visit.t
    with shell.page(visit, "/cases"):
        with ui.element("h1"):
            text(t("案件", "Cases"), "zm-h1")
        with ui.element("div").classes("zm-filters"):
            for name in ("", *words.STATES):
                word = t(*words.STATES[name]) if name else t("全部", "all")
                chosen = " zm-here" if name == state else ""
                ui.link(word, f"/cases?state={name}" if name else "/cases").classes(f"zm-filter{chosen}")
        body = ui.element("div")
    shown: list[list[Row]] = []

    async def refresh() -> None:
        if not await visit.alive():
            return
        rows = await run.io_bound(_read, office, visit, state)
        if rows is not None and [rows] != shown:
            shown[:] = [rows]
            body.clear()
            with body:
                _draw(visit, rows)

    await refresh()
    ui.timer(REFRESH_S, refresh)


def _read(office: Office, visit: Visit, state: str) -> list[Row]:
    at = visit.places("case.view")
    where = office.sight.narrowed(at)
    where = where & (incidents.c.state == state) if state else where
    with office.database.read() as tx:
        rows = caseview.listed(tx, where, ROWS * OVER_READ)
    return [row for row in rows if office.sight.sees(at, row["lat"], row["lon"], row["class_code"])][:ROWS]


def _draw(visit: Visit, rows: list[Row]) -> None:
    t = visit.t
    if not rows:
        text(t("没有案件", "no cases"), "zm-empty")
        return
    head = [t("案件号", "case"), t("类别", "class"), t("内容", "what"), t("状态", "state"), t("首次发现", "first seen")]
    lines = [
        [
            tables.link(row["case_id"], f"/case/{row['case_id']}"),
            f"{row['class_code']} {t(*words.CLASSES.get(row['case_class'], (row['case_class'],) * 2))}",
            row["label"],
            t(*words.STATES.get(row["state"], (row["state"],) * 2)),
            words.local_stamp(row["first_seen"]),
        ]
        for row in rows
    ]
    tables.draw(head, lines, t("案件", "cases"))
