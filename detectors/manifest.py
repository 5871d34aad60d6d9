"""A network's manifest: what it is, which classes it knows, and the hashes its files must have."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from detectors.errors import ModelError

SUFFIXES = (".onnx", ".xml")  # ONNX; OpenVINO's own form, whose weights lie in a .bin beside it


@dataclass(frozen=True, slots=True)
class Manifest:
    """What load time needs of `<network>.json`. size_px: default longer side; stride_px: sides are multiples of it.

    files: hash by name of every file of a network that has several, else empty; sha256 then is `sha256_of_list`.
    precision: what the weights and the convolutions are kept in, `FP32` or `INT8`.
    """

    name: str
    path: Path
    sha256: str
    classes: tuple[str, ...]
    size_px: int
    stride_px: int
    files: tuple[tuple[str, str], ...] = ()
    precision: str = "FP32"


def shipped_dir() -> Path:
    """Where the networks lie that ship with the product."""
    return Path(str(files("models")))


def default_model() -> Path:
    """The network that ships with the product."""
    return shipped_dir() / "street.onnx"


def is_name(model: Path) -> bool:
    """Whether this is a bare name, as `street-int8`, of a network that ships, rather than a file."""
    return not model.suffix and len(model.parts) == 1


def located(model: Path | None) -> Path:
    """The file of the network that somebody names; nothing is the default. ModelError for a name that does not ship."""
    if model is None:
        return default_model()
    if not is_name(model):
        return model
    found = [path for path in (shipped_dir() / f"{model}{suffix}" for suffix in SUFFIXES) if path.is_file()]
    if not found:
        names = ", ".join(sorted(path.stem for path in shipped_dir().glob("*.json")))
        raise ModelError(f"{model}: no network of that name ships; name one of {names}, or a file")
    return found[0]


def sha256_of(path: Path) -> str:
    """Hash of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_list(hashes: dict[str, str]) -> str:
    """One hash for a network of several files: that of the lines `<sha256>  <name>` (as sha256sum), in name order."""
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(hashes.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def read_manifest(model: Path) -> Manifest:
    """The manifest beside a network file, `street.json` for `street.onnx`; ModelError when it cannot be used."""
    path = model.with_suffix(".json")
    if not path.is_file():
        raise ModelError(f"{path}: no manifest beside the network; make both with `zhuomu model export`")
    try:
        raw: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        size, stride = int(raw["input"]["size_px"]), int(raw["input"]["stride_px"])
        parts, precision = file_hashes(raw, model), str(raw.get("precision", "FP32"))
        manifest = Manifest(
            str(raw["name"]), model, str(raw["sha256"]), class_names(raw), size, stride, parts, precision
        )
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


def file_hashes(raw: dict[str, Any], model: Path) -> tuple[tuple[str, str], ...]:
    """The hashes of a network of several files: plain names beside the manifest, the network's own among them."""
    parts = raw.get("files", {})
    needed = {f"{model.stem}{suffix}" for suffix in (".xml", ".bin")} if model.suffix == ".xml" else set()
    if not isinstance(parts, dict) or not needed <= set(parts) or (parts and model.name not in parts):
        raise ValueError(f"'files' must hold the sha256 of {', '.join(sorted(needed or {model.name}))}")
    if not all(isinstance(digest, str) and Path(name).name == name for name, digest in parts.items()):
        raise ValueError("'files' must map plain file names to their sha256")
    return tuple(sorted(parts.items()))


def verified(model: Path) -> Manifest:
    """The manifest of a network (as `located` takes it) all of whose hashes are right; ModelError otherwise."""
    model = located(model)
    if not model.is_file():
        raise ModelError(f"{model}: no such network file; give --model FILE, or install zhuomu again")
    manifest = read_manifest(model)
    if not manifest.files:
        check_hash(model, sha256_of(model), manifest.sha256)
        return manifest
    for name, expected in manifest.files:
        path = model.with_name(name)
        if not path.is_file():
            raise ModelError(f"{path}: this part of the network is missing; install it again, or make it again")
        check_hash(path, sha256_of(path), expected)
    check_hash(model.with_suffix(".json"), sha256_of_list(dict(manifest.files)), manifest.sha256)
    return manifest


def check_hash(path: Path, found: str, expected: str) -> None:
    """ModelError when a hash is not the manifest's."""
    if found != expected:
        raise ModelError(
            f"{path}: sha256 {found[:12]}... is not the manifest's {expected[:12]}...; "
            "the file was changed or damaged: install it again, or export it with its manifest"
        )


def check_classes(manifest: Manifest, outputs: int) -> None:
    """The network's output rows (4 box values and one per class) must match the manifest's classes."""
    if outputs != 4 + len(manifest.classes):
        raise ModelError(
            f"{manifest.path}: the network has {outputs - 4} classes, its manifest names {len(manifest.classes)}; "
            "this manifest belongs to another network"
        )
