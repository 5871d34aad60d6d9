"""Small ads pasted onto photographs of real walls, to learn from and to measure on: no real source shows them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.sim.posters import KINDS, poster

Image = NDArray[np.uint8]
TRAINED, MEASURED = 0, 1  # every second wall is trained on, the others are for measuring
ADS_MAX = 5
HEIGHT_SHARE = (0.05, 0.3)  # of the photograph's height
VISIBLE_ALPHA = 40
MIN_PX = 8


def plain_walls(data: Path, part: int) -> dict[str, Path]:
    """The plain walls of one part (TRAINED or MEASURED), named as a source; no stall and no poster is on them."""
    every = sorted((data / "street_unboxed" / "nograffiti").glob("*"))
    return {f"nograffiti_{i:04d}.jpg": path for i, path in enumerate(every) if i % 2 == part}


def paste_ads(wall: Image, rng: np.random.Generator) -> tuple[Image, NDArray[np.float64]]:
    """A copy of a photograph (H, W, 3) BGR with 1 to ADS_MAX ads on it, and their YOLO rows (N, 4) in shares.

    An ad takes the wall's light and grain where it hangs, so that it is not found by being cleaner than the picture.
    """
    out, boxes = wall.copy(), list[tuple[int, int, int, int]]()
    for _ in range(int(rng.integers(1, ADS_MAX + 1))):
        ad = _warped(_ad(rng), wall.shape[0] * rng.uniform(*HEIGHT_SHARE), rng)
        box = _place(ad, wall.shape[:2], boxes, rng)
        if box is not None:
            _blend(out, ad, box, rng)
            boxes.append(box)
    out = np.asarray(cv2.GaussianBlur(out, (0, 0), rng.uniform(0.3, 0.9)), np.uint8)
    height, width = wall.shape[:2]
    rows = [((a + c) / 2 / width, (b + d) / 2 / height, (c - a) / width, (d - b) / height) for a, b, c, d in boxes]
    return out, np.array(rows, dtype=np.float64).reshape(-1, 4)


def _ad(rng: np.random.Generator) -> Image:
    """A rendered ad (h, w, 4) BGRA."""
    kind = KINDS[int(rng.integers(len(KINDS)))]
    width, height = rng.uniform(0.25, 0.8, 2)
    return poster(kind, int(rng.integers(1 << 30)), float(width), float(height)).decals[0].image


def _warped(ad: Image, height_px: float, rng: np.random.Generator) -> Image:
    """The ad at a height in px, as seen from a little aside, cut to what is visible."""
    scale = height_px / ad.shape[0]
    h, w = max(MIN_PX, round(ad.shape[0] * scale)), max(MIN_PX, round(ad.shape[1] * scale * rng.uniform(0.6, 1.0)))
    flat = cv2.resize(ad, (w, h), interpolation=cv2.INTER_AREA)
    corners = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
    moved = corners + rng.uniform(-0.1, 0.1, (4, 2)).astype(np.float32) * (w, h)
    moved -= moved.min(0)
    size = tuple(int(v) + 1 for v in moved.max(0))
    seen = cv2.warpPerspective(flat, cv2.getPerspectiveTransform(corners, moved.astype(np.float32)), size)
    ys, xs = np.nonzero(seen[..., 3] > VISIBLE_ALPHA)
    kept = seen[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1] if len(ys) else seen[:0]
    return np.asarray(kept, np.uint8)


def _place(
    ad: Image, shape: tuple[int, int], taken: list[tuple[int, int, int, int]], rng: np.random.Generator
) -> tuple[int, int, int, int] | None:
    """A free place for the ad, (x1, y1, x2, y2) px; None when none was found in a few tries."""
    h, w = ad.shape[:2]
    if min(h, w) < MIN_PX or h >= shape[0] or w >= shape[1]:
        return None
    for _ in range(8):
        x, y = int(rng.integers(0, shape[1] - w)), int(rng.integers(0, shape[0] - h))
        if all(x + w < a or x > c or y + h < b or y > d for a, b, c, d in taken):
            return x, y, x + w, y + h
    return None


def _blend(out: Image, ad: Image, box: tuple[int, int, int, int], rng: np.random.Generator) -> None:
    x1, y1, x2, y2 = box
    wall = out[y1:y2, x1:x2].astype(np.float32)
    light = np.clip(wall.mean() / 150, 0.3, 1.15) * rng.uniform(0.85, 1.15)
    grain = wall - cv2.GaussianBlur(wall, (0, 0), 4)
    paint = ad[..., :3].astype(np.float32) * light + grain * rng.uniform(0.3, 0.8)
    alpha = ad[..., 3:].astype(np.float32) / 255
    out[y1:y2, x1:x2] = np.clip(wall * (1 - alpha) + paint * alpha, 0, 255).astype(np.uint8)


def measuring_set(data: Path, folder: Path, count: int, seed: int, poster_id: int) -> Path:
    """Pasted ads on walls that were not trained on, as images/ and labels/ for `model eval`; returns the folder."""
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    walls = list(plain_walls(data, MEASURED).values())
    for path, rows in compose_set(walls, folder / "images", count, seed):
        lines = (f"{poster_id} " + " ".join(f"{v:.6f}" for v in row) + "\n" for row in rows)
        (folder / "labels" / f"{path.stem}.txt").write_text("".join(lines), encoding="utf-8")
    return folder


def compose_set(walls: list[Path], out: Path, count: int, seed: int) -> list[tuple[Path, NDArray[np.float64]]]:
    """Write `count` composed pictures into `out`; returns each with its rows (N, 4). ValueError: no walls."""
    if not walls:
        raise ValueError("no photographs of walls to paste ads onto; is street_unboxed/nograffiti there?")
    rng, made = np.random.default_rng(seed), list[tuple[Path, NDArray[np.float64]]]()
    for number in range(count):
        wall = cv2.imread(str(walls[int(rng.integers(len(walls)))]), cv2.IMREAD_COLOR)
        if wall is None:
            continue
        picture, rows = paste_ads(np.asarray(wall, np.uint8), rng)
        path = out / f"pasted_{number:04d}.jpg"
        cv2.imwrite(str(path), picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(60, 95))])
        made.append((path, rows))
    return made
