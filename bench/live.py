"""`zhuomu bench live`: how late a picture is on the page, and what ten viewers cost beside one."""

from __future__ import annotations

import json
import logging
import sys
from statistics import median
from typing import Annotated, Any

import structlog
import typer

from bench.live_cost import cost
from bench.live_page import NoBrowser, latency
from bench.machine import machine, versions

PACKAGES = ("zhuomu", "aiortc", "av", "numpy", "playwright")
WAYS = ("passed", "encoded")
NOTE = (
    "latency: from a picture's capture (its number handed to the encoder of the camera, or to the kiosk's) to its "
    "presentation in headless Chromium on the same machine, which decodes in software; cpu: the kiosk's process alone, "
    "viewers in a process of their own"
)
TARGETS = {"latency_p50_ms": 250.0, "cpu_ratio": 1.3}


def live(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    seconds: Annotated[float, typer.Option(min=2, max=600, help="Of each measurement.")] = 20.0,
    repeats: Annotated[int, typer.Option(min=1, max=20, help="Of each arm, in turn.")] = 3,
    size: Annotated[str, typer.Option(help="The camera's picture.")] = "1920x1080",
    viewers: Annotated[int, typer.Option(min=2, max=50)] = 10,
    page: Annotated[bool, typer.Option(help="Measure latency in Chromium.")] = True,
) -> None:
    """Measure live view: latency to the page (p50, p95) and processor time of one and of ten viewers. 实时画面。"""
    logging.disable(logging.ERROR)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    width, _, height = size.partition("x")
    picture = int(width), int(height)
    report: dict[str, Any] = {"machine": machine(), "versions": versions(*PACKAGES), "note": NOTE, "targets": TARGETS}
    report |= {"size": size, "fps": 25, "seconds": seconds, "repeats": repeats}
    try:
        report["latency_ms"] = {way: latency(way, picture, seconds) for way in WAYS} if page else None
    except NoBrowser as error:
        report["latency_ms"] = {"not_run": str(error)}
    report["cpu"] = {way: ratio(way, picture, seconds, repeats, viewers) for way in WAYS}
    if as_json:
        typer.echo(json.dumps(report, ensure_ascii=False))
    else:
        sys.stdout.write(json.dumps({k: report[k] for k in ("latency_ms", "cpu")}, indent=2) + "\n")


def ratio(way: str, size: tuple[int, int], seconds: float, repeats: int, viewers: int) -> dict[str, Any]:
    """Processor seconds per second of watching, nobody, one and many viewers in turn."""
    took: dict[int, list[float]] = {0: [], 1: [], viewers: []}
    got: dict[int, list[float]] = {1: [], viewers: []}
    each: dict[int, list[float]] = {1: [], viewers: []}
    for i in range(repeats):
        counts = [0, 1, viewers]
        for count in counts[i % 3 :] + counts[: i % 3]:
            ran = cost(way, size, seconds, count)
            took[count].append(ran.cpu_s_per_s)
            if count:
                got[count].append(ran.pictures_per_viewer_s)
                each[count].append(ran.cpu_ms_per_picture)
    medians = {count: round(median(values), 4) for count, values in took.items()}
    return {
        "cpu_s_per_s": {f"viewers_{count}": medians[count] for count in took},
        "spread": {f"viewers_{n}": [round(min(v), 4), round(max(v), 4)] for n, v in took.items()},
        "pictures_per_viewer_s": {f"viewers_{n}": round(median(v), 1) for n, v in got.items()},
        "cpu_ms_per_picture": {f"viewers_{n}": round(median(v), 3) for n, v in each.items()},
        "ratio": round(medians[viewers] / medians[1], 3),
        "ratio_per_picture": round(median(each[viewers]) / median(each[1]), 3) if median(each[1]) else None,
    }
