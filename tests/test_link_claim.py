"""Claiming, renewing, and what a device says when TLS fails; over real HTTPS with the city's own authority."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import uvicorn
from conftest import free_port, until
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from fastapi import FastAPI

from edge.link import identity
from edge.link.claim import Code, NotClaimed, claim, renew
from edge.link.mqtt import Broker, Connection
from edge.link.renewal import Renewal
from edge.link.settings import SettingsError
from edge.link.tls import Tls, client_context
from gateway import tables
from gateway.counters import Counters
from gateway.database import Database, sqlite_url
from gateway.devices import door, known
from gateway.devices.ca import Authority, BadRequest, CaUnusable, public_key_of
from gateway.devices.phones import Phones

NOW = datetime.now(UTC)


class Centre:
    """The devices' door on HTTPS, in a thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority.make(folder / "ca", "testcity", NOW)
        self.database = Database(sqlite_url(folder / "g.sqlite3"), tables.metadata, tables.SCHEMA_VERSION)
        self.counters = Counters()
        key, issued = self.authority.issue_server(["localhost"], NOW)
        (folder / "s.key").write_bytes(key)
        (folder / "s.crt").write_bytes(issued.pem)
        self.port = free_port()
        self.url = f"https://localhost:{self.port}"
        app = FastAPI()
        registrar = door.Registrar(
            self.database, lambda: Authority.load(folder / "ca"), self.counters, lambda: datetime.now(UTC), 30.0
        )
        phones = Phones(self.database, self.counters, lambda: datetime.now(UTC), 30.0)
        door.add_door(app, registrar, phones, self.counters, time.monotonic)
        config = uvicorn.Config(
            app, "127.0.0.1", self.port, log_config=None, ssl_keyfile=folder / "s.key", ssl_certfile=folder / "s.crt"
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        until(lambda: self.server.started, 20.0, "HTTPS")

    def code(self, device: str = "kiosk-1", life: timedelta = timedelta(hours=1)) -> Code:
        with self.database.write() as tx:
            secret = known.invite(tx, device, "", datetime.now(UTC), life)
        return Code(device, secret, self.authority.fingerprint[:32])

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(10.0)
        self.database.close()


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Centre]:
    made = Centre(tmp_path)
    yield made
    made.stop()


def test_a_code_becomes_a_certificate_for_a_key_that_stays_on_the_device(centre: Centre, tmp_path: Path) -> None:
    folder = tmp_path / "identity"
    until_when = claim(centre.url, centre.code(), folder)
    mine = identity.load(folder)
    assert mine.certificate.subject.rfc4514_string() == "CN=kiosk-1"
    assert timedelta(days=29) < until_when - datetime.now(UTC) <= timedelta(days=30)
    assert [oct(path.stat().st_mode & 0o777) for path in (folder, folder / "identity.pem")] == ["0o700", "0o600"]
    private = mine.key.private_numbers().private_value.to_bytes(32, "big")
    assert all(private not in path.read_bytes() for path in centre.folder.rglob("*") if path.is_file())


def test_a_code_is_good_once_and_not_for_ever_and_for_its_own_device(centre: Centre, tmp_path: Path) -> None:
    code = centre.code()
    claim(centre.url, code, tmp_path / "a")
    for bad in (code, centre.code(life=timedelta(0)), Code("kiosk-9", centre.code().secret, code.fingerprint)):
        with pytest.raises(NotClaimed, match="the code is wrong, used or too old"):
            claim(centre.url, bad, tmp_path / "b")
    assert not (tmp_path / "b").exists()
    assert centre.counters["identity_refused"] == 3


def test_the_code_is_not_told_to_a_centre_with_another_authority_nor_over_plain_http(
    centre: Centre, tmp_path: Path
) -> None:
    code = centre.code()
    with pytest.raises(NotClaimed, match="not the centre that gave this code"):
        claim(centre.url, Code(code.device, code.secret, "0" * 32), tmp_path / "a")
    with pytest.raises(NotClaimed, match="would go over the network readable"):
        claim("http://192.0.2.1:8080", code, tmp_path / "a")
    with pytest.raises(NotClaimed, match="DEVICE:SECRET:FINGERPRINT"):
        Code.parse("kiosk-1")
    claim(centre.url, code, tmp_path / "a")


def test_a_device_renews_by_itself_before_its_certificate_runs_out(centre: Centre, tmp_path: Path) -> None:
    folder = tmp_path / "identity"
    claim(centre.url, centre.code(), folder)
    first = identity.load(folder)
    early = Renewal(folder)
    assert early.look() == 600.0
    late = Renewal(folder, clock=lambda: first.renew_at)
    late.look()
    second = identity.load(folder)
    assert (early.renewed, late.renewed) == (0, 1)
    assert second.certificate.serial_number != first.certificate.serial_number
    assert second.key.private_numbers() != first.key.private_numbers()


def test_a_revoked_device_is_given_no_new_certificate_and_asks_ever_more_rarely(centre: Centre, tmp_path: Path) -> None:
    folder = tmp_path / "identity"
    claim(centre.url, centre.code(), folder)
    with centre.database.write() as tx:
        known.revoke(tx, "kiosk-1", "lost", datetime.now(UTC))
    with pytest.raises(NotClaimed, match=r"403.*revoked"):
        renew(folder)
    renewal = Renewal(folder, clock=lambda: datetime.now(UTC) + timedelta(days=29))
    waits = [renewal.look() for _ in range(3)]
    assert renewal.failures == 3
    assert waits[2] >= 60.0


def test_a_stolen_certificate_without_its_key_renews_nothing(centre: Centre, tmp_path: Path) -> None:
    folder = tmp_path / "identity"
    claim(centre.url, centre.code(), folder)
    mine = identity.load(folder)
    identity.store(folder, mine.about, mine.key, mine.certificate.public_bytes(serialization.Encoding.PEM), b"")
    (folder / "ca.crt").write_bytes(centre.authority.bundle())
    other = identity.new_key()
    pem = other.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "identity.pem").write_bytes(mine.certificate.public_bytes(serialization.Encoding.PEM) + pem)
    with pytest.raises(NotClaimed, match="not by the certificate's key"):
        renew(folder)


def test_claiming_again_makes_the_former_certificate_void(centre: Centre, tmp_path: Path) -> None:
    claim(centre.url, centre.code(), tmp_path / "old")
    claim(centre.url, centre.code(), tmp_path / "new")
    with pytest.raises(NotClaimed, match="revoked"):
        renew(tmp_path / "old")
    renew(tmp_path / "new")


def test_two_authorities_are_good_during_a_change_over_and_one_after_it(centre: Centre, tmp_path: Path) -> None:
    folder = tmp_path / "identity"
    claim(centre.url, centre.code(), folder)
    old = identity.load(folder).certificate
    centre.authority.rotate(datetime.now(UTC))
    with pytest.raises(CaUnusable, match="change-over is under way"):
        centre.authority.rotate(datetime.now(UTC))
    renew(folder)
    new = identity.load(folder).certificate
    assert len(x509.load_pem_x509_certificates((folder / "ca.crt").read_bytes())) == 2
    assert centre.authority.issued_by(old)
    assert centre.authority.issued_by(new)
    centre.authority.finish()
    assert (centre.authority.issued_by(old), centre.authority.issued_by(new)) == (False, True)


def test_only_a_signed_request_with_a_p256_key_is_certified() -> None:
    weak = rsa.generate_private_key(65537, 2048)
    name = x509.Name([])
    csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(weak, hashes.SHA256())
    good = identity.request(identity.new_key(), "kiosk-1")
    for bad, why in (
        (csr.public_bytes(serialization.Encoding.PEM), "P-256"),
        (b"x", "PKCS#10"),
        (b"x" * 9000, "9000 bytes"),
        (good[:-40] + b"AAAA" + good[-36:], "request"),
    ):
        with pytest.raises(BadRequest, match=why):
            public_key_of(bad)


class TlsServer:
    """Accepts TLS and says nothing; wants a client's certificate when `ca` is given."""

    def __init__(self, cert: Path, ca: Path | None = None) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert)
        if ca is not None:
            context.load_verify_locations(ca)
            context.verify_mode = ssl.CERT_REQUIRED
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self._context = context
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                raw, _ = self.socket.accept()
                with self._context.wrap_socket(raw, server_side=True) as tls:
                    tls.recv(1)
            except ssl.SSLError:
                continue
            except OSError:
                if self.socket.fileno() < 0:
                    return


def server_file(folder: Path, authority: Authority, name: str, now: datetime) -> Path:
    key, issued = authority.issue_server([name], now)
    path = folder / f"{name}.pem"
    path.write_bytes(key + issued.pem)
    return path


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("expired", "its certificate has expired"),
        ("wrong host", "its certificate is for another name"),
        ("unknown authority", "from an unknown authority"),
        ("no certificate of ours", "it asks for a certificate and we have none"),
        ("no TLS there", "no TLS is spoken on that port"),
    ],
)
def test_what_is_wrong_with_a_line_is_said_in_one_line(what: str, words: str, tmp_path: Path) -> None:
    authority = Authority.make(tmp_path / "ca", "testcity", NOW)
    other = Authority.make(tmp_path / "ca2", "elsewhere", NOW)
    issuer = other if what == "unknown authority" else authority
    at = NOW - timedelta(days=400) if what == "expired" else NOW
    cert = server_file(tmp_path, issuer, "elsewhere" if what == "wrong host" else "localhost", at)
    plain = socket.create_server(("127.0.0.1", 0))
    server = TlsServer(cert, tmp_path / "ca" / "ca.crt" if what.startswith("no certificate") else None)
    port = server.port
    if what == "no TLS there":
        port = plain.getsockname()[1]

        def answer() -> None:
            peer, _ = plain.accept()
            peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
    tls = Tls(ca=str(tmp_path / "ca" / "ca.crt"), server_name="localhost")
    line = Connection(Broker(port=port, tls=tls), "kiosk-1", subscriptions=[], on_message=lambda _: None)
    line.start()
    until(lambda: words in line.last_error, 20.0, f"'{words}' (last: {line.last_error})")
    line.stop()
    server.socket.close()
    plain.close()
    assert "\n" not in line.last_error


def test_our_own_files_are_looked_at_before_anything_is_sent(tmp_path: Path) -> None:
    authority = Authority.make(tmp_path / "ca", "testcity", NOW)
    key = identity.new_key()
    old = authority.issue(identity.request(key, "kiosk-1"), "kiosk-1", NOW - timedelta(days=60), 30.0)
    identity.store(tmp_path / "i", identity.About("kiosk-1", ""), key, old.pem, authority.bundle())
    (tmp_path / "nonsense").write_text("nonsense")
    for tls, words in (
        (Tls(identity=str(tmp_path / "i")), "expired at .*claim the device anew"),
        (Tls(ca=str(tmp_path / "none")), "no such file.*zhuomu claim"),
        (Tls(ca=str(tmp_path / "nonsense")), "does not hold the authority's certificates"),
        (Tls(cert=str(tmp_path / "nonsense")), "does not hold our certificate"),
        (Tls(key="x"), "name the certificate too"),
    ):
        with pytest.raises(SettingsError, match=words):
            client_context(tls)
