"""`zhuomu bench kills` and `zhuomu bench backlog`, small: the claims that their long runs measure."""

import os
from pathlib import Path

import pytest
from conftest import missing

from bench import backlog, kills
from bench.processes import NotThere

KILLS = int(os.environ.get("ZHUOMU_KILLS", "20"))
CANDIDATES = int(os.environ.get("ZHUOMU_BACKLOG", "600"))


@pytest.mark.slow
@pytest.mark.timeout(600 + 30 * KILLS)
def test_a_kiosk_killed_at_random_moments_loses_and_doubles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Database whole, chain without a fault. $ZHUOMU_KILLS: how many."""
    if KILLS <= 50:
        monkeypatch.setattr(kills, "LIFE_S", (0.0, 0.7))
    told = kills.measure(KILLS, seed=4, with_centre=False)
    assert (told["lost"], told["doubled"], told["database"], told["chain"]["faults"]) == (0, 0, "ok", []), told
    assert told["chain"]["records"] >= told["things"] > 0


def test_a_thing_that_is_filed_twice_or_never_would_be_found(tmp_path: Path) -> None:
    """The judge on files that are wrong: one case of two made away with, and one doubled."""

    class Wrong(kills.Victim):
        def __init__(self, folder: Path) -> None:
            self.folder = folder

        def rows(self, sql: str) -> list[tuple[object, ...]]:
            if "from filed" in sql:
                body = '{"box": [0.0, 0.0, 32.0, 32.0]}'
                return [("a", body), ("b", body)]
            return [("ok",)] if "integrity" in sql else [(0,)]

    from edge.evidence import Chain, Deleted, device_key

    Chain(tmp_path / "evidence", device_key(tmp_path), "kiosk-stage").append(Deleted(names=["a"], why="b"))
    told = kills._judged(Wrong(tmp_path), 2)
    assert (told["lost"], told["doubled"]) == (1, 1)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_backlog_drains_in_order_and_new_messages_do_not_wait_for_it() -> None:
    """Through mosquitto and the gateway: everything is receipted once, the old end goes first, and no new candidate or
    verdict waits for the end of the drain. $ZHUOMU_BACKLOG: how many."""
    try:
        told = backlog.measure(CANDIDATES, factor=0.2)  # a slow gateway: the drain takes seconds on any machine
    except NotThere as error:
        missing(str(error))
    live, gateway = told["latency_s"], told["gateway"]
    assert gateway["receipts"] == gateway["candidates"] == CANDIDATES + live["candidate"]["count"]
    assert gateway["dead_letters"] == live["verdict"]["count"] > 0
    assert told["oldest_half_in_first_quarter"] >= 0.6
    assert live["candidate"]["p50"] < told["drain_s"] / 3 and live["verdict"]["p50"] < told["drain_s"] / 3
