"""A city in one folder: authority, database, devices with certificates, and a real broker with TLS that knows them."""

import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from conftest import REPOSITORY, RealBroker, free_port, missing, until
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from edge.link import identity
from edge.link.mqtt import Broker
from edge.link.tls import Tls, client_context
from edge.wire.access import GATEWAY_USER
from gateway import tables
from gateway.database import Database, sqlite_url
from gateway.devices import acl, known, passwords
from gateway.devices.ca import Authority
from gateway.devices.cut import Cutter, signal_broker
from gateway.migrations import MIGRATIONS

GATEWAY_PASSWORD = "of the gateway"
EPOCH_START = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


class City:
    """Everything below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = folder / "broker"
        self.files.mkdir(parents=True)
        self.authority = Authority.make(folder / "ca", "testcity", datetime.now(UTC))
        self.database = Database(
            sqlite_url(folder / "gateway.sqlite3"), tables.metadata, tables.SCHEMA_VERSION, MIGRATIONS
        )
        self._gateway = passwords.hashed(GATEWAY_PASSWORD)
        self.plain_port, self.tls_port, self.password_port = free_port(), free_port(), free_port()
        self.broker: RealBroker | None = None
        key, issued = self.authority.issue_server(["localhost", "127.0.0.1"], datetime.now(UTC))
        (self.files / "server.key").write_bytes(key)
        (self.files / "server.crt").write_bytes(issued.pem)

    def device(self, name: str, now: datetime | None = None, days: float = 30.0) -> Path:
        """Invite, claim and certify without the HTTP way; returns the identity's folder."""
        now = now or datetime.now(UTC)
        key = identity.new_key()
        issued = self.authority.issue(identity.request(key, name), name, now, days)
        with self.database.write() as tx:
            code = known.invite(tx, name, "", now, timedelta(hours=1))
            assert known.take_code(tx, name, code, now)
            known.record(tx, name, issued, now)
        folder = self.folder / "devices" / name
        about = identity.About(name, "http://127.0.0.1:1")
        identity.store(folder, about, key, issued.pem, self.authority.bundle())
        return folder

    def with_password(self, name: str) -> str:
        """A device that signs in with a password."""
        password = passwords.made()
        with self.database.write() as tx:
            known.with_password(tx, name, passwords.hashed(password), "", datetime.now(UTC))
        return password

    def write_files(self) -> None:
        """What the broker reads."""
        with self.database.read() as tx:
            made = acl.make(tx, self.authority, self._gateway, datetime.now(UTC))
        acl.write(self.files, made)

    def start_mosquitto(self) -> None:
        """With the project's own example settings."""
        program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
        if program is None:
            missing("mosquitto (apt-get install mosquitto)")
        text = (REPOSITORY / "configs" / "mosquitto" / "secure.conf").read_text(encoding="utf-8")
        for old, new in (
            ("listener 1883 127.0.0.1", f"listener {self.plain_port} 127.0.0.1"),
            ("listener 8883", f"listener {self.tls_port} 127.0.0.1"),
            ("listener 8884", f"listener {self.password_port} 127.0.0.1"),
            ("/etc/mosquitto/zhuomu", str(self.files)),
            ("/run/mosquitto/mosquitto.pid", str(self.folder / "mosquitto.pid")),
            ("/var/lib/mosquitto/", f"{self.folder}/"),
        ):
            assert old in text, old
            text = text.replace(old, new)
        path = self.folder / "mosquitto.conf"
        path.write_text(text + "\nuser root\n", encoding="utf-8")
        log = (self.folder / "mosquitto.log").open("wb")
        process = subprocess.Popen([str(program), "-v", "-c", str(path)], stdout=log, stderr=log)
        self.broker = RealBroker("mosquitto", self.tls_port, [], process)
        ports = (self.plain_port, self.tls_port, self.password_port)
        until(lambda: all(map(_listens, ports)), 20.0, "mosquitto with TLS")

    def start_amqtt(self) -> None:
        """The embedded broker with the same files."""
        command = [sys.executable, "-m", "zhuomu", "broker", "--port", str(self.plain_port)]
        command += ["--secure", str(self.files), "--tls-port", str(self.tls_port), "--tls-host", "127.0.0.1"]
        log = (self.folder / "amqtt.log").open("wb")
        process = subprocess.Popen(command, stdout=log, stderr=log)
        self.broker = RealBroker("amqtt", self.tls_port, [], process)
        self.password_port = self.tls_port
        until(lambda: _listens(self.tls_port) and _listens(self.plain_port), 30.0, "amqtt with TLS")
        (self.folder / "mosquitto.pid").write_text(str(process.pid))

    def reload(self) -> None:
        """What a revocation tells the broker."""
        self.write_files()
        signal_broker(self.folder / "mosquitto.pid")

    def cutter(self) -> Cutter:
        """As the gateway has one."""
        return Cutter(self.gateway_broker(), self.reload, hold_s=0.5)

    def revoke(self, name: str) -> None:
        """Only in the database."""
        with self.database.write() as tx:
            known.revoke(tx, name, "lost", datetime.now(UTC))

    def gateway_broker(self) -> Broker:
        """Where and as whom the gateway connects."""
        return Broker(port=self.plain_port, username=GATEWAY_USER, password=GATEWAY_PASSWORD)

    def stop(self) -> None:
        """End the broker."""
        if self.broker is not None and self.broker.process is not None:
            self.broker.process.send_signal(signal.SIGKILL)
            self.broker.process.wait(10)
        self.database.close()


class Voice:
    """A bare MQTT client that may say anything: what a device would be in an enemy's hands."""

    def __init__(self, port: int, client_id: str, clean: bool = True) -> None:
        self.connected: list[bool] = []
        self.lost: list[str] = []
        self.heard: list[tuple[str, bytes]] = []
        self._port = port
        self.client = Client(
            CallbackAPIVersion.VERSION2,
            client_id,
            clean_session=clean,
            protocol=MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
        )
        self.client.on_connect = lambda _c, _d, _f, code, _p: self.connected.append(not code.is_failure)
        self.client.on_disconnect = lambda _c, _d, _f, code, _p: self.lost.append(str(code))
        self.client.on_message = self._hear

    def tls(self, folder: Path, with_certificate: bool = True) -> "Voice":
        """With the identity in a folder, or with its authority alone."""
        ca = str(folder / "ca.crt")
        tls = Tls(identity=str(folder)) if with_certificate else Tls(ca=ca)
        self.client.tls_set_context(client_context(tls))
        return self

    def password(self, user: str, password: str) -> "Voice":
        """Sign in."""
        self.client.username_pw_set(user, password)
        return self

    def start(self) -> "Voice":
        """Connect; see `connected`. Raises OSError when TLS fails at once."""
        self.client.connect("localhost", self._port, 20)
        self.client.loop_start()
        return self

    def up(self) -> "Voice":
        """Start and wait for a good CONNACK."""
        self.start()
        until(lambda: self.connected == [True], 20.0, "CONNACK")
        return self

    def refused(self) -> bool:
        """Start, and whether it was refused in whatever way."""
        try:
            self.start()
        except OSError:
            return True
        until(lambda: self.connected or self.lost, 20.0, "an answer")
        return self.connected != [True]

    def subscribe(self, *filters: str) -> "Voice":
        """And wait for the SUBACK, whatever it says."""
        for topic_filter in filters:
            done: list[bool] = []
            self.client.on_subscribe = lambda *_, done=done: done.append(True)
            self.client.subscribe(topic_filter, 1)
            until(lambda done=done: done, 20.0, "SUBACK")
        return self

    def say(self, topic: str, payload: bytes = b"{}", retain: bool = False) -> None:
        """Publish and wait for the PUBACK where the broker gives one."""
        self.client.publish(topic, payload, 1, retain).wait_for_publish(10.0)

    def stop(self) -> None:
        """Go."""
        self.client.disconnect()
        self.client.loop_stop()

    def _hear(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        self.heard.append((message.topic, bytes(message.payload)))


def _listens(port: int) -> bool:
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


Start = Callable[[City], None]
STARTS: dict[str, Start] = {"mosquitto": City.start_mosquitto, "amqtt": City.start_amqtt}
