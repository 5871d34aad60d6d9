"""`zhuomu bench drone`: how near places from the air lie to the truth, and how good planned flights are."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from bench import drone_georef, drone_plan
from bench.machine import machine, versions

PACKAGES = ("zhuomu", "shapely", "pymap3d", "pyproj", "scipy", "ortools")
CASES, CASES_QUICK = 1000, 200
AREAS, AREAS_QUICK = 100, 8


def drone(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer cases and areas: a first idea.")] = False,
    cases: Annotated[int | None, typer.Option(min=20, help="Places to put on the ground, each way.")] = None,
    areas: Annotated[int | None, typer.Option(min=1, help="Random areas with holes to plan.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of places; areas are numbered from it.")] = 1,
) -> None:
    """Georeference against exact truth, plans against another planner. 航拍定位与航线规划的精度。"""
    report: dict[str, Any] = {
        "machine": machine(),
        "versions": versions(*PACKAGES),
        "seed": seed,
        "georef": drone_georef.measure(cases or (CASES_QUICK if quick else CASES), seed),
        "plan": drone_plan.measure(range(seed, seed + (areas or (AREAS_QUICK if quick else AREAS)))),
    }
    if as_json:
        typer.echo(json.dumps(report, ensure_ascii=False))
    else:
        Console().print(table(report))


def table(report: dict[str, Any]) -> Table:
    """For people."""
    out = Table("what", "median, m", "95 %, m", "in its ellipse")
    for name, row in report["georef"].items():
        if isinstance(row, dict) and "median_m" in row:
            out.add_row(name, f"{row['median_m']:.3f}", f"{row['p95_m']:.3f}", f"{row['ellipse_hold']:.3f}")
    plan = report["plan"]
    ratio = "no other planner" if plan["path_ratio"] is None else f"{plan['path_ratio']:.3f} of the other's way"
    out.caption = (
        f"{plan['areas']} areas: worst coverage {plan['coverage']:.4f}, {ratio}, {plan['violations']} violations"
    )
    return out
