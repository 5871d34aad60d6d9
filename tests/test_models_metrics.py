"""Average precision against cases worked out by hand."""

import numpy as np
import pytest

from models.metrics import IOU_LEVELS, ClassTally, average_precision, match

BOX = np.array([[0, 0, 10, 10]], dtype=np.float64)
FAR = BOX + 100


def tally(*pictures: tuple[list[float], np.ndarray, np.ndarray]) -> ClassTally:
    """A tally of (scores, found, truth)."""
    out = ClassTally.empty()
    for scores, found, truth in pictures:
        out.add(np.array(scores), found, truth)
    return out


def test_everything_found_and_nothing_else_is_one() -> None:
    figures = tally(([0.9, 0.8], np.vstack([BOX, FAR]), np.vstack([FAR, BOX]))).figures(0.5)
    assert (figures.precision, figures.recall, figures.boxes) == (1.0, 1.0, 2)
    assert figures.ap50 == pytest.approx(1.0, abs=0.006) and figures.ap50_95 == pytest.approx(1.0, abs=0.006)


def test_nothing_found_is_zero() -> None:
    figures = tally(([], np.zeros((0, 4)), BOX)).figures(0.5)
    assert (figures.precision, figures.recall, figures.ap50) == (0.0, 0.0, 0.0)


def test_a_second_box_on_the_same_thing_is_false() -> None:
    hits = match(np.vstack([BOX, BOX]), BOX)[:, 0]
    assert hits.sum() == 1


def test_iou_of_two_thirds_counts_up_to_level_0_65() -> None:
    half = np.array([[0, 0, 10, 15]], dtype=np.float64)  # IoU 100 / 150
    hits = match(half, BOX)[0]
    assert hits.tolist() == [bool(level <= 0.66) for level in IOU_LEVELS]


def test_a_false_alarm_below_all_hits_costs_nothing_and_above_them_half() -> None:
    low = average_precision(np.array([True, False]), 1)
    high = average_precision(np.array([False, True]), 1)
    assert low == pytest.approx(1.0, abs=0.006) and high == pytest.approx(0.5, abs=0.006)


def test_half_of_the_things_found_without_error_is_about_half() -> None:
    assert average_precision(np.array([True]), 2) == pytest.approx(0.5, abs=0.01)
    assert average_precision(np.array([True] * 50), 100) == pytest.approx(0.5, abs=0.01)


def test_precision_and_recall_are_taken_at_the_score_asked_for() -> None:
    figures = tally(([0.9, 0.3], np.vstack([BOX, FAR]), np.vstack([BOX, FAR, FAR + 50]))).figures(0.5)
    assert figures.precision == 1.0 and figures.recall == pytest.approx(1 / 3)


def test_scores_of_all_pictures_are_ranked_together() -> None:
    figures = tally(([0.2], BOX, BOX), ([0.9], FAR, BOX)).figures(0.1)  # the false one is surer than the true one
    assert figures.precision == 0.5 and figures.ap50 < 0.3
