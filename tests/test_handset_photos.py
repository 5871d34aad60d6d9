"""Photos at both ends of what is allowed, from a handset to the centre's disk."""

import hashlib
import random
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import REPOSITORY, missing

from bench.handsets import orders
from bench.handsets.processes import Centre
from bench.processes import NoMosquitto
from edge.handset.handset import Handset
from edge.handset.loop import Loop
from edge.handset.photos import FileBox
from edge.handset.tus import CHUNK_BYTES
from edge.up.ports import free_port
from edge.wire import PHOTO_BYTES_MAX

DEVICE = "h-1"
WAIT_S = 240.0
SOON_S = 30.0


@pytest.mark.slow
def test_the_largest_photo_arrives_whole_and_one_of_nothing_is_told_at_once(tmp_path: Path) -> None:
    orders.write(tmp_path / "gateway", [DEVICE], 2)
    centre = Centre(tmp_path)
    try:
        centre.start_broker()
        centre.start_gateway()
        _largest(centre, tmp_path)
        _empty(centre, tmp_path)
    except NoMosquitto as error:
        missing(str(error))
    finally:
        centre.stop()


def _largest(centre: Centre, folder: Path) -> None:
    handset = Handset(folder / "phones", DEVICE, centre.broker, random.Random(1), "test", 0.0)
    loop = Loop([handset])
    end_s = time.monotonic() + WAIT_S
    loop.run(lambda: handset.session.current or time.monotonic() > end_s)
    order_id = handset.replica.orders()[0].order_id
    data = b"\xff\xd8\xff" + random.Random(2).randbytes(PHOTO_BYTES_MAX - 3)
    handset.replica.do("disposed", datetime.now(UTC), str(uuid.uuid4()), order_id, photos=[(data, "after")])
    handset.session.poke()
    loop.run(lambda: not handset.replica.pending() or time.monotonic() > end_s)
    assert handset.replica.photos_waiting()  # the order was there long before its photo
    loop.run(lambda: not handset.replica.photos_waiting() or time.monotonic() > end_s)
    assert handset.replica.photos_waiting() == [] and handset.replica.shelf() == []
    loop.close()
    name = hashlib.sha256(data).hexdigest()
    assert (folder / "gateway" / "evidence" / name[:2] / name).read_bytes() == data
    assert list((folder / "phones" / f"{DEVICE}.photos").iterdir()) == []  # deleted once it was proven there


class Counted(FileBox):
    """A handset's photos; counts what is read, and can hold the reader up as a slow network does."""

    def __init__(self, folder: Path, hold_after: int | None = None) -> None:
        super().__init__(folder)
        self.read_bytes, self.reads, self._hold_after = 0, 0, hold_after

    def read(self, sha256: str, offset: int, size_bytes: int) -> bytes:
        """As it is; late, once it is to hold."""
        self.reads += 1
        if self._hold_after is not None and self.reads > self._hold_after:
            time.sleep(0.5)
        data = super().read(sha256, offset, size_bytes)
        self.read_bytes += len(data)
        return data


def _opened(
    centre: Centre, folder: Path, device: str, http: str, hold_after: int | None = None
) -> tuple[Loop, Counted]:
    handset = Handset(folder / "phones", device, centre.broker, random.Random(1), "test", 0.0, bulk=True)
    box = Counted(folder / "phones" / f"{device}.photos", hold_after)
    handset.replica.box = box
    return Loop([handset], http), box


def _disposed(loop: Loop, data: bytes) -> Handset:
    """The order is disposed of with this photo, and the centre has the operation."""
    (handset,) = loop.handsets
    _until(loop, lambda: handset.session.current)
    order_id = handset.replica.orders()[0].order_id
    handset.replica.do("disposed", datetime.now(UTC), str(uuid.uuid4()), order_id, photos=[(data, "after")])
    handset.session.poke()
    _until(loop, lambda: not handset.replica.pending())
    return handset


def _until(loop: Loop, what: Callable[[], bool]) -> None:
    end_s = time.monotonic() + SOON_S
    loop.run(lambda: what() or time.monotonic() > end_s)
    assert what()


@pytest.mark.slow
def test_a_large_photo_goes_by_tus_from_where_a_kill_left_it_and_the_same_one_is_sent_once(tmp_path: Path) -> None:
    orders.write(tmp_path / "gateway", [DEVICE, "h-2"], 2)
    centre = Centre(tmp_path)
    try:
        centre.start_broker()
        centre.start_gateway()
        data = b"\xff\xd8\xff" + random.Random(3).randbytes(20 * CHUNK_BYTES)
        name = hashlib.sha256(data).hexdigest()
        kept = tmp_path / "gateway" / "evidence" / name[:2] / name
        loop, box = _opened(centre, tmp_path, DEVICE, centre.http, hold_after=5)
        _disposed(loop, data)
        _until(loop, lambda: box.reads > 5)
        loop.close()  # in the middle of it
        (part,) = (tmp_path / "gateway" / "tus" / DEVICE).glob("*.part")
        left = part.stat().st_size
        assert 5 * CHUNK_BYTES <= left < len(data) and not kept.exists()
        loop, box = _opened(centre, tmp_path, DEVICE, centre.http)
        (again,) = loop.handsets
        _until(loop, lambda: not again.replica.photos_waiting())
        assert box.read_bytes == len(data) - left and again.replica.shelf() == []
        loop.close()
        assert kept.read_bytes() == data and _known(tmp_path, name) == (1, 0, len(data))
        loop, box = _opened(centre, tmp_path, "h-2", centre.http)
        second = _disposed(loop, data)
        _until(loop, lambda: not second.replica.photos_waiting())
        assert box.read_bytes == 0 and second.replica.shelf() == []
        loop.close()
        counted = centre.counters()
        assert counted["uploads_done"] == 1 and counted.get("photos_taken", 0) == 0
    except NoMosquitto as error:
        missing(str(error))
    finally:
        centre.stop()


def _known(folder: Path, sha256: str) -> tuple[int, int, int]:
    """(stored, redacted, bytes) of what the gateway knows of a photo that an order names."""
    with closing(sqlite3.connect(folder / "gateway" / "gateway.sqlite3")) as database:
        named = "sha256 in (select sha256 from evidence_refs)"
        row = database.execute(
            f"select stored, redacted, size_bytes from evidence where sha256 = ? and {named}", (sha256,)
        ).fetchone()
    return (int(row[0]), int(row[1]), int(row[2]))


@pytest.mark.slow
def test_a_large_photo_goes_in_pieces_where_no_http_reaches_the_centre(tmp_path: Path) -> None:
    orders.write(tmp_path / "gateway", [DEVICE], 2)
    centre = Centre(tmp_path)
    try:
        centre.start_broker()
        centre.start_gateway()
        data = b"\xff\xd8\xff" + random.Random(4).randbytes(3 * CHUNK_BYTES)
        loop, _ = _opened(centre, tmp_path, DEVICE, f"http://127.0.0.1:{free_port()}")
        handset = _disposed(loop, data)
        _until(loop, lambda: not handset.replica.photos_waiting())
        assert handset.replica.shelf() == [] and centre.counters()["photos_taken"] == 1
        loop.close()
        name = hashlib.sha256(data).hexdigest()
        assert (tmp_path / "gateway" / "evidence" / name[:2] / name).read_bytes() == data
    except NoMosquitto as error:
        missing(str(error))
    finally:
        centre.stop()


def _empty(centre: Centre, folder: Path) -> None:
    (folder / "empty.jpg").touch()
    command = [sys.executable, "-m", "zhuomu", "handset", "dispose", f"wo-{DEVICE}-1", "--device", DEVICE]
    command += ["--data", str(folder / "phones"), "--port", str(centre.port), "--photo", str(folder / "empty.jpg")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, check=False)
    assert (done.returncode, done.stderr) == (2, "error: the photo has 0 bytes; take it again (code 123)\n")
    handset = Handset(folder / "phones", DEVICE, centre.broker, random.Random(1))
    assert handset.replica.order(f"wo-{DEVICE}-1").step == "" and handset.replica.pending() == []
    handset.book.close()
