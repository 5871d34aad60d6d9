"""The audit log: who did or looked at what; reading it is a row of it too."""

from nicegui import run, ui

from gateway.console import shell, tables, words
from gateway.console.office import Office
from gateway.console.panels import text
from gateway.console.visit import Visit
from gateway.people import ledger
from gateway.queries import Row

ROWS = 200


async def show(office: Office, visit: Visit) -> None:
    """The page at `/audit`."""
    t = visit.t
    with shell.page(visit, "/audit"):
        with ui.element("h1"):
            text(t("审计日志", "Audit log"), "zm-h1")
        proof = text("", "zm-sub").props("role=status")
        with ui.element("div").classes("zm-filters"):
            actor = ui.input(t("人员", "who")).props("dense outlined maxlength=64").mark("audit-actor")
            subject = ui.input(t("对象", "subject")).props("dense outlined maxlength=128")
            ui.button(t("查询", "Search"), on_click=lambda: refresh()).props("dense unelevated no-caps color=teal-9")
        body = ui.element("div")

    async def refresh() -> None:
        rows = await run.io_bound(_read, office, visit, str(actor.value or ""), str(subject.value or ""))
        body.clear()
        with body:
            _draw(visit, rows or [])

    async def prove() -> None:
        found = await run.io_bound(_prove, office)
        if found is not None:
            whole = t(f"链完整，共 {found.n} 条", f"the chain is whole: {found.n} rows")
            broken = t(f"第 {found.broken_at} 条起不符", f"broken at row {found.broken_at}")
            proof.set_text(broken if found.broken_at else whole)

    await refresh()
    await prove()
    ui.timer(5.0, visit.alive)


def _read(office: Office, visit: Visit, actor: str, subject: str) -> list[Row]:
    if not visit.places("audit.read"):
        return []
    visit.tell("audit.read", subject or actor)
    with office.database.read() as tx:
        return ledger.listed(tx, ROWS, actor.strip(), subject.strip())


def _prove(office: Office) -> ledger.Proof:
    with office.database.read() as tx:
        return ledger.prove(tx)


def _draw(visit: Visit, rows: list[Row]) -> None:
    t = visit.t
    if not rows:
        text(t("没有记录", "no rows"), "zm-empty")
        return
    head = ["#", t("时间", "time"), t("人员", "who"), t("动作", "action"), t("对象", "subject"), t("理由", "reason")]
    lines = [
        [str(r["n"]), words.local_stamp(r["at"]), r["actor"] or "—", r["action"], r["subject"][:40], r["reason"] or "—"]
        for r in rows
    ]
    tables.draw(head, lines, t("审计日志", "audit log"))
