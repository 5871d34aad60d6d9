"""Blocks as one HTML file that needs nothing from anywhere: no script, no font, no picture of another host."""

from collections.abc import Iterable
from html import escape

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
    Tile,
    Tiles,
)  # fmt: skip

META = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
ANCHORS = {"left": "start", "right": "end", "center": "middle"}
STYLE = """
:root { color-scheme: light; --ink: #1d2733; --quiet: #5b6875; --line: #d8dde3; --link: #1b5a9c; }
body { font: 15px/1.5 system-ui, "Noto Sans CJK SC", "Noto Sans SC", "Microsoft YaHei", "PingFang SC", sans-serif;
  color: var(--ink); background: #fff; margin: 0 auto; max-width: 1060px; padding: 20px 16px 40px; }
h1 { font-size: 26px; margin: 8px 0 2px; } h2 { font-size: 19px; margin: 34px 0 6px; } h3 { font-size: 16px; }
.note, .small, .quiet { color: var(--quiet); } .small { font-size: 13px; overflow-wrap: anywhere; }
.good { color: #24662a; } .bad { color: #a3271b; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(190px, 1fr)); gap: 12px; margin: 18px 0; }
.tile { border: 1px solid var(--line); border-radius: 8px; padding: 10px 14px; }
.tile b { display: block; font-size: 27px; font-weight: 650; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; margin: 8px 0; font-size: 14px; }
th, td { padding: 5px 8px; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th { color: var(--quiet); font-weight: 600; vertical-align: bottom; } th.left, td.left { text-align: left; }
a { color: var(--link); text-decoration: none; } a:hover, a:focus { text-decoration: underline; }
svg { width: 100%; height: auto; max-width: 900px; display: block; }
@media print { body { max-width: none; font-size: 11px; } h2 { break-after: avoid; }
  tr, svg { break-inside: avoid; } }
"""


def page(blocks: Iterable[Block], lang: str) -> bytes:
    """The file's bytes, UTF-8."""
    body = "\n".join(_block(block) for block in blocks)
    title = next((block.text for block in blocks if isinstance(block, Heading)), "")
    tongue = "zh-CN" if lang == "zh" else "en"
    head = f"<head>{META}<title>{escape(title)}</title><style>{STYLE}</style></head>"
    return f"<!doctype html>\n<html lang='{tongue}'>{head}\n<body><main>\n{body}\n</main></body></html>\n".encode()


def svg(chart: Chart) -> str:
    """A chart as an inline SVG."""
    shapes = "".join(_shape(shape) for shape in chart.shapes)
    box = f'viewBox="0 0 {chart.width:g} {chart.height:g}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {box} role="img" aria-label="{escape(chart.title)}">{shapes}</svg>'


def _block(block: Block) -> str:
    match block:
        case Heading():
            note = f'\n<p class="note">{escape(block.note)}</p>' if block.note else ""
            return f"<h{block.level}>{escape(block.text)}</h{block.level}>{note}"
        case Paragraph():
            return f"<p{' class=small' if block.small else ''}>{escape(block.text)}</p>"
        case Tiles():
            return f'<div class="tiles">{"".join(_tile(tile) for tile in block.tiles)}</div>'
        case Table():
            return _table(block)
        case Chart():
            return svg(block)


def _tile(tile: Tile) -> str:
    below = f'<div class="small">{_cell(tile.below, " · ")}</div>'
    return f'<div class="tile">{escape(tile.label)}{_bit(tile.value)}{below}</div>'


def _table(table: Table) -> str:
    sides = [' class="left"' if column.align == "left" else "" for column in table.columns]
    head = "".join(
        f'<th scope="col"{side}>{escape(c.title)}</th>' for c, side in zip(table.columns, sides, strict=True)
    )
    rows = (
        "<tr>" + "".join(f"<td{side}>{_cell(cell)}</td>" for cell, side in zip(row, sides, strict=True)) + "</tr>"
        for row in table.rows
    )
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>\n'
        + "\n".join(rows)
        + "\n</tbody></table></div>"
    )


def _cell(cell: Cell, between: str = "") -> str:
    return between.join(_bit(bit) for bit in cell)


def _bit(bit: Bit) -> str:
    text = escape(bit.text)
    text = f'<a href="{escape(bit.href)}">{text}</a>' if bit.href else text
    text = f'<span class="{bit.tone}">{text}</span>' if bit.tone else text
    return f"<b>{text}</b>" if bit.bold else text


def _shape(shape: Rect | Line | Label) -> str:
    match shape:
        case Rect():
            box = f'x="{shape.x:.1f}" y="{shape.y:.1f}" width="{shape.width:.1f}" height="{shape.height:.1f}"'
            return f'<rect {box} fill="{shape.colour}"/>'
        case Line():
            points = " ".join(f"{x:.1f},{y:.1f}" for x, y in shape.points)
            return f'<polyline points="{points}" fill="none" stroke="{shape.colour}" stroke-width="{shape.width:g}"/>'
        case Label():
            at = f'x="{shape.x:.1f}" y="{shape.y:.1f}" font-size="{shape.size:g}" fill="{shape.colour}"'
            return f'<text {at} text-anchor="{ANCHORS[shape.align]}">{escape(shape.text)}</text>'
