"""One training folder out of the shared pictures, the teacher's boxes and the sample street's renders."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np

from models import MODELS_DIR
from models.handboxes import read_boxes
from models.labelled import CLASSES, LABELLED
from models.recipe.city import city_pictures, untaught
from models.recipe.sources import CLASS_ID, SOURCES, source_of
from models.recipe.teacher import SURE, cached
from models.recipe.windows import window_of
from models.walls import TRAINED, compose_set, plain_walls

SAME_IOU = 0.5  # a teacher's box over a labelled box of the same class is the same thing
DEV_EVERY = 12
POSTER = CLASS_ID["poster"]
TRAIN_GRAFFITI = MODELS_DIR / "labels" / "graffiti_train.txt"
CLASH_IOU = 0.6  # a teacher's box over a labelled box of another class: the label is right


def iou_matrix(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """IoU of every pair, (N, 4) and (M, 4) xyxy -> (N, M)."""
    lt, rb = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    inter = (rb - lt).clip(0).prod(2)
    area = (a[:, 2:] - a[:, :2]).prod(1)[:, None] + (b[:, 2:] - b[:, :2]).prod(1)[None]
    return inter / np.maximum(area - inter, 1e-9)


def to_xyxy(rows: np.ndarray) -> np.ndarray:
    """YOLO rows (N, 5) class, centre x, y, width, height -> (N, 4) xyxy in the same units."""
    return np.hstack([rows[:, 1:3] - rows[:, 3:5] / 2, rows[:, 1:3] + rows[:, 3:5] / 2])


def to_yolo(classes: np.ndarray, xyxy: np.ndarray) -> np.ndarray:
    """Classes (N,) and boxes (N, 4) xyxy -> YOLO rows (N, 5)."""
    return np.column_stack([classes, (xyxy[:, :2] + xyxy[:, 2:]) / 2, xyxy[:, 2:] - xyxy[:, :2]])


def merge(labels: np.ndarray, taught: np.ndarray, labelled_ids: set[int]) -> tuple[np.ndarray, np.ndarray]:
    """(positives, ignored) YOLO rows from the labels (N, 5) and the teacher's rows (M, 6) class, score, xyxy.

    A sure box of a class that the source does not label becomes a positive, an unsure one is ignored. Of a class that
    the source does label, a sure box that nobody labelled is ignored, because labels have gaps; an unsure one is
    nothing, because labels are right more often than an unsure teacher. A clash with another label is dropped.
    """
    if not len(taught):
        return labels, np.zeros((0, 5))
    classes, scores, boxes = taught[:, 0].astype(int), taught[:, 1], taught[:, 2:]
    overlap = iou_matrix(boxes, to_xyxy(labels)) if len(labels) else np.zeros((len(taught), 1))
    same = labels[:, 0][None] == classes[:, None] if len(labels) else np.zeros_like(overlap, dtype=bool)
    seen, clash = (overlap * same).max(1) >= SAME_IOU, (overlap * ~same).max(1) >= CLASH_IOU
    own = np.isin(classes, list(labelled_ids))
    sure = scores >= SURE
    positive = ~own & ~clash & sure
    ignored = ~seen & ~clash & (sure == own)
    rows = to_yolo(classes, boxes)
    return np.vstack([labels, rows[positive]]), rows[ignored]


def read_rows(path: Path) -> np.ndarray:
    """YOLO label file -> (N, 5); a missing or empty file is a picture without boxes."""
    lines = path.read_text().split("\n") if path.exists() else []
    rows = [[float(v) for v in line.split()] for line in lines if line.strip()]
    return np.array(rows, dtype=np.float64).reshape(-1, 5)


def write_rows(path: Path, rows: np.ndarray) -> None:
    """(N, 5) rows as a YOLO label file."""
    path.write_text("".join(f"{int(r[0])} " + " ".join(f"{v:.6f}" for v in r[1:]) + "\n" for r in rows))


def add_picture(
    picture: Path, name: str, label: Path, taught: list[list[float]], out: Path, ignore: Path | None = None
) -> Path:
    """Link one picture into the folder with its merged labels and its ignored boxes (its own, too) beside it."""
    source = source_of(name)
    ids = {CLASSES.index(c) for c in (*source.labelled, *source.absent)}
    rows = np.array(taught, dtype=np.float64).reshape(-1, 6) if source.teacher else np.zeros((0, 6))
    positives, ignored = merge(read_rows(label), rows, ids)
    write_rows(out / "labels" / f"{Path(name).stem}.txt", positives)
    own = [read_rows(ignore)] if ignore else []
    write_rows(out / "ignore" / f"{Path(name).stem}.txt", np.vstack([ignored, *own]))
    link = out / "images" / name
    link.symlink_to(picture.resolve())
    return link


def is_dev(name: str) -> bool:
    """Whether a training picture is kept back for choosing between checkpoints; val is for the card's figures alone."""
    source, _, number = Path(name).stem.rpartition("_")
    real = source in LABELLED and source not in ("street_sim", "pasted")
    return real and number.isdecimal() and int(number) % DEV_EVERY == DEV_EVERY - 1


def prepare(data: Path, weights: Path, out: Path, renders: Path | None = None, also: Path | None = None) -> Path:
    """Build `out` (images, labels, ignore, lists, street.yaml, dev/) and return the yaml's path.

    data: the folder that holds street/ and street_unboxed/; renders: a folder of the sample street's
    images/ and labels/ in our class ids, or None; also: the city's own pictures (a folder of `model label`).
    The teacher's boxes are cached beside `out`. Raises CityError when `also` cannot be used.
    """
    city = city_pictures(also) if also else {}
    for part in ("images", "labels", "ignore", "dev/images", "dev/labels"):
        shutil.rmtree(out / part, ignore_errors=True)
        (out / part).mkdir(parents=True)
    street = data / "street" / "train"
    every = {p.name: p for p in sorted((street / "images").glob("*"))}
    for name in filter(is_dev, every):
        (out / "dev" / "images" / name).symlink_to(every[name].resolve())
        shutil.copy(street / "labels" / f"{Path(name).stem}.txt", out / "dev" / "labels")
    walls = plain_walls(data, TRAINED)
    pictures = {n: p for n, p in every.items() if not is_dev(n)} | walls
    asked = {n: p for n, p in pictures.items() if SOURCES[Path(n).stem.rpartition("_")[0]].teacher}
    taught = cached(asked | graffiti(data) | city, weights, out.parent / "teacher.json")
    links = [
        add_picture(p, n, street / "labels" / f"{Path(n).stem}.txt", taught.get(n, []), out)
        for n, p in pictures.items()
    ]
    facades = [p for n, p in pictures.items() if n.startswith("facade_ads")]
    links += add_graffiti(data, taught, out) + add_pasted([*walls.values(), *facades], out)
    links += [add_city(p, n, untaught(n, taught.get(n, [])), out) for n, p in city.items()]
    links += add_renders(renders, out) if renders else []
    return write_yaml(out, links)


def graffiti(data: Path) -> dict[str, Path]:
    """Sprayed walls with boxes for training (other pictures than those for measuring), named as a source."""
    boxes = read_boxes(TRAIN_GRAFFITI) if TRAIN_GRAFFITI.is_file() else {}
    return {f"graffiti_{i:04d}.jpg": data / "street_unboxed" / name for i, name in enumerate(boxes)}


def add_graffiti(data: Path, taught: dict[str, list[list[float]]], out: Path) -> list[Path]:
    """Sprayed walls, each piece a box of class poster."""
    links: list[Path] = []
    if not TRAIN_GRAFFITI.is_file():
        return links
    for (name, path), boxes in zip(graffiti(data).items(), read_boxes(TRAIN_GRAFFITI).values(), strict=True):
        height, width = cv2.imread(str(path)).shape[:2]  # type: ignore[union-attr]
        label = out / "pieces.txt"
        write_rows(label, to_yolo(np.full(len(boxes), POSTER), boxes / (width, height, width, height)))
        links.append(add_picture(path, name, label, taught.get(name, []), out))
        label.unlink()
    return links


def add_pasted(walls: list[Path], out: Path, count: int = 500, seed: int = 6) -> list[Path]:
    """Small ads pasted onto photographs of walls and facades."""
    made = compose_set(walls, out / "images", count, seed)
    for path, rows in made:
        write_rows(out / "labels" / f"{path.stem}.txt", np.column_stack([np.full(len(rows), POSTER), rows]))
    return [path for path, _ in made]


def add_city(picture: Path, name: str, taught: list[list[float]], out: Path) -> Path:
    """One of the city's pictures with the boxes, and the places that nobody judged, of its own folder."""
    folder, text = picture.parent.parent, f"{picture.stem}.txt"
    return add_picture(picture, name, folder / "labels" / text, taught, out, folder / "ignore" / text)


def add_renders(renders: Path, out: Path, seed: int = 5) -> list[Path]:
    """Each render whole and as one random window; their labels are complete for all that is drawn."""
    rng, links = np.random.default_rng(seed), []
    for picture in sorted((renders / "images").glob("*")):
        label = renders / "labels" / f"{picture.stem}.txt"
        links.append(add_picture(picture, f"street_sim_{picture.stem}{picture.suffix}", label, [], out))
        window = out / "images" / f"street_sim_w{picture.stem}{picture.suffix}"
        write_rows(out / "labels" / f"{window.stem}.txt", window_of(picture, read_rows(label), window, rng))
        links.append(window)
    return links


def write_yaml(out: Path, links: list[Path]) -> Path:
    """The list of pictures and Ultralytics' data file (its `val` is never used: figures come from `model eval`)."""
    (out / "train.txt").write_text("".join(f"{p}\n" for p in links))
    names = "".join(f"  {i}: {name}\n" for i, name in enumerate(CLASSES))
    (out / "street.yaml").write_text(f"path: {out}\ntrain: train.txt\nval: train.txt\nnames:\n{names}")
    return out / "street.yaml"
