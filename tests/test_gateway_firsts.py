"""Who saw a thing first: by numbers and receipts, from the gateway to the rewards; never by a device's clock."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from forward_rig import Rig
from gateway_helpers import EPOCH, START, candidate
from test_registry_reward import ANN, HERE, NOON, Town

from edge.wire import Candidate, Op, Place, Point
from gateway import regroup
from gateway.registry import api, standard
from gateway.registry.tables import cases
from gateway.targets.embedded import EmbeddedRegistry
from gateway.targets.settings import TargetSettings
from gateway.times import to_text

CODE = next(c.code for c in standard.read().classes if c.case_class == "stall")
WRONG = timedelta(hours=-7)  # how far the handset's clock is off


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    (tmp_path / "gateway").mkdir()
    made = Rig(tmp_path / "gateway", TargetSettings(name="registry", kind="registry", url="http://registry"))
    made.now = NOON
    yield made
    made.close()


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    (tmp_path / "registry").mkdir()
    made = Town(tmp_path / "registry")
    yield made
    made.close()


def handset(seq: int, kind: Any, rig: Rig, **values: Any) -> Op:
    """An operation of a handset whose clock is wrong by hours."""
    op_id = f"00000000-0000-4000-8000-{seq:012}"
    return Op(device="handset-1", epoch=EPOCH, seq=seq, op_id=op_id, kind=kind, at=rig.now + WRONG, **values)


def report(seq: int, rig: Rig) -> Op:
    return handset(seq, "report", rig, case_class="stall", points=[Point(at=rig.now + WRONG, lat=HERE[0], lon=HERE[1])])


def deliver(rig: Rig, town: Town) -> str:
    """The handset's report reaches the registry; its case."""
    target = EmbeddedRegistry("registry", TestClient(api.build(town.registry)))
    assert rig.forwarder(target).round() == 1
    (row,) = rig.forwards()
    with town.database.read() as tx:
        mine = cases.c.incident_id == row["incident_id"]
        return str(tx.execute(sa.select(cases.c.case_id).where(mine)).scalar_one())


def at(rig: Rig, town: Town, hours: float) -> None:
    rig.now = town.now = NOON + timedelta(hours=hours)


def test_an_offline_handset_is_first_by_what_it_numbered_after_its_report(rig: Rig, town: Town) -> None:
    """Its report came in last; number 3, made after it, had come in before the citizen's report."""
    late = report(2, rig)
    rig.commit(handset(1, "shift_on", rig), handset(3, "shift_off", rig))
    at(rig, town, 0.5)
    mine = town.citizen(ANN, code=CODE)
    at(rig, town, 3)
    rig.commit(late)
    assert rig.forwards()[0]["body"]["received_at"] == to_text(NOON)
    theirs = deliver(rig, town)
    town.file(mine, theirs)
    town.run()
    assert town.why(theirs) == ("rewarded", "first") and town.why(mine)[0] == "refused"


def test_a_handset_that_says_it_was_earlier_is_not(rig: Rig, town: Town) -> None:
    """Its own clock says seven hours before; nothing that the centre received proves it."""
    at(rig, town, 0.5)
    mine = town.citizen(ANN, code=CODE)
    at(rig, town, 3)
    rig.commit(report(1, rig))
    theirs = deliver(rig, town)
    town.file(mine, theirs)
    town.run()
    assert town.why(mine) == ("rewarded", "first") and town.why(theirs)[0] == "refused"


def seen(device: str, name: str, seq: int, metres: float = 0.0, **values: Any) -> Candidate:
    place = Place(lat=HERE[0] + metres / 111_320, lon=HERE[1], error_major_m=1.0, error_minor_m=1.0)
    own = {"device": device, "candidate_id": name, "place_id": f"place-{name}", "seq": seq, "place": place}
    own |= {"box": (100.0 + metres * 10, 100.0, 101.0 + metres * 10, 101.0)}
    return candidate(1, **{**own, "first_seen": START - timedelta(hours=9), **values})


def told(rig: Rig, path: str) -> list[dict[str, Any]]:
    return [row["body"] for row in rig.forwards() if row["path"] == path]


def test_a_report_says_whose_number_it_is_and_since_when_that_is_proven(rig: Rig) -> None:
    rig.commit(seen("kiosk-1", "far", 7, metres=900))
    rig.later(3600)
    rig.commit(seen("kiosk-1", "near", 5))
    first, second = told(rig, "/reports")
    assert (first["source"], first["epoch"], first["seq"], first["received_at"]) == ("kiosk", EPOCH, 7, to_text(NOON))
    assert (second["device"], second["seq"], second["received_at"]) == ("kiosk-1", 5, to_text(NOON))


def test_a_later_witness_that_is_proven_earlier_is_told_and_no_other(rig: Rig) -> None:
    rig.commit(seen("kiosk-2", "far", 7, metres=900))
    rig.later(3600)
    rig.commit(seen("kiosk-1", "a", 1))
    rig.later(3600)
    rig.commit(seen("kiosk-2", "b", 5), seen("kiosk-3", "c", 1))
    (order,) = told(rig, "/sightings")
    assert (order["device"], order["seq"], order["received_at"]) == ("kiosk-2", 5, to_text(NOON))
    assert order["incident_id"] == told(rig, "/reports")[1]["incident_id"]


def test_a_merge_and_a_split_are_told_with_who_is_first_on_either_side(rig: Rig) -> None:
    rig.commit(seen("kiosk-1", "a", 1))
    rig.later(60)
    rig.commit(seen("kiosk-2", "b", 1, metres=200))
    one, two = (body["incident_id"] for body in told(rig, "/reports"))
    with rig.database.write() as tx:
        regroup.merge(tx, two, one, "Li Wei", "one stall", to_text(rig.now))
    with rig.database.write() as tx:
        regroup.split(tx, two, [("kiosk-1", "a")], "Li Wei", "two after all", to_text(rig.now))
    merged, split = told(rig, "/groupings")
    assert (merged["kind"], merged["first"]["device"], merged.get("other_first")) == ("merge", "kiosk-1", None)
    assert (split["kind"], split["first"]["device"], split["other_first"]["device"]) == ("split", "kiosk-2", "kiosk-1")
