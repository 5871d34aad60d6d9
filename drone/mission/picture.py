"""A plan as a picture (SVG): fence, zones, lines, ways without pictures, home, checks; one colour a flight."""

from __future__ import annotations

from html import escape
from itertools import pairwise

from drone.mission.build import Planned
from drone.mission.frame import Point
from drone.mission.geojson import Site, polygons
from drone.mission.plan import Flight, points_of

WIDTH_PX, MARGIN_PX, TEXT_PX = 1000, 30, 20
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#8a6d00")  # told apart by most colour-blind people
FONT = "font-family='sans-serif' font-size='14'"


class _Sheet:
    """Metres to pixels, north up."""

    def __init__(self, bounds: tuple[float, float, float, float]) -> None:
        self.x1, y1, x2, self.y2 = bounds
        self.scale = (WIDTH_PX - 2 * MARGIN_PX) / max(x2 - self.x1, self.y2 - y1, 1.0)
        self.height_px = (self.y2 - y1) * self.scale + 2 * MARGIN_PX
        self.parts: list[str] = []

    def at(self, p: Point) -> str:
        return f"{(p[0] - self.x1) * self.scale + MARGIN_PX:.1f},{(self.y2 - p[1]) * self.scale + MARGIN_PX:.1f}"

    def line(self, points: list[Point], style: str) -> None:
        self.parts.append(f"<polyline points='{' '.join(map(self.at, points))}' fill='none' {style}/>")

    def dot(self, p: Point, radius: float, style: str, words: str = "") -> None:
        x, y = self.at(p).split(",")
        self.parts.append(f"<circle cx='{x}' cy='{y}' r='{radius}' {style}/>")
        if words:
            self.parts.append(f"<text x='{float(x) + 9:.1f}' y='{float(y) + 5:.1f}' {FONT}>{escape(words)}</text>")


def to_svg(planned: Planned, site: Site) -> str:
    """The picture as SVG text."""
    sheet = _Sheet(site.fence.bounds)
    for shape, style in (
        (site.fence, "fill='#f4f4ef' stroke='#333' stroke-width='2'"),
        (site.area, "fill='#e2efda' stroke='#7a9a60' stroke-width='1'"),
        (site.no_fly, "fill='#f3b6b0' stroke='#b03a2e' stroke-width='2'"),
    ):
        for polygon in polygons(shape):
            rings = [polygon.exterior, *polygon.interiors]
            outline = " ".join("M" + " L".join(sheet.at((x, y)) for x, y, *_ in r.coords) + "Z" for r in rings)
            sheet.parts.append(f"<path d='{outline}' fill-rule='evenodd' {style}/>")
    for street in site.streets:
        sheet.line([(x, y) for x, y, *_ in street.coords], "stroke='#bbb' stroke-width='6'")
    for number, flight in enumerate(planned.plan.flights):
        _flight(sheet, flight, site, COLOURS[number % len(COLOURS)])
    for check in site.checks:
        sheet.dot(check.at, 5, "fill='#fff' stroke='#b03a2e' stroke-width='2'", check.id)
    sheet.dot(site.frame.of_e7([planned.plan.flights[0].home])[0], 7, "fill='#222'", "起降点 home")
    return _page(sheet, _words(planned))


def _flight(sheet: _Sheet, flight: Flight, site: Site, colour: str) -> None:
    points = [site.frame.of_e7([flight.home])[0], *points_of(flight, site.frame)]
    gaps = [0.0, *(w.trigger_m for w in flight.waypoints)]
    for (a, b), gap in zip(pairwise(points), gaps[:-1], strict=True):
        dash = "" if gap else " stroke-dasharray='6 5' opacity='0.7'"
        sheet.line([a, b], f"stroke='{colour}' stroke-width='{2.5 if gap else 1.5}'{dash}")
    for point, waypoint in zip(points[1:], flight.waypoints, strict=True):
        if waypoint.look_at:
            aim = site.frame.of_e7([waypoint.look_at])[0]
            sheet.line([point, aim], f"stroke='{colour}' stroke-width='1' stroke-dasharray='2 3'")
            sheet.dot(point, 4, f"fill='{colour}'")


def _words(planned: Planned) -> list[tuple[str, str]]:
    """(colour, line of text) below the picture."""
    flights = planned.plan.flights
    first = flights[0]
    head = (
        f"高度 height {first.height_m:g} m · {planned.spacing.cm_per_px:.1f} cm/px · 航线间距 lines "
        f"{planned.spacing.line_m:.1f} m · 覆盖 coverage {planned.coverage:.1%} · {len(flights)} 架次 flights"
    )
    return [("#222", head)] + [
        (COLOURS[n % len(COLOURS)], f"第{n + 1}架次 flight {n + 1}: {len(f.waypoints)} 航点 waypoints")
        for n, f in enumerate(flights)
    ]


def _page(sheet: _Sheet, words: list[tuple[str, str]]) -> str:
    rows = [f"<text x='{MARGIN_PX}' y='{sheet.height_px + TEXT_PX * (n + 1):.0f}' {FONT}" for n in range(len(words))]
    lines = [f"{row} fill='{colour}'>{escape(text)}</text>" for row, (colour, text) in zip(rows, words, strict=True)]
    height = sheet.height_px + TEXT_PX * (len(words) + 1)
    head = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH_PX} {height:.0f}'>"
    white = "<rect width='100%' height='100%' fill='#fff'/>"
    return "\n".join([head, white, *sheet.parts, *lines, "</svg>", ""])
