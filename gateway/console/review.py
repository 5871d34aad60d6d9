"""The review queue: one candidate after the other, decided from the keyboard; new ones come without reload."""

from collections.abc import Callable
from typing import Any

from nicegui import events, run, ui
from sqlalchemy.exc import OperationalError

from gateway import queue, regroup
from gateway.console import review_parts as parts
from gateway.console import shell, words
from gateway.console.office import Office
from gateway.console.visit import NotAllowed, Visit
from gateway.decide import Cause, NotDecided
from gateway.queries import Row
from gateway.registry_desk import NotAnswered
from gateway.regroup import NotRegrouped
from gateway.times import to_text

REFRESH_S = 1.0
PERMISSION = "case.decide"


async def show(office: Office, visit: Visit) -> None:
    """The page at `/review`."""
    with shell.page(visit, "/review"):
        page = Review(office, visit)
    await page.refresh()
    ui.timer(REFRESH_S, page.refresh)


class Review:
    """One page: what waits, which of it is shown, what the person is about to do with it (`mode`)."""

    def __init__(self, office: Office, visit: Visit) -> None:
        self._office, self._visit = office, visit
        self._rows: list[Row] = []
        self._done: set[str] = set()
        self._shown: Row | None = None
        self._place = 0
        self._count = 0
        self._busy = False
        self._view = parts.View(visit, self.go, self.ask_file, self.ask_reject, self.ask_merge)
        self._reject = parts.RejectDialog(visit, self._rejected)
        self._merge = parts.MergeDialog(visit, self._merged)
        self._help = parts.help_dialog(visit)
        ui.keyboard(self._key, repeating=False, ignore=["input", "textarea", "select"])

    async def refresh(self) -> None:
        """What waits now. A candidate that somebody else decided meanwhile goes, with a word."""
        if not await self._visit.alive():
            return
        try:
            rows = await run.io_bound(self._read)
        except OperationalError:
            return
        if rows is None:
            return
        self._rows = [row for row in rows if row["incident_id"] not in self._done]
        ids = [row["incident_id"] for row in self._rows]
        if self._shown is None:
            await self._show(self._place)
        elif self._shown["incident_id"] in ids:
            self._place = ids.index(self._shown["incident_id"])
        elif not self._busy:
            ui.notify(self._visit.t("已由他人处理", "decided by somebody else meanwhile"), type="info")
            self._close_dialogs()
            await self._show(self._place)
        self._view.count(self._place, len(self._rows), self._count)

    async def go(self, by: int) -> None:
        """To another candidate, round and round."""
        if self._rows:
            await self._show((self._place + by) % len(self._rows))

    async def ask_file(self) -> None:
        """Confirm: the case is filed."""
        if self._shown is not None:
            case_id = self._shown["case_id"]
            await self._decide(lambda person: self._office.decider.file(case_id, person))

    async def ask_reject(self) -> None:
        """Open the dialog."""
        if self._shown is not None:
            self._reject.open(self._shown)

    async def ask_merge(self) -> None:
        """Open the dialog."""
        if self._shown is not None and self._shown["neighbours"]:
            self._merge.open(self._shown)
        elif self._shown is not None:
            words_ = self._visit.t("50 米、24 小时内没有邻近事件", "no neighbour within 50 m and 24 h")
            ui.notify(words_, type="warning")

    async def _rejected(self, cause: Cause, reason: str) -> None:
        if self._shown is not None:
            case_id = self._shown["case_id"]
            await self._decide(lambda person: self._office.decider.reject(case_id, person, cause, reason))

    async def _merged(self, neighbour: Row) -> None:
        if self._shown is not None:
            shown = self._shown
            await self._decide(lambda person: self._join(shown, neighbour, person))

    async def _decide(self, what: Callable[[str], None]) -> None:
        """Pass a decision on and go to the next; one at a time."""
        shown = self._shown
        if shown is None or self._busy:
            return
        self._busy = True
        try:
            person = await run.io_bound(self._visit.need, PERMISSION, shown)
            await run.io_bound(what, str(person))
        except (NotAllowed, NotDecided, NotRegrouped) as error:
            ui.notify(str(error), type="negative")
            return
        finally:
            self._busy = False
        self._done.add(shown["incident_id"])
        self._count += 1
        self._rows = [row for row in self._rows if row["incident_id"] != shown["incident_id"]]
        self._close_dialogs()
        await self._show(self._place)

    def _join(self, shown: Row, neighbour: Row, person: str) -> None:
        """The registry first: nothing changes here when it refuses. Raises NotAllowed, NotDecided, NotRegrouped."""
        self._visit.need(PERMISSION, neighbour)
        with self._office.database.read() as tx:
            kept, _ = regroup.check(tx, neighbour["incident_id"], shown["incident_id"], two_names=True)
        case_id = _open_case(kept)
        reason = f"并入 merged into {case_id}"
        self._office.decider.reject(shown["case_id"], person, "duplicate", reason)
        with self._office.database.write() as tx:
            now = to_text(self._office.clock())
            regroup.merge(tx, neighbour["incident_id"], shown["incident_id"], person, reason, now, two_names=True)
        self._visit.tell("case.merged", shown["case_id"], reason)

    async def _show(self, place: int) -> None:
        self._place = place % len(self._rows) if self._rows else 0
        self._shown = None
        if self._rows:
            self._shown = await run.io_bound(self._load, self._rows[self._place]["incident_id"])
        self._view.show(self._shown)
        self._view.count(self._place, len(self._rows), self._count)

    def _read(self) -> list[Row]:
        with self._office.database.read() as tx:
            return queue.waiting(tx, self._office.sight, self._visit.places(PERMISSION))

    def _load(self, incident_id: str) -> Row | None:
        with self._office.database.read() as tx:
            found = queue.one(tx, incident_id)
        if found is None:
            return None
        try:
            trust: Any = self._office.trusted.of(
                found["device"], found["camera"], found["class_code"], found["received_at"]
            )
        except NotAnswered:
            trust = "unknown"
        standard = self._office.sight.standard
        found["neighbours"] = [row for row in found["neighbours"] if self._near(row)]
        return found | {"trust": trust, "exempt": [e for e in standard.exemptions if found["class_code"] in e.frees]}

    def _near(self, row: Row) -> bool:
        at = self._visit.places("case.view")
        return self._office.sight.sees(at, row["lat"], row["lon"], row["class_code"])

    def _close_dialogs(self) -> None:
        for dialog in (self._reject.dialog, self._merge.dialog):
            dialog.close()

    async def _key(self, event: events.KeyEventArguments) -> None:
        if not event.action.keydown or event.modifiers.ctrl or event.modifiers.meta or event.modifiers.alt:
            return
        name = event.key.name
        if self._reject.dialog.value or self._merge.dialog.value or self._help.value:
            await self._key_in_dialog(name)
            return
        match name.lower():
            case "f":
                await self.ask_file()
            case "r":
                await self.ask_reject()
            case "m":
                await self.ask_merge()
            case "j" | "n" | "arrowright" | "arrowdown":
                await self.go(1)
            case "k" | "p" | "arrowleft" | "arrowup":
                await self.go(-1)
            case "?" | "h":
                self._help.open()

    async def _key_in_dialog(self, name: str) -> None:
        if not name.isdigit():
            return
        if self._reject.dialog.value and 1 <= int(name) <= len(words.REASONS):
            self._reject.choose(int(name) - 1)
        elif self._merge.dialog.value:
            await self._merge.choose(int(name) - 1)


def _open_case(kept: Row) -> str:
    """The case that the other joins. Raises NotRegrouped."""
    if not kept["case_id"]:
        raise NotRegrouped("邻近事件没有案件 the neighbour has no case to merge with")
    if kept["state"] == "rejected":
        raise NotRegrouped(f"{kept['case_id']} 未予立案，不能合并 was rejected; nothing can be merged with it")
    return str(kept["case_id"])
