"""Networks over HTTP from a real server: whole, signed and in limits, or not at all; what broke off goes on."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import uvicorn
from conftest import free_port, until
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI, Request

from edge.care import pack
from edge.care.fetch import CHUNK, FetchFailed, Releases, client_for
from edge.care.release import Golden, Part, Release, ReleaseRefused, Thing
from edge.care.selftest import self_test
from edge.evidence.key import PublicKey
from gateway import fleet_api, fleet_releases

KEY = Ed25519PrivateKey.generate()
KEYS = [PublicKey(KEY.public_key())]


class Server:
    """The gateway's own routes, served by uvicorn; `ranges`: which Range each request had."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ranges: list[str] = []
        app = FastAPI()
        fleet_api.add_fleet(app, None, folder, "", lambda: datetime.now(UTC), lambda: None)  # type: ignore[arg-type]

        @app.middleware("http")
        async def note(request: Request, go_on: Any) -> Any:
            self.ranges.append(request.headers.get("range", ""))
            return await go_on(request)

        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None))
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        until(lambda: self._server.started, what="the server")

    def client(self) -> httpx.Client:
        """A kiosk's."""
        return client_for(self.url)

    def stop(self) -> None:
        """End."""
        self._server.should_exit = True
        self._thread.join(10.0)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """On a free port."""
    one = Server(tmp_path / "gateway")
    yield one
    one.stop()


def release(server: Server, name: str, key: Ed25519PrivateKey = KEY, size: int = 3 * CHUNK + 17) -> str:
    """A release of that many bytes at the gateway; no network that could run."""
    out = server.folder.parent / f"made-{name}"
    out.mkdir()
    (out / "net.onnx").write_bytes(name.encode() * (size // len(name)) + b"." * (size % len(name)))
    (out / "golden.jpg").write_bytes(b"picture")
    parts = [
        Part(name=file, size_bytes=(out / file).stat().st_size, sha256=pack.sha256_of(out / file))
        for file in ("net.onnx", "golden.jpg")
    ]
    golden = Golden(picture="golden.jpg", things=[Thing(name="stall", score=0.9, box=(0, 0, 9, 9))])
    pack.write(out, Release(name=name, network="net.onnx", files=parts, golden=golden), key)
    return fleet_releases.add(out, server.folder)


def releases(folder: Path, bytes_max: int = 10**8) -> Releases:
    """A kiosk's own, two at most."""
    return Releases(folder / "releases", KEYS, 2, bytes_max)


def never() -> bool:
    """The kiosk goes on."""
    return False


def test_a_download_that_broke_off_goes_on_where_it_stopped(server: Server, tmp_path: Path) -> None:
    """Over a new start of the kiosk too: what has come lies on the disk."""
    name = release(server, "one")
    calls = iter([False, True])
    with server.client() as client, pytest.raises(FetchFailed, match="kiosk stops"):
        releases(tmp_path).fetch(client, name, lambda: next(calls))
    have = (tmp_path / "releases" / f".part-{name[:32]}" / "net.onnx").stat().st_size
    assert have >= 1 and not releases(tmp_path).has(name)
    with server.client() as client:
        assert releases(tmp_path).fetch(client, name, never).name == "one"
    assert f"bytes={have}-" in server.ranges
    assert releases(tmp_path).checked(name).network == "net.onnx"
    asked = len(server.ranges)
    with server.client() as client:
        releases(tmp_path).fetch(client, name, never)
    assert len(server.ranges) == asked, "what lies here is not fetched again"


def test_what_was_damaged_on_the_disk_is_fetched_anew(server: Server, tmp_path: Path) -> None:
    """A bit that turned is no reason to do without."""
    name = release(server, "one")
    kept = releases(tmp_path)
    with server.client() as client:
        kept.fetch(client, name, never)
        (kept.of(name) / "net.onnx").write_bytes(b"x")
        with pytest.raises(ReleaseRefused, match="1 bytes, the manifest says"):
            kept.checked(name)
        kept.fetch(client, name, never)
    assert kept.checked(name).name == "one"


def test_a_stranger_s_signature_a_size_and_another_manifest_are_refused(server: Server, tmp_path: Path) -> None:
    """Before a byte of the network is asked for."""
    stranger = release(server, "two", Ed25519PrivateKey.generate())
    large = release(server, "large")
    with server.client() as client:
        with pytest.raises(ReleaseRefused, match="no trusted key signed"):
            releases(tmp_path).fetch(client, stranger, never)
        with pytest.raises(ReleaseRefused, match="the limit is 1000"):
            releases(tmp_path, bytes_max=1000).fetch(client, large, never)
        with pytest.raises(ReleaseRefused, match="no such release"):
            releases(tmp_path).fetch(client, "0" * 64, never)
        (server.folder / "releases" / large / "release.json").write_bytes(b"{}")
        with pytest.raises(ReleaseRefused, match="not the one that was wished for"):
            releases(tmp_path).fetch(client, large, never)
    assert not list((tmp_path / "releases").glob(".part-*/net.onnx"))


def test_a_changed_or_longer_file_is_refused_and_not_kept(server: Server, tmp_path: Path) -> None:
    """However it came to be so at the gateway."""
    name = release(server, "one")
    served = server.folder / "releases" / name / "net.onnx"
    body = served.read_bytes()
    served.write_bytes(b"X" + body[1:])
    with server.client() as client:
        with pytest.raises(ReleaseRefused, match="is not the manifest's"):
            releases(tmp_path).fetch(client, name, never)
        served.write_bytes(body + b"more")
        with pytest.raises(ReleaseRefused, match="more bytes come"):
            releases(tmp_path).fetch(client, name, never)
        served.write_bytes(body)
        with pytest.raises(ReleaseRefused, match="is not the manifest's"):
            (tmp_path / "releases" / f".part-{name[:32]}" / "net.onnx").write_bytes(b"y" * len(body))
            releases(tmp_path).fetch(client, name, never)
        assert releases(tmp_path).fetch(client, name, never).name == "one"


def test_a_gateway_that_is_away_is_no_refusal(tmp_path: Path) -> None:
    """It is asked again later."""
    with client_for(f"http://127.0.0.1:{free_port()}") as client, pytest.raises(FetchFailed, match="release 000000"):
        releases(tmp_path).fetch(client, "0" * 64, never)


def test_no_more_releases_than_the_limit_stay_and_those_in_use_do(server: Server, tmp_path: Path) -> None:
    """The oldest that nobody needs goes first."""
    kept = releases(tmp_path)
    names = [release(server, f"r{n}", size=100) for n in range(4)]
    with server.client() as client:
        for name in names:
            kept.fetch(client, name, never)
    kept.tidy({names[0]})
    assert [kept.has(name) for name in names] == [True, False, False, True]


def test_a_network_that_cannot_be_loaded_fails_its_self_test_in_words(server: Server, tmp_path: Path) -> None:
    """In a process of its own."""
    release(server, "one")
    with pytest.raises(ReleaseRefused, match="no manifest beside the network"):
        self_test(server.folder.parent / "made-one")
    with pytest.raises(ReleaseRefused, match="did not end in 0 s"):
        self_test(server.folder.parent / "made-one", limit_s=0.01)


def test_a_manifest_with_a_path_in_it_is_refused() -> None:
    """Or one that forgets its own network."""
    from edge.care.release import parsed

    part = {"name": "net.onnx", "size_bytes": 1, "sha256": "0" * 64}
    golden = {"picture": "g.jpg", "things": [{"name": "stall", "score": 0.9, "box": [0, 0, 1, 1]}]}
    good = {"name": "n", "network": "net.onnx", "files": [part, {**part, "name": "g.jpg"}], "golden": golden}
    assert parsed(msgspec.json.encode(good)).bytes_total == 2
    for changed in (
        {"files": [{**part, "name": "../net.onnx"}]},
        {"files": [part]},
        {"files": [part, part, {**part, "name": "g.jpg"}]},
        {"network": "other.onnx"},
    ):
        with pytest.raises(ReleaseRefused):
            parsed(msgspec.json.encode({**good, **changed}))
