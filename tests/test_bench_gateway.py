"""The gateway's benchmark: its work is what it says, its counts find what is lost, and a year is the same twice."""

import json
from pathlib import Path

import pytest
from conftest import until

from bench import gateway_parts, gateway_year
from bench.gateway_fleet import Fleet
from bench.gateway_ours import Plan, measure, percentile_ms
from bench.gateway_stub import Stub
from bench.gateway_work import CANDIDATE_BYTES, Workload, name
from edge.wire import Candidate, Evidence, WireError, channel, decode


def test_of_a_hundred_candidates_ten_have_a_picture_five_come_twice_and_two_are_invalid() -> None:
    work = Workload(10_000, 50)
    items = [item for device in work.devices for item in work.items(device)]
    asked = [item for item in items if item.kind != "evidence"]
    assert len(asked) == 10_000
    assert (work.count("invalid"), work.count("evidence")) == (200, 1000)
    assert sum(item.copies == 2 for item in asked) == 500
    assert len(work.valid()) == 9_800


def test_its_messages_are_what_the_contract_says_and_the_invalid_ones_are_refused() -> None:
    work = Workload(400, 4)
    items = [item for device in work.devices for item in work.items(device)]
    assert {item.kind for item in items} == {"candidate", "invalid", "evidence"}
    for item in items:
        payload = work.payload(item)
        if item.kind == "invalid":
            with pytest.raises(WireError):
                decode(channel("up", "candidate"), payload, item.device)
            continue
        message = decode(channel("up", item.channel), payload, item.device)
        if isinstance(message, Candidate):
            assert abs(len(payload) - CANDIDATE_BYTES) <= 250
            assert message.candidate_id == name(item.number)
        else:
            assert isinstance(message, Evidence)
            assert len(message.data) == 100 * 1024


def test_the_stub_makes_one_case_for_a_key_and_counts_a_second_key_for_the_same_candidate() -> None:
    stub = Stub()
    body = json.dumps({"candidate_id": "cand-1"}).encode()
    while stub.answer("/reports", "a", body)[0] != 201:
        pass
    while stub.answer("/reports", "a", body)[0] != 201:
        pass
    assert stub.cases == {"cand-1": 1}
    while stub.answer("/reports", "b", body)[0] != 201:
        pass
    assert stub.cases == {"cand-1": 2}


def test_percentiles_are_of_the_ordered_values() -> None:
    assert percentile_ms([0.003, 0.001, 0.002], 0.5) == 2.0
    assert percentile_ms([], 0.5) is None


def test_a_fleet_that_trusts_the_puback_is_done_when_the_broker_has_everything(tmp_path: Path) -> None:
    broker = gateway_parts.broker(tmp_path)
    broker.start()
    fleet = Fleet(broker.port, Workload(200, 5), "puback", 10.0)
    fleet.connect()
    fleet.run(lambda: True)
    assert fleet.confirmed == fleet.total
    fleet.close()
    broker.kill()
    until(lambda: not gateway_parts.listens(broker.port), 5.0, "the broker's end")


@pytest.mark.slow
def test_killed_gateway_and_broker_and_a_registry_away_lose_and_double_nothing(tmp_path: Path) -> None:
    found = measure(tmp_path, Plan(candidates=400, publishers=10, half_s=1.0, away_s=0.5, resend_s=1.5))
    assert (found["lost"], found["doubled"], found["foreign"]) == (0, 0, 0)
    assert found["dead_letters"] == found["invalid"] > 0
    assert found["incidents"] == found["valid"]
    assert len(found["faults"]) == 5


@pytest.mark.slow
def test_two_runs_of_the_year_end_in_the_same_registry_hash_and_another_year_in_another(tmp_path: Path) -> None:
    found = gateway_year.twice(0.0005, seed=3)
    assert found["same_hash"]
    first, second = found["runs"]
    assert first["cases"] == first["incidents"] > 600
    assert 0 < first["filed"] < first["cases"] < found["reports"]
    assert (first["events"], first["filed"]) == (second["events"], second["filed"])
    assert gateway_year.replay(tmp_path, 780, seed=4)["registry_sha256"] != first["registry_sha256"]
