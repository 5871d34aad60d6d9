"""Whether a camera's picture can be judged at all: dark, overexposed, blurred, blocked, moved or frozen, and why.

Everything is read from the picture, shrunk to SIDE_PX. "blurred" and "blocked" are surer, and "moved" only possible,
with a `Reference`: pictures of the same view in which nothing was wrong. The thresholds stand below with their meaning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.register import Features, Found, features, way_px
from detectors.types import Image

Fault = Literal["dark", "overexposed", "blurred", "blocked", "moved", "frozen"]
Grey = NDArray[np.uint8]
Floats = NDArray[np.float32]

SIDE_PX = 640
DARK_P95 = 40  # grey level that 95 % of the pixels stay below
BRIGHT_LEVEL, BRIGHT_SHARE = 250, 0.5  # half of the picture is burnt out
BLUR_MAX = 0.60  # blur_effect (Crété-Roffet et al. 2007), 0 sharp to 1: 99 % of our street photographs are below 0.56
BLUR_MORE, BLUR_MORE_MIN = 0.22, 0.10  # above the reference's own
BLUR_KERNEL_PX = 11
CELLS = (6, 8)  # rows, columns in which structure is compared
STRUCTURE_MIN = 2.0  # grey levels, standard deviation of a cell's fine structure: below is flat
LOST_SHARE = 0.35  # of the reference's structure: a cell with less shows something else, and flat
ALIKE_MIN = 0.3  # correlation of a cell's fine structure with the reference's: still the same thing
BLOCKED_SHARE = 0.4  # of the reference's structured cells that were lost
BLOCKED_ALONE_SHARE = 0.9  # of all cells that are flat, without a reference
SAME_SHARE = 0.25  # of the structured cells alike: the camera looks where it did
MOVED_SHARE = 0.008  # of the width: mean way of the four corners, 10 px of 1280
FLAT_STD = 4.0  # grey levels: a part of a picture with less shows nothing (covered lens, fog)
FROZEN_S = 60.0  # the very same pixels for that long: a living camera has noise
REFERENCES_MAX = 9


@dataclass(frozen=True, slots=True)
class Reason:
    """One fault with what was measured, in words."""

    fault: Fault
    text: str


@dataclass(frozen=True, slots=True)
class ViewQuality:
    """What is wrong with a picture; nothing when `reasons` is empty.

    brightness: mean grey 0..255; blur: 0 sharp to 1; moved_px: mean way of the picture's corners against the reference
    in the picture's own px, None when unknown.
    """

    reasons: tuple[Reason, ...]
    brightness: float
    blur: float
    moved_px: float | None = None

    @property
    def ok(self) -> bool:
        """Whether the picture can be judged."""
        return not self.reasons

    @property
    def text(self) -> str:
        """All reasons in one line."""
        return "; ".join(reason.text for reason in self.reasons)

    def has(self, fault: Fault) -> bool:
        """Whether this fault was found."""
        return any(reason.fault == fault for reason in self.reasons)


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """How a camera's view looks when nothing is wrong."""

    grey: Grey
    structure: Floats  # (rows, columns) per cell
    blur: float
    features: Features

    @classmethod
    def of(cls, images_bgr: Sequence[Image]) -> Reference:
        """From one to nine pictures (H, W, 3) uint8 BGR of one view; their median shows no passers-by."""
        if not 1 <= len(images_bgr) <= REFERENCES_MAX:
            raise ValueError(f"a reference is made of 1 to {REFERENCES_MAX} pictures, not {len(images_bgr)}")
        return cls.of_greys([shrunk(image) for image in images_bgr])

    @classmethod
    def of_greys(cls, greys: Sequence[Grey], blur: float | None = None) -> Reference:
        """The same from pictures that are `shrunk` already; blur: of the reference where it is known."""
        if len({grey.shape for grey in greys}) > 1:
            raise ValueError("the pictures of a reference must have one shape")
        grey = np.median(np.stack(greys), axis=0).astype(np.uint8)
        if blur is None:
            blur = float(np.median([blur_of(one) for one in greys]))
        return cls(grey, _structure(_fine(grey)), blur, features(grey))


def check_view(image_bgr: Image, reference: Reference | None = None) -> ViewQuality:
    """Faults of one picture (H, W, 3) uint8 BGR, all but "frozen". About 40 ms with a reference."""
    if image_bgr.ndim != 3 or image_bgr.shape[2] != 3 or 0 in image_bgr.shape:
        raise ValueError(f"a view is a (H, W, 3) picture, not {image_bgr.shape}")
    grey = shrunk(image_bgr)
    if reference is not None and reference.grey.shape != grey.shape:
        grey = cv2.resize(grey, reference.grey.shape[::-1], interpolation=cv2.INTER_AREA).astype(np.uint8)
    brightness, blur = float(grey.mean()), blur_of(grey)
    light = _light(grey)
    if light:
        return ViewQuality(light, brightness, blur)
    blocked = _blocked(grey, reference)
    if blocked:
        return ViewQuality(blocked, brightness, blur)
    blurred = _blurred(blur, reference)
    if blurred or reference is None:
        return ViewQuality(blurred, brightness, blur)
    moved, way = _moved(grey, reference, image_bgr.shape[1] / grey.shape[1])
    return ViewQuality(moved, brightness, blur, way)


def check_place(place_bgr: Image) -> Reason | None:
    """What keeps a part of a picture (H, W, 3) uint8 BGR, such as the place of a check, from being judged: "dark",
    "overexposed", or "blocked" where it has no structure at all. For parts of a picture whose whole is fine."""
    grey = np.asarray(cv2.cvtColor(place_bgr, cv2.COLOR_BGR2GRAY), np.uint8)
    light = _light(grey)
    if light:
        return light[0]
    flat = float(grey.std()) < FLAT_STD
    return Reason("blocked", "blocked: no structure there (covered lens or fog)") if flat else None


@dataclass
class FrozenWatch:
    """Says "frozen" once a camera has sent the very same pixels for `frozen_s` seconds of the caller's clock."""

    frozen_s: float = FROZEN_S
    last: Image | None = None
    since_s: float = 0.0

    def add(self, image_bgr: Image, at_s: float) -> Reason | None:
        """Look at the next picture, taken `at_s` on a monotonic clock."""
        if self.last is None or self.last.shape != image_bgr.shape or not np.array_equal(self.last, image_bgr):
            self.last, self.since_s = image_bgr.copy(), at_s
        still_s = at_s - self.since_s
        return Reason("frozen", f"the same picture for {still_s:.0f} s") if still_s >= self.frozen_s else None


def shrunk(image_bgr: Image) -> Grey:
    """(H, W, 3) uint8 BGR -> grey, its longer side SIDE_PX."""
    grey = cv2.cvtColor(image_bgr, cv2.COLOR_BGR2GRAY)
    ratio = SIDE_PX / max(grey.shape)
    size = (max(round(grey.shape[1] * ratio), 1), max(round(grey.shape[0] * ratio), 1))
    return cv2.resize(grey, size, interpolation=cv2.INTER_AREA if ratio < 1 else cv2.INTER_LINEAR).astype(np.uint8)


def blur_of(grey: Grey) -> float:
    """0 sharp to 1 (Crété-Roffet et al. 2007); a picture without any structure counts as 1."""
    if min(grey.shape) <= 12 or grey.std() <= 0.5:
        return 1.0
    picture = grey.astype(np.float32)
    return max(_blur_along(picture, axis) for axis in (0, 1))


def _blur_along(picture: Floats, axis: int) -> float:
    """The share of the edges across one axis that one more blur leaves: the steps of skimage.measure.blur_effect and
    its figures (a test compares them), in a fifth of its time."""
    kernel = (1, BLUR_KERNEL_PX) if axis == 0 else (BLUR_KERNEL_PX, 1)
    way = (0, 1) if axis == 0 else (1, 0)
    soft = cv2.blur(picture, kernel, borderType=cv2.BORDER_REFLECT)
    sharp, left = (np.abs(cv2.Sobel(p, cv2.CV_32F, *way, borderType=cv2.BORDER_REFLECT)) for p in (picture, soft))
    inside = (slice(2, -1), slice(2, -1))
    total = float(sharp[inside].sum())
    lost = float(np.maximum(0.0, sharp - left)[inside].sum())
    return (total - lost) / total if total > 0 else 1.0


def _light(grey: Grey) -> tuple[Reason, ...]:
    level, burnt = float(np.percentile(grey, 95)), float((grey >= BRIGHT_LEVEL).mean())
    if level < DARK_P95:
        return (Reason("dark", f"too dark: 95 % of the picture below grey level {level:.0f} of 255"),)
    if burnt > BRIGHT_SHARE:
        return (Reason("overexposed", f"overexposed: {burnt:.0%} of the picture burnt out"),)
    return ()


def _blurred(blur: float, reference: Reference | None) -> tuple[Reason, ...]:
    limit, against = BLUR_MAX, ""
    if reference is not None:
        limit = max(min(BLUR_MAX, reference.blur + BLUR_MORE), reference.blur + BLUR_MORE_MIN)
        against = f", {reference.blur:.2f} when all was well"
    return (Reason("blurred", f"blurred: {blur:.2f} of 1{against}"),) if blur >= limit else ()


def _blocked(grey: Grey, reference: Reference | None) -> tuple[Reason, ...]:
    structure = _structure(_fine(grey))
    if reference is None:
        share = float((structure < STRUCTURE_MIN).mean())
        text = f"blocked: {share:.0%} of the picture without structure (covered lens, fog)"
        return (Reason("blocked", text),) if share >= BLOCKED_ALONE_SHARE else ()
    known = reference.structure >= 2 * STRUCTURE_MIN
    if not known.any():
        return ()
    gain = _contrast_gain(structure, reference.structure)
    share = float((structure < LOST_SHARE * gain * reference.structure)[known].mean())
    text = f"blocked: {share:.0%} of what the view showed before is covered"
    return (Reason("blocked", text),) if share >= BLOCKED_SHARE else ()


def _contrast_gain(structure: Floats, before: Floats) -> float:
    """How much weaker light has made all structure, read from the quarter of the cells that kept most of theirs."""
    kept = structure / np.maximum(before, 1e-6)
    return float(np.clip(np.percentile(kept, 75), 0.2, 1.0))


def _moved(grey: Grey, reference: Reference, scale: float) -> tuple[tuple[Reason, ...], float | None]:
    """Reasons, and the corners' mean way in the picture's own px."""
    found = way_px(reference.features, features(grey), grey.shape)
    if found is not None:
        way = found.way_px * scale
        if found.way_px <= MOVED_SHARE * grey.shape[1]:
            return (), way
        return (Reason("moved", _words(found, scale)),), way
    known = reference.structure >= STRUCTURE_MIN
    same = float((_likeness(_fine(grey), _fine(reference.grey)) >= ALIKE_MIN)[known].mean()) if known.any() else 1.0
    if same >= SAME_SHARE:
        return (), None
    return (Reason("moved", f"moved or wholly covered: {same:.0%} of the view is found again"),), None


def _words(found: Found, scale: float) -> str:
    return (
        f"moved: by {found.shift_px[0] * scale:+.0f}, {found.shift_px[1] * scale:+.0f} px (right, down), "
        f"turned by {found.turn_deg:+.1f} degrees ({found.matches} points agree)"
    )


def _fine(grey: Grey) -> Floats:
    """Fine structure: what a wide blur takes away; light and shading that change slowly are gone."""
    soft = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), 1.0)
    return (soft - cv2.GaussianBlur(soft, (0, 0), 8.0)).astype(np.float32)


def _cells(values: Floats) -> Floats:
    """(h, w) -> (rows, columns, pixels) of CELLS."""
    rows, columns = CELLS
    height, width = max(values.shape[0] // rows, 1) * rows, max(values.shape[1] // columns, 1) * columns
    sized = values if values.shape == (height, width) else cv2.resize(values, (width, height))
    cut = sized.reshape(rows, height // rows, columns, width // columns).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(cut, dtype=np.float32).reshape(rows, columns, -1)


def _structure(fine: Floats) -> Floats:
    return np.asarray(_cells(fine).std(-1), dtype=np.float32)


def _likeness(fine: Floats, before: Floats) -> Floats:
    """Correlation per cell, -1 to 1."""
    a, b = (cells - cells.mean(-1, keepdims=True) for cells in (_cells(fine), _cells(before)))
    norms = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    return np.asarray((a * b).sum(-1) / np.maximum(norms, 1e-6), dtype=np.float32)
