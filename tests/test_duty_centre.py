"""Duty with the real processes: broker, registry with a plan, gateway, handsets."""

import random
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from duty_town import CITY, crew, plan
from gateway_helpers import Centre, Device, candidate

from edge.handset.handset import Handset
from edge.handset.loop import Loop
from edge.link import Broker
from gateway import tables
from gateway.bulk import Bulk
from gateway.database import Database, sqlite_url
from gateway.registry.duty.plan import Plan, Rules
from gateway.sync.books import SqlBooks
from gateway.sync.desk import Desk
from gateway.times import to_text, utc_now

AREAS = tuple(CITY.patrol_areas)


def _plan() -> Plan:
    everywhere = [crew("crew-a", "all", areas=AREAS), crew("police-1", "all", areas=AREAS, kind="police")]
    return plan(*everywhere, rules=Rules(approve=["extend"]))


def _go(loop: Loop, condition: Callable[[], object], what: str) -> None:
    end_s = time.monotonic() + 60.0
    loop.run(lambda: bool(condition()) or time.monotonic() > end_s)
    assert condition(), what


def _handset(centre: Centre, folder: Path, name: str, into: str) -> Handset:
    database = Database(sqlite_url(folder / "gateway" / "gateway.sqlite3"), tables.metadata, tables.SCHEMA_VERSION)
    with database.write() as tx:
        bulk = Bulk(tx)
        Desk(SqlBooks(tx, bulk, to_text(utc_now())), utc_now).enrol(name, into)
        bulk.flush()
    database.close()
    return Handset(folder / "phones", name, Broker(port=centre.mqtt_port), random.Random(1), jitter_s=0.0)


def _do(handset: Handset, kind: Any, order_id: str = "", **values: Any) -> None:
    handset.replica.do(kind, datetime.now(UTC), str(uuid.uuid4()), order_id, **values)
    handset.session.poke()


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Centre]:
    (tmp_path / "duty.json").write_bytes(msgspec.json.encode(_plan()))
    (tmp_path / "city.json").write_bytes(msgspec.json.encode(CITY))
    registry = {
        "auto_file": ["stall"],
        "auto_file_unmeasured": True,
        "duty": str(tmp_path / "duty.json"),
        "city": str(tmp_path / "city.json"),
    }
    centre = Centre(tmp_path, {"resend_s": 0.3}, registry)
    centre.start()
    yield centre
    centre.stop()


@pytest.mark.slow
def test_a_candidate_reaches_the_crew_on_duty_and_police_and_a_wish_is_granted_by_a_person(
    centre: Centre, tmp_path: Path
) -> None:
    kiosk = Device(centre.mqtt_port, "kiosk-1")
    mine = _handset(centre, tmp_path, "phone-1", "crew-a")
    police = _handset(centre, tmp_path, "phone-7", "police-1")
    loop = Loop([mine, police])
    kiosk.send(candidate(1))
    _go(loop, mine.replica.orders, "the order at the crew on duty")
    (order,) = mine.replica.orders()
    task = {"person": "Ms Shen", "crew": "police-1", "task": "keep the road free"}
    http, key = centre.registry_http, {"Idempotency-Key": "join-1"}
    http.post(f"/cases/{order.case_id}/parties", json=task, headers=key).raise_for_status()
    _go(loop, police.replica.orders, "the police's own order")
    assert [o.note for o in police.replica.orders()] == ["keep the road free"]
    _do(mine, "extend", order.order_id, note="lorry", hours=1.0)
    _go(loop, lambda: http.get("/duty/asks").json()["asks"], "the wish waits for a person")
    (ask,) = http.get("/duty/asks").json()["asks"]
    answer, key = {"person": "Ms Shen", "grant": True}, {"Idempotency-Key": "decide-1"}
    http.post(f"/duty/asks/{ask['ask_id']}/decide", json=answer, headers=key).raise_for_status()
    _go(loop, lambda: mine.replica.order(order.order_id).answer == "granted", "granted, on the handset")
    assert mine.replica.order(order.order_id).deadline > order.deadline
    _do(mine, "disposed", order.order_id)
    closed = {"person": "Ms Shen", "reason": "seen"}
    _go(loop, lambda: http.get(f"/cases/{order.case_id}").json()["state"] == "checking", "disposed")
    http.post(f"/cases/{order.case_id}/force-close", json=closed, headers={"Idempotency-Key": "c"}).raise_for_status()
    _go(loop, lambda: not police.replica.orders(), "the police's order ends with the case")
    loop.close()
    kiosk.stop()
