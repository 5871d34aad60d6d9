"""Photos at both ends of what is allowed, from a handset to the centre's disk."""

import hashlib
import random
import subprocess
import sys
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import REPOSITORY, missing

from bench.handsets import orders
from bench.handsets.processes import Centre
from bench.processes import NoMosquitto
from edge.handset.handset import Handset
from edge.handset.loop import Loop
from edge.wire import PHOTO_BYTES_MAX

DEVICE = "h-1"
WAIT_S = 240.0


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


def _empty(centre: Centre, folder: Path) -> None:
    (folder / "empty.jpg").touch()
    command = [sys.executable, "-m", "zhuomu", "handset", "dispose", f"wo-{DEVICE}-1", "--device", DEVICE]
    command += ["--data", str(folder / "phones"), "--port", str(centre.port), "--photo", str(folder / "empty.jpg")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, check=False)
    assert (done.returncode, done.stderr) == (2, "error: the photo has 0 bytes; take it again (code 123)\n")
    handset = Handset(folder / "phones", DEVICE, centre.broker, random.Random(1))
    assert handset.replica.order(f"wo-{DEVICE}-1").step == "" and handset.replica.pending() == []
    handset.book.close()
