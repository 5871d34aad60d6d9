"""Measures reading of telephone numbers: `python -m detectors.bench_text --posters 240` prints figures as JSON.

The posters are rendered, not photographed: a Noto CJK font on coloured paper, then perspective, blur, noise and JPEG.
The figures say how well numbers of a given size are read, not how well a city's walls are.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from detectors.poster import read_phones
from detectors.text import TextReader
from detectors.types import Image

FONT_FOLDER = Path("/usr/share/fonts/opentype/noto")  # Debian's fonts-noto-cjk
FONTS = ("NotoSansCJK-Regular.ttc", "NotoSansCJK-Bold.ttc", "NotoSerifCJK-Bold.ttc")
SIMPLIFIED = 2  # the face of simplified Chinese inside the font files
HEADS = (
    "专业办证",
    "疏通下水道",
    "高价回收",
    "开锁换锁",
    "空调维修",
    "小额贷款",
    "搬家公司",
    "刻章办证",
    "房屋出租",
    "防水补漏",
)
LINES = (
    "诚信经营 价格优惠",
    "24小时服务 随叫随到",
    "每平米 128 元",
    "限时 2024-10-01 起",
    "编号 20240315008",
    "送货上门 满 500 减 50",
)
HEIGHTS_PX = ((60, 100), (100, 150), (150, 250), (250, 400))  # of the poster
PREFIXES = ("138", "139", "135", "150", "158", "177", "186", "199")
AREAS = ("010", "021", "0755", "0571", "0371")
STYLES = ("plain", "hyphens", "blanks", "letters", "numerals", "two lines", "landline", "service", "no number")

Rng = np.random.Generator


@dataclass(frozen=True, slots=True, eq=False)
class Poster:
    """A rendered picture (H, W, 3) uint8 BGR with the numbers on it."""

    image: Image
    numbers: tuple[str, ...]
    style: str
    height_px: int


def rendered(seed: int, height_px: int, style: str) -> Poster:
    """One poster of that height on a wall a little larger. FileNotFoundError when the font is missing."""
    rng = np.random.default_rng(seed)
    written, numbers = number_lines(rng, style)
    sheet = _sheet(rng, written)
    return Poster(_photographed(rng, sheet, height_px), numbers, style, height_px)


def number_lines(rng: Rng, style: str) -> tuple[list[str], tuple[str, ...]]:
    """Lines of a number as that style writes it, and the number itself."""
    mobile = str(rng.choice(PREFIXES)) + "".join(map(str, rng.integers(0, 10, 8)))
    if style == "landline":
        area = str(rng.choice(AREAS))
        local = str(rng.integers(2, 9)) + "".join(map(str, rng.integers(0, 10, 7)))
        return [f"{area}-{local}"], (area + local,)
    if style == "service":
        rest = "".join(map(str, rng.integers(0, 10, 6)))
        return [f"400-8{rest[:2]}-{rest[2:]}"], ("4008" + rest,)
    written = {
        "plain": [mobile],
        "hyphens": [f"{mobile[:3]}-{mobile[3:7]}-{mobile[7:]}"],
        "blanks": [f"{mobile[:3]} {mobile[3:7]} {mobile[7:]}"],
        "letters": [_lettered(rng, mobile)],
        "numerals": [_numerals(rng, mobile)],
        "two lines": [mobile[:7], mobile[7:]],
        "no number": [f"No.{rng.integers(10**8, 10**9)}"],
    }[style]
    return written, () if style == "no number" else (mobile,)


def _lettered(rng: Rng, number: str) -> str:
    """Up to three digits after the third as letters that look like them."""
    looks = {"0": "O", "1": "l", "2": "Z", "5": "S", "8": "B"}
    places = [i for i in range(3, len(number)) if number[i] in looks]
    chosen = set(rng.permutation(places)[:3].tolist()) if places else set()
    return "".join(looks[digit] if i in chosen else digit for i, digit in enumerate(number))


def _numerals(rng: Rng, number: str) -> str:
    """The last four, or all, in Chinese numerals."""
    first = 0 if rng.random() < 0.3 else 7
    return number[:first] + "".join("零一二三四五六七八九"[int(digit)] for digit in number[first:])


def _font(rng: Rng, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(FONT_FOLDER / str(rng.choice(FONTS))), size, index=SIMPLIFIED)


def _sheet(rng: Rng, written: Sequence[str]) -> Image:
    """A flat poster about 480 px high: head line, small print, the number."""
    paper = rng.integers(150, 256, 3) if rng.random() < 0.75 else rng.integers(0, 90, 3)
    dark = paper.mean() < 120
    ink = tuple(int(v) for v in (rng.integers(190, 256, 3) if dark else rng.integers(0, 90, 3)))
    picture = Pillow.new("RGB", (int(rng.integers(520, 760)), 480), tuple(int(v) for v in paper))
    draw, y = ImageDraw.Draw(picture), 24
    sizes = [(str(rng.choice(HEADS)), 92), (str(rng.choice(LINES)), 40)]
    for text, size in [*sizes, *((line, 84 if len(written) == 1 else 72) for line in written)]:
        font = _font(rng, size)
        width = draw.textlength(text, font=font)
        if width > picture.width - 40:
            font = font.font_variant(size=int(size * (picture.width - 40) / width))
        draw.text((20 + int(rng.integers(0, 12)), y), text, font=font, fill=ink)
        y += int(size * (1.5 if size == 92 else 1.35))
    return np.ascontiguousarray(np.asarray(picture)[..., ::-1])


def _photographed(rng: Rng, sheet: Image, height_px: int) -> Image:
    """The sheet on a wall, seen a little from the side, through a lens, a sensor and JPEG."""
    scale = height_px / sheet.shape[0]
    width_px = sheet.shape[1] * scale
    size = (round(width_px * 1.3), round(height_px * 1.3))
    flat = np.array([[0, 0], [sheet.shape[1], 0], [sheet.shape[1], sheet.shape[0]], [0, sheet.shape[0]]], np.float32)
    wobble = rng.normal(0, 0.025, (4, 2)) * (width_px, height_px)
    seen = (flat * scale + np.array([width_px, height_px]) * 0.15 + wobble).astype(np.float32)
    wall = np.full((size[1], size[0], 3), rng.integers(60, 220, 3), np.uint8)
    wall = np.clip(wall + rng.normal(0, 12, (*wall.shape[:2], 1)), 0, 255).astype(np.uint8)
    matrix = cv2.getPerspectiveTransform(flat, seen)
    soft = cv2.GaussianBlur(sheet, (0, 0), max(0.35 / scale, 0.1))  # no aliasing when it is made small
    out = cv2.warpPerspective(soft, matrix, size, dst=wall, borderMode=cv2.BORDER_TRANSPARENT)
    out = cv2.GaussianBlur(out, (0, 0), float(rng.uniform(0.3, 0.9)))
    noise = rng.normal(0, rng.uniform(1, 7), out.shape)
    lit = np.clip(out * rng.uniform(0.6, 1.1) + noise, 0, 255).astype(np.uint8)
    _, coded = cv2.imencode(".jpg", lit, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(55, 95))])
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), dtype=np.uint8)


@dataclass
class Count:
    """Numbers that stand on posters, that were read, and that were both."""

    posters: int = 0
    there: int = 0
    read: int = 0
    right: int = 0

    def add(self, there: Sequence[str], read: Sequence[str]) -> None:
        """Count one poster."""
        self.posters += 1
        self.there, self.read = self.there + len(there), self.read + len(read)
        self.right += len(set(there) & set(read))

    def figures(self) -> dict[str, float | int | None]:
        """Recall and precision; None where nothing was there or read."""
        return {
            "posters": self.posters,
            "numbers": self.there,
            "read": self.read,
            "right": self.right,
            "recall": round(self.right / self.there, 3) if self.there else None,
            "precision": round(self.right / self.read, 3) if self.read else None,
        }


def measure(posters: int, seed: int = 1, threads: int = 1) -> dict[str, object]:
    """Figures by height of the poster and by style of writing."""
    reader = TextReader(threads=threads)
    total, by_height, by_style = Count(), {span: Count() for span in HEIGHTS_PX}, {style: Count() for style in STYLES}
    spent_s: list[float] = []
    for i in range(posters):
        span, style = HEIGHTS_PX[i % len(HEIGHTS_PX)], STYLES[i // len(HEIGHTS_PX) % len(STYLES)]
        height = int(np.random.default_rng([seed, i]).integers(*span))
        poster = rendered(seed * 100_000 + i, height, style)
        begun = time.perf_counter()
        read = [phone.number for phone in read_phones(reader.read(poster.image))]
        spent_s.append(time.perf_counter() - begun)
        for count in (total, by_height[span], by_style[style]):
            count.add(poster.numbers, read)
    return {
        "what": "rendered posters (not photographs)",
        "machine": {"cpu": platform.processor() or platform.machine(), "python": platform.python_version()},
        "versions": {name: version(name) for name in ("rapidocr", "onnxruntime")},
        "seed": seed,
        "threads": threads,
        "ms_per_poster": {k: round(1e3 * float(np.percentile(spent_s, p))) for k, p in (("median", 50), ("p90", 90))},
        "all": total.figures(),
        "by_poster_height_px": {f"{a}-{b}": by_height[a, b].figures() for a, b in HEIGHTS_PX},
        "by_style": {style: count.figures() for style, count in by_style.items()},
    }


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(prog="python -m detectors.bench_text", description=__doc__)
    parser.add_argument("--posters", type=int, default=240, help="how many are rendered")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    json.dump(measure(options.posters, options.seed, options.threads), sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
