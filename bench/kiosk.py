"""`zhuomu bench kiosk`: what watching a street costs and finds, three ways, and how many cameras a machine carries."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import gettempdir
from typing import Annotated, Any

import structlog
import typer
from rich.console import Console
from rich.table import Table

from bench.kiosk_arms import ARMS, Arm, NotInstalled, Setting, Told
from bench.kiosk_clips import PACES, START, Clip, all_rendered, cut
from bench.kiosk_live import live
from bench.kiosk_stay import stays
from bench.machine import machine, versions
from detectors.errors import DetectorError
from detectors.manifest import verified
from edge.kiosk.config import load_rules
from edge.kiosk.gating import GateSettings
from edge.up.cli import RULES
from edge.up.truth import SETTLE_S, match

FPS = 25
SHARE_MAX = 0.8  # of the cores that a kiosk may use
PACKAGES = ("zhuomu", "av", "openvino", "onnxruntime", "opencv-python-headless", "supervision", "ultralytics", "numpy")
NOTE = (
    "no evidence pictures, no poster reading in any arm; dwell of the demo rules; cpu_s_per_video_min counts from the "
    "first picture that was done, cpu_s_start is what came before it (imports, loading, compiling the network)"
)


@dataclass
class Ran:
    """One arm on what it watches of one street."""

    clip: Clip
    told: list[Told] = field(default_factory=list)


@dataclass(frozen=True)
class Parts:
    """Which part of each clip the slow arms watch, from `from_s` for `seconds` by arm; the others watch all."""

    from_s: float
    seconds: Mapping[str, float]

    def of(self, arm: str, clip: Clip) -> Clip:
        """The part as a file of its own."""
        whole = arm not in self.seconds or self.from_s + self.seconds[arm] >= clip.seconds
        return clip if whole else cut(clip, self.from_s, self.seconds[arm])


def kiosk(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Short clips, once each: in some minutes.")] = False,
    arms: Annotated[str, typer.Option(help="Which arms, as A,B,C.")] = "A,B,C",
    kinds: Annotated[str, typer.Option(help="Which streets, as quiet,normal,busy.")] = "quiet,normal,busy",
    seconds: Annotated[float, typer.Option(help="Length of a clip; 0: 180, with --quick 20.")] = 0.0,
    part_a: Annotated[float, typer.Option(help="Seconds of it that arm A watches; 0: 30, with --quick 4.")] = 0.0,
    part_b: Annotated[float, typer.Option(help="Seconds of it that arm B watches; 0: 60, with --quick 8.")] = 0.0,
    repeats: Annotated[int, typer.Option(help="0: 5, with --quick 1.", min=0, max=100)] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Which street.")] = 1,
    size: Annotated[str, typer.Option(help="Picture size.")] = "1920x1080",
    model: Annotated[Path, typer.Option(help="The network; A and B need an ONNX file.")] = Path("street"),
    net_px: Annotated[int, typer.Option(min=160, max=1280, help="The network's input, px.")] = 640,
    threads: Annotated[int, typer.Option(min=1, max=256)] = 2,
    clips: Annotated[Path | None, typer.Option(help="Where rendered clips are kept.")] = None,
    stay_min: Annotated[float, typer.Option(min=0, help="Minutes that things stay; 0: 30, with --quick 2.")] = 0.0,
    cameras: Annotated[int, typer.Option(min=0, max=64, help="Also so many real RTSP cameras at once, arm C.")] = 0,
    seeds: Annotated[int, typer.Option(min=1, max=64, help="On so many different normal streets.")] = 4,
    live_s: Annotated[float, typer.Option(min=0, help="How long those are watched; 0: nearly the whole clip.")] = 0.0,
) -> None:
    """Measure processor time, recall and precision of stock tracking (A), a hand-made loop (B) and ours (C)."""
    chosen = _chosen(arms, ARMS, "arm"), _chosen(kinds, PACES, "street")
    seconds, repeats = seconds or (20.0 if quick else 180.0), repeats or (1 if quick else 5)
    lengths = {"A": part_a or (4.0 if quick else 30.0), "B": part_b or (8.0 if quick else 60.0)}
    logging.disable(logging.ERROR)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        setting = Setting(verified(model), load_rules(RULES), threads, net_px, GateSettings(mode="on"))
        width, _, height = size.partition("x")
        folder = clips or Path(gettempdir()) / "zhuomu-bench"
        pixels = (int(width), int(height))
        made = all_rendered(folder, [(kind, seed) for kind in chosen[1]], seconds, pixels, FPS)
        parts = Parts(2.0 * (seconds // 6), lengths)
        report = measured({name: ARMS[name] for name in chosen[0]}, made, setting, parts, repeats)
        report["stays"] = stays(seed, stay_min or (2.0 if quick else 30.0), setting)
        report["cameras"]["measured"] = None
        if cameras:
            streets = all_rendered(folder, [("normal", seed + i) for i in range(seeds)], seconds, pixels, FPS)
            told = live(streets, setting, cameras, live_s or seconds - 10.0)
            report["cameras"]["measured"] = {**told, "latency_ms": spread(told.get("latency_ms", []))}
    except (DetectorError, OSError, ValueError) as error:
        sys.stderr.write(f"zhuomu bench kiosk: {error}\n")
        raise typer.Exit(2) from None
    if as_json:
        typer.echo(json.dumps(report, ensure_ascii=False))
    else:
        Console().print(table(report))


def measured(
    arms: Mapping[str, Arm], clips: list[Clip], setting: Setting, parts: Parts, repeats: int
) -> dict[str, Any]:
    """Every arm on every street, `repeats` times, another arm first in each."""
    ran: dict[tuple[str, str], Ran] = {(name, clip.kind): Ran(parts.of(name, clip)) for name in arms for clip in clips}
    missing: dict[str, str] = {}
    names = list(arms)
    for i in range(repeats):
        for clip in clips:
            for name in names[i % len(names) :] + names[: i % len(names)]:
                if name not in missing:
                    _run(name, arms[name], setting, ran[name, clip.kind], missing)
    report: dict[str, Any] = {"machine": machine(), "versions": versions(*PACKAGES), "note": NOTE}
    report |= {"repeats": repeats, "threads": setting.threads, "network": setting.manifest.name}
    report |= {"network_sha256": setting.manifest.sha256, "network_px": setting.size_px}
    report["gate"] = {name: getattr(setting.gate, name) for name in setting.gate.__struct_fields__}
    report["clips"] = {clip.kind: described(clip) for clip in clips}
    ours = {clip.kind: ran["C", clip.kind] for clip in clips if "C" in arms}
    report["arms"] = {n: {c.kind: scored(ran[n, c.kind], missing.get(n)) for c in clips} for n in arms}
    for name in arms:
        for kind, mine in ours.items():
            if name != "C" and name not in missing:
                report["arms"]["C"][kind].setdefault("same_part", {})[name] = same_part(mine, ran[name, kind].clip)
    report["ratios"] = ratios(report["arms"])
    report["cameras"] = {"by_cpu": carried(report["arms"].get("C", {}))}
    report["latency_ms"] = spread([ms for mine in ours.values() for told in mine.told for ms in told.latency_ms])
    return report


def _run(name: str, arm: Arm, setting: Setting, into: Ran, missing: dict[str, str]) -> None:
    try:
        into.told.append(arm(into.clip, setting))
    except NotInstalled as error:
        missing[name] = str(error)
        sys.stderr.write(f"arm {name} not run: {error}\n")


def described(clip: Clip) -> dict[str, Any]:
    """What happens on a clip."""
    movers = sum(not e["should_file"] and e["why_not"] in ("moving", "short") for e in clip.events)
    due = sum(bool(e["should_file"]) for e in clip.events)
    return {"file": clip.path.name, "seconds": clip.seconds, "passing": movers, "to_file": due}


def scored(ran: Ran, missing: str | None) -> dict[str, Any]:
    """Cost and truth of one arm on what it watched of one street."""
    if missing or not ran.told:
        return {"not_run": missing or "no run"}
    clip, told = ran.clip, ran.told[-1]
    began = START + timedelta(seconds=clip.from_s)
    found = match(clip.events, told.incidents, began, began + timedelta(seconds=clip.seconds))
    ever = match(clip.events, told.incidents, began, began + timedelta(days=1))  # also things that left too soon
    made = len(told.incidents)
    real = made - len(found.extra)
    return {
        **cost(ran, clip),
        "cpu_s_start": round(median(t.start_s for t in ran.told), 3),
        "event_recall": _share(found.due - len(found.missed), found.due),
        "event_precision": _share(real, made),
        "events_per_real": _share(real, ever.due - len(ever.missed)),
        "due": found.due,
        "filed": made,
        "missed": found.missed,
        "doubled": found.doubled,
        "looks": told.looks,
    }


def cost(ran: Ran, part: Clip) -> dict[str, Any]:
    """Of watching a part: median and spread over the repeats, loading and the first picture left out."""
    per_minute = [told.per_minute(part.from_s, part.from_s + part.seconds) for told in ran.told]
    return {
        "cpu_s_per_video_min": round(median(per_minute), 3),
        "cpu_s_fastest": round(min(per_minute), 3),
        "cpu_s_slowest": round(max(per_minute), 3),
        "from_s": part.from_s,
        "seconds": part.seconds,
    }


def same_part(ours: Ran, part: Clip) -> dict[str, Any]:
    """Our cost and recall on the part that another arm watched; what we filed before it and still stands is found."""
    began, ended = (START + timedelta(seconds=s) for s in (part.from_s, part.from_s + part.seconds))
    due = [e["id"] for e in part.events if e["should_file"] and _stay_s(e, began, ended) >= SETTLE_S]
    missed = match(part.events, ours.told[-1].incidents, START, ended).missed
    found = len([name for name in due if name not in missed])
    return {**cost(ours, part), "event_recall": _share(found, len(due)), "due": len(due)}


def _stay_s(event: Mapping[str, Any], began: datetime, ended: datetime) -> float:
    since, until = (datetime.fromisoformat(event[name]) for name in ("from_utc", "to_utc"))
    return (min(until, ended) - max(since, began)).total_seconds()


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def ratios(arms: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> dict[str, dict[str, float]]:
    """How many times the processor time of ours each other arm takes, on the part of the street that it watched."""
    ours = arms.get("C", {})
    return {
        name: {
            kind: round(one["cpu_s_per_video_min"] / ours[kind]["same_part"][name]["cpu_s_per_video_min"], 2)
            for kind, one in of.items()
            if "cpu_s_per_video_min" in one and name in ours.get(kind, {}).get("same_part", {})
        }
        for name, of in arms.items()
        if name != "C"
    }


def carried(ours: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """Cameras of each kind that SHARE_MAX of the cores carry by processor time; the network comes on top."""
    budget = machine()["cores"] * 60.0 * SHARE_MAX
    return {
        kind: int(budget / one["cpu_s_per_video_min"]) for kind, one in ours.items() if one.get("cpu_s_per_video_min")
    }


def spread(values: list[float]) -> dict[str, float | int]:
    """Median, 95th percentile and count."""
    ordered = sorted(values)
    if not ordered:
        return {"count": 0}
    return {
        "p50": round(median(ordered), 1),
        "p95": round(ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))], 1),
        "count": len(ordered),
    }


def _chosen(text: str, known: Mapping[str, object], what: str) -> list[str]:
    wanted = [word.strip() for word in text.split(",") if word.strip()]
    unknown = [word for word in wanted if word not in known] or [text][: not wanted]
    if unknown:
        sys.stderr.write(f"no {what} {', '.join(unknown)}; choose from {', '.join(known)}\n")
        raise typer.Exit(2)
    return wanted


def table(report: dict[str, Any]) -> Table:
    """The report for a terminal."""
    title = "{cpu}, {cores} cores, load {load_1min}".format(**report["machine"])
    out = Table("arm", "street", "CPU s a video min", "recall", "precision", "events a real one", title=title)
    keys = ("cpu_s_per_video_min", "event_recall", "event_precision", "events_per_real")
    for name, of in report["arms"].items():
        for kind, one in of.items():
            cells = [one["not_run"], "", "", ""] if "not_run" in one else [str(one[k]) for k in keys]
            out.add_row(name, kind, *cells)
    out.add_row("cameras", str(report["cameras"]["by_cpu"]), str(report["cameras"]["measured"] or "not measured"))
    out.add_row("things that stay", str(report["stays"]))
    out.add_row("latency ms", str(report["latency_ms"]))
    return out
