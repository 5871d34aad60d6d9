"""A mission as a small picture (SVG): fence, flights, home; north is up."""

from html import escape

from drone.mission.plan import Plan, frame_of

SIDE = 320.0
EDGE = 14.0
COLOURS = ("#0f766e", "#9333ea", "#c2410c", "#1d4ed8")


def svg(plan: Plan, name: str) -> str:
    """Of numbers alone, but for the name, which is escaped."""
    frame = frame_of(plan)
    rings = [frame.of_e7(ring) for ring in (*plan.fence.inside, *plan.fence.outside)]
    ways = [frame.of_e7([one.home, *(w.place for w in one.waypoints), one.home]) for one in plan.flights]
    points = [point for part in (*rings, *ways) for point in part]
    west, south = (min(p[axis] for p in points) for axis in (0, 1))
    east, north = (max(p[axis] for p in points) for axis in (0, 1))
    scale = (SIDE - 2 * EDGE) / max(east - west, north - south, 1.0)

    def told(part: list[tuple[float, float]]) -> str:
        return " ".join(f"{EDGE + (x - west) * scale:.1f},{EDGE + (north - y) * scale:.1f}" for x, y in part)

    drawn = [
        f'<polygon points="{told(ring)}" fill="{fill}" stroke="#7fa79e" stroke-dasharray="5 4"/>'
        for ring, fill in zip(rings, ["#d9ebe6"] * len(plan.fence.inside) + ["#fecaca"] * len(rings), strict=False)
    ]
    drawn += [
        f'<polyline points="{told(way)}" fill="none" stroke="{COLOURS[n % len(COLOURS)]}" stroke-width="2"/>'
        for n, way in enumerate(ways)
    ]
    head = f'<svg viewBox="0 0 {SIDE:g} {SIDE:g}" width="100%" role="img" style="max-width:{SIDE:g}px">'
    return f"{head}<title>{escape(name)}</title>{''.join(drawn)}</svg>"
