"""Sixty handsets through a broker's death: all current again, every operation there once; what the bench reports."""

import json
import random
import sqlite3
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import missing
from typer.testing import CliRunner

import zhuomu
from bench.handsets import command, crowd, orders
from bench.handsets.crowd import Crowd, Way
from bench.handsets.processes import Centre
from bench.processes import NoMosquitto
from edge.handset.handset import Handset
from edge.handset.loop import Loop

COUNT = 60
EACH = 5


@pytest.mark.slow
def test_sixty_handsets_lose_and_double_nothing_when_the_broker_is_killed(tmp_path: Path) -> None:
    devices = [f"h-{i}" for i in range(COUNT)]
    orders.write(tmp_path / "gateway", devices, EACH)
    centre = _started(tmp_path)
    try:
        many, told = crowd.cold(centre, tmp_path / "phones", devices, Way(centre.broker))
        assert (told["current"], told["orders"]) == (COUNT, COUNT * EACH)
        made = _work(many, ("accepted", "disposed"))
        many.run_for(0.1)  # some operations are on their way, some are not
        told = crowd.storm(centre, many)
        made += _work(many, ("accepted",))
        assert told["current"] == COUNT
        _drive(many.loop, lambda: not any(h.replica.pending() for h in many.handsets))
        assert all(len(h.replica.orders()) == EACH - 1 and not h.replica.shelf() for h in many.handsets)
        many.loop.close()
    finally:
        centre.stop()
    database = sqlite3.connect(tmp_path / "gateway" / "gateway.sqlite3")
    taken = database.execute("select device || ' ' || op_id from handset_ops where outcome = 'applied'").fetchall()
    assert sorted(name for (name,) in taken) == sorted(made)
    told_on = database.execute("select count(*), count(distinct key) from forwards").fetchone()
    assert told_on == (len(made), len(made))  # to the registry, each once


def _work(many: Crowd, kinds: tuple[str, ...]) -> list[str]:
    """Every handset works on its first order; returns "device op_id" of all that was done."""
    made = []
    for handset in many.handsets:
        order_id = handset.replica.orders()[0].order_id
        for kind in kinds:
            op = handset.replica.do(kind, datetime.now(UTC), str(uuid.uuid4()), order_id)  # type: ignore[arg-type]
            made.append(f"{op.device} {op.op_id}")
        handset.session.poke()
    return made


@pytest.mark.slow
def test_a_handset_that_asked_while_the_gateway_was_away_is_answered_when_it_is_back(tmp_path: Path) -> None:
    """Its question was lost; its presence, which the broker keeps, tells that it waits."""
    orders.write(tmp_path / "gateway", ["h-1"], EACH)
    centre = Centre(tmp_path)
    try:
        centre.start_broker()
    except NoMosquitto as error:
        missing(str(error))
    try:
        handset = Handset(tmp_path / "phones", "h-1", centre.broker, random.Random(1), "test", 0.0)
        loop = Loop([handset])
        _drive(loop, lambda: handset.session.counters.sent > 0)
        centre.start_gateway()
        _drive(loop, lambda: handset.session.current)
        assert len(handset.replica.orders()) == EACH
        loop.close()
    finally:
        centre.stop()


@pytest.mark.slow
def test_the_report_has_every_figure_by_number_of_handsets(tmp_path: Path) -> None:
    _started(tmp_path).stop()
    report = json.loads(json.dumps(command.measured([3], orders_each=4, repeats=1, tls=3)))
    assert all(report[key]["3"] > 0 for key in ("cold_sync_s", "storm_s", "floor_s", "ratio"))
    assert report["detail"]["3"]["cold"][0]["orders"] == report["tls"]["tls"]["cold"]["orders"] == 12
    week = report["week_offline"]
    assert (week["operations"], week["photos"], week["shelf"]) == (200, 60, 0)
    assert week["current_s"] <= week["photos_s"]  # photos trail


def test_counts_that_are_no_numbers_are_refused_in_one_line() -> None:
    ran = CliRunner().invoke(zhuomu.build(["bench", "handsets"]), ["bench", "handsets", "--counts", "many"])
    assert ran.exit_code == 2 and ran.output.splitlines() == [
        "error: --counts 'many': give numbers of handsets, as 200,1400"
    ]


def _drive(loop: Loop, condition: Callable[[], bool]) -> None:
    end_s = time.monotonic() + 120.0
    loop.run(lambda: condition() or time.monotonic() > end_s)
    assert condition()


def _started(folder: Path) -> Centre:
    centre = Centre(folder)
    try:
        centre.start_broker()
        centre.start_gateway()
    except NoMosquitto as error:
        centre.stop()
        missing(str(error))
    return centre
