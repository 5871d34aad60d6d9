"""What `zhuomu up` tells: events as they happen, and the summary at the end."""

from typing import Any

import httpx
from rich.console import Console
from rich.markup import escape
from rich.table import Table

SUMMARY_KEYS = (
    "candidates",
    "receipts",
    "dead_letters",
    "incidents",
    "cases",
    "work_orders",
    "disposals",
    "verdicts",
    "closed",
    "outbox_left",
)
STYLES = {
    "candidate": ("cyan", "疑似案件 candidate"),
    "incident": ("blue", "事件 incident"),
    "case": ("magenta", "案件 case"),
    "work_order": ("yellow", "派遣 work order"),
    "disposal": ("green", "处置 disposal"),
    "verdict": ("bright_blue", "核查 verdict"),
    "closed": ("bold green", "结案 closed"),
    "rework": ("red", "返工 rework"),
    "dead_letter": ("bold red", "死信 dead letter"),
    "device": ("dim", "设备 device"),
}
FEED_PAGE = 200
HTTP_TIMEOUT_S = 5.0


class Report:
    """Follows the gateway's feed and prints it. A gateway that is away for a moment is asked again later."""

    def __init__(self, url: str, console: Console) -> None:
        self._url = url
        self._console = console
        self._after = 0

    def follow(self) -> None:
        """Print what is new."""
        rows = self.get("/api/feed", after=self._after, limit=FEED_PAGE) or []
        for row in rows:
            self._after = max(self._after, int(row["n"]))
            style, words = STYLES.get(row["kind"], ("white", row["kind"]))
            clock = str(row["at"])[11:19]
            line = f"[dim]{clock}[/] [{style}]{words:<22}[/] {escape(str(row['text']))}"
            self._console.print(line, soft_wrap=True)

    def get(self, path: str, **params: int) -> Any:
        """JSON of one of the gateway's addresses; None while it cannot be reached."""
        try:
            answer = httpx.get(self._url + path, params=params, timeout=HTTP_TIMEOUT_S)
            answer.raise_for_status()
            return answer.json()
        except httpx.HTTPError:
            return None


def summary_table(summary: dict[str, Any]) -> Table:
    """The summary for people."""
    table = Table(title="zhuomu up: summary 汇总", show_header=False)
    for key in SUMMARY_KEYS:
        table.add_row(key, str(summary[key]))
    truth = summary.get("truth")
    if truth:
        table.add_row("street events due / exactly one incident", f"{truth['due']} / {truth['exactly_one']}")
    return table
