"""A plain table: head and rows, each cell a text or something that draws itself."""

from collections.abc import Callable, Sequence

from nicegui import ui

from gateway.console.panels import text

Cell = str | Callable[[], object]


def draw(head: Sequence[str], rows: Sequence[Sequence[Cell]], name: str) -> None:
    """`name`: for people who hear the page."""
    region = ui.element("div").classes("zm-scroll").props(f'tabindex=0 role=region aria-label="{name}"')
    with region:
        table = ui.element("table").classes("zm-table")
        with table:
            with ui.element("thead"), ui.element("tr"):
                for one in head:
                    with ui.element("th").props("scope=col"):
                        text(one, "")
            with ui.element("tbody"):
                for row in rows:
                    with ui.element("tr"):
                        for cell in row:
                            _cell(cell)


def link(word: str, target: str) -> Callable[[], object]:
    """A cell that leads somewhere."""
    return lambda: ui.link(word, target).classes("zm-link")


def _cell(cell: Cell) -> None:
    with ui.element("td"):
        if isinstance(cell, str):
            text(cell, "")
        else:
            cell()
