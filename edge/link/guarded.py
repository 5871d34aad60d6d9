"""The embedded broker with accounts: the same rules and files as mosquitto's, and two gaps of amqtt 0.12 closed.

amqtt looks a client id up, and throws a clean session's old one away, before it asks who is there; it asks nobody
about last wills. So everything is decided here, on the CONNECT packet, before any session is touched.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from amqtt import broker as amqtt_broker
from amqtt.contexts import Action
from amqtt.errors import MQTTError
from amqtt.mqtt.connack import NOT_AUTHORIZED, ConnackPacket
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin
from amqtt.session import Session
from cryptography import x509
from cryptography.x509.oid import NameOID

from edge.link import passwords
from edge.wire.access import GATEWAY_USER, may_publish, may_read, may_subscribe

PASSWORDS_NAME, CRL_NAME, REVOKED_NAME = "passwords", "revoked.crl", "revoked.devices"
log = structlog.get_logger()


class Rules:
    """What `zhuomu gateway acl` wrote into a folder, read again when it changes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: dict[str, tuple[int, Any]] = {}

    def user(self, session: Session) -> str | None:
        """Who a connection is by its certificate or password; None for nobody that may come in."""
        if session.ssl_object is not None:
            der = session.ssl_object.getpeercert(binary_form=True)
            if der:
                return self._of_certificate(x509.load_der_x509_certificate(der))
        name, password = session.username or "", session.password or ""
        stored = self._read(PASSWORDS_NAME, lambda data: passwords.read(data.decode())).get(name)
        good = stored is not None and not self.is_revoked(name) and passwords.matches(str(password), stored)
        return name if good else None

    def is_revoked(self, device: str) -> bool:
        """Whether a device is shut out."""
        return device in self._read(REVOKED_NAME, lambda data: frozenset(data.decode().split()))

    def _of_certificate(self, certificate: x509.Certificate) -> str | None:
        names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        revoked = self._read(CRL_NAME, _serials)
        if len(names) != 1 or certificate.serial_number in revoked:
            return None
        name = str(names[0].value)
        return None if self.is_revoked(name) or name == GATEWAY_USER else name

    def _read(self, name: str, parse: Callable[[bytes], Any]) -> Any:
        path = self._folder / name
        changed = path.stat().st_mtime_ns
        if self._seen.get(name, (0, None))[0] != changed:
            self._seen[name] = (changed, parse(path.read_bytes()))
        return self._seen[name][1]


class DeviceRules(BaseAuthPlugin, BaseTopicPlugin):
    """amqtt's plugin: whoever has got past the CONNECT says and hears what edge/wire/access.py allows."""

    @dataclass
    class Config:
        """Nothing to set."""

    async def authenticate(self, *, session: Session) -> bool:
        """Decided on the CONNECT packet already."""
        return session.username is not None

    async def topic_filtering(
        self, *, session: Session | None = None, topic: str | None = None, action: Action | None = None
    ) -> bool:
        """For each message and subscription."""
        if session is None or topic is None:
            return False
        rule = {Action.PUBLISH: may_publish, Action.SUBSCRIBE: may_subscribe, Action.RECEIVE: may_read}.get(
            action or Action.PUBLISH, may_publish
        )
        return rule(session.username or "", topic)


def refusal(rules: Rules, session: Session) -> str:
    """Why a CONNECT is refused, "" when it is not. Sets the session's user."""
    user = rules.user(session)
    if user is None:
        return "no good certificate or password"
    if user != GATEWAY_USER and session.client_id != user:
        return f"{user} may not be called '{session.client_id}'"
    if session.will_flag and not may_publish(user, session.will_topic or ""):
        return f"{user} may not leave a will on '{session.will_topic}'"
    session.username = user
    return ""


def handler_with(rules: Rules) -> type[BrokerProtocolHandler]:
    """The protocol handler that asks first."""

    class Handler(BrokerProtocolHandler):
        @classmethod
        async def init_from_connect(
            cls, reader: Any, writer: Any, plugins_manager: Any, loop: Any = None
        ) -> tuple[BrokerProtocolHandler, Session]:
            handler, session = await super().init_from_connect(reader, writer, plugins_manager, loop)
            why = refusal(rules, session)
            if why:
                log.info("broker.refused", client=session.client_id, reason=why)
                await ConnackPacket.build(0, NOT_AUTHORIZED).to_stream(writer)
                raise MQTTError(why)
            return handler, session

    return Handler


class GuardedBroker(amqtt_broker.Broker):
    """amqtt that lets a clean session push its forerunner out ([MQTT-3.1.4-2]) and can shut devices out."""

    async def shut_out(self, rules: Rules) -> None:
        """End the sessions of revoked devices, with all that is queued for them."""
        revoked = [name for name, (session, _) in self._sessions.items() if rules.is_revoked(session.username or "")]
        for client_id in revoked:
            await self._delete_session(client_id)
            log.info("broker.shut_out", client=client_id)

    async def _delete_session(self, client_id: str) -> None:
        session, handler = self._sessions.get(client_id, (None, None))
        if session is not None and handler is not None and session.transitions.is_connected():
            await handler.handle_connection_closed()
            await handler.stop()
        await super()._delete_session(client_id)


def guard(rules: Rules) -> None:
    """Let every broker of this process ask `rules` first; amqtt has no place to hand a handler in."""
    setattr(amqtt_broker, "BrokerProtocolHandler", handler_with(rules))  # noqa: B010


def _serials(data: bytes) -> frozenset[int]:
    """Serial numbers in a file with one or more revocation lists (PEM)."""
    end = b"-----END X509 CRL-----\n"
    lists = [x509.load_pem_x509_crl(part + end) for part in data.split(end) if part.strip()]
    return frozenset(row.serial_number for one in lists for row in one)
