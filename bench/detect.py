"""`zhuomu bench detect`: what a look costs, network alone and from picture to boxes, float32 and INT8, and peers."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
import openvino as ov
import typer
from rich.console import Console
from rich.table import Table

from bench.machine import machine, versions
from bench.peers import ready
from bench.timing import Timed, Work, in_turn
from detectors.errors import DetectorError
from detectors.images import read_image
from detectors.letterbox import Letterbox, to_blob
from detectors.load import load_detector
from detectors.manifest import Manifest, sha256_of, verified
from detectors.openvino_backend import settings
from detectors.tiling import TiledDetector
from detectors.types import Image
from models.locate import shared_dir

SIZES = (320, 416, 640)
FRAME = (1280, 720)
SCORE = 0.25
WHOLE_OVER_NETWORK_MAX = 1.10
INT8_SPEED_UP_MIN = 1.7
TILE_PX = 640
TILED = ((1920, 1080), (3840, 2160))
PACKAGES = ("zhuomu", "openvino", "onnxruntime", "opencv-python-headless", "opencv-python", "numpy", "ultralytics")


def detect(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer calls: a first idea in about a minute.")] = False,
    model: Annotated[Path, typer.Option(help="The float32 network.")] = Path("street"),
    int8: Annotated[Path, typer.Option(help="The quantised network.")] = Path("street-int8"),
    picture: Annotated[Path | None, typer.Option(help="Scaled to 1280x720; none: one of the shared ones.")] = None,
    threads: Annotated[int, typer.Option(min=1, max=256)] = 2,
    repeats: Annotated[int, typer.Option(min=5, max=1000)] = 5,
) -> None:
    """Time the network and the whole path from a 1280x720 picture to boxes, in turn in one process."""
    try:
        report = measured(verified(model), verified(int8), frame_of(picture), threads, repeats, quick)
    except DetectorError as error:
        Console(stderr=True, soft_wrap=True, highlight=False).print(str(error), markup=False)
        raise typer.Exit(1) from None
    if as_json:
        typer.echo(json.dumps(report, ensure_ascii=False))
    else:
        Console().print(table(report))


def frame_of(picture: Path | None) -> tuple[dict[str, str], Image]:
    """(what it is, the picture as (720, 1280, 3) uint8 BGR)."""
    path = picture or shared_dir() / "data" / "street" / "val" / "images" / "litter_cn_0000.jpg"
    image = np.asarray(cv2.resize(read_image(path), FRAME, interpolation=cv2.INTER_AREA), np.uint8)
    return {"name": path.name, "sha256": sha256_of(path)}, image


def measured(
    float32: Manifest, int8: Manifest, frame: tuple[dict[str, str], Image], threads: int, repeats: int, quick: bool
) -> dict[str, Any]:
    """The whole report."""
    origin, image = frame
    calls = 3 if quick else 15
    manifests = {"fp32": float32, "int8": int8}
    report: dict[str, Any] = {"machine": machine(), "versions": versions(*PACKAGES), "threads": threads}
    report |= {"repeats": repeats, "calls": calls, "picture": {**origin, "scaled_to": list(FRAME)}}
    report["networks"] = {kind: about(manifest, threads) for kind, manifest in manifests.items()}
    runs, boxes, missing = ready(float32, image, max(SIZES), threads)
    arms = {
        f"{part}_{kind}_{size}": work
        for kind, m in manifests.items()
        for size in SIZES
        for part, work in arms_of(m, image, size, threads).items()
    }
    arms |= {f"peer_{name}": partial(peer, image) for name, peer in runs.items()}
    took = in_turn(arms, repeats, calls)
    report["times"] = {name: asdict(timed) for name, timed in took.items()}
    report["ratios"] = ratios(took)
    ours = len(load_detector(float32.path, size=max(SIZES)).detect(image))
    report["peers"] = {"boxes": boxes, "ours": ours, "not_run": missing}
    report["tiles"] = [
        tiles(m, kind, image, wide, threads, repeats)
        for kind, m in manifests.items()
        for wide in (TILED[:1] if quick else TILED)
    ]
    return report


def arms_of(manifest: Manifest, image: Image, size: int, threads: int) -> dict[str, Work]:
    """The network alone, on a float32 tensor that lies ready, and our whole path from the picture to boxes."""
    detector = load_detector(manifest.path, "openvino", SCORE, threads, size)
    box = Letterbox.plan(image.shape[0], image.shape[1], size, manifest.stride_px)
    ready_input = to_blob([box.apply(image)])
    alone = ov.compile_model(ov.Core().read_model(manifest.path), "CPU", settings(threads)).create_infer_request()
    return {
        "network": lambda: alone.infer([ready_input], share_inputs=True, share_outputs=True),
        "whole": lambda: detector.detect(image),
    }


def about(manifest: Manifest, threads: int) -> dict[str, Any]:
    """A network's identity, and what its convolutions really run as on this processor."""
    model = ov.Core().read_model(manifest.path)
    model.reshape([1, 3, 320, 320])  # only a network of fixed shape tells before it runs
    operations = ov.compile_model(model, "CPU", settings(threads)).get_runtime_model().get_ordered_ops()
    kinds = [
        str(op.rt_info["primitiveType"].astype(str))
        for op in operations
        if op.rt_info["layerType"].astype(str) == "Convolution"
    ]
    return {
        "name": manifest.name,
        "sha256": manifest.sha256,
        "precision": manifest.precision,
        "convolutions_run_as": {kind: kinds.count(kind) for kind in sorted(set(kinds))},
    }


def ratios(took: dict[str, Timed]) -> dict[str, Any]:
    """What the targets speak of, by wall clock and by processor time."""
    out: dict[str, Any] = {"targets": {"whole_over_network_max": WHOLE_OVER_NETWORK_MAX}}
    out["targets"]["int8_speed_up_min"] = INT8_SPEED_UP_MIN
    for clock in ("median_ms", "cpu_ms"):
        ms = {name: getattr(timed, clock) for name, timed in took.items()}
        whole = {
            f"{kind}_{size}": ms[f"whole_{kind}_{size}"] / ms[f"network_{kind}_{size}"]
            for kind in ("fp32", "int8")
            for size in SIZES
        }
        faster = {
            f"{part}_{size}": ms[f"{part}_fp32_{size}"] / ms[f"{part}_int8_{size}"]
            for part in ("network", "whole")
            for size in SIZES
        }
        peers = {
            name.removeprefix("peer_"): ms[name] / ms[f"whole_fp32_{max(SIZES)}"]
            for name in ms
            if name.startswith("peer_")
        }
        named = {"whole_over_network": whole, "int8_speed_up": faster, "peer_over_ours": peers}
        out[clock] = {what: {k: round(v, 3) for k, v in values.items()} for what, values in named.items()}
    return out


def tiles(
    manifest: Manifest, kind: str, image: Image, wide: tuple[int, int], threads: int, repeats: int
) -> dict[str, Any]:
    """The cost of looking tile by tile at a larger picture."""
    large = np.asarray(cv2.resize(image, wide, interpolation=cv2.INTER_LINEAR), np.uint8)
    tiled = TiledDetector(load_detector(manifest.path, "openvino", SCORE, threads, TILE_PX), TILE_PX)
    took = in_turn({"tiled": lambda: tiled.detect(large)}, repeats, 1)["tiled"]
    looks = tiled.pictures(wide[1], wide[0])
    return {
        "network": kind,
        "picture": list(wide),
        "tile_px": TILE_PX,
        "looks": looks,
        "ms_per_look": round(took.median_ms / looks, 3),
        **asdict(took),
    }


def table(report: dict[str, Any]) -> Table:
    """The report for a terminal."""
    about = "{cpu}, {cores} cores, load {load_1min}".format(**report["machine"])
    out = Table(
        "what", "median ms", "fastest", "slowest", "processor ms", title=f"{about}; {report['threads']} threads"
    )
    tiled = {
        f"tiles_{t['network']}_{t['picture'][0]}x{t['picture'][1]} ({t['looks']} looks)": t for t in report["tiles"]
    }
    for name, timed in (report["times"] | tiled).items():
        out.add_row(name, *(f"{timed[k]:.1f}" for k in ("median_ms", "fastest_ms", "slowest_ms", "cpu_ms")))
    for what in ("whole_over_network", "int8_speed_up", "peer_over_ours"):
        for name, value in report["ratios"]["median_ms"][what].items():
            out.add_row(f"{what} {name}", f"{value:.2f}", "", "", f"{report['ratios']['cpu_ms'][what][name]:.2f}")
    for name, why in report["peers"]["not_run"].items():
        out.add_row(f"{name}: not run", why)
    return out
