"""Handsets on the shipped loop against the real gateway and broker: work, photos, bad input, a lost handset."""

import hashlib
import json
import random
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from gateway_helpers import REPOSITORY, Centre, Device, Phone, candidate, eventually, op, op_id

from edge.handset.handset import Handset
from edge.handset.loop import Loop
from edge.link import Broker
from edge.wire import Delta, ErrorCode, Notice, Order, PhotoState, Piece, Pull
from gateway import tables
from gateway.bulk import Bulk
from gateway.database import Database, sqlite_url
from gateway.sync.books import SqlBooks
from gateway.sync.desk import Desk
from gateway.times import to_text

REGISTRY = {"auto_file": ["stall"], "auto_file_unmeasured": True, "crews": ["crew-a"], "recheck_s": 0.3}
JPEG = b"\xff\xd8\xff" + bytes(range(256)) * 1200  # 300 KiB: two pieces


class Town:
    """A centre with a kiosk, and handsets of crew-a on one loop."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.centre = Centre(folder, {"resend_s": 0.3}, REGISTRY)
        self.centre.start()
        self.kiosk = Device(self.centre.mqtt_port, "kiosk-1")
        for name in ("phone-1", "phone-2", "phone-3"):
            self.manage("enrol", name, "crew-a")

    def manage(self, *args: str) -> str:
        """`zhuomu gateway handsets ...` beside the running gateway."""
        command = [sys.executable, "-m", "zhuomu", "gateway", "handsets", *args, "--data", str(self.folder / "gateway")]
        done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, check=True)
        return done.stdout

    def handset(self, name: str, http: str = "") -> Handset:
        """One of crew-a's, its files below the town's folder."""
        broker = Broker(port=self.centre.mqtt_port)
        return Handset(self.folder / "phones", name, broker, random.Random(1), jitter_s=0.0, bulk=bool(http))

    def go(self, loop: Loop, condition: Callable[[], object], what: str) -> None:
        """Drive a loop until something holds."""
        end_s = time.monotonic() + 60.0
        loop.run(lambda: bool(condition()) or time.monotonic() > end_s)
        assert condition(), what

    def picture_stored(self, data: bytes) -> bool:
        """Whether the evidence store has these bytes."""
        name = hashlib.sha256(data).hexdigest()
        path = self.folder / "gateway" / "evidence" / name[:2] / name
        return path.is_file() and path.read_bytes() == data


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    town = Town(tmp_path_factory.mktemp("town"))
    yield town
    town.kiosk.stop()
    town.centre.stop()


def _do(handset: Handset, kind: Any, order_id: str, note: str = "", photos: Any = ()) -> None:
    handset.replica.do(kind, datetime.now(UTC), str(uuid.uuid4()), order_id, note, photos=photos)
    handset.session.poke()


def test_two_phones_of_a_crew_share_an_order_and_its_photo_trails_it_in_pieces(town: Town) -> None:
    one, two = town.handset("phone-1"), town.handset("phone-2")
    loop = Loop([one, two])
    town.kiosk.send(candidate(1))
    town.go(loop, lambda: one.replica.orders() and two.replica.orders(), "the order on both phones")
    order = one.replica.orders()[0]
    _do(one, "disposed", order.order_id, photos=[(JPEG, "after")])
    assert one.replica.orders() == []  # its own work is shown at once
    town.go(loop, lambda: two.replica.order(order.order_id).step == "disposed", "the other phone sees it")
    town.go(loop, lambda: not one.replica.photos_waiting() and not one.replica.pending(), "photo and checkpoint")
    assert town.picture_stored(JPEG) and one.replica.shelf() == []
    _do(two, "photo", order.order_id, photos=[(JPEG, "after")])
    pieces = town.centre.get("/api/counters")["photos_taken"]
    town.go(loop, lambda: not two.replica.photos_waiting() and not two.replica.pending(), "the same photo again")
    assert town.centre.get("/api/counters")["photos_taken"] == pieces  # identical photos are sent once
    loop.close()


def test_work_done_offline_on_both_phones_ends_with_one_word_and_a_visible_review(town: Town) -> None:
    one, two = town.handset("phone-1"), town.handset("phone-2")
    loop = Loop([one, two])
    town.kiosk.send(candidate(2))
    town.go(loop, lambda: one.replica.orders() and two.replica.orders(), "the order on both phones")
    order_id = one.replica.orders()[0].order_id
    loop.close()
    one, two = town.handset("phone-1"), town.handset("phone-2")  # both offline now
    _do(one, "disposed", order_id)
    _do(two, "returned", order_id, "not our street")
    loop = Loop([one, two])
    town.go(loop, lambda: not one.replica.pending() and not two.replica.pending(), "both in step")
    assert one.replica.order(order_id).step == two.replica.order(order_id).step != ""
    [(_, code, words, kept)] = [*one.replica.shelf(), *two.replica.shelf()]
    assert code == ErrorCode.FORBIDDEN_STATE and order_id in words and kept["order_id"] == order_id
    assert order_id in [row["order_id"] for row in town.centre.get("/api/handsets/reviews")]
    loop.close()


def test_simulated_crews_dispose_of_what_they_are_sent_and_bring_everything_out(town: Town, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(JPEG)
    town.kiosk.send(candidate(3))
    command = [sys.executable, "-m", "zhuomu", "handset", "sim", "--count", "1", "--prefix", "phone", "--json"]
    command += ["--data", str(tmp_path / "crews"), "--port", str(town.centre.mqtt_port), "--work-s", "0.5"]
    command += ["--jitter-s", "0", "--photo", str(tmp_path / "photo.jpg")]
    sim = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY)
    eventually(lambda: _disposed(town, 3), "the disposal at the registry", 60.0)
    sim.terminate()
    out, _ = sim.communicate(timeout=60)
    ready, told = map(json.loads, out.splitlines())
    assert ready == {"event": "handset.ready", "devices": ["phone-1"]}
    assert (told["left"], told["drained"], told["shelf"]) == (0, True, 0) and told["current_s"] is not None


def _disposed(town: Town, number: int) -> bool:
    rows = town.centre.get("/api/incidents")
    row = next((r for r in rows if r["witnesses"][0]["place_id"] == f"place-{number}"), None)
    return row is not None and row["state"] in ("disposed", "checking")


def test_much_is_fetched_over_http_with_the_cursor_and_a_token_that_only_the_handset_was_given(town: Town) -> None:
    _many_notices(town, 130)
    url = f"http://127.0.0.1:{town.centre.http_port}"
    phone = town.handset("phone-3", url)
    asked: list[str] = []
    loop = Loop([phone], url)
    assert loop._http is not None
    loop._http.event_hooks["request"].append(lambda request: asked.append(request.headers["authorization"]))
    town.go(loop, lambda: phone.session.current, "in step")
    assert len(phone.replica.notices(datetime.now(UTC))) == 130
    assert asked and all(header.startswith("Bearer phone-3.") for header in asked)
    loop.close()
    forged = {"Authorization": asked[0].replace("phone-3", "phone-1")}
    answer = httpx.get(f"{url}/api/sync/page", params={"epoch": "0123456789abcdef"}, headers=forged)
    assert answer.status_code == 401 and "token" in answer.json()["detail"]


def _many_notices(town: Town, count: int) -> None:
    """As a desk at the centre would write them, beside the running gateway."""
    now = datetime.now(UTC)
    database = Database(sqlite_url(town.folder / "gateway" / "gateway.sqlite3"), tables.metadata, tables.SCHEMA_VERSION)
    with database.write() as tx:
        desk = Desk(SqlBooks(tx, Bulk(tx), to_text(now)), lambda: now)
        for number in range(count):
            words = Notice(notice_id=f"n-{number}", title="words", at=now, expires=now + timedelta(hours=1))
            desk.notice("crew-a", words)
    database.close()


def _photo(phone: Phone, **values: Any) -> PhotoState:
    row: dict[str, Any] = {"device": phone.name, "sha256": "b" * 64, "media_type": "image/jpeg", "kind": "after"}
    before = len(phone.on("photostate"))
    phone.say(Piece(**{**row, **values}))
    return phone.next_down("photostate", before)  # type: ignore[no-any-return]


def test_bad_photos_are_refused_with_a_code_and_words_and_leave_nothing(town: Town) -> None:
    phone = Phone(town.centre.mqtt_port, "phone-3", "00000000000000aa")
    assert _photo(phone, size_bytes=0).code == ErrorCode.EMPTY_PHOTO
    assert _photo(phone, size_bytes=40 * 1024 * 1024 + 1).code == ErrorCode.TOO_LARGE
    wrong = _photo(phone, size_bytes=5, data=b"hello")
    assert wrong.code == ErrorCode.HASH_MISMATCH and "sha256" in wrong.reason
    assert _photo(phone, size_bytes=5).have_bytes == 0  # from its first byte again
    phone.stop()


def test_a_forged_crew_a_stale_version_a_replay_and_an_unknown_order_are_answered_and_lose_nothing(town: Town) -> None:
    thief = Phone(town.centre.mqtt_port, "handset-1", "00000000000000bb")  # a crew of its own
    order = _an_order(town)
    thief.send(op(order, "disposed"))
    thief.send(msgspec.structs.replace(op(order, "accepted", "x"), order_id="wo-none"))
    thief.settle()
    assert thief.refused == {1: ErrorCode.WRONG_CREW, 2: ErrorCode.UNKNOWN_REFERENCE}
    thief.cursor = "Zm9yZ2VkIGN1cnNvcg"
    thief.pull()
    eventually(lambda: any(isinstance(d, Delta) and d.reset for d in thief.on("delta")), "a new beginning")
    again = msgspec.structs.replace(op(order, "accepted"), seq=1, base_version=99, op_id=op_id("replayed"))
    thief.put(1, "op", msgspec.json.encode(msgspec.structs.replace(again, device="handset-1", epoch=thief.epoch)))
    thief.settle()
    letters = [r for r in town.centre.get("/api/dead_letters") if r["device"] == "handset-1"]
    assert sorted(r["code"] for r in letters) == [ErrorCode.UNKNOWN_REFERENCE, ErrorCode.WRONG_CREW]
    thief.stop()


def _an_order(town: Town) -> Order:
    phone = Phone(town.centre.mqtt_port, "phone-3", "00000000000000cc")
    eventually(lambda: phone.orders, "an order")
    order = phone.orders[0]
    phone.stop()
    return order


def test_a_lost_handset_is_cut_wiped_and_what_it_leaves_is_listed(town: Town) -> None:
    lost = town.handset("phone-2")
    loop = Loop([lost])
    town.go(loop, lambda: lost.session.current, "in step")
    assert lost.book.number("select count(*) from things") > 0
    town.manage("revoke", "phone-2", "lost on the bus")
    town.go(loop, lambda: lost.replica.wiped, "wiped")
    assert lost.book.number("select count(*) from things") == 0

    def row() -> dict[str, Any]:
        return next(r for r in town.centre.get("/api/handsets") if r["device"] == "phone-2")

    town.go(loop, lambda: row()["wiped_at"], "the centre heard it")
    loop.close()
    assert "ops" in town.centre.get("/api/handsets/phone-2/unsent")["told"]
    thief = Phone(town.centre.mqtt_port, "phone-2", "00000000000000dd")
    eventually(lambda: thief.on("wipe"), "a wipe at the next contact")
    thief.send(op(_an_order(town), "accepted", "stolen"))
    thief.settle()
    assert thief.refused == {1: ErrorCode.REVOKED} and not thief.on("delta")
    thief.stop()


def test_a_pull_names_its_own_device_alone(town: Town) -> None:
    phone = Phone(town.centre.mqtt_port, "phone-3", "00000000000000ee")
    phone.say(Pull(device="phone-1", epoch=phone.epoch))
    eventually(lambda: [r for r in town.centre.get("/api/dead_letters") if r["device"] == "phone-3"], "a dead letter")
    assert town.centre.get("/api/dead_letters")[0]["code"] == ErrorCode.WRONG_SENDER
    phone.stop()
