"""Ends a handset's live session: a second connection under its name makes the broker drop the first (MQTT 3.1.1,
3.1.4), and as a clean session it drops what was queued.
"""

import time
from collections.abc import Callable
from typing import Any

import structlog
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from edge.link.mqtt import Broker

CUT_S_MAX = 2.0
# The wipe goes out first; the handset has this long to take it before its session ends.
GRACE_S = 0.3
log = structlog.get_logger()


class Cutter:
    """With the gateway's own credentials; where the broker ties names to certificates, its own revocation is needed."""

    def __init__(self, broker: Broker, sleep: Callable[[float], None] = time.sleep) -> None:
        self._broker = broker
        self._sleep = sleep

    def cut(self, device: str) -> bool:
        """True when the broker has accepted us in the handset's place, and so dropped it."""
        self._sleep(GRACE_S)
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=device,
            clean_session=True,
            protocol=MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
        )
        client.connect_timeout = CUT_S_MAX
        if self._broker.username is not None:
            client.username_pw_set(self._broker.username, self._broker.password)
        accepted: list[bool] = []

        def connected(_client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
            accepted.append(not reason.is_failure)

        client.on_connect = connected
        try:
            client.connect(self._broker.host, self._broker.port, 10)
            deadline = time.monotonic() + CUT_S_MAX
            while not accepted and time.monotonic() < deadline:
                if client.loop(timeout=0.1) != MQTTErrorCode.MQTT_ERR_SUCCESS:
                    break
            client.disconnect()
        except (OSError, ValueError) as error:
            log.warning("sync.not_cut", device=device, reason=str(error))
            return False
        return bool(accepted and accepted[0])
