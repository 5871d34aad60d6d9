"""Things on the ground: what many sightings say of one place, how far they may be believed, and what is one thing."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from drone.georef.geodesy import to_places
from drone.georef.locate import Located, Sensed
from drone.georef.pose import Poses
from drone.seeing.memory import GONE_LOOKS, Memory
from drone.seeing.store import DroneStore
from drone.seeing.things import Placed, Thing
from drone.telemetry.sample import HeightDatum
from edge.link import Outbox

AT = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
LAT, LON = 34.261, 117.188
NOWHERE = Poses(np.zeros((1, 3)), np.eye(3)[None], np.zeros((1, 3)), np.zeros((1, 3)))
GPS = np.zeros((8, 2))
GPS[3, 0] = GPS[4, 1] = 1.5
FRESH = np.eye(2) * 0.4**2


def sensed(east: float, north: float, lasting: np.ndarray = GPS, fresh: np.ndarray = FRESH) -> Sensed:
    """A sighting that puts a thing (east, north) metres from the origin."""
    lat, lon, _ = to_places(np.array([[east, north, 0.0]]), np.array([[LAT, LON, 0.0]]))[0].tolist()
    (ee, en), (_, nn) = (fresh + lasting.T @ lasting).tolist()
    located = Located(lat, lon, 0.0, HeightDatum.HOME, 20.0, 60.0, ((ee, en), (en, nn)))
    return Sensed(located, lasting, fresh, NOWHERE)


def bike(east: float, north: float, score: float = 0.9, lasting: np.ndarray = GPS) -> Placed:
    return Placed("bike", "bicycle", score, (10.0, 10.0, 60.0, 40.0), sensed(east, north, lasting))


def flown(rng: np.random.Generator, thing: Thing, era: str, looks: int, lasting: np.ndarray = GPS) -> None:
    """`looks` sightings of the thing at the origin under one draw of the lasting errors."""
    bias = lasting.T @ rng.standard_normal(8)
    for _ in range(looks):
        east, north = bias + rng.multivariate_normal(np.zeros(2), FRESH)
        thing.add(bike(float(east), float(north), lasting=lasting), era, AT)


def new() -> Thing:
    return Thing("t", "bike", LAT, LON, AT, AT)


def test_a_gps_error_that_all_sightings_share_does_not_average_away() -> None:
    """A hundred sightings of one flight leave the ellipse as large as the GPS; noise new in each picture goes."""
    thing = new()
    flown(np.random.default_rng(1), thing, "a", 100)
    place = thing.estimate().place()
    assert 1.5 < place.error_minor_m < 1.7
    other = new()
    for n in range(25):
        flown(np.random.default_rng(n), other, f"flight-{n}", 4)
    assert other.estimate().place().error_major_m < 0.7  # other flights, other GPS errors: those do average


@pytest.mark.parametrize("flights", [1, 3])
def test_the_ellipse_of_many_sightings_holds_the_truth(flights: int) -> None:
    """In 93 % of 400 cases or more (the thing's own extent makes it a little too large, never too small)."""
    rng = np.random.default_rng(7)
    held = 0
    for _ in range(400):
        thing = new()
        for n in range(flights):
            flown(rng, thing, str(n), 6)
        held += thing.estimate().holds(LAT, LON)
    assert held >= 0.93 * 400


def test_a_compass_error_cancels_between_opposite_sides_and_a_gps_error_does_not() -> None:
    """Seen from north and south a turned camera is off by as much to either side."""
    yaw = np.zeros((8, 2))
    yaw[0, 0] = 2.0
    thing = new()
    for sign in (1, -1) * 5:
        thing.add(bike(sign * 2.0, 0.0, lasting=sign * yaw), "a", AT)
    assert abs(thing.metres(thing.estimate())[0]) < 1e-6
    assert thing.estimate().place().error_major_m < 0.5
    one_side = new()
    for _ in range(10):
        one_side.add(bike(2.0, 0.0, lasting=yaw), "a", AT)
    assert one_side.estimate().place().error_major_m > 2.0


def test_neighbours_nearer_than_the_gps_error_stay_two_things_in_one_flight() -> None:
    memory = Memory()
    for n in range(5):
        memory.update([bike(0.0, 0.0), bike(2.5, 0.0)], AT + timedelta(seconds=n), "a", lambda t: [False] * len(t))
    assert sorted(t.hits for t in memory.things.values()) == [5, 5]


def test_the_same_thing_in_another_flight_with_another_gps_error_is_one_thing() -> None:
    memory = Memory()
    for era, off in (("a", 0.0), ("b", 2.0), ("c", -1.5)):
        memory.update([bike(off, off)], AT, era, lambda t: [False] * len(t))
    (thing,) = memory.things.values()
    assert [p.era for p in thing.passes] == ["a", "b", "c"]


def test_things_of_other_classes_are_not_joined_and_the_surer_name_is_due() -> None:
    memory = Memory()
    heap = Placed("litter", "litter_heap", 0.5, (0, 0, 9, 9), sensed(0.3, 0.0))
    for n in range(4):
        change = memory.update([bike(0.0, 0.0), heap], AT + timedelta(seconds=n), "a", lambda t: [False] * len(t))
    assert len(memory.things) == 2
    assert [t.case_class for t in change.due] == ["bike"]


def test_a_filed_thing_goes_after_clear_looks_in_a_row_without_it_and_only_then() -> None:
    memory = Memory()
    memory.update([bike(0.0, 0.0)], AT, "a", lambda t: [False] * len(t))
    (thing,) = memory.things.values()
    thing.state = "filed"
    for _ in range(30):  # not in the picture: no look
        memory.update([], AT, "a", lambda t: [False] * len(t))
    gone = [memory.update([], AT, "a", lambda t: [True] * len(t)).gone for _ in range(GONE_LOOKS)]
    assert [len(g) for g in gone] == [0] * (GONE_LOOKS - 1) + [1] and not memory.things


def test_things_survive_a_restart_to_the_last_digit(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "d.db", "drone-1")
    thing = new()
    flown(np.random.default_rng(3), thing, "a", 3)
    DroneStore(outbox).save([thing])
    outbox.close()
    (again,) = DroneStore(Outbox(tmp_path / "d.db", "drone-1")).things()
    assert again == thing and again.estimate() == thing.estimate()
