"""A float32 network as INT8 in OpenVINO's own form (.xml with .bin), calibrated on training pictures; needs nncf.

Why this form and not ONNX with quantise/dequantise pairs: ONNX (opset 17) has no SiLU, so the pairs would go between
x and sigmoid(x) and every activation would run alone in float32; in OpenVINO's form `x * sigmoid(x)` is one operation
that runs inside the convolution before it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from detectors.errors import ModelError
from detectors.images import read_image
from detectors.letterbox import Letterbox, to_blob
from detectors.manifest import Manifest, sha256_of, sha256_of_list, verified
from models.labelled import LABELLED

PRECISION = "INT8"


def calibration_pictures(images: Path, count: int, seed: int) -> list[Path]:
    """`count` pictures of a folder, as even over the sources as their numbers allow, drawn with a seed.

    Raises ModelError for a folder without pictures of a known source.
    """
    rng = np.random.default_rng(seed)
    by_source: dict[str, list[Path]] = {}
    for path in sorted(p for p in images.glob("*") if p.stem.rpartition("_")[0] in LABELLED):
        by_source.setdefault(path.stem.rpartition("_")[0], []).append(path)
    if not by_source:
        raise ModelError(f"{images}: no training pictures named <source>_<number>; give --data, a folder with images/")
    order = {source: rng.permutation(len(paths)).tolist() for source, paths in by_source.items()}
    rounds = range(max(len(paths) for paths in by_source.values()))
    turns = [by_source[s][order[s][i]] for i in rounds for s in by_source if i < len(order[s])]
    return turns[:count]


def network_input(path: Path, size: int, stride: int) -> NDArray[np.float32]:
    """A picture file -> (1, 3, H, W) float32, letterboxed as at inference."""
    image = read_image(path)
    return to_blob([Letterbox.plan(image.shape[0], image.shape[1], size, stride).apply(image)])


def float_tail(model: ov.Model) -> list[str]:
    """Names of the operations between the last learned convolutions and the output: they stay in float.

    There, boxes in pixels and scores in 0..1 come into one tensor, which no single scale fits. A convolution with one
    output channel is no learned one: it takes the mean of the box's distribution (DFL).
    """
    names, ways = set[str](), [result.input_value(0).get_node() for result in model.get_results()]
    while ways:
        node = ways.pop()
        name, kind = node.get_friendly_name(), node.get_type_name()
        if name in names or kind in ("Constant", "Parameter", "ShapeOf"):
            continue  # shapes come from everywhere and are no values
        if kind == "Convolution" and node.input_value(1).get_partial_shape()[0].get_length() > 1:
            continue
        names.add(name)
        ways += [node.input_value(i).get_node() for i in range(node.get_input_size())]
    return sorted(names)


def quantise(source: Path, out: Path, pictures: Sequence[Path], seed: int, size: int | None = None) -> Path:
    """Write `out` (.xml), its .bin and its manifest; returns the manifest's path. size: px of calibration.

    Raises ModelError when the source cannot be used; ImportError without nncf.
    """
    import nncf

    manifest = verified(source)
    if manifest.path.suffix != ".onnx" or out.suffix != ".xml":
        raise ModelError(f"{manifest.path} -> {out}: give a float32 network (.onnx) and a file to write (.xml)")
    nncf.set_log_level(logging.WARNING)
    model = ov.convert_model(manifest.path)  # unlike read_model it joins x * sigmoid(x) into one operation
    px = size or manifest.size_px
    data = nncf.Dataset(pictures, lambda path: network_input(path, px, manifest.stride_px))
    quantised = nncf.quantize(
        model,
        data,
        preset=nncf.QuantizationPreset.MIXED,  # SiLU's output is not symmetric
        subset_size=len(pictures),
        fast_bias_correction=True,
        ignored_scope=nncf.IgnoredScope(names=float_tail(model), validate=False),
    )
    ov.save_model(quantised, out, compress_to_fp16=False)
    path = out.with_suffix(".json")
    calibration = {"pictures": len(pictures), "seed": seed, "size_px": px, "sources": sources_of(pictures)}
    path.write_text(json.dumps(described(manifest, out, calibration), indent=1, ensure_ascii=False) + "\n", "utf-8")
    return path


def sources_of(pictures: Sequence[Path]) -> dict[str, int]:
    """How many pictures of each source."""
    names = [path.stem.rpartition("_")[0] for path in pictures]
    return {name: names.count(name) for name in sorted(set(names))}


def described(manifest: Manifest, out: Path, calibration: dict[str, Any]) -> dict[str, Any]:
    """The quantised network's manifest: that of its source with its own name, hashes and calibration, no figures."""
    raw: dict[str, Any] = json.loads(manifest.path.with_suffix(".json").read_text(encoding="utf-8"))
    files = {path.name: sha256_of(path) for path in (out, out.with_suffix(".bin"))}
    return raw | {
        "name": f"{manifest.name}-int8",
        "sha256": sha256_of_list(files),
        "files": files,
        "precision": PRECISION,
        "date": datetime.now(UTC).date().isoformat(),
        "made_from": {"name": manifest.name, "sha256": manifest.sha256},
        "calibration": calibration | {"nncf": version("nncf"), "openvino": version("openvino"), "preset": "mixed"},
        "figures": {},
    }
