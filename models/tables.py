"""The report of `model eval` as tables: for a terminal and for the model card."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from models.card import markdown
from models.confusion import MISSED

Run = dict[str, Any]


def label(run: Run) -> str:
    """A run in a few words."""
    return f"{run['precision']} {run['size_px']}"


def lines(report: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """(head, rows): the first run in full, the others by mAP50; means of sources and views below the classes."""
    first, *rest = report["runs"]
    head = ["source", "view", "class", "pictures", "boxes", "precision", "recall", "mAP50-95", f"mAP50 {label(first)}"]
    others = [{_key(row): row for row in (*run["rows"], *run["means"])} for run in rest]
    rows = []
    for row in (*first["rows"], *first["means"]):
        shown = [f"{row['precision']:.2f}", f"{row['recall']:.2f}", f"{row['ap50_95']:.3f}", f"{row['ap50']:.3f}"]
        rows.append([*_names(row), str(row["boxes"]), *shown, *(f"{o[_key(row)]['ap50']:.3f}" for o in others)])
    return head + [f"mAP50 {label(run)}" for run in rest], rows


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    return row.get("source"), row.get("view"), row.get("class")


def _names(row: dict[str, Any]) -> list[str]:
    if "class" in row:
        return [row["source"], row["view"], row["class"], str(row["pictures"])]
    return [row.get("source", "all"), row.get("view", ""), f"mean of {row['classes']}", ""]


def terminal(report: dict[str, Any]) -> list[Table]:
    """Figures of all runs, confusion of each."""
    first = report["runs"][0]
    head, rows = lines(report)
    title = (
        f"{first['model']} at {first['size_px']} px, {first['backend']}; precision and recall at {report['min_score']}"
    )
    figures = Table(*head, title=title)
    for row in rows:
        figures.add_row(*row)
    return [figures, *(confused(run, report["min_score"]) for run in report["runs"])]


def confused(run: Run, min_score: float) -> Table:
    """One run's confusion for a terminal."""
    out = Table(*CONFUSION_HEAD, title=f"{run['model']}, {label(run)}: confusion at {min_score}, IoU 0.5")
    for row in confusion_rows(run["confusion"]):
        out.add_row(*row)
    return out


CONFUSION_HEAD = ("source", "class", "boxes", "found", "called something else", "missed", "false boxes")


def confusion_rows(confusion: dict[str, Any]) -> list[list[str]]:
    """A row per labelled class; a last one per source for classes that nobody labelled there."""
    rows = []
    for source, one in confusion.items():
        for name in dict.fromkeys((*one["called"], *one["false"])):
            called = one["called"].get(name, {})
            else_ = ", ".join(f"{other} {n}" for other, n in called.items() if other not in (name, MISSED))
            counts = (sum(called.values()), called.get(name, 0), else_ or "-", called.get(MISSED, 0))
            rows.append([source, name, *map(str, (*counts, one["false"].get(name, 0)))])
        fired = ", ".join(f"{n} {c['boxes']} ({c['on_labelled']})" for n, c in one["others"].items())
        if fired:
            rows.append([source, "not labelled (on a labelled thing)", "", "", fired, "", ""])
    return rows


def for_card(report: dict[str, Any], command: str) -> str:
    """The Markdown between the markers: what was run, the figures, the first run's confusion."""
    first = report["runs"][0]
    networks = dict.fromkeys(f"{r['model']} ({r['precision']}, sha256 {r['sha256'][:12]})" for r in report["runs"])
    return "\n".join(
        [
            f"Written by `{command}` on {report['date']}: {', '.join(networks)}; {first['backend']}.",
            f"Precision, recall and mAP50-95 are those of {label(first)}; precision and recall at score "
            f"{report['min_score']}. A source is judged on the classes that it labels, nothing else.",
            "",
            markdown(*lines(report)),
            "",
            f"Confusion of {label(first)} at score {report['min_score']}, IoU 0.5. `not labelled`: boxes of classes "
            "that the source does not label, right or wrong; in brackets those that cover a labelled thing.",
            "",
            markdown(CONFUSION_HEAD, confusion_rows(first["confusion"])),
        ]
    )
