"""Two gateways on one PostgreSQL and one MQTT 5 broker: either may die at any moment, nothing is lost or doubled."""

import json
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from cluster_rig import NAMES, Cluster, Load, wait_for_receipt
from conftest import until
from gateway_helpers import Device, Phone, candidate, op
from postgres_server import PostgresServer

pytestmark = pytest.mark.slow
KILLS = int(os.environ.get("ZHUOMU_KILLS", "6"))
SEED = int(os.environ.get("ZHUOMU_SEED", "20261124"))
PAUSE_S_MAX = 5.0


@pytest.fixture
def cluster(tmp_path: Path, postgres: PostgresServer) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path, postgres)
    yield cluster
    cluster.stop()


def test_gateways_killed_at_random_moments_under_load_lose_nothing_and_double_nothing(cluster: Cluster) -> None:
    """ZHUOMU_KILLS=50 for the long run; what was measured goes to stderr as one line of JSON."""
    rng = random.Random(SEED)
    cluster.start()
    load = Load(cluster.broker.port, publishers=4, per_s=12.0, seed=SEED)
    load.start()
    usual_s = _usual_gap_s(load)
    pauses_s: list[float] = []
    for _ in range(KILLS):
        time.sleep(rng.uniform(0.2, 1.5))  # the moment is the point; there is nothing to wait for
        name = rng.choice(NAMES)
        killed_at = time.monotonic()
        cluster.kill(name)
        wait_for_receipt(load, killed_at, 30.0)
        cluster.start(name)  # ready: until now every receipt was the other one's
        pauses_s.append(_longest_gap(killed_at, load.receipts_after(killed_at)))
        sys.stderr.write(f"killed {len(pauses_s)} of {KILLS}: {name}, pause {pauses_s[-1]:.2f} s\n")
    load.stop(60.0)
    until(lambda: cluster.get("/api/summary")["forward_left"] == 0, 120.0, "everything forwarded")
    until(lambda: cluster.reconcile().reports["confirmed"] == load.things, 60.0, "everything mirrored")
    _nothing_lost_nothing_doubled(cluster, load)
    figures = {"kills": KILLS, "seed": SEED, "things": load.things, "twins": load.twins}
    figures |= {"usual_gap_s": round(usual_s, 2)}
    figures |= {"pause_s_max": round(max(pauses_s), 2), "pause_s_median": round(sorted(pauses_s)[KILLS // 2], 2)}
    sys.stderr.write(json.dumps(figures) + "\n")
    assert max(pauses_s) < max(PAUSE_S_MAX, 10 * usual_s), (pauses_s, usual_s)


def _usual_gap_s(load: Load) -> float:
    """The longest time without a receipt while nobody is killed: a busy machine is measured by its own."""
    began_at = time.monotonic() + wait_for_receipt(load, time.monotonic(), 60.0)
    time.sleep(3.0)
    return _longest_gap(began_at, [*load.receipts_after(began_at), time.monotonic()])


def _longest_gap(since: float, receipts: list[float]) -> float:
    return max(after - before for before, after in pairwise([since, *receipts]))


def _nothing_lost_nothing_doubled(cluster: Cluster, load: Load) -> None:
    told = cluster.reconcile()
    assert told.ok, told.faults
    assert (told.received, told.founded, told.merged, told.refused) == (
        load.things + load.twins,
        load.things,
        load.twins,
        0,
    )
    assert told.registry_hash == told.reports_hash
    registry = cluster.get("/summary", "registry")
    assert (registry["cases"], registry["by_event"]["reported"]) == (load.things, load.things)
    for publisher in load.publishers:
        assert not publisher.refused
        assert sorted(set(publisher.receipts)) == list(range(1, publisher.sent + 1))


def test_a_gateway_that_hangs_in_the_middle_gives_way_and_comes_back_without_harm(cluster: Cluster) -> None:
    """SIGSTOP: its connections stay open, so the database must end its transaction and the lease must run out."""
    cluster.start()
    load = Load(cluster.broker.port, publishers=3, per_s=12.0, seed=SEED)
    load.start()
    usual_s = _usual_gap_s(load)
    stopped_at = time.monotonic()
    for name in NAMES:  # each once, so that the one that forwards is among them
        cluster.process(name).process.send_signal(signal.SIGSTOP)
        wait_for_receipt(load, time.monotonic() + 4.0, 30.0)
        cluster.process(name).process.send_signal(signal.SIGCONT)
    assert wait_for_receipt(load, stopped_at, 1.0) < max(PAUSE_S_MAX, 10 * usual_s)
    load.stop(60.0)
    until(lambda: cluster.get("/api/summary")["forward_left"] == 0, 60.0, "everything forwarded")
    until(lambda: cluster.reconcile().reports["confirmed"] == load.things, 60.0, "everything mirrored")
    _nothing_lost_nothing_doubled(cluster, load)


def test_forwarding_and_work_orders_go_on_when_the_one_that_did_them_dies(cluster: Cluster) -> None:
    cluster.registry = {"auto_file": ["stall"], "auto_file_unmeasured": True, "crews": ["handset-1"]}
    cluster.start()
    kiosk, handset = Device(cluster.broker.port, "kiosk-1"), Phone(cluster.broker.port, "handset-1")
    kiosk.send(candidate(1))
    until(lambda: handset.orders, 30.0, "the first thing's order")
    first = handset.orders[0]
    (leader,) = {row["holder"].partition("@")[0] for row in cluster.leases() if row["name"] != "retention"}
    cluster.kill(leader)
    kiosk.send(candidate(2))
    until(lambda: any(w.lat != first.lat for w in handset.orders), 30.0, "the second thing's order")
    handset.send(*(op(first, kind) for kind in ("accepted", "disposed")))
    handset.settle()
    until(lambda: kiosk.on("verify"), 30.0, "a check of the first thing")
    kiosk.settle()
    handset.stop()
    kiosk.stop()
