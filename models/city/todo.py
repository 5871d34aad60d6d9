"""The worksheet todo.txt: pictures that nobody has judged, with the detector's boxes to be mended by a person."""

from __future__ import annotations

import cv2
import numpy as np

from models.city.kiosk import Hard

HEAD = """# Pictures of the folder todo/ that nobody has judged. For each: take away the '# ' before its boxes and
# mend them (pixels x1 y1 x2 y2; ALL things of the class in the picture, one line each), or write `NAME none`.
# Save under another name (each run writes this file anew), then:
# zhuomu model label FOLDER --corrections YOUR_FILE --person YOUR_NAME
"""


def worksheet(waiting: dict[str, Hard]) -> str:
    """The whole file, in the form of `models/handboxes.py` with every box commented out."""
    return HEAD + "".join(_page(name, hard) for name, hard in waiting.items())


def size_of(data: bytes) -> tuple[int, int] | None:
    """(width, height) of an encoded picture; None when it is none."""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    return None if image is None else (image.shape[1], image.shape[0])


def _page(name: str, hard: Hard) -> str:
    """A picture's lines for people, its boxes in the picture's own pixels."""
    example = hard.example
    size = size_of(hard.file.read_bytes()) or (example.frame_width, example.frame_height)
    fx, fy = size[0] / example.frame_width, size[1] / example.frame_height
    lines = [
        f"# todo/{name} {x1 * fx:.0f} {y1 * fy:.0f} {x2 * fx:.0f} {y2 * fy:.0f}\n" for x1, y1, x2, y2 in hard.hints
    ]
    reason = " ".join(example.reason.split())
    return f"\n# {example.subject.label}? {example.why}: {reason}; {example.device}/{example.camera}\n" + "".join(lines)
