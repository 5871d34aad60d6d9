"""Our Open311 client: against our own server from report to closed case, and against what other servers do."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from forward_rig import Reply, Rig, Server
from gateway_helpers import Centre, candidate
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from registry_door import KEY, TOML

from gateway import tables
from gateway.georeport import BadDocument, errors, parse, render
from gateway.targets.open311 import Open311Client
from gateway.targets.settings import TargetSettings


def client(url: str, **values: Any) -> tuple[TargetSettings, Open311Client]:
    row = {"name": "city", "kind": "open311", "url": url, "secret": KEY, "poll_s": 10.0}
    settings = TargetSettings(**(row | values))
    return settings, Open311Client(settings, httpx.Client(trust_env=False))


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Centre]:
    folder = tmp_path_factory.mktemp("centre")
    (folder / "open311.toml").write_text(TOML)
    centre = Centre(folder, registry={"citizens": str(folder / "open311.toml")})
    centre.start("registry")
    yield centre
    centre.stop()


@pytest.mark.parametrize(("form", "number"), [("json", 1), ("xml", 3)])
def test_a_candidate_is_filed_with_our_server_followed_and_closed_when_its_case_is(
    form: Any, number: int, tmp_path: Path, centre: Centre
) -> None:
    url = f"http://127.0.0.1:{centre.registry_port}/open311/v2"
    settings, city = client(url, format=form, jurisdiction_id="demo.example")
    rig = Rig(tmp_path, settings)
    rig.commit(candidate(number))
    forwarder, follower = rig.forwarder(city), rig.follower(city)
    assert (forwarder.round(), follower.round()) == (1, 1)
    assert (rig.incident()["state"], follower.round()) == ("taken", 0)
    request_id = rig.incident()["case_id"].removeprefix("city:")
    case = centre.registry_http.get(f"/cases/{request_id}").json()
    assert (case["class_code"], case["lat"], case["report"]["camera"]) == ("04-06", 34.2 + number / 1000, "app")
    person = {"person": "Wang", "file": False, "reason": "market hours"}
    centre.registry_http.post(f"/cases/{request_id}/confirm", json=person).raise_for_status()
    rig.later(12.0)
    assert (follower.round(), rig.news.is_set()) == (1, True)
    assert (rig.incident()["state"], rig.incident()["open"]) == ("closed", False)
    last = rig.rows(sa.select(tables.registry_events).order_by(tables.registry_events.c.n.desc()))[0]
    assert (last["kind"], last["data"]["reason"]) == ("closed", "rejected: market hours")
    rig.later(60.0)
    assert follower.round() == 0
    rig.close()


def test_an_attempt_whose_answer_was_lost_is_the_same_request_at_our_server(tmp_path: Path, centre: Centre) -> None:
    settings, city = client(f"http://127.0.0.1:{centre.registry_port}/open311/v2")
    rig = Rig(tmp_path, settings)
    rig.commit(candidate(2))
    before = centre.registry_http.get("/summary").json()["cases"]
    rig.forwarder(city).round()
    with rig.database.write() as tx:
        tx.execute(sa.update(tables.forwards).values(state="pending"))
    rig.forwarder(city).round()
    assert centre.registry_http.get("/summary").json()["cases"] == before + 1
    assert len(rig.rows(sa.select(tables.deliveries))) == 1
    rig.close()


class City:
    """Another maker's server, by what it answers: `posts` to POST, `pages` to GET by path."""

    def __init__(self) -> None:
        self.post: Reply = (201, "[]")
        self.pages: dict[str, Reply] = {}

    def __call__(self, method: str, path: str, _headers: Any, _body: bytes) -> Reply:
        return self.post if method == "POST" else self.pages.get(path.partition("?")[0], (404, "[]"))


@pytest.fixture
def city() -> City:
    return City()


@pytest.fixture
def server(city: City) -> Iterator[Server]:
    server = Server(city)
    yield server
    server.close()


def test_a_duplicate_means_delivered_and_the_request_is_found_by_its_words(
    tmp_path: Path, server: Server, city: City
) -> None:
    settings, target = client(server.url)
    rig = Rig(tmp_path, settings)
    rig.commit(candidate(1))
    words = f"04-06 stall [{rig.incident()['incident_id']}]"
    city.post = (400, '[{"code": 400, "description": "Invalid service request: base is a duplicate."}]')
    listed = [{"service_request_id": "1", "description": "other"}, {"service_request_id": 22, "description": words}]
    city.pages["/requests.json"] = (200, json.dumps(listed))
    assert rig.forwarder(target).round() == 1
    assert (rig.forwards()[0]["state"], rig.incident()["case_id"]) == ("done", "city:22")
    assert rig.rows(sa.select(tables.dead_letters)) == []
    rig.close()


def test_any_other_400_is_a_dead_letter(tmp_path: Path, server: Server, city: City) -> None:
    settings, target = client(server.url)
    rig = Rig(tmp_path, settings)
    rig.commit(candidate(1))
    city.post = (400, '[{"code": 400, "description": "service_code is not known"}]')
    rig.forwarder(target).round()
    [letter] = rig.rows(sa.select(tables.dead_letters))
    assert "service_code is not known" in letter["reason"]
    rig.close()


def test_a_token_is_asked_about_until_there_is_a_request_and_then_that_is_followed(
    tmp_path: Path, server: Server, city: City
) -> None:
    settings, target = client(server.url, codes={"04-06": "7"}, states={"in_progress": "taken", "fixed": "closed"})
    rig = Rig(tmp_path, settings)
    rig.commit(candidate(1))
    city.post = (200, '[{"token": "t 1", "service_request_id": null}]')
    rig.forwarder(target).round()
    follower = rig.follower(target)
    city.pages["/tokens/t%201.json"] = (200, '[{"token": "t 1"}]')
    assert (follower.round(), rig.incident()["case_id"]) == (1, "city:t 1")
    city.pages["/tokens/t%201.json"] = (200, '[{"token": "t 1", "service_request_id": "638344"}]')
    rig.later(12.0)
    assert (follower.round(), rig.incident()["case_id"]) == (1, "city:638344")
    city.pages["/requests.json"] = (200, '[{"service_request_id": "638344", "status": "FIXED"}]')
    rig.later(12.0)
    assert (follower.round(), rig.incident()["state"]) == (1, "closed")
    form = server.log[0][3].decode()
    assert "service_code=7&" in form and "lat=34.2010000" in form
    rig.close()


@pytest.mark.parametrize("body", ["", "<html>ok</html>", "{}", "[[1]]"])
def test_a_success_without_an_id_is_delivered_and_not_asked_about(
    body: str, tmp_path: Path, server: Server, city: City
) -> None:
    settings, target = client(server.url)
    rig = Rig(tmp_path, settings)
    rig.commit(candidate(1))
    city.post = (200, body)
    assert (rig.forwarder(target).round(), rig.follower(target).round()) == (1, 0)
    assert rig.forwards()[0]["last_error"].startswith("delivered, ")
    rig.close()


def test_a_server_that_fails_while_it_is_asked_changes_nothing(tmp_path: Path, server: Server, city: City) -> None:
    settings, target = client(server.url)
    rig = Rig(tmp_path, settings)
    rig.commit(candidate(1))
    city.post = (200, '[{"service_request_id": "5"}]')
    rig.forwarder(target).round()
    follower = rig.follower(target)
    for reply, error in (((500, "x"), httpx.HTTPStatusError), ((200, "no json"), BadDocument)):
        city.pages["/requests.json"] = reply
        with pytest.raises(error):
            follower.round()
    city.pages["/requests.json"] = (200, '[{"service_request_id": "6", "status": "closed"}]')
    assert (follower.round(), rig.incident()["state"]) == (1, "taken")
    rig.close()


@pytest.mark.parametrize(
    "content",
    [
        b'<!DOCTYPE a [<!ENTITY b "bbbb">]><errors><error><code>&b;</code></error></errors>',
        b"<errors><error>",
        '<?xml version="1.0"?><errors/>'.encode("utf-16"),
        b"<a>" * 100 + b"x" * (4 * 1024 * 1024),
    ],
)
def test_xml_with_entities_half_written_or_endless_is_refused(content: bytes) -> None:
    with pytest.raises(BadDocument):
        parse(content, "xml")


@hypothesis_settings(max_examples=40, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(["code", "description"]), st.text(), min_size=1), min_size=1))
def test_what_is_written_is_read_again_in_both_formats(rows: list[dict[str, str]]) -> None:
    """Up to characters that XML has no way to write, and white space at the ends."""
    assert parse(render("errors", rows, "json"), "json") == rows
    found = parse(render("errors", rows, "xml"), "xml")
    assert [sorted(row) for row in found] == [sorted(row) for row in rows]


def test_the_error_document_is_the_specifications() -> None:
    error = "<error><code>403</code><description>x</description></error>"
    head = "<?xml version='1.0' encoding='utf-8'?>\n"
    assert errors(403, "x", "xml").decode() == f"{head}<errors>{error}</errors>"
    assert json.loads(errors(403, "x", "json")) == [{"code": 403, "description": "x"}]
