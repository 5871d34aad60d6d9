"""Evidence behind an S3 API: moved on from the disk, shown from either, and no candidate or receipt waits for it."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as TheirCredentials
from conftest import until
from gateway_helpers import Centre, Device, candidate, picture
from s3_server import BUCKET, KEY, SECRET, S3Server

from edge.wire import EvidenceRef
from gateway.counters import Counters
from gateway.s3 import Bucket, S3Failed, S3Settings
from gateway.s3_store import S3Store
from gateway.sigv4 import EMPTY, Credentials, signed
from gateway.times import utc_now

DATA = b"\xff\xd8\xff" + b"x" * 1000
SHA256 = hashlib.sha256(DATA).hexdigest()
KEY_OF = f"evidence/{SHA256[:2]}/{SHA256}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    made = S3Server(tmp_path_factory.mktemp("s3"))
    made.start()
    yield made
    made.kill()


def bucket(server: S3Server, folder: Path, name: str = BUCKET) -> Bucket:
    (folder / "secret").write_text(SECRET)
    settings = S3Settings(endpoint=server.url, bucket=name, key_id=KEY, secret_file=str(folder / "secret"))
    return Bucket(settings, utc_now)


def store(server: S3Server, folder: Path, spool: int = 10**9, name: str = BUCKET) -> tuple[S3Store, Counters]:
    counters = Counters()
    return S3Store(folder / "evidence", 10**9, bucket(server, folder, name), spool, counters), counters


def shown(store: S3Store, sha256: str = SHA256) -> bytes | None:
    found = store.show(sha256)
    return None if found is None else b"".join(found.pieces)


def test_amazons_own_example_has_amazons_own_signature() -> None:
    """'GET Object' of the specification that gateway/sigv4.py names."""
    credentials = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1")
    now = datetime(2013, 5, 24, tzinfo=UTC)
    url = "https://examplebucket.s3.amazonaws.com/test.txt"
    headers = signed(credentials, "GET", url, EMPTY, now, {"range": "bytes=0-9"})
    assert headers["authorization"].endswith("f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")


def test_our_signature_of_an_upload_is_botocores(server: S3Server) -> None:
    now = utc_now()
    url = f"{server.url}/{BUCKET}/{KEY_OF}"
    request = AWSRequest("PUT", url, data=DATA, headers={"X-Amz-Content-SHA256": SHA256})
    theirs = S3SigV4Auth(TheirCredentials(KEY, SECRET), "s3", "us-east-1")
    theirs.add_auth(request)
    at = datetime.strptime(request.context["timestamp"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    ours = signed(Credentials(KEY, SECRET, "us-east-1"), "PUT", url, SHA256, at)
    assert ours["authorization"].rpartition("=")[2] == request.headers["Authorization"].rpartition("=")[2]
    assert abs((at - now).total_seconds()) < 60


def test_what_was_kept_moves_to_the_bucket_under_its_hash_and_is_shown_from_there(
    server: S3Server, tmp_path: Path
) -> None:
    kept, counters = store(server, tmp_path)
    kept.keep(SHA256, DATA)
    assert (shown(kept), kept.spool_bytes) == (DATA, len(DATA))
    kept.round()
    assert not kept.path(SHA256).exists() and kept.spool_bytes == 0 and kept.has(SHA256)
    assert server.client.get_object(Bucket=BUCKET, Key=KEY_OF)["Body"].read() == DATA
    assert (shown(kept), counters["s3_put"]) == (DATA, 1)
    kept.remove([SHA256])
    kept.round()
    assert (shown(kept), kept.has(SHA256), counters["s3_deleted"]) == (None, False, 1)


def test_a_deletion_is_not_forgotten_by_a_kill_nor_done_when_the_picture_came_again(
    server: S3Server, tmp_path: Path
) -> None:
    kept, _ = store(server, tmp_path)
    kept.keep(SHA256, DATA)
    kept.round()
    kept.remove([SHA256])
    after, _ = store(server, tmp_path)
    after.round()
    assert KEY_OF not in server.held()
    kept.keep(SHA256, DATA)
    kept.remove([SHA256])
    kept.keep(SHA256, DATA)
    kept.round()
    assert shown(kept) == DATA


def test_past_the_spools_bound_nothing_more_is_taken_and_what_waits_is_shown(server: S3Server, tmp_path: Path) -> None:
    kept, counters = store(server, tmp_path, spool=1500, name="no-such-bucket")
    kept.keep(SHA256, DATA)
    with pytest.raises(S3Failed, match="HTTP 404"):
        kept.round()
    with pytest.raises(OSError, match="wait for the bucket"):
        kept.keep("0" * 64, DATA)
    part = tmp_path / "part"
    part.write_bytes(DATA)
    with pytest.raises(OSError, match="wait for the bucket"):
        kept.adopt("1" * 64, part)
    assert part.exists() and counters["spool_full"] == 2 and shown(kept) == DATA
    again, _ = store(server, tmp_path)
    assert again.spool_bytes == len(DATA), "what waits is counted anew after a start"


def jpeg(seed: int) -> bytes:
    done, data = cv2.imencode(".jpg", np.random.default_rng(seed).integers(0, 255, (64, 64, 3), np.uint8))
    assert done
    return data.tobytes()


@pytest.mark.slow
def test_a_bucket_that_is_away_delays_no_receipt_and_gets_everything_when_it_is_back(tmp_path: Path) -> None:
    server = S3Server(tmp_path)
    server.start()
    (tmp_path / "secret").write_text(SECRET)
    s3 = {"endpoint": server.url, "bucket": BUCKET, "key_id": KEY, "secret_file": str(tmp_path / "secret")}
    centre = Centre(tmp_path, gateway={"s3": {**s3, "timeout_s": 2.0}})
    centre.start()
    kiosk = Device(centre.mqtt_port, "kiosk-1")
    first, second = jpeg(1), jpeg(2)
    try:
        _send(kiosk, 1, first)
        until(lambda: len(server.held()) == 1, 20, "the first picture in the bucket")
        server.kill()
        _send(kiosk, 2, second)
        assert centre.http.get(f"/evidence/{hashlib.sha256(second).hexdigest()}").content == second
        assert centre.http.get(f"/evidence/{hashlib.sha256(first).hexdigest()}").status_code == 503
        centre.kill("gateway")
        server.start()
        centre.start("gateway")
        sha256 = hashlib.sha256(second).hexdigest()
        until(lambda: server.held() == [f"evidence/{sha256[:2]}/{sha256}"], 20, "the second picture in the bucket")
        assert centre.http.get(f"/evidence/{sha256}").content == second
        assert not (tmp_path / "gateway" / "evidence" / sha256[:2] / sha256).exists()
    finally:
        kiosk.stop()
        centre.stop()
        server.kill()


def _send(kiosk: Device, number: int, data: bytes) -> None:
    sent = picture(data)
    ref = EvidenceRef(sha256=sent.sha256, media_type="image/jpeg", size_bytes=len(data), kind="crop", redacted=True)
    kiosk.send(candidate(number, evidence=[ref]), sent)
    kiosk.settle()
