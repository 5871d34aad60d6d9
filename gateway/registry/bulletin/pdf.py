"""Blocks as a PDF (A4, portrait), with the same links and charts as the HTML, the same bytes every time."""

from collections.abc import Iterable
from datetime import datetime

from fpdf import FPDF
from fpdf.enums import Align, XPos, YPos

from gateway.registry.bulletin.blocks import (
    Bit,
    Block,
    Cell,
    Chart,
    Heading,
    Label,
    Line,
    Paragraph,
    Rect,
    Table,
    Tiles,
    Tone,
)  # fmt: skip
from gateway.registry.bulletin.fonts import Face
from gateway.registry.bulletin.words import Lang, word

FONT = "cjk"
MANY = 5  # a table with more columns is set smaller
MARGIN, ROW = 14.0, 5.4  # mm
INK, QUIET, GRID = (29, 39, 51), (91, 104, 117), (216, 221, 227)
TONES: dict[Tone, tuple[int, int, int]] = {"": INK, "quiet": QUIET, "good": (36, 102, 42), "bad": (163, 39, 27)}
SIZES = {1: 17.0, 2: 12.5, 3: 10.5}


class Paper(FPDF):
    """One face, page numbers, and cells of several bits."""

    def __init__(self, face: Face, lang: Lang, made: datetime) -> None:
        super().__init__(format="A4")
        self._lang = lang
        self.set_creation_date(made)
        self.set_lang("zh-CN" if lang == "zh" else "en")
        self.set_margins(MARGIN, MARGIN)
        self.c_margin = 0.0
        self.set_auto_page_break(True, MARGIN + 4)
        self.add_font(FONT, fname=str(face.path), collection_font_number=face.number)
        self.set_font(FONT, size=9)
        self.add_page()

    def footer(self) -> None:
        """The page's number."""
        self.set_y(-MARGIN)
        self.ink(QUIET, 8)
        self.cell(0, 6, word("page", self._lang, n=self.page_no()), align=Align.R)

    def ink(self, colour: tuple[int, int, int], size: float) -> None:
        """Colour and size of what is written next."""
        self.set_text_color(*colour)
        self.set_font(FONT, size=size)

    def bits(self, x: float, y: float, width: float, cell: Cell, right: bool, size: float) -> None:
        """Bits side by side, made smaller where they do not fit."""
        self.ink(INK, size)
        total = sum(self.get_string_width(bit.text) for bit in cell)
        if total > width - 1.6:
            size *= (width - 1.6) / total
            self.ink(INK, size)
            total = sum(self.get_string_width(bit.text) for bit in cell)
        at = x + width - 0.8 - total if right else x + 0.8
        for bit in cell:
            at += self.bit(at, y, bit, size)

    def bit(self, x: float, y: float, bit: Bit, size: float) -> float:
        """One bit with its link; its width. There is one weight of the font: bold is a stroke around the letters."""
        self.ink((27, 90, 156) if bit.href else TONES[bit.tone], size)
        width = self.get_string_width(bit.text)
        with self.local_context():
            if bit.bold:
                self.set_draw_color(*((27, 90, 156) if bit.href else TONES[bit.tone]))
                self.set_line_width(0.12)
                self.text_mode = 2
            self.text(x, y, bit.text)
        if bit.href:
            self.link(x, y - size * 0.35, width, size * 0.42, bit.href)
        return width


def document(blocks: Iterable[Block], lang: Lang, face: Face, made: datetime) -> bytes:
    """The file's bytes. `made`: written into it as its date, so that it is the same every time."""
    blocks = list(blocks)
    paper = Paper(face, lang, made)
    paper.set_title(next((block.text for block in blocks if isinstance(block, Heading)), ""))
    for place, block in enumerate(blocks):
        if isinstance(block, Heading) and paper.will_page_break(_together(paper, blocks[place:])):
            paper.add_page()
        _block(paper, block)
    return bytes(paper.output())


def _block(paper: Paper, block: Block) -> None:
    match block:
        case Heading():
            _heading(paper, block)
        case Paragraph():
            paper.ink(QUIET if block.small else INK, 7.5 if block.small else 9)
            paper.multi_cell(0, 4, block.text, align=Align.L, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
            paper.ln(1)
        case Tiles():
            _tiles(paper, block)
        case Table():
            _table(paper, block)
        case Chart():
            _chart(paper, block)


def _together(paper: Paper, blocks: list[Block]) -> float:
    """How much of a page (mm) a heading needs, so that what it heads begins under it."""
    need, drawn = 14.0, False
    for block in blocks[1:]:
        match block:
            case Chart():
                need += block.height * paper.epw / block.width + 2
                drawn = True
            case Table():
                return need + (1 + min(len(block.rows), 5)) * ROW
            case Heading() if drawn:
                return need
            case Heading():
                need += 12.0
            case Paragraph():
                need += 6.0
            case Tiles():
                need += 24.0
    return need


def _heading(paper: Paper, block: Heading) -> None:
    paper.ln(0 if block.level == 1 else 4)
    paper.bit(paper.l_margin, paper.get_y() + 5, Bit(block.text, bold=True), SIZES[block.level])
    paper.ln(9 if block.level == 1 else 7.5)
    if block.note:
        paper.ink(QUIET, 9)
        paper.cell(0, 5, block.note, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        paper.ln(2)


def _tiles(paper: Paper, block: Tiles) -> None:
    gap, high, y = 3.0, 21.0, paper.get_y()
    width = (paper.epw - gap * (len(block.tiles) - 1)) / len(block.tiles)
    paper.set_draw_color(*GRID)
    for place, tile in enumerate(block.tiles):
        x = paper.l_margin + place * (width + gap)
        paper.set_draw_color(*GRID)
        paper.set_line_width(0.2)
        paper.rect(x, y, width, high, round_corners=True, corner_radius=1.5)
        paper.bits(x + 2, y + 5, width - 3, (Bit(tile.label, tone="quiet"),), False, 8)
        paper.bits(x + 2, y + 12.5, width - 3, (tile.value,), False, 16)
        spaced = tuple(bit for one in tile.below for bit in (one, Bit("   ")))
        paper.bits(x + 2, y + 18, width - 3, spaced, False, 7.5)
    paper.set_y(y + high + 3)


def _table(paper: Paper, table: Table) -> None:
    widths = [column.share * paper.epw for column in table.columns]
    _row(paper, widths, tuple((Bit(column.title, tone="quiet"),) for column in table.columns), table, 7.5)
    for row in table.rows:
        if paper.will_page_break(ROW):
            paper.add_page()
            _row(paper, widths, tuple((Bit(column.title, tone="quiet"),) for column in table.columns), table, 7.5)
        _row(paper, widths, row, table, 7.2 if len(row) > MANY else 8)
    paper.ln(2)


def _row(paper: Paper, widths: list[float], row: tuple[Cell, ...], table: Table, size: float) -> None:
    x, y = paper.l_margin, paper.get_y()
    for width, cell, column in zip(widths, row, table.columns, strict=True):
        paper.bits(x, y + ROW - 1.7, width, cell, column.align == "right", size)
        x += width
    paper.set_draw_color(*GRID)
    paper.set_line_width(0.15)
    paper.line(paper.l_margin, y + ROW, paper.l_margin + paper.epw, y + ROW)
    paper.set_y(y + ROW)


def _chart(paper: Paper, chart: Chart) -> None:
    scale = paper.epw / chart.width
    if paper.will_page_break(chart.height * scale):
        paper.add_page()
    x, y = paper.l_margin, paper.get_y()
    for shape in chart.shapes:
        match shape:
            case Rect():
                paper.set_fill_color(shape.colour)
                paper.rect(x + shape.x * scale, y + shape.y * scale, shape.width * scale, shape.height * scale, "F")
            case Line():
                paper.set_draw_color(shape.colour)
                paper.set_line_width(shape.width * scale)
                paper.polyline([(x + px * scale, y + py * scale) for px, py in shape.points])
            case Label():
                _label(paper, shape, x, y, scale)
    paper.set_y(y + chart.height * scale + 2)


def _label(paper: Paper, shape: Label, x: float, y: float, scale: float) -> None:
    paper.ink(INK, shape.size * scale / 0.3528)  # mm to points
    width = paper.get_string_width(shape.text)
    back = {"left": 0.0, "center": width / 2, "right": width}[shape.align]
    paper.text(x + shape.x * scale - back, y + shape.y * scale, shape.text)
