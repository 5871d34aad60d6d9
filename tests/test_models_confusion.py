"""Confusion against cases worked out by hand."""

import numpy as np

from detectors import Detections
from models.confusion import Confusion
from models.evaluate import means

NAMES = ("bin", "bin_overflow", "person")
A, B = [0, 0, 10, 10], [100, 100, 110, 110]


def confusion(found: list[tuple[str, list[int]]], truth: list[tuple[str, list[int]]]) -> dict:
    """One picture's confusion on a source that labels bin and bin_overflow."""
    out = Confusion(NAMES[:2])
    boxes = np.array([box for _, box in truth], np.float32).reshape(-1, 4)
    ids = np.array([NAMES.index(name) for name, _ in truth], np.int32)
    scores = np.linspace(0.9, 0.5, len(found))
    out.add(Detections.of([b for _, b in found], scores, [NAMES.index(n) for n, _ in found], NAMES), boxes, ids)
    return out.as_dict()


def test_a_thing_is_found_called_something_else_or_missed() -> None:
    seen = confusion([("bin", A), ("bin_overflow", B)], [("bin", A), ("bin", B), ("bin", [50, 50, 60, 60])])
    assert seen["called"] == {"bin": {"bin": 1, "bin_overflow": 1, "missed": 1}} and seen["false"] == {}


def test_the_right_class_is_paired_first_and_what_is_left_is_false() -> None:
    seen = confusion([("bin_overflow", A), ("bin", [0, 0, 10, 11])], [("bin", A)])
    assert seen["called"] == {"bin": {"bin": 1}} and seen["false"] == {"bin_overflow": 1}


def test_classes_that_nobody_labelled_are_counted_apart() -> None:
    seen = confusion([("person", A), ("person", B)], [("bin", A), ("person", B)])
    assert seen["others"] == {"person": {"boxes": 2, "on_labelled": 1}}
    assert seen["called"] == {"bin": {"missed": 1}} and seen["false"] == {}


def test_an_empty_picture_counts_nothing() -> None:
    assert confusion([], []) == {"called": {}, "false": {}, "others": {}}


def test_means_are_taken_by_source_and_by_view() -> None:
    common = {"boxes": 2, "precision": 0.5, "recall": 0.5, "ap50_95": 0.1}
    rows = [
        {"source": s, "view": v, "class": c, "ap50": ap, **common}
        for s, v, c, ap in (("x", "ground", "a", 0.2), ("x", "ground", "b", 0.4), ("y", "air", "c", 0.9))
    ]
    found = {(m.get("source"), m.get("view")): round(m["ap50"], 6) for m in means(rows)}
    assert found == {("x", None): 0.3, (None, "ground"): 0.3, (None, "air"): 0.9}
