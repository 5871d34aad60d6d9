"""Posters are read a bounded number of times, only when about to be filed, and only what agrees is believed."""

from concurrent.futures import Future
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from edge.watch.numbers import EVERY_S, READINGS_MAX, PosterNumbers, Readings
from edge.watch.places import Spot
from edge.watch.rules import Decision, Rule
from edge.watch.source import Image
from edge.wire import CaseClass

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
RULE = Rule("ads", "poster", "02-01", ["poster"], dwell_s=10.0)
DUE = Decision(False, "dwell", RULE, "wall")
PICTURE = np.zeros((200, 300, 3), np.uint8)


def spot(dwell_s: float = 9.0, width: float = 120.0, case_class: CaseClass = "poster") -> Spot:
    """A poster that hangs for so long."""
    box = (10.0, 10.0, 10.0 + width, 150.0)
    return Spot("s1", "cam", case_class, box, 300, 200, START, START + timedelta(seconds=dwell_s), labels={"poster": 9})


class Reader:
    """Answers each reading with the next of its lines."""

    def __init__(self, *answers: str) -> None:
        self.answers, self.sizes = list(answers), list[tuple[int, ...]]()

    def read(self, image: Image) -> "Future[Readings]":
        """At once."""
        self.sizes.append(image.shape)
        done: Future[Readings] = Future()
        done.set_result([(self.answers.pop(0), 0.9)] if self.answers else [])
        return done


def look_often(numbers: PosterNumbers, one: Spot, seconds: int = 20, decision: Decision = DUE) -> None:
    """Ten frames a second."""
    for i in range(seconds * 10):
        numbers.look(one, decision, PICTURE, i / 10)


def test_two_readings_that_agree_name_the_campaign_and_end_the_reading() -> None:
    reader = Reader("19900001234", "19900001234", "13800138000")
    numbers = PosterNumbers(reader.read)
    look_often(numbers, spot())
    assert numbers.campaigns("s1") == ["19900001234"] and len(reader.sizes) == 2


def test_a_number_that_was_read_once_or_differently_each_time_names_nobody() -> None:
    reader = Reader("19900001234", "", "13800138000")
    reader.answers.remove("")
    numbers = PosterNumbers(reader.read)
    look_often(numbers, spot())
    assert numbers.campaigns("s1") == [] and len(reader.sizes) == READINGS_MAX


def test_readings_are_spread_in_time() -> None:
    reader = Reader()
    numbers = PosterNumbers(reader.read)
    look_often(numbers, spot(), seconds=3)
    assert len(reader.sizes) == 3 / EVERY_S


@pytest.mark.parametrize(
    "one",
    [spot(dwell_s=2.0), spot(width=30.0), spot(case_class="bike")],
    ids=["just come", "too narrow to hold a number that can be read", "no poster"],
)
def test_nothing_else_is_read(one: Spot) -> None:
    reader = Reader("19900001234")
    look_often(PosterNumbers(reader.read), one)
    assert reader.sizes == []


def test_what_no_rule_will_file_is_not_read() -> None:
    reader = Reader("19900001234")
    look_often(PosterNumbers(reader.read), spot(), decision=Decision(False, "permitted"))
    assert reader.sizes == []


def test_a_desk_that_is_full_is_asked_again() -> None:
    reader, full = Reader("19900001234", "19900001234"), [None, None]
    numbers = PosterNumbers(lambda image: full.pop() if full else reader.read(image))
    look_often(numbers, spot())
    assert numbers.campaigns("s1") == ["19900001234"]


def test_a_poster_that_has_gone_is_forgotten() -> None:
    numbers = PosterNumbers(Reader("19900001234", "19900001234").read)
    look_often(numbers, spot())
    numbers.forget([spot()])
    assert numbers.campaigns("s1") == []
