"""The mirror beside another gateway's."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from forward_rig import Reply, Rig, Server
from gateway_helpers import candidate

from gateway import tables
from gateway.mirror import Mirror
from gateway.targets.settings import TargetSettings


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path, TargetSettings(name="registry", kind="registry", url="http://127.0.0.1:1"))
    rig.commit(candidate(1))
    yield rig
    rig.close()


def test_a_page_that_comes_after_another_gateway_went_further_changes_nothing(rig: Rig) -> None:
    """While one waits for its page of two events, the other asks and applies three; then the one goes on."""
    incident_id = rig.incident()["incident_id"]
    kinds = ("reported", "taken", "filed")
    events = [
        {"n": n, "at": "2026-11-24T08:00:00.000000Z", "case_id": "c-1", "incident_id": incident_id, "kind": kind}
        for n, kind in enumerate(kinds, 1)
    ]
    asked: list[str] = []

    def reply(_method: str, path: str, _headers: object, _body: bytes) -> Reply:
        asked.append(path)
        first = len(asked) == 1
        if first:
            assert mirror.round() == 3
        return 200, json.dumps({"events": events[:2] if first else events, "newest": 3})

    server = Server(reply)
    with httpx.Client(base_url=server.url, trust_env=False) as client:
        mirror = Mirror(rig.database, client, rig.counters, lambda: rig.now, 1.0, rig.news)
        mirror.round()
    server.close()
    assert rig.rows(sa.select(tables.cursors.c.after)) == [{"after": 3}]
    assert [row["kind"] for row in rig.rows(sa.select(tables.registry_events))] == list(kinds)
    assert rig.incident()["state"] == "filed"
