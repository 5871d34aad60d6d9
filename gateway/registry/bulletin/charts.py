"""Charts as shapes: days as lines, a ranking as dots. No chart library: two forms, and the same bytes every time."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.registry.bulletin.blocks import Chart, Label, Line, Rect

WIDTH = 720.0
COLOURS = ("#2563a8", "#c2571a", "#4a7f2c")
GRID, PALE = "#d8dde3", "#9db4cc"
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


@dataclass(frozen=True)
class Ranked:
    """One place of a ranking; `before`: its value in the month before, None where it had none."""

    name: str
    text: str
    value: float
    before: float | None = None


def ranking(title: str, rows: Sequence[Ranked], now: str, then: str) -> Chart:
    """A dot for each place on one scale, in the order given, and a pale one for the month before. Not bars: scores
    lie close together, and a scale that does not begin at 0 would make bars lie. `now`, `then`: words of the key."""
    low, high, step = scale([v for row in rows for v in (row.value, row.before) if v is not None])
    left, right, top, tall = 190.0, 64.0, 42.0, 18.0
    bottom = top + tall * len(rows)

    def x(value: float) -> float:
        return left + (WIDTH - left - right) * (value - low) / (high - low)

    shapes: list[Rect | Line | Label] = [Rect(left, 6, 9, 9, COLOURS[0]), Label(left + 15, 15, now)]
    shapes += [Rect(left + 90, 7, 7, 7, PALE), Label(left + 103, 15, then)]
    for n in range(round((high - low) / step) + 1):
        at = x(low + n * step)
        shapes += [
            Line(((at, top), (at, bottom)), GRID, 0.7),
            Label(at, top - 6, f"{low + n * step:g}", "center", size=11),
        ]
    for place, row in enumerate(rows):
        y = top + place * tall + tall / 2
        shapes.append(Label(left - 10, y + 4, row.name, "right"))
        if row.before is not None:
            shapes += [Line(((x(row.before), y), (x(row.value), y)), PALE, 1.2)]
            shapes += [Rect(x(row.before) - 3.5, y - 3.5, 7, 7, PALE)]
        shapes += [Rect(x(row.value) - 4.5, y - 4.5, 9, 9, COLOURS[0]), Label(WIDTH - right + 14, y + 4, row.text)]
    return Chart(title, WIDTH, bottom + 6, tuple(shapes))


def scale(values: Sequence[float]) -> tuple[float, float, float]:
    """(lowest, highest, step) of an axis that holds them all: whole steps, four to eight of them."""
    least, most = min(values, default=0.0), max(values, default=1.0)
    step = next((s for s in (0.5, 1.0, 2.0, 5.0, 10.0, 20.0) if (most - least) / s <= 6), 50.0)
    low = math.floor(least / step) * step
    return low, max(low + 4 * step, math.ceil(most / step) * step), step


def nice(most: float) -> float:
    """The next round number at or above; 4 steps of it are whole."""
    if most <= 4:
        return 4.0
    power = 10 ** math.floor(math.log10(most))
    return float(next(step * power for step in (1.0, 1.2, 1.6, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0) if step * power >= most))
