"""Detections drawn onto a picture for people to look at."""

from __future__ import annotations

import colorsys

import cv2

from detectors.types import Detections, Image


def colour_of(class_id: int) -> tuple[int, int, int]:
    """A BGR colour per class, neighbours far apart on the colour wheel."""
    red, green, blue = colorsys.hsv_to_rgb(class_id * 0.618034 % 1.0, 0.85, 1.0)
    return int(blue * 255), int(green * 255), int(red * 255)


def draw(image_bgr: Image, detections: Detections) -> Image:
    """An annotated copy: a box, the class and the score of each detection."""
    out = image_bgr.copy()
    thick = max(round(max(out.shape[:2]) / 400), 1)
    for detection, class_id in zip(detections, detections.class_ids.tolist(), strict=True):
        x1, y1, x2, y2 = (round(v) for v in detection.box)
        colour = colour_of(class_id)
        cv2.rectangle(out, (x1, y1), (x2, y2), colour, thick)
        label(out, f"{detection.name} {detection.score:.2f}", (x1, y1), colour, thick)
    return out


def label(image: Image, text: str, corner: tuple[int, int], colour: tuple[int, int, int], thick: int) -> None:
    """Black text on a coloured patch above a box's corner, kept inside the picture, in place."""
    scale = 0.35 * (1 + thick / 2)
    (width, height), base = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    x, y = max(min(corner[0], image.shape[1] - width), 0), max(corner[1], height + base)
    cv2.rectangle(image, (x, y - height - base), (x + width, y), colour, -1)
    cv2.putText(image, text, (x, y - base + 1), cv2.FONT_HERSHEY_SIMPLEX, scale, (0, 0, 0), 1, cv2.LINE_AA)
