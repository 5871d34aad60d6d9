"""One handset's MQTT connection without a thread: a loop of ours asks it when its socket is ready."""

import socket
import ssl
from collections.abc import Callable
from typing import Any

import structlog
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from edge.link.mqtt import CONNECT_TIMEOUT_S, Broker
from edge.link.settings import SettingsError
from edge.link.tls import client_context, why_unreachable

log = structlog.get_logger()
OK = MQTTErrorCode.MQTT_ERR_SUCCESS


class Line:
    """A paho client is made anew for each connection: what must survive lies in the handset's book.

    `on_message` (topic, payload) returns when the message is safe; an exception of it leaves it unacknowledged.
    `listening`: the broker has confirmed the subscription. `refused`: the last attempt found a machine and no broker.
    """

    def __init__(
        self,
        broker: Broker,
        device: str,
        subscription: str,
        will: tuple[str, bytes],
        on_up: Callable[[], None],
        on_message: Callable[[str, bytes], None],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._broker = broker
        self._device = device
        self._subscription = subscription
        self._will = will
        self._on_up = on_up
        self._on_message = on_message
        self._tls = tls
        self._client: Client | None = None
        self.up = False
        self.listening = False
        self.refused = False

    @property
    def sock(self) -> socket.socket | None:
        """What to wait for; None while there is no connection."""
        return self._client.socket() if self._client is not None else None  # type: ignore[return-value]

    @property
    def wants_write(self) -> bool:
        """Whether something waits for the socket."""
        return self._client is not None and self._client.want_write()

    def connect(self) -> bool:
        """Begin; False when nobody listens there. `on_up` follows when the broker has taken us."""
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._device,
            clean_session=True,
            protocol=MQTTProtocolVersion.MQTTv311,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.max_inflight_messages_set(100)
        client.will_set(self._will[0], self._will[1], qos=1, retain=True)
        if self._broker.username is not None:
            client.username_pw_set(self._broker.username, self._broker.password)
        if self._tls is not None:
            client.tls_set_context(self._tls)
        client.on_connect = self._connected
        client.on_subscribe = self._subscribed
        client.on_message = self._message
        client.on_socket_open = _no_delay
        # With a write hook set, nothing is written behind our back; the loop sees `wants_write`.
        client.on_socket_register_write = _leave_to_loop
        try:
            if self._broker.tls is not None:
                client.tls_set_context(client_context(self._broker.tls))
            client.connect(self._broker.host, self._broker.port, self._broker.keepalive_s)
        except (OSError, ValueError, SettingsError) as error:
            self.refused = isinstance(error, ConnectionRefusedError)
            log.debug("handset.unreachable", device=self._device, error=why_unreachable(error, self._broker.host))
            return False
        self._client = client
        return True

    def turn(self, readable: bool, writable: bool) -> bool:
        """Let it work; False when the connection is gone."""
        client = self._client
        if client is None:
            return False
        code = OK
        if readable:
            code = client.loop_read(100)
        if code == OK and (writable or client.want_write()):
            code = client.loop_write()
        if code == OK:
            code = client.loop_misc()
        if code != OK:
            self.drop()
        return code == OK

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> bool:
        """Hand over; False when there is no connection."""
        if self._client is None or not self.up:
            return False
        return self._client.publish(topic, payload, qos=1, retain=retain).rc == OK

    def bye(self) -> None:
        """Leave in good order."""
        if self._client is not None and self.up:
            self._client.disconnect()
            self._client.loop_write()
        self.drop()

    def drop(self) -> None:
        """Forget the connection."""
        client, self._client, self.up, self.listening = self._client, None, False, False
        sock = client.socket() if client is not None else None
        if sock is not None:
            sock.close()

    def _connected(self, client: Client, _data: Any, _flags: Any, reason: ReasonCode, _properties: Any) -> None:
        if reason.is_failure:
            log.warning("handset.refused", device=self._device, reason=str(reason))
            return
        client.subscribe(self._subscription, 1)
        self.up = True
        self._on_up()

    def _subscribed(self, _client: Client, _data: Any, _mid: int, _codes: Any, _properties: Any) -> None:
        self.listening = True

    def _message(self, client: Client, _data: Any, message: MQTTMessage) -> None:
        self._on_message(message.topic, bytes(message.payload))
        client.ack(message.mid, message.qos)


def _no_delay(_client: Client, _data: Any, sock: Any) -> None:
    if isinstance(sock, socket.socket):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _leave_to_loop(_client: Client, _data: Any, _sock: Any) -> None:
    return None
