"""The citizens' door: the six methods in both formats, error documents, photos, limits, and clients of other makers."""

import io
import sqlite3
import struct
import xml.etree.ElementTree as ET
import zlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import civicbot
import georeport
import pytest
import sqlalchemy as sa
from gateway_helpers import REPOSITORY, Centre
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PIL import Image
from registry_door import KEY, OTHER, REPORT, TOML, Rig, hashed, jpeg

from edge.link.settings import load
from gateway.registry.citizen_settings import ApiKey, CitizenSettings
from gateway.registry.citizen_tables import requests as rows
from gateway.registry.open311 import ROOT
from gateway.registry.photos import NoPicture, cleaned
from gateway.registry.throttle import Throttle, network_of
from gateway.times import utc_now


@pytest.fixture(scope="module")
def shared_rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    rig = Rig(tmp_path_factory.mktemp("door"))
    yield rig
    rig.close()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.close()


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Centre]:
    """The registry as a process with its door open; `stall` is switched on for filing without a person."""
    folder = tmp_path_factory.mktemp("centre")
    (folder / "open311.toml").write_text(TOML)
    registry = {"citizens": str(folder / "open311.toml"), "auto_file": ["stall"], "auto_file_unmeasured": True, "crews": ["handset-1"]}
    centre = Centre(folder, registry=registry)
    centre.start("registry")
    yield centre
    centre.stop()


def test_a_library_of_another_maker_files_and_follows_a_request(centre: Centre) -> None:
    """civicbot: service list, definition, POST, GET request, GET requests; then the case ends, and it sees that."""
    base = f"http://127.0.0.1:{centre.registry_port}{ROOT}"
    endpoint = civicbot.Endpoint(id="demo", name="demo", base_url=base, write=True)
    http = civicbot.HttpTransport()
    http.rate_limiter.min_interval = 0.0
    client = civicbot.Open311Client(endpoint, http, jurisdiction_id="demo.example")
    filed = client.create_request(
        "04-06",
        dry_run=False,
        confirm="SEND",
        api_key=KEY,
        validate_remote=True,
        lat=34.2,
        lng=117.2,
        description="占道",
    )
    request_id = filed.response[0]["service_request_id"]
    seen = client.get_request(request_id)
    assert seen is not None and (seen["status"], seen["service_code"]) == ("open", "04-06")
    person = {"person": "Wang", "file": False, "reason": "market hours", "cause": "permitted"}
    assert centre.registry_http.post(f"/cases/{request_id}/confirm", json=person).is_success
    [listed] = client.list_requests(service_request_ids=[request_id])
    assert (listed["status"], listed["status_notes"]) == ("closed", "rejected: market hours")


@pytest.mark.parametrize("form", ["json", "xml"])
def test_a_second_library_reads_services_and_requests_in_both_formats(form: str, centre: Centre) -> None:
    """georeport reads JSON and XML."""
    base = f"http://127.0.0.1:{centre.registry_port}{ROOT}"
    answer = centre.registry_http.post(f"{ROOT}/requests.json", data=REPORT | {"service_code": "01-10"})
    request_id = answer.json()[0]["service_request_id"]
    client = georeport.GeoReport(base, jurisdiction="demo.example", output_format=form)
    assert [s["service_code"] for s in client.get_service_list()][:2] == ["04-01", "04-05"]
    assert client.get_service_definition("04-06")["service_code"] == "04-06"
    one = client.get_service_request(request_id)
    assert (one["service_request_id"], one["status"], float(one["lat"])) == (request_id, "open", 34.2051234)


def test_a_citizens_report_waits_for_a_person_where_the_class_files_itself_for_cameras(centre: Centre) -> None:
    """Then it goes the registry's own way: filed by somebody, dispatched to a crew."""
    answer = centre.registry_http.post(f"{ROOT}/requests.json", data=REPORT)
    case_id = answer.json()[0]["service_request_id"]
    case = centre.registry_http.get(f"/cases/{case_id}").json()
    assert (case["state"], case["report"]["source"], case["report"]["description"]) == (
        "reported",
        "citizen",
        REPORT["description"],
    )
    centre.registry_http.post(f"/cases/{case_id}/confirm", json={"person": "Li", "file": True}).raise_for_status()
    assert centre.registry_http.get(f"/cases/{case_id}").json()["state"] == "dispatched"
    shown = centre.registry_http.get(f"{ROOT}/requests/{case_id}.json").json()[0]
    assert shown["status"] == "open" and shown["expected_datetime"].endswith("Z")


def test_the_six_methods_say_the_same_in_xml_and_json(shared_rig: Rig) -> None:
    request_id = shared_rig.file(service_code="04-10", **{"attribute[blocks]": "yes"})
    token = _row(shared_rig, request_id)["token"]
    paths = ("services", "services/04-10", "requests", f"requests/{request_id}", f"tokens/{token}")
    for path in paths:
        as_json, as_xml = shared_rig.get(f"{path}.json"), shared_rig.get(f"{path}.xml")
        assert (as_json.status_code, as_xml.status_code) == (200, 200)
        assert as_xml.headers["content-type"] == "text/xml; charset=utf-8"
        assert as_xml.text.startswith("<?xml version='1.0' encoding='utf-8'?>")
        assert _plain(as_json.json()) == _from_xml(ET.fromstring(as_xml.content)), path
    made = ET.fromstring(shared_rig.post("xml").content)
    assert made.tag == "service_requests" and made.findtext("request/service_request_id")


def _plain(value: object) -> object:
    """JSON as XML can say it: texts, no empty entries."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items() if v is not None and v != ""}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return str(value).lower() if isinstance(value, bool) else str(value)


def _from_xml(element: ET.Element) -> object:
    if element.tag in ("services", "service_requests", "attributes", "values"):
        return [_from_xml(child) for child in element]
    if len(element):
        found = {child.tag: _from_xml(child) for child in element}
        return {k: v for k, v in found.items() if v != ""}
    return element.text or ""


def _row(rig: Rig, case_id: str) -> dict[str, object]:
    with rig.own.read() as tx:
        return dict(tx.execute(sa.select(rows).where(rows.c.case_id == case_id)).mappings().one())


@pytest.mark.parametrize(
    ("fields", "code", "words"),
    [
        ({"api_key": None}, 403, "api_key is missing"),
        ({"api_key": "wrong"}, 403, "api_key is missing or not known"),
        ({"service_code": None}, 400, "service_code was not provided"),
        ({"service_code": "99-99"}, 404, "service_code '99-99' was not found"),
        ({"jurisdiction_id": "elsewhere"}, 404, "jurisdiction_id 'elsewhere' was not found"),
        ({"lat": None}, 400, "lat and long are required"),
        ({"lat": "nan"}, 400, "lat must be within 90"),
        ({"long": "east"}, 400, "must be numbers"),
        ({"description": "x" * 4001}, 400, "description is longer than 4000"),
        ({"media_url": "file:///etc/passwd"}, 400, "media_url must be http"),
        ({"service_code": "04-10"}, 400, r"attribute[blocks] is required"),
        ({"service_code": "04-10", "attribute[blocks]": "perhaps"}, 400, "'perhaps' is none of no, yes"),
        ({"attribute[unknown]": "1"}, 400, "attribute[unknown] is not in the service's definition"),
    ],
)
def test_a_wrong_request_gets_an_error_document_that_says_what_to_mend(
    fields: dict[str, str | None], code: int, words: str, shared_rig: Rig
) -> None:
    as_json = shared_rig.post("json", **fields)
    assert as_json.status_code == code
    assert as_json.json()[0]["code"] == code and words in as_json.json()[0]["description"]
    as_xml = ET.fromstring(shared_rig.post("xml", **fields).content)
    assert (as_xml.tag, as_xml.findtext("error/code")) == ("errors", str(code))
    assert words in (as_xml.findtext("error/description") or "")


@pytest.mark.parametrize(
    ("path", "params", "code"),
    [
        ("services.yaml", {}, 404),
        ("services/99-99.json", {}, 404),
        ("requests/nothing.json", {}, 404),
        ("tokens/nothing.json", {}, 404),
        ("requests.json", {"status": "lost"}, 400),
        ("requests.json", {"start_date": "yesterday"}, 400),
        ("requests.json", {"start_date": "2026-01-01T00:00:00"}, 400),
        ("requests.json", {"start_date": "2026-01-01T00:00:00Z", "end_date": "2026-12-01T00:00:00Z"}, 400),
        ("requests.json", {"page_size": "-1"}, 400),
        ("requests.json", {"api_key": "wrong"}, 403),
        ("services.json", {"jurisdiction_id": "elsewhere"}, 404),
    ],
)
def test_a_wrong_question_gets_an_error_document(path: str, params: dict[str, str], code: int, shared_rig: Rig) -> None:
    answer = shared_rig.get(path, **params)
    assert (answer.status_code, answer.json()[0]["code"]) == (code, code)


def test_requests_are_found_by_service_status_time_and_page(rig: Rig) -> None:
    first, second, third = (rig.file(service_code=code) for code in ("04-06", "01-10", "04-06"))
    rig.http.post(f"/cases/{third}/confirm", json={"person": "P", "file": False, "reason": "gone"})
    ids = lambda **params: [r["service_request_id"] for r in rig.get("requests.json", **params).json()]  # noqa: E731
    assert ids() == [third, second, first]
    assert ids(service_code="04-06") == [third, first]
    assert ids(status="closed") == [third] and ids(status="open") == [second, first]
    assert ids(page="2", page_size="1") == [second]
    assert ids(status="open", page="2", page_size="1") == [first]
    assert ids(end_date="2020-01-01T00:00:00Z") == []
    assert ids(service_request_id=f"{first},{third}", status="closed") == [first, third]


def test_words_and_photo_are_shown_to_the_application_that_filed_them_alone(rig: Rig) -> None:
    request_id = rig.file(files={"media": ("p.jpg", jpeg(), "image/jpeg")}, phone="13900000000", email="a@b.example")
    mine = rig.get(f"requests/{request_id}.json", api_key=KEY).json()[0]
    others = rig.get(f"requests/{request_id}.json", api_key=OTHER).json()[0]
    anyone = rig.get(f"requests/{request_id}.json").json()[0]
    assert mine["description"] == REPORT["description"] and "/media/" in mine["media_url"]
    assert {others["description"], others["media_url"], anyone["description"], anyone["media_url"]} == {None}
    assert "13900000000" not in rig.get(f"requests/{request_id}.json", api_key=KEY).text
    assert "13900000000" not in rig.http.get(f"/cases/{request_id}").text
    name = mine["media_url"].rpartition("/")[2]
    assert rig.get(f"media/{name}", api_key=KEY).headers["content-type"] == "image/jpeg"
    assert [rig.get(f"media/{name}", **p).status_code for p in ({}, {"api_key": OTHER})] == [404, 404]


def test_a_photo_is_written_anew_smaller_and_without_where_it_was_taken(rig: Rig) -> None:
    request_id = rig.file(files={"media": ("p.jpg", jpeg(2400, 600, gps=True), "image/jpeg")})
    kept = rig.door.photos.path(str(_row(rig, request_id)["photo"])).read_bytes()
    assert b"taken at home" not in kept
    with Image.open(io.BytesIO(kept)) as picture:
        assert (picture.format, picture.size, dict(picture.getexif())) == ("JPEG", (2048, 512), {})


def _bomb() -> bytes:
    """A PNG of a few bytes that says it is 60,000 x 60,000."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("data", [b"<html>no picture</html>", jpeg()[:300], _bomb(), b"GIF89a" + b"\0" * 50])
def test_what_is_no_whole_picture_of_bounded_size_is_refused_and_nothing_is_filed(data: bytes, rig: Rig) -> None:
    answer = rig.post(files={"media": ("p.jpg", data, "image/jpeg")})
    assert answer.status_code == 400 and answer.json()[0]["description"].startswith("media: ")
    assert rig.get("requests.json").json() == []


@given(st.integers(0, 2**32), st.binary(min_size=1, max_size=8))
@hypothesis_settings(max_examples=60, deadline=None)
def test_a_damaged_picture_is_a_picture_or_is_refused(at: int, damage: bytes) -> None:
    """Bytes overwritten anywhere, EXIF among them."""
    whole = jpeg(64, 48, gps=True)
    at %= len(whole)
    broken = whole[:at] + damage + whole[at + len(damage) :]
    try:
        assert cleaned(broken).startswith(b"\xff\xd8")
    except NoPicture as error:
        assert str(error)


def test_a_form_that_is_too_large_or_does_not_say_how_large_is_refused_unread(tmp_path: Path) -> None:
    rig = Rig(tmp_path, photo_bytes_max=1000)
    big = rig.post(files={"media": ("p.jpg", b"x" * 200_000, "image/jpeg")})
    endless = rig.http.post(
        f"{ROOT}/requests.json",
        content=iter([b"a=b"]),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    as_json = rig.http.post(f"{ROOT}/requests.json", json=REPORT)
    assert [a.status_code for a in (big, endless, as_json)] == [413, 411, 400]
    rig.close()


def test_no_outside_address_is_ever_fetched_it_is_kept_as_text(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the door opened a connection")

    monkeypatch.setattr("socket.socket.connect", refuse)
    request_id = rig.file(media_url="http://169.254.169.254/latest/meta-data")
    assert rig.get(f"requests/{request_id}.json", api_key=KEY).json()[0]["media_url"].startswith("http://169.254.")


def test_the_same_client_id_is_the_same_request_for_its_own_key_alone(rig: Rig) -> None:
    by_header = [rig.file(headers={"Idempotency-Key": "r-1"}) for _ in range(2)]
    by_attribute = [rig.file(**{"attribute[fixmystreet_id]": "77"}) for _ in range(2)]
    others = rig.file(api_key=OTHER, headers={"Idempotency-Key": "r-1"})
    assert len({*by_header, *by_attribute, others}) == 3
    changed = rig.post(headers={"Idempotency-Key": "r-1"}, description="something else")
    assert changed.status_code == 400 and "'r-1' was used for another request" in changed.text
    assert rig.http.get("/summary").json()["cases"] == 3


def test_while_the_registry_cannot_write_a_citizen_gets_a_token_and_the_request_later(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.database.engine.dispose()
    sa.event.listen(rig.database.engine, "connect", lambda c, _: c.execute("PRAGMA busy_timeout=20"))
    other = sqlite3.connect(tmp_path / "registry.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    first = rig.post().json()[0]
    assert "service_request_id" not in first and len(first["token"]) == 24
    assert rig.get(f"tokens/{first['token']}.json").json()[0]["service_request_id"] == ""
    other.execute("ROLLBACK")
    other.close()
    [found] = rig.get(f"tokens/{first['token']}.json").json()
    assert rig.get(f"requests/{found['service_request_id']}.json").json()[0]["status"] == "open"
    assert rig.http.get("/summary").json()["cases"] == 1
    rig.close()


def test_a_flood_from_one_address_is_refused_with_429_until_a_minute_is_over(tmp_path: Path) -> None:
    rig = Rig(tmp_path, posts_per_address_minute=2.0, address_header="X-Real-IP")
    post = lambda ip: rig.post("xml", headers={"X-Real-IP": ip})  # noqa: E731
    assert [post("192.0.2.1").status_code for _ in range(3)] == [201, 201, 429]
    refused = post("192.0.2.1")
    assert refused.headers["retry-after"] == "60" and ET.fromstring(refused.content).findtext("error/code") == "429"
    assert post("192.0.2.2").status_code == 201
    rig.now_s = 60.0
    assert post("192.0.2.1").status_code == 201
    rig.close()


def test_a_key_has_a_limit_of_its_own_over_all_addresses(tmp_path: Path) -> None:

    keys = [ApiKey(name="app", sha256=hashed(KEY), per_minute=2.0), ApiKey(name="other", sha256=hashed(OTHER))]
    rig = Rig(tmp_path, keys=keys, address_header="X-Real-IP")
    codes = [rig.post(headers={"X-Real-IP": f"192.0.2.{n}"}).status_code for n in range(3)]
    assert codes == [201, 201, 429]
    assert rig.post(api_key=OTHER).status_code == 201
    rig.close()


def test_the_limits_memory_is_bounded_and_an_ipv6_household_is_one_caller() -> None:
    throttle = Throttle(buckets_max=100)
    for number in range(1000):
        throttle.allows(f"name {number}", 10.0, 0.0)
    assert len(throttle) == 100
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:2") != network_of("2001:db8:0:1::1")


def test_the_example_settings_open_the_door_for_the_key_demo(tmp_path: Path) -> None:
    example = load(REPOSITORY / "configs" / "open311.toml", CitizenSettings)
    key = example.key_of("demo")
    assert key is not None and key.name == "demo-app"
    assert (example.key_of(""), example.key_of("Demo")) == (None, None)


def test_who_reported_is_forgotten_once_the_case_is_closed_and_old_and_never_before(rig: Rig) -> None:
    opened, closed = rig.file(phone="139"), rig.file(phone="138")
    rig.http.post(f"/cases/{closed}/confirm", json={"person": "P", "file": False, "reason": "gone"})
    assert rig.door.citizens.forget(utc_now() + timedelta(days=179)) == 0
    assert rig.door.citizens.forget(utc_now() + timedelta(days=181)) == 1
    assert (_row(rig, opened)["contact"], _row(rig, closed)["contact"]) == ({"phone": "139"}, {})
    assert rig.get(f"requests/{closed}.json").json()[0]["status"] == "closed"


@given(
    st.dictionaries(
        st.one_of(st.sampled_from(["lat", "long", "service_code", "description", "attribute[blocks]"]), st.text()),
        st.text(),
        max_size=8,
    )
)
@hypothesis_settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_no_form_makes_the_door_fail(shared_rig: Rig, fields: dict[str, str]) -> None:
    """Whatever is sent: filed, or an error document with a code below 500."""
    answer = shared_rig.http.post(f"{ROOT}/requests.xml", data={"api_key": KEY} | fields)
    shared_rig.now_s += 60.0
    assert answer.status_code in (201, 400, 403, 404)
    assert ET.fromstring(answer.content).tag == ("service_requests" if answer.status_code == 201 else "errors")
