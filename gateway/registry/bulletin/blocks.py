"""What a bulletin is made of, before it is HTML or PDF."""

from dataclasses import dataclass, field
from typing import Literal

Align = Literal["left", "right", "center"]
Tone = Literal["", "good", "bad", "quiet"]


@dataclass(frozen=True)
class Bit:
    """A piece of text; `href` leads to the cases behind it."""

    text: str
    href: str = ""
    tone: Tone = ""
    bold: bool = False


Cell = tuple[Bit, ...]


@dataclass(frozen=True)
class Heading:
    """`level` 1 is the document's title."""

    text: str
    level: int = 2
    note: str = ""


@dataclass(frozen=True)
class Paragraph:
    """Plain words."""

    text: str
    small: bool = False


@dataclass(frozen=True)
class Tile:
    """One of the figures at the top."""

    label: str
    value: Bit
    below: Cell


@dataclass(frozen=True)
class Tiles:
    """The figures at the top, side by side."""

    tiles: tuple[Tile, ...]


@dataclass(frozen=True)
class Column:
    """`share` of the width."""

    title: str
    share: float
    align: Align = "right"


@dataclass(frozen=True)
class Table:
    """Rows of cells under column heads."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Rect:
    """Filled; px of the chart."""

    x: float
    y: float
    width: float
    height: float
    colour: str


@dataclass(frozen=True)
class Line:
    """A line through points."""

    points: tuple[tuple[float, float], ...]
    colour: str
    width: float = 1.0


@dataclass(frozen=True)
class Label:
    """Text at its baseline."""

    x: float
    y: float
    text: str
    align: Align = "left"
    colour: str = "#333333"
    size: float = 12.0


@dataclass(frozen=True)
class Chart:
    """A picture of shapes, `width` by `height` px; `title` for people who cannot see it."""

    title: str
    width: float
    height: float
    shapes: tuple[Rect | Line | Label, ...] = field(default_factory=tuple)


Block = Heading | Paragraph | Tiles | Table | Chart
