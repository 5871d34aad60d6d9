"""One MQTT connection kept alive by one thread: TCP_NODELAY, manual acknowledgement, reconnect with jitter."""

import random
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import structlog
from msgspec import Meta, Struct, structs
from paho.mqtt.client import MQTT_LOG_ERR, Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from edge.link import sharing
from edge.link.settings import SettingsError
from edge.link.tls import Tls, client_context, why_refused, why_unreachable

BACKOFF_FIRST_S = 0.2
BACKOFF_MAX_S = 30.0
CONNECT_TIMEOUT_S = 5.0
INFLIGHT_MAX = 1000

log = structlog.get_logger()


class Broker(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the broker is and who we are to it; the [broker] table of every settings file."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535)] = 1883
    username: str | None = None
    password: str | None = None
    keepalive_s: Annotated[int, Meta(ge=2, le=3600)] = 20
    tls: Tls | None = None

    def beside(self, folder: Path) -> "Broker":
        """With the paths of [broker.tls] starting at the settings file's folder."""
        return structs.replace(self, tls=self.tls.beside(folder)) if self.tls is not None else self


@dataclass(frozen=True)
class Group:
    """Several clients share what comes on `filters`: each message goes to one of them where the broker can do that
    (MQTT 5, `$share/<name>/...`), to each of them where it cannot. `receive_max`: so many unacknowledged at once."""

    name: str
    filters: Sequence[tuple[str, int]]
    receive_max: int

    def shared(self) -> list[tuple[str, int]]:
        """The filters as the group subscribes to them."""
        return [(f"$share/{self.name}/{text}", qos) for text, qos in self.filters]


@dataclass(frozen=True)
class Incoming:
    """A message as it came; give it back to `Connection.ack` once it is safe."""

    topic: str
    payload: bytes
    retained: bool
    mid: int
    qos: int
    session: int = 0


def backoff_s(attempt: int, rng: random.Random, max_s: float = BACKOFF_MAX_S) -> float:
    """Full jitter: uniform between 0 and min(max_s, BACKOFF_FIRST_S * 2**attempt), never under 50 ms.

    Source: Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    ceiling = min(max_s, BACKOFF_FIRST_S * 2 ** min(attempt, 20))
    return max(0.05, rng.uniform(0.0, ceiling))


class Connection:
    """A paho client with a thread of its own.

    A fresh paho client is made for every connection, so that nothing is ever sent again out of the client's own
    memory: what must survive lives in the outbox. Callbacks run on the connection's thread.
    """

    def __init__(
        self,
        broker: Broker,
        client_id: str,
        *,
        subscriptions: Sequence[tuple[str, int]],
        on_message: Callable[[Incoming], None],
        on_up: Callable[[], None] | None = None,
        will: tuple[str, bytes] | None = None,
        rng: random.Random | None = None,
        group: Group | None = None,
        backoff_max_s: float = BACKOFF_MAX_S,
    ) -> None:
        self._broker = broker
        self._backoff_max_s = backoff_max_s
        self._client_id = client_id
        self._subscriptions = list(subscriptions)
        self._on_message = on_message
        self._on_up = on_up
        self._will = will
        self._rng = rng or random.Random()
        self._group = group
        self._modern = group is not None  # MQTT 5 is spoken for the group's sake alone
        self._accepted = False
        self._client: Client | None = None
        self.last_error = ""  # why the last attempt failed, in one line
        self._session = 0
        self._stop = threading.Event()
        self._up = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"mqtt-{client_id}", daemon=True)

    @property
    def connected(self) -> bool:
        """True between a successful CONNACK and the loss of the connection."""
        return self._up.is_set()

    def start(self) -> None:
        """Begin to connect, for as long as it takes."""
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Disconnect (the broker then keeps the last will to itself) and end the thread."""
        self._stop.set()
        client = self._client
        if client is not None and self._up.is_set():
            client.disconnect()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(timeout_s)

    def wait_connected(self, timeout_s: float) -> bool:
        """Block until connected or the time is over."""
        return self._up.wait(timeout_s)

    def ack(self, incoming: Incoming) -> None:
        """Acknowledge a QoS 1 message. One from a connection that has ended is passed over: it comes again."""
        client = self._client
        if incoming.qos and client is not None and incoming.session == self._session:
            client.ack(incoming.mid, incoming.qos)

    def publish(self, topic: str, payload: bytes, qos: int = 1, retain: bool = False) -> bool:
        """Hand a message to the socket; False when there is no connection (nothing is queued here)."""
        client = self._client
        if client is None or not self._up.is_set():
            return False
        return client.publish(topic, payload, qos=qos, retain=retain).rc == MQTTErrorCode.MQTT_ERR_SUCCESS

    def _run(self) -> None:
        attempt = 0
        while not self._stop.is_set():
            client = self._new_client()
            if self._connect(client):
                self._accepted = False
                self._loop(client)
                attempt = 0 if self._up.is_set() else attempt
                self._other_version()
            self._up.clear()
            self._client = None
            self._stop.wait(backoff_s(attempt, self._rng, self._backoff_max_s))
            attempt += 1

    def _connect(self, client: Client) -> bool:
        options = sharing.connect_options(self._group.receive_max) if self._group and self._modern else {}
        try:
            if self._broker.tls is not None:
                client.tls_set_context(client_context(self._broker.tls))
            client.connect(self._broker.host, self._broker.port, self._broker.keepalive_s, **options)
        except (OSError, ValueError, SettingsError) as error:
            self.last_error = why_unreachable(error, self._broker.host)
            log.info("mqtt.unreachable", host=self._broker.host, port=self._broker.port, error=self.last_error)
            return False
        self._session += 1
        self._client = client
        return True

    def _loop(self, client: Client) -> None:
        code = MQTTErrorCode.MQTT_ERR_SUCCESS
        while code == MQTTErrorCode.MQTT_ERR_SUCCESS and not self._stop.is_set():
            code = client.loop(timeout=1.0)
        if self._stop.is_set():
            client.loop(timeout=0.1)
        else:
            log.info("mqtt.lost", client=self._client_id, reason=str(code))

    def _other_version(self) -> None:
        """A broker that did not let a member of a group in may only speak the other version of MQTT."""
        if self._group is not None and not self._accepted and not self._stop.is_set():
            self._modern = not self._modern
            log.info("mqtt.other_version", client=self._client_id, version="5" if self._modern else "3.1.1")

    def _new_client(self) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            clean_session=None if self._modern else False,
            protocol=MQTTProtocolVersion.MQTTv5 if self._modern else MQTTProtocolVersion.MQTTv311,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.max_inflight_messages_set(INFLIGHT_MAX)
        if self._broker.username is not None:
            client.username_pw_set(self._broker.username, self._broker.password)
        if self._will is not None:
            client.will_set(self._will[0], self._will[1], qos=1, retain=True)
        client.on_connect = self._connected
        client.on_message = self._message
        client.on_subscribe = self._subscribed
        client.on_disconnect = self._disconnected
        client.on_socket_open = _no_delay
        client.on_log = self._told
        # With a write hook set, only this thread's loop() writes to the socket; publish() from another thread wakes it.
        client.on_socket_register_write = _leave_to_loop
        return client

    def _connected(self, client: Client, _data: Any, _flags: Any, reason: ReasonCode, properties: Any) -> None:
        if reason.is_failure:
            self.last_error = f"{self._broker.host}: refused as {self._client_id}: {reason}"
            log.warning("mqtt.refused", client=self._client_id, reason=str(reason))
            return
        self._accepted = True
        if self._subscriptions:
            client.subscribe(self._subscriptions)
        if self._group is not None:
            self._join(client, self._group, self._modern and sharing.granted(properties))
        self._up.set()
        if self._on_up is not None:
            self._on_up()

    def _join(self, client: Client, group: Group, granted: bool) -> None:
        if granted:
            client.subscribe(group.shared())
            return
        log.warning("mqtt.not_shared", client=self._client_id, meaning="every gateway gets every message")
        client.subscribe(list(group.filters))

    def _subscribed(self, client: Client, _data: Any, mid: int, codes: list[ReasonCode], _properties: Any) -> None:
        if not any(code.is_failure for code in codes):
            return
        log.warning("mqtt.not_subscribed", client=self._client_id, mid=mid, reason=", ".join(map(str, codes)))
        if self._group is not None and any(code.value == sharing.NOT_SUPPORTED for code in codes):
            self._join(client, self._group, granted=False)

    def _disconnected(self, _client: Client, _data: Any, _flags: Any, reason: ReasonCode, _properties: Any) -> None:
        if self._modern and reason.value == sharing.TAKEN_OVER:
            log.error("mqtt.taken_over", client=self._client_id, mend="give every gateway a client_id of its own")

    def _told(self, _client: Client, _data: Any, level: int, text: str) -> None:
        """With TLS 1.3 a refusal of our certificate comes after the handshake, and paho tells it to its log alone."""
        if level == MQTT_LOG_ERR and "SSL" in text:
            self.last_error = why_refused(text, self._broker.host)
            log.warning("mqtt.tls", client=self._client_id, reason=self.last_error)

    def _message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        self._on_message(
            Incoming(message.topic, bytes(message.payload), message.retain, message.mid, message.qos, self._session)
        )


def _no_delay(_client: Client, _data: Any, sock: Any) -> None:
    if isinstance(sock, socket.socket):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _leave_to_loop(_client: Client, _data: Any, _sock: Any) -> None:
    return None
