"""Several ways to do one thing, timed in turn in one process, so that a machine's moods fall on all of them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

Work = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Timed:
    """ms a call. repeats_ms: the median of each repeat's calls; median_ms: the median of those; cpu_ms: processor time
    of all threads, which other processes disturb less than the clock on the wall."""

    median_ms: float
    fastest_ms: float
    slowest_ms: float
    cpu_ms: float
    repeats_ms: tuple[float, ...]


def in_turn(
    arms: Mapping[str, Work],
    repeats: int,
    calls: int,
    wall: Callable[[], float] = time.perf_counter,
    cpu: Callable[[], float] = time.process_time,
) -> dict[str, Timed]:
    """Time every arm `calls` times in each repeat after two calls to warm up; each repeat starts with another arm."""
    names = list(arms)
    took: dict[str, list[float]] = {name: [] for name in names}
    used: dict[str, list[float]] = {name: [] for name in names}
    for work in arms.values():
        work(), work()
    for i in range(repeats):
        first = i % max(len(names), 1)
        for name in names[first:] + names[:first]:
            spent, busy = block(arms[name], calls, wall, cpu)
            took[name].append(spent)
            used[name].append(busy)
    return {name: summed(took[name], used[name]) for name in names}


def block(work: Work, calls: int, wall: Callable[[], float], cpu: Callable[[], float]) -> tuple[float, float]:
    """Median wall ms and mean processor ms of consecutive calls."""
    walls, busy = list[float](), cpu()
    for _ in range(calls):
        began = wall()
        work()
        walls.append((wall() - began) * 1e3)
    return median(walls), (cpu() - busy) * 1e3 / calls


def summed(took: list[float], used: list[float]) -> Timed:
    """Repeats -> medians and spread."""
    repeats = tuple(round(ms, 3) for ms in took)
    return Timed(round(median(took), 3), min(repeats), max(repeats), round(median(used), 3), repeats)
