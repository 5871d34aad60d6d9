"""A network's manifest: what it is, which classes it knows, and the hash its file must have."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from detectors.errors import ModelError


@dataclass(frozen=True, slots=True)
class Manifest:
    """What load time needs of `<network>.json`. size_px: default longer side; stride_px: sides are multiples of it."""

    name: str
    path: Path
    sha256: str
    classes: tuple[str, ...]
    size_px: int
    stride_px: int


def default_model() -> Path:
    """The network that ships with the product."""
    return Path(str(files("models"))) / "street.onnx"


def sha256_of(path: Path) -> str:
    """Hash of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_manifest(model: Path) -> Manifest:
    """The manifest beside a network file, `street.json` for `street.onnx`; ModelError when it cannot be used."""
    path = model.with_suffix(".json")
    if not path.is_file():
        raise ModelError(f"{path}: no manifest beside the network; make both with `zhuomu model export`")
    try:
        raw: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        size, stride = int(raw["input"]["size_px"]), int(raw["input"]["stride_px"])
        manifest = Manifest(str(raw["name"]), model, str(raw["sha256"]), class_names(raw), size, stride)
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: no usable manifest ({error!r}); make it again with `zhuomu model export`") from None
    return manifest


def class_names(raw: dict[str, Any]) -> tuple[str, ...]:
    """The class list of a manifest: names, at least one, none twice."""
    names = raw["classes"]
    if not isinstance(names, list) or not names or not all(isinstance(n, str) and n for n in names):
        raise ValueError("'classes' must be a list of names")
    if len(set(names)) != len(names):
        raise ValueError("'classes' names a class twice")
    return tuple(names)


def verified(model: Path) -> Manifest:
    """The manifest of a network file whose hash is right; ModelError otherwise."""
    if not model.is_file():
        raise ModelError(f"{model}: no such network file; give --model FILE, or install zhuomu again")
    manifest = read_manifest(model)
    found = sha256_of(model)
    if found != manifest.sha256:
        raise ModelError(
            f"{model}: sha256 {found[:12]}... is not the manifest's {manifest.sha256[:12]}...; "
            "the file was changed or damaged: install it again, or export it with its manifest"
        )
    return manifest


def check_classes(manifest: Manifest, outputs: int) -> None:
    """The network's output rows (4 box values and one per class) must match the manifest's classes."""
    if outputs != 4 + len(manifest.classes):
        raise ModelError(
            f"{manifest.path}: the network has {outputs - 4} classes, its manifest names {len(manifest.classes)}; "
            "this manifest belongs to another network"
        )
