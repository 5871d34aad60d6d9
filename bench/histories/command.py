"""`zhuomu bench histories`: histories of handsets and centre by the thousand, each from a seed of its own."""

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.histories.history import History, Mutant
from bench.histories.mutants import MUTANTS

FAILURES_SHOWN = 20
CHUNK = 25


def histories(
    count: Annotated[int, typer.Option(min=1, help="How many histories.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="The first one's seed; the others follow.")] = 1,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Processes.")] = 1,
    mutant: Annotated[str, typer.Option(help="Break the protocol: " + ", ".join(MUTANTS))] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Handsets and centre through lost lines, crashes and wrong clocks, in virtual time. 离线同步的仿真检验。

    Exit status 1 when an invariant did not hold; the same seed shows it again.
    """
    if mutant and mutant not in MUTANTS:
        sys.stderr.write(f"error: --mutant '{mutant}': give one of {', '.join(MUTANTS)}\n")
        raise typer.Exit(2)
    told = run(range(seed, seed + count), jobs, mutant)
    if as_json:
        sys.stdout.write(json.dumps(told) + "\n")
    else:
        sys.stdout.write(_words(told))
    if told["failed"]:
        raise typer.Exit(1)


def run(seeds: Sequence[int], jobs: int = 1, mutant: str = "") -> dict[str, Any]:
    """Every seed's history; what failed, with seeds and words."""
    began_s = time.monotonic()
    chunks = [(list(seeds[i : i + CHUNK]), mutant) for i in range(0, len(seeds), CHUNK)]
    results = map(_chunk, chunks) if jobs == 1 else ProcessPoolExecutor(jobs).map(_chunk, chunks)
    totals = {"operations": 0, "rejected": 0, "photos": 0, "centre_crashes": 0}
    failures: list[dict[str, Any]] = []
    for part, wrong in results:
        failures += wrong
        totals = {name: totals[name] + part[name] for name in totals}
    took_s = round(time.monotonic() - began_s, 1)
    told = {"histories": len(seeds), "first_seed": seeds[0], "failed": len(failures), "took_s": took_s}
    return told | totals | {"failures": failures[:FAILURES_SHOWN]}


def one(seed: int, mutant: Mutant | None = None) -> History:
    """A history that has run; its pictures are deleted."""
    folder = Path(tempfile.mkdtemp(prefix="zhuomu-history-"))
    try:
        history = History(seed, folder, mutant or Mutant())
        history.faults_found = history.run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return history


def _chunk(job: tuple[list[int], str]) -> tuple[dict[str, int], list[dict[str, Any]]]:
    seeds, name = job
    totals = {"operations": 0, "rejected": 0, "photos": 0, "centre_crashes": 0}
    failures = []
    for seed in seeds:
        history = one(seed, MUTANTS.get(name))
        outcomes = history.books.t.outcomes.values()
        totals["operations"] += len(history.made)
        totals["rejected"] += sum(judged.outcome == "rejected" for judged in outcomes)
        totals["photos"] += len(history.books.t.photos)
        totals["centre_crashes"] += history.centre.crashes
        if history.faults_found:
            failures.append({"seed": seed, "wrong": history.faults_found[:5]})
    return totals, failures


def _words(told: dict[str, Any]) -> str:
    lines = [f"{name}: {value}" for name, value in told.items() if name != "failures"]
    for failure in told["failures"]:
        lines += [f"seed {failure['seed']}: {words}" for words in failure["wrong"]]
    return "\n".join(lines) + "\n"
