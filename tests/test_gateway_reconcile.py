"""Reconciliation: everything adds up over the ways that a candidate can take, and whatever is taken away is found."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import forward_rig
import httpx
import msgspec
import pytest
import sqlalchemy as sa
from forward_rig import Rig, Server
from gateway_helpers import Centre, candidate
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from gateway import audit, books, reconcile, tables
from gateway.commands import app
from gateway.counters import Counters
from gateway.mirror import Mirror
from gateway.retention import Retention
from gateway.settings import GatewaySettings
from gateway.targets.embedded import EmbeddedRegistry
from gateway.targets.settings import TargetSettings

TO_REGISTRY = TargetSettings(name="registry", kind="registry", url="http://127.0.0.1:1")


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Centre]:
    centre = Centre(tmp_path_factory.mktemp("centre"))
    centre.start("registry")
    yield centre
    centre.stop()


@pytest.fixture
def rig(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    """Four candidates of three incidents: one merged, one sent twice under another number, one bad message."""
    monkeypatch.setattr(forward_rig, "url_for", lambda folder: database_url)
    rig = Rig(tmp_path, TO_REGISTRY)
    rig.commit(candidate(1), candidate(2), candidate(3))
    rig.commit(candidate(1, seq=8, device="drone-1", camera="down", candidate_id="o", place_id="p"))
    rig.commit(candidate(2, seq=9), candidate(4, seq=10, box=(9.0, 9.0, 1.0, 1.0)))
    yield rig
    rig.close()


def report(rig: Rig) -> reconcile.Report:
    with rig.database.read() as tx:
        return reconcile.reconcile(tx)


def change(rig: Rig, statement: sa.Executable) -> None:
    with rig.database.write() as tx:
        tx.execute(statement)


def test_received_is_founded_and_merged_and_the_refused_are_counted_apart(rig: Rig) -> None:
    told = report(rig)
    assert (told.received, told.accounted, told.founded, told.merged, told.refused) == (4, 4, 3, 1, 1)
    assert told.received_hash == told.accounted_hash != books.Sum().digest
    assert told.reports == {"waiting": 3, "forwarded": 0, "confirmed": 0, "dead_letter": 0, "unaccounted": 0}
    assert told.ok


def test_a_report_is_waiting_then_forwarded_then_confirmed_or_a_dead_letter(rig: Rig, centre: Centre) -> None:
    url = f"http://127.0.0.1:{centre.registry_port}"
    change(rig, sa.update(tables.forwards).where(tables.forwards.c.n == 3).values(body={"no": "report"}))
    with httpx.Client(base_url=url, trust_env=False) as client:
        assert rig.forwarder(EmbeddedRegistry("registry", client)).round() == 3
        assert report(rig).by_target == {
            "registry": {"waiting": 0, "forwarded": 2, "confirmed": 0, "dead_letter": 1, "unaccounted": 0}
        }
        Mirror(rig.database, client, Counters(), lambda: rig.now, 1.0, rig.news).round()
    settings = GatewaySettings(data=str(rig.folder), registry_url=url, database_url=forward_rig.url_for(rig.folder))
    told = audit.run(settings, offline=False)
    assert told.reports["confirmed"] == 2 and told.registry_hash == told.reports_hash and told.ok
    assert "everything is accounted for" in audit.as_text(told)


def test_a_case_that_the_registry_lost_is_found_by_asking_it(rig: Rig) -> None:
    incident_id = rig.incident()["incident_id"]
    row = {"case_id": "c", "incident_id": incident_id, "kind": "reported", "at": "", "data": {}, "n": 1}
    change(rig, sa.insert(tables.registry_events).values(row))
    change(rig, sa.update(tables.forwards).values(state="done"))
    with rig.database.read() as tx:
        assert reconcile.reconcile(tx, lambda: iter([incident_id, "inc-of-others"])).ok
        told = reconcile.reconcile(tx, lambda: iter(["inc-of-others"]))
    assert told.faults == [f"incident {incident_id} was confirmed once, the registry has no case of it"]
    assert told.registry_hash != told.reports_hash


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (tables.candidates, "receipted and not stored: drone-1/o"),
        (tables.incidents, "has no incident"),
        (tables.witnesses, "candidate drone-1/o has no incident"),
        (tables.forwards, "was never put on its way"),
        (tables.messages, "rows of the ledger are missing"),
    ],
)
def test_whatever_row_is_lost_is_missed(table: sa.Table, words: str, rig: Rig) -> None:
    column = table.c.device if "device" in table.c else table.c.n
    change(rig, sa.delete(table).where(column == ("drone-1" if "device" in table.c else 1)))
    told = report(rig)
    assert not told.ok and any(words in fault for fault in told.faults), told.faults


def test_one_candidate_in_anothers_place_is_found_by_hash_though_the_counts_agree(rig: Rig) -> None:
    for table in (tables.candidates, tables.witnesses):
        change(rig, sa.update(table).where(table.c.candidate_id == "cand-3").values(candidate_id="forged"))
    told = report(rig)
    assert told.received == told.accounted == 4 and told.received_hash != told.accounted_hash
    assert "receipted and not stored: kiosk-1/cand-3" in told.faults[0]


def test_what_retention_takes_out_of_the_ledger_still_adds_up(rig: Rig) -> None:
    change(rig, sa.update(tables.incidents).where(tables.incidents.c.n > 1).values(open=False))
    rig.now += timedelta(days=500)
    swept = Retention(GatewaySettings(), rig.database, rig.pictures, rig.counters, lambda: rig.now).sweep()
    assert swept.messages == 3  # two new candidates, one sent again; those of the open incident stay
    told = report(rig)
    assert (told.received, told.accounted, told.ok) == (4, 4, True)


def test_candidates_from_before_the_ledger_named_them_are_counted_as_such(rig: Rig) -> None:
    change(rig, sa.update(tables.messages).values(subject="", incident_id=""))
    rig.now += timedelta(seconds=1)
    rig.commit(candidate(7, seq=70))
    told = report(rig)
    assert (told.received, told.before_ledger, told.ok) == (5, 4, True)


def test_the_command_prints_json_and_its_exit_status_tells(rig: Rig, centre: Centre) -> None:
    config = rig.folder / "gateway.toml"
    where = f'data = "{rig.folder}"\ndatabase_url = "{forward_rig.url_for(rig.folder)}"\n'
    config.write_text(where + f'registry_url = "http://127.0.0.1:{centre.registry_port}"\n')
    run = lambda *more: CliRunner().invoke(app, ["reconcile", "--config", str(config), *more])  # noqa: E731
    good = run("--json")
    told = json.loads(good.stdout)
    assert (good.exit_code, told["ok"], told["received"], told["registry_asked"]) == (0, True, 4, True)
    change(rig, sa.delete(tables.forwards))
    bad = run()
    assert bad.exit_code == 1 and "不符 fault: incident inc-" in bad.stdout
    config.write_text(where + 'registry_url = "http://127.0.0.1:9"\n')
    silent = run()
    assert silent.exit_code == 2 and "leave it out with --offline" in silent.stderr
    nowhere = CliRunner().invoke(app, ["reconcile", "--offline", "--data", "/nowhere"])
    assert nowhere.exit_code == 2


TEXTS = st.lists(st.tuples(st.text(alphabet="ab"), st.text(alphabet="ab")), max_size=8)


@given(TEXTS, TEXTS, st.randoms())
@hypothesis_settings(max_examples=40, deadline=None)
def test_the_hash_of_a_set_does_not_depend_on_order_and_adds_up(
    first: list[tuple[str, str]], second: list[tuple[str, str]], rng: object
) -> None:
    both = [*first, *second]
    rng.shuffle(both)  # type: ignore[attr-defined]
    assert books.summed(first) + books.summed(second) == books.summed(both)
    assert (books.summed(first).digest == books.summed(second).digest) == (sorted(first) == sorted(second))


def test_the_report_is_plain_json(rig: Rig) -> None:
    assert msgspec.json.decode(audit.as_json(report(rig)))["faults"] == []


def test_what_another_system_took_is_confirmed_once_it_has_a_number(tmp_path: Path) -> None:
    server = Server(lambda *_: (200, '[{"token": "t"}]'))
    target = TargetSettings(name="city", kind="open311", url=server.url)
    from gateway.targets.open311 import Open311Client

    rig = Rig(tmp_path, target)
    rig.commit(candidate(1))
    rig.forwarder(Open311Client(target, httpx.Client(trust_env=False))).round()
    assert report(rig).by_target["city"]["forwarded"] == 1
    change(rig, sa.update(tables.deliveries).values(remote_id="5"))
    assert report(rig).by_target["city"]["confirmed"] == 1
    rig.close()
    server.close()
