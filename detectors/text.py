"""Text in a picture: where lines of writing are and what they say, by rapidocr (PP-OCRv6, Apache-2.0) on ONNX Runtime.

The networks lie inside the rapidocr wheel and are named by path, so nothing is ever downloaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.errors import DetectorError
from detectors.types import Image

SIDE_PX = (640, 1600)  # a picture's longer side is brought into this range before reading
UPSCALE_MAX = 8.0  # a crop of a few pixels holds nothing to read
SHORT_SIDE_MIN_PX = 32  # the text network's stride; a thinner picture is padded to it
PIXELS_MAX = 120_000_000
LIMIT_PX = 4096  # the most that may be given as the upper end of side_px
MIN_SCORE = 0.5
PAD_VALUE = 114


class TextError(DetectorError):
    """Text cannot be read: the package is missing, or its network failed."""


@dataclass(frozen=True, slots=True, eq=False)
class TextLine:
    """One line of writing. polygon: (4, 2) float32 px, clockwise from the text's own top left; score in 0..1."""

    polygon: NDArray[np.float32]
    text: str
    score: float

    @property
    def box(self) -> NDArray[np.float32]:
        """(4,) float32 xyxy px around the polygon."""
        return np.concatenate([self.polygon.min(0), self.polygon.max(0)])

    @property
    def height_px(self) -> float:
        """Mean length of the polygon's left and right sides: about the height of a character."""
        left, right = self.polygon[3] - self.polygon[0], self.polygon[2] - self.polygon[1]
        return float((np.linalg.norm(left) + np.linalg.norm(right)) / 2)


class TextReader:
    """Finds and reads lines of Chinese and Latin text. One instance per thread.

    threads: of the network, 0 for ONNX Runtime's own choice. min_score: lines below are dropped. side_px: the longer
    side in which text is looked for; more finds smaller characters and costs as the square. upside_down: also turn
    lines that stand on their head (one more small network). Raises TextError when rapidocr is not installed.
    """

    def __init__(
        self,
        threads: int = 0,
        min_score: float = MIN_SCORE,
        side_px: tuple[int, int] = SIDE_PX,
        upside_down: bool = False,
    ) -> None:
        if threads < 0 or not 0 < side_px[0] <= side_px[1] <= LIMIT_PX:
            raise ValueError(f"threads {threads} must be 0 or more, side_px {side_px} a range up to {LIMIT_PX}")
        self.side_px = side_px
        self.min_score = min_score
        self.engine = _engine(threads, upside_down)

    def read(self, image_bgr: Image, side_px: tuple[int, int] | None = None) -> list[TextLine]:
        """Lines of a picture (H, W, 3) uint8 BGR, top to bottom, polygons in its own pixels; side_px for this picture.

        Raises TextError for what is no colour picture or has more than 120 megapixels, and when the network fails.
        """
        _check(image_bgr)
        scaled, ratio = fitted(image_bgr, side_px or self.side_px)
        try:
            found = self.engine(scaled, text_score=self.min_score)
        except Exception as error:  # rapidocr's own errors are bare Exceptions with a whole traceback as text
            raise TextError(f"reading text failed: {_last_line(error)}") from error
        return list(_lines(found, ratio, image_bgr.shape[1], image_bgr.shape[0]))


def fitted(image: Image, side_px: tuple[int, int]) -> tuple[Image, float]:
    """The picture with its longer side inside `side_px` and padded to SHORT_SIDE_MIN_PX, and scaled px per own px."""
    height, width = image.shape[:2]
    longer = max(height, width)
    ratio = min(max(side_px[0], min(longer, side_px[1])) / longer, UPSCALE_MAX)
    if ratio != 1.0:
        size = (max(round(width * ratio), 1), max(round(height * ratio), 1))
        image = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC if ratio > 1 else cv2.INTER_AREA).astype(np.uint8)
    below, right = (max(SHORT_SIDE_MIN_PX - side, 0) for side in image.shape[:2])
    if below or right:
        border = ((0, below), (0, right), (0, 0))
        image = np.pad(image, border, constant_values=PAD_VALUE)
    return image, ratio


def _check(image: Image) -> None:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
        raise TextError(f"text is read in (H, W, 3) uint8 pictures, not in {image.shape} {image.dtype}")
    if image.shape[0] * image.shape[1] > PIXELS_MAX:
        raise TextError(f"{image.shape[1]}x{image.shape[0]} is more than {PIXELS_MAX // 1_000_000} megapixels")


def _lines(found: Any, ratio: float, width: int, height: int) -> Iterator[TextLine]:
    if getattr(found, "txts", None) is None or found.boxes is None:
        return
    for polygon, text, score in zip(found.boxes, found.txts, found.scores, strict=True):
        own = (np.asarray(polygon, dtype=np.float32).reshape(4, 2) / ratio).clip(0, (width, height))
        yield TextLine(own.astype(np.float32), str(text), float(score))


def _engine(threads: int, upside_down: bool) -> Any:
    """rapidocr with its own sizing switched off (ours replaces it) and its networks named by path."""
    folder = _networks()
    from rapidocr import RapidOCR

    params: dict[str, Any] = {
        "Global.log_level": "critical",
        "Global.use_cls": upside_down,
        "Global.use_preprocess_img": False,
        "Det.limit_type": "max",
        "Det.limit_side_len": LIMIT_PX,
        "EngineConfig.onnxruntime.intra_op_num_threads": threads or -1,
    }
    for part in ("det", "cls", "rec"):
        params[f"{part.capitalize()}.model_path"] = str(_one(folder, part))
    return RapidOCR(params=params)


def _networks() -> Path:
    """The folder of networks inside the installed rapidocr."""
    spec = find_spec("rapidocr")
    if spec is None or not spec.submodule_search_locations:
        raise TextError("reading text needs the package rapidocr: pip install 'rapidocr>=3.10,<4'")
    return Path(spec.submodule_search_locations[0]) / "models"


def _one(folder: Path, part: str) -> Path:
    """The one network file for a part (det, cls, rec)."""
    files = sorted(folder.glob(f"*_{part}_*.onnx"))
    if len(files) != 1:
        names = ", ".join(file.name for file in files) or "none"
        raise TextError(f"{folder}: expected one *_{part}_*.onnx, found {names}; install rapidocr>=3.10,<4 again")
    return files[0]


def _last_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip() if lines else repr(error)
