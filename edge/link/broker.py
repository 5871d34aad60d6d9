"""The embedded MQTT broker (amqtt, MQTT 3.1.1) for one machine and for tests; production runs mosquitto.

It keeps no session over its own restart: nothing here trusts a broker's memory, so nothing is lost by that.
"""

import asyncio
import json
import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

import structlog
from amqtt.broker import Broker as Amqtt
from amqtt.contexts import BrokerConfig, ListenerConfig, ListenerType
from amqtt.errors import AMQTTError

SESSION_EXPIRY_S = 24 * 3600

log = structlog.get_logger()


@dataclass(frozen=True)
class Secure:
    """A second listener with TLS, and accounts on both. `folder`: what `zhuomu gateway acl` and `ca server` wrote."""

    folder: Path
    host: str
    port: int


class BrokerUnusable(RuntimeError):
    """The broker cannot be started; `str()` is one line with the mend."""


def check_port_free(host: str, port: int, what: str) -> None:
    """Raise BrokerUnusable when another process listens on the port already."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = error.strerror
            raise BrokerUnusable(f"{what} {host}:{port}: {reason}; choose another port or end its user") from error


def config(host: str, port: int, secure: Secure | None = None, ws_port: int = 0) -> BrokerConfig:
    """A TCP listener and, for phones, one for WebSockets (`ws_port` 0: none); anonymous, since loopback is the default.
    Or with accounts, and TLS beside it.

    Raises FileNotFoundError, which names the file.
    """
    if secure is not None:
        return _secure_config(host, port, secure, ws_port)
    return BrokerConfig(
        listeners=_plain(host, port, ws_port),
        session_expiry_interval=SESSION_EXPIRY_S,
        plugins={"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    )


def _plain(host: str, port: int, ws_port: int) -> dict[str, ListenerConfig]:
    listeners = {"default": ListenerConfig(bind=f"{host}:{port}")}
    if ws_port:
        listeners["phones"] = ListenerConfig(type=ListenerType.WS, bind=f"{host}:{ws_port}")
    return listeners


def _secure_config(host: str, port: int, secure: Secure, ws_port: int) -> BrokerConfig:
    files = {
        "cafile": secure.folder / "ca.crt",
        "certfile": secure.folder / "server.crt",
        "keyfile": secure.folder / "server.key",
    }
    return BrokerConfig(
        listeners={
            **_plain(host, port, ws_port),
            "tls": ListenerConfig(bind=f"{secure.host}:{secure.port}", ssl=True, **files),
        },
        session_expiry_interval=SESSION_EXPIRY_S,
        plugins={"edge.link.guarded.DeviceRules": {}},
    )


def _broker(host: str, port: int, secure: Secure | None, ws_port: int) -> Amqtt:
    if secure is None:
        return Amqtt(config(host, port, ws_port=ws_port))
    from edge.link.guarded import GuardedBroker, Rules, guard

    rules = Rules(secure.folder)
    guard(rules)
    try:
        made = GuardedBroker(config(host, port, secure, ws_port))
    except FileNotFoundError as error:
        mend = "`zhuomu gateway acl` and `zhuomu gateway ca server` write it"
        raise BrokerUnusable(f"MQTT broker: {error}; {mend}") from error
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, lambda: loop.create_task(made.shut_out(rules)))
    return made


async def serve(host: str, port: int, secure: Secure | None = None, ws_port: int = 0) -> None:
    """Run until SIGTERM or SIGINT; with `secure`, SIGHUP shuts revoked devices out. Raises BrokerUnusable."""
    check_port_free(host, port, "MQTT port")
    if ws_port:
        check_port_free(host, ws_port, "WebSocket port")
    if secure is not None:
        check_port_free(secure.host, secure.port, "MQTT port with TLS")
    broker = _broker(host, port, secure, ws_port)
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    try:
        await broker.start()
    except AMQTTError as error:
        raise BrokerUnusable(f"MQTT broker on {host}:{port}: {error}; choose another port") from error
    sys.stdout.write(json.dumps({"event": "broker.ready", "host": host, "port": port}) + "\n")
    sys.stdout.flush()
    await stop.wait()
    log.info("broker.stopping")
    await broker.shutdown()
