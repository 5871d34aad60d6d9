"""Charts as shapes: days as lines, a ranking as bars. No chart library: two forms, and the same bytes every time."""

import math
from collections.abc import Sequence

from gateway.registry.bulletin.blocks import Chart, Label, Line, Rect

WIDTH = 720.0
COLOURS = ("#2563a8", "#c2571a", "#4a7f2c")
GRID, INK = "#d8dde3", "#333333"
_LEFT, _RIGHT, _TOP, _BOTTOM = 52.0, 12.0, 30.0, 24.0


def days(
    title: str, labels: Sequence[str], series: Sequence[tuple[str, Sequence[int]]], height: float = 210.0
) -> Chart:
    """One line for each series over the days; counts from 0 up."""
    most = nice(max((value for _, values in series for value in values), default=0))
    width, tall = WIDTH - _LEFT - _RIGHT, height - _TOP - _BOTTOM
    step = width / max(1, len(labels) - 1)

    def y(value: float) -> float:
        return _TOP + tall * (1 - value / most)

    shapes: list[Rect | Line | Label] = []
    for part in range(5):
        value = most * part / 4
        shapes += [Line(((_LEFT, y(value)), (WIDTH - _RIGHT, y(value))), GRID, 0.7)]
        shapes += [Label(_LEFT - 6, y(value) + 4, f"{value:,.0f}", "right", size=11)]
    for place in range(0, len(labels), max(1, math.ceil(len(labels) / 16))):
        shapes.append(Label(_LEFT + place * step, height - 6, labels[place], "center", size=11))
    for place, (name, values) in enumerate(series):
        points = tuple((_LEFT + n * step, y(value)) for n, value in enumerate(values))
        shapes.append(Line(points, COLOURS[place % len(COLOURS)], 2.0))
        at = _LEFT + place * 170
        shapes += [Rect(at, 8, 14, 8, COLOURS[place % len(COLOURS)]), Label(at + 20, 16, name)]
    return Chart(title, WIDTH, height, tuple(shapes))


def ranking(title: str, rows: Sequence[tuple[str, str, float]], most: float = 100.0, colour: str = COLOURS[0]) -> Chart:
    """A bar for each (name, value as text, value), in the order given. The axis begins at 0: bars are compared by
    their length."""
    tall, left, right = 17.0, 190.0, 60.0
    shapes: list[Rect | Line | Label] = []
    for place, (name, text, value) in enumerate(rows):
        y = 4 + place * tall
        length = (WIDTH - left - right) * max(0.0, min(1.0, value / most))
        shapes += [Label(left - 8, y + 12, name, "right"), Rect(left, y + 3, length, tall - 6, colour)]
        shapes.append(Label(left + length + 6, y + 12, text, colour=INK))
    return Chart(title, WIDTH, 8 + tall * len(rows), tuple(shapes))


def nice(most: float) -> float:
    """The next round number at or above; 4 steps of it are whole."""
    if most <= 4:
        return 4.0
    power = 10 ** math.floor(math.log10(most))
    return float(next(step * power for step in (1.0, 1.2, 1.6, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0) if step * power >= most))
