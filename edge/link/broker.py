"""The embedded MQTT broker (amqtt, MQTT 3.1.1) for one machine and for tests; production runs mosquitto.

It keeps no session over its own restart: nothing here trusts a broker's memory, so nothing is lost by that.
"""

import asyncio
import json
import signal
import socket
import sys

import structlog
from amqtt.broker import Broker as Amqtt
from amqtt.contexts import BrokerConfig, ListenerConfig, ListenerType
from amqtt.errors import AMQTTError

SESSION_EXPIRY_S = 24 * 3600

log = structlog.get_logger()


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


def config(host: str, port: int, ws_port: int = 0) -> BrokerConfig:
    """A TCP listener and, for phones, one for WebSockets; anonymous, since it is bound to loopback by default."""
    listeners = {"default": ListenerConfig(bind=f"{host}:{port}")}
    if ws_port:
        listeners["phones"] = ListenerConfig(type=ListenerType.WS, bind=f"{host}:{ws_port}")
    return BrokerConfig(
        listeners=listeners,
        session_expiry_interval=SESSION_EXPIRY_S,
        plugins={"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    )


async def serve(host: str, port: int, ws_port: int = 0) -> None:
    """Run until SIGTERM or SIGINT; `ws_port` 0: no WebSockets. Raises BrokerUnusable."""
    check_port_free(host, port, "MQTT port")
    if ws_port:
        check_port_free(host, ws_port, "WebSocket port")
    broker = Amqtt(config(host, port, ws_port))
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
