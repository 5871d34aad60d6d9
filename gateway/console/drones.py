"""Drones: their state and the docks', missions with preflight's reasons, places that wait for a second look."""

from typing import Any

from nicegui import run, ui
from nicegui.events import GenericEventArguments

from gateway.console import mission_picture, shell, tables, words
from gateway.console.office import Office
from gateway.console.panels import text
from gateway.console.visit import NotAllowed, Visit
from gateway.fleet_view import device_list
from gateway.missions import Mission, NotMission
from gateway.second_looks import waiting
from gateway.times import to_text

Row = dict[str, Any]
REFRESH_S = 5.0
PERMISSION = "flight.start"
TAKE = """async (event) => {
  const file = event.target.files[0];
  if (!file) return;
  const path = `/api/missions/${encodeURIComponent(file.name)}`;
  const answer = await fetch(path, { method: "POST", body: file }).catch(() => null);
  const told = answer && !answer.ok ? await answer.json().catch(() => ({})) : {};
  event.target.value = "";
  emit(answer?.ok ? "" : String(told.detail || told.error || "无法连接中心 the centre cannot be reached"));
}"""
Seen = tuple[list[Row], list[Row], str, list[Mission], list[Row]]


async def show(office: Office, visit: Visit) -> None:
    """The page at `/drones`."""
    with shell.page(visit, "/drones"):
        page = Drones(office, visit)
    await page.refresh()
    ui.timer(REFRESH_S, page.refresh)


class Drones:
    """Drawn again when something changed; a flight starts by a dialog with a reason."""

    def __init__(self, office: Office, visit: Visit) -> None:
        self._office, self._visit, t = office, visit, visit.t
        self._shown: Seen | None = None
        self._start: tuple[str, int, str] = ("", 0, "")
        with ui.element("h1"):
            text(t("无人机", "Drones"), "zm-h1")
        if visit.places(PERMISSION):
            label = t("导入任务（plan.json）", "Import a mission (plan.json)")
            with ui.element("label").classes("zm-pad zm-panel"):
                text(label, "zm-sub")
                ui.element("input").props("type=file accept=.json").on("change", self._imported, js_handler=TAKE)
        self._body = ui.element("div").classes("zm-case")
        with ui.dialog() as self._dialog, ui.card().classes("zm-dialog"):
            self._title = text("", "zm-big")
            self._why = ui.input(t("理由", "reason")).props("outlined dense maxlength=500").classes("zm-reason")
            with ui.element("div").classes("zm-buttons"):
                ui.button(t("起飞", "Take off"), on_click=self._fly).props("dense unelevated no-caps color=red-9")
                ui.button(t("取消", "Cancel"), on_click=self._dialog.close).props("dense flat no-caps")

    async def refresh(self) -> None:
        """What is known now."""
        if not await self._visit.alive():
            return
        seen = await run.io_bound(self._read)
        if seen is None or seen == self._shown:
            return
        self._shown = seen
        self._body.clear()
        with self._body:
            self._drones(seen[0])
            self._docks(seen[1], seen[2])
            self._missions(seen[3], seen[1])
            self._waiting(seen[4])

    def _read(self) -> Seen:
        with self._office.database.read() as tx:
            devices = device_list(tx, self._office.clock(), 2000)
            looks = waiting(tx)
        try:
            docks, why = self._office.missions.docks(), ""
        except NotMission as error:
            docks, why = [], str(error)
        drones = [row for row in devices if row["kind"] == "drone"]
        return drones, docks, why, self._office.missions.listed(), looks

    def _drones(self, rows: list[Row]) -> None:
        t = self._visit.t
        self._head(t("无人机", "Drones"))
        head = [
            t("设备", "device"),
            t("在线", "online"),
            t("最近", "last heard"),
            t("待发", "to send"),
            t("问题", "trouble"),
        ]
        lines: list[list[tables.Cell]] = [
            [
                row["device"],
                {True: t("在线", "online"), False: t("离线", "offline"), None: "—"}[row["online"]],
                words.local_stamp(row["last_heard"]),
                str(row["outbox_rows"] if row["outbox_rows"] is not None else "—"),
                "; ".join(row["troubles"]) or "—",
            ]
            for row in rows
        ]
        self._table(head, lines, t("无人机", "drones"), t("尚无无人机上线", "no drone was ever heard"))

    def _docks(self, rows: list[Row], why: str) -> None:
        t = self._visit.t
        self._head(t("机场", "Docks"))
        head = [t("机场", "dock"), t("在线", "online"), t("已绑定", "bound"), t("状态", "mode")]
        head += [t("电量", "charge"), t("风速", "wind"), t("当前飞行", "flight under way")]
        lines: list[list[tables.Cell]] = [
            [
                f"{row.get('name') or ''} {row['sn']}".strip(),
                t("是", "yes") if row.get("online") else t("否", "no"),
                t("是", "yes") if row.get("bound") else t("否", "no"),
                str(row.get("mode") or "—"),
                "—" if row.get("charge_percent") is None else f"{row['charge_percent']} %",
                "—" if row.get("wind_mps") is None else f"{row['wind_mps']} m/s",
                str((row.get("task") or {}).get("state", "—")),
            ]
            for row in rows
        ]
        named = self._office.missions.docks_here
        none = t(
            "未设置机场服务：[drones] docks", "no dock service is named: [drones] docks; nothing can be flown here"
        )
        self._table(head, lines, t("机场", "docks"), why or (t("没有机场", "it has no dock") if named else none))

    def _missions(self, missions: list[Mission], docks: list[Row]) -> None:
        t, may = self._visit.t, bool(self._visit.places(PERMISSION))
        self._head(t("任务", "Missions"))
        if not missions:
            text(t("尚无任务", "no mission yet"), "zm-empty")
        for one in missions:
            with ui.element("section").classes("zm-panel"):
                with ui.element("h2"):
                    text(one.name, "zm-zh")
                    minutes = " + ".join(f"{m:.0f}" for m in one.minutes)
                    told = t(f"{len(one.minutes)} 架次 · {minutes} 分 · {one.pictures} 张", "")
                    text(told or f"{len(one.minutes)} flights · {minutes} min · {one.pictures} pictures", "zm-en")
                with ui.element("div").classes("zm-pad zm-two"):
                    ui.html(mission_picture.svg(one.plan, one.name), sanitize=False)
                    with ui.element("div"):
                        text(f"{t('导入', 'imported')} {words.local_stamp(to_text(one.at))}", "zm-sub")
                        for finding in one.findings:
                            sign = "✓" if finding.ok else "✗"
                            classes = "zm-main" if finding.ok else "zm-main zm-bad-view"
                            text(f"{sign} {t(finding.zh, finding.en)}", classes)
                        if may:
                            self._buttons(one, docks)

    def _buttons(self, one: Mission, docks: list[Row]) -> None:
        t = self._visit.t
        ready = [row["sn"] for row in docks if row.get("online") and row.get("bound")]
        with ui.element("div").classes("zm-buttons"):
            for sn in ready if one.may_fly else []:
                for number in range(len(one.plan.flights)):
                    word = t(f"{sn} 起飞第 {number + 1} 架次", f"{sn}: fly {number + 1}")
                    press = ui.button(word, on_click=lambda n=number, sn=sn: self._ask(one.name, n, sn))
                    press.props("dense outline no-caps color=teal-9")
            press = ui.button(t("删除", "Delete"), on_click=lambda: self._remove(one.name))
            press.props("dense outline no-caps color=red-9")
        if not one.may_fly:
            text(t("检查未通过，不能起飞", "a check refuses: it cannot be started"), "zm-sub")
        elif not ready:
            text(t("没有在线且已绑定的机场", "no dock is online and bound; fly it beside the drone"), "zm-sub")

    def _waiting(self, rows: list[Row]) -> None:
        t = self._visit.t
        self._head(t("待复看的地点", "Places that wait for a second look"))
        if rows:
            word = t("下载 GeoJSON（供 zhuomu drone plan）", "as GeoJSON for zhuomu drone plan")
            ui.link(word, "/api/second_looks").classes("zm-link").props("download=second-looks.geojson")
        head = [
            t("案件", "case"),
            t("物体", "thing"),
            t("问过", "asked"),
            t("最近看见", "last seen"),
            t("位置", "place"),
        ]
        lines: list[list[tables.Cell]] = [
            [
                tables.link(row["case_id"], f"/case/{row['case_id']}"),
                f"{row['class_code']} {row['label']}",
                f"{row['device']}/{row['camera']}",
                words.local_stamp(row["last_seen"]),
                f"{row['lat']:.6f}, {row['lon']:.6f}",
            ]
            for row in rows
        ]
        self._table(head, lines, t("待复看", "second looks"), t("没有待复看的地点", "nothing waits"))

    def _head(self, title: str) -> None:
        with ui.element("h2").classes("zm-h2"):
            text(title, "")

    def _table(self, head: list[str], lines: list[list[tables.Cell]], name: str, none: str) -> None:
        if lines:
            tables.draw(head, lines, name)
        else:
            text(none, "zm-sub")

    async def _imported(self, event: GenericEventArguments) -> None:
        """What `/api/missions` said; "" when it was taken in."""
        if said := str(event.args or ""):
            ui.notify(said[:500], type="negative", multi_line=True)
        await self.refresh()

    async def _remove(self, name: str) -> None:
        try:
            await run.io_bound(self._visit.need_whole, PERMISSION)
        except NotAllowed as error:
            ui.notify(str(error), type="negative")
            return
        await run.io_bound(self._office.missions.remove, name)
        await run.io_bound(self._visit.tell, "mission.deleted", name)
        await self.refresh()

    def _ask(self, name: str, number: int, sn: str) -> None:
        self._start = (name, number, sn)
        self._title.set_text(self._visit.t(f"{name} 第 {number + 1} 架次 · {sn}", f"{name}, flight {number + 1}: {sn}"))
        self._why.set_value("")
        self._dialog.open()

    async def _fly(self) -> None:
        why = str(self._why.value or "").strip()
        if not why:
            ui.notify(self._visit.t("请填写理由", "give a reason"), type="warning")
            return
        name, number, sn = self._start
        try:
            await run.io_bound(self._visit.need_whole, PERMISSION)
            await run.io_bound(self._visit.tell, "flight.asked", f"{name}/{number + 1}", f"{sn}: {why}")
            flight_id = await run.io_bound(self._office.missions.fly, name, number, sn)
        except (NotAllowed, NotMission) as error:
            ui.notify(str(error), type="negative", multi_line=True)
            return
        ui.notify(self._visit.t(f"机场已接受：{flight_id}", f"the dock has it: {flight_id}"), type="positive")
        self._dialog.close()
        await self.refresh()
