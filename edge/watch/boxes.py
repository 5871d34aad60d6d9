"""Arithmetic of boxes: x1, y1, x2, y2 in pixels."""

from edge.wire import CaseClass

Box = tuple[float, float, float, float]


def area(box: Box) -> float:
    """Square pixels; 0 for an empty box."""
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def overlap(a: Box, b: Box) -> float:
    """Shared area in square pixels."""
    return area((max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])))


def iou(a: Box, b: Box) -> float:
    """Intersection over union, 0 to 1."""
    shared = overlap(a, b)
    union = area(a) + area(b) - shared
    return shared / union if union > 0 else 0.0


def covered(box: Box, by: Box) -> float:
    """The share of `box` that lies inside `by`, 0 to 1."""
    return overlap(box, by) / area(box) if area(box) > 0 else 0.0


def mean(a: Box, b: Box, weight: float) -> Box:
    """`a` moved towards `b` by `weight` (0 to 1)."""
    x1, y1, x2, y2 = (p + (q - p) * weight for p, q in zip(a, b, strict=True))
    return (x1, y1, x2, y2)


def around(a: Box, b: Box) -> Box:
    """The smallest box that holds both."""
    return (min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3]))


def one_above_other(a: Box, b: Box) -> bool:
    """Whether two boxes have about the same sides left and right and touch, one on top of the other."""
    upper, lower = (a, b) if a[1] <= b[1] else (b, a)
    shared = min(a[2], b[2]) - max(a[0], b[0])
    width = max(a[2], b[2]) - min(a[0], b[0])
    height = max(a[3] - a[1], b[3] - b[1])
    return shared > 0.7 * width and -0.1 * height < upper[3] - lower[1] < 0.3 * height


def foot(box: Box) -> tuple[float, float]:
    """Where the thing stands: the middle of the lower edge."""
    return ((box[0] + box[2]) / 2, box[3])


# What the network calls things, and which of the city's four kinds each may be evidence for.
CASE_CLASS: dict[str, CaseClass] = {
    "stall": "stall",
    "vendor_umbrella_air": "stall",
    "poster": "poster",
    "bicycle": "bike",
    "litter_heap": "litter",
    "bin_overflow": "litter",
    "litter_item": "litter",
}
# What passes in front of a thing and hides it.
BLOCKERS = frozenset({"person", "car", "bus", "truck", "motorbike"})
