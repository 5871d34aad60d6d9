"""The parts of the page; each is drawn again only when what it shows has changed."""

from collections.abc import Callable
from typing import Any

from nicegui import ui

from gateway.console import words

Row = dict[str, Any]


def text(content: str, classes: str) -> ui.label:
    """A label; NiceGUI escapes what devices wrote."""
    return ui.label(content).classes(classes)


class Panel:
    """A titled box whose body is built anew by `draw(rows)` when the rows differ from the last ones."""

    def __init__(
        self,
        chinese: str,
        english: str,
        classes: str,
        draw: Callable[[list[Row]], None],
        empty: str,
        head: Callable[[], None] | None = None,
    ) -> None:
        self._draw = draw
        self._empty = empty
        self._rows: list[Row] | None = None
        with ui.element("section").classes(f"zm-panel {classes}"):
            with ui.element("h2"):
                text(chinese, "zm-zh")
                text(english, "zm-en")
            if head is not None:
                head()
            self._body = ui.element("div").classes("zm-body").props(f'tabindex=0 role=region aria-label="{english}"')

    def show(self, rows: list[Row]) -> None:
        """Draw if something changed."""
        if rows == self._rows:
            return
        self._rows = rows
        self._body.clear()
        with self._body:
            if rows:
                self._draw(rows)
            else:
                text(self._empty, "zm-empty")


class Counts:
    """The row of live counts."""

    def __init__(self) -> None:
        self._numbers: dict[str, ui.label] = {}
        with ui.element("div").classes("zm-counts"):
            for name, chinese, english in words.COUNTS:
                with ui.element("div").classes(f"zm-count zm-count-{name}"):
                    self._numbers[name] = text("0", "zm-number").mark(f"count-{name}")
                    with ui.element("div").classes("zm-words"):
                        text(chinese, "zm-zh")
                        text(english, "zm-en")

    def show(self, summary: dict[str, int]) -> None:
        """Set the numbers that changed."""
        for name, label in self._numbers.items():
            label.set_text(f"{summary.get(name, 0):,}")
            alarmed = name in words.WARN_WHEN_SOME and bool(summary.get(name))
            label.classes(add="zm-alarm" if alarmed else "", remove="" if alarmed else "zm-alarm")


def candidates(rows: list[Row]) -> None:
    """Newest candidates with their redacted pictures."""
    for row in rows:
        with ui.element("article").classes("zm-candidate"):
            picture(row)
            with ui.element("div").classes("zm-lines"):
                chinese, english = words.CLASSES.get(row["case_class"], (row["case_class"], ""))
                with ui.element("div").classes("zm-head"):
                    text(f"{chinese} {english}", f"zm-chip zm-{row['case_class']}")
                    text(words.local_time(row["received_at"]), "zm-time")
                text(f"{row['class_code']} · {row['label']} · {row['score']:.0%}", "zm-main")
                text(f"{row['device']}/{row['camera']} · {row['place_id']}", "zm-sub")
                for campaign in row["campaigns"]:
                    text(words.campaign(campaign["number"], campaign["incidents"]), "zm-sub zm-campaign")


def picture(row: Row) -> None:
    """The thing itself, or the words that its picture is not there."""
    shown = [one for one in row["evidence"] if one["url"]]
    crops = [one for one in shown if one["kind"] == "crop"] or shown
    if crops:
        ui.element("img").props(f'src="{crops[0]["url"]}" loading=lazy alt="redacted"').classes("zm-picture")
    else:
        text("待图 no picture yet" if row["evidence"] else "无图 none", "zm-picture zm-nopicture")


def devices(rows: list[Row]) -> None:
    """Devices, with a dot for online and the time they were last heard."""
    for row in rows:
        with ui.element("div").classes("zm-row"):
            state = {True: "zm-on", False: "zm-off", None: "zm-unknown"}[row["online"]]
            ui.element("span").classes(f"zm-dot {state}")
            text(row["device"], "zm-main zm-grow")
            text(words.DEVICE_KINDS.get(row["kind"], str(row["kind"])), "zm-sub")
            text(f"{row['messages']:,}", "zm-sub zm-right")
            text(words.local_time(row["last_heard"]), "zm-time")
        for camera, fault in _bad_views(row):
            with ui.element("div").classes("zm-row zm-view"):
                text(f"{camera}: {words.VIEW_FAULTS.get(fault, fault)}", "zm-main zm-bad-view")


def _bad_views(device: Row) -> list[tuple[str, str]]:
    """(camera, fault) of each camera that cannot be trusted now, as its kiosk last said."""
    cameras = (device["health"] or {}).get("cameras", {})
    views = [(name, str(camera.get("view", "ok"))) for name, camera in sorted(cameras.items())]
    return [(name, view) for name, view in views if view not in ("ok", "unknown")]


def events(rows: list[Row]) -> None:
    """What happened, newest first."""
    for row in rows:
        with ui.element("div").classes("zm-row zm-event"):
            text(words.local_time(row["at"]), "zm-time")
            text(words.KINDS.get(row["kind"], str(row["kind"])), f"zm-kind zm-kind-{row['kind']}")
            text(row["text"], "zm-main zm-grow")


def dead_letters(rows: list[Row]) -> None:
    """What could not be used, and why."""
    for row in rows:
        with ui.element("div").classes("zm-row zm-letter"):
            text(words.local_time(row["last_at"]), "zm-time")
            text(f"{row['code']}", "zm-code")
            with ui.element("div").classes("zm-grow"):
                text(row["reason"][:240], "zm-main")
                text(f"{row['topic']} · {row['size_bytes']:,} B · ×{row['times']}", "zm-sub")
