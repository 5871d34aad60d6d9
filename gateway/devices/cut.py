"""Cutting a live session: the broker reads its files anew, then the gateway takes the device's client id over.

Brokers go on with a session whose certificate was revoked meanwhile (emqx#10992; mosquitto the same), so:
1. the broker is told to read its revocation list and passwords again (SIGHUP), after which the device cannot come back;
2. the gateway connects under the device's client id with a clean session: by MQTT 3.1.1 [MQTT-3.1.4-2] the broker must
   disconnect the one before and by [MQTT-3.1.2-6] discard its state, that is, the messages queued for it;
3. it stays for `hold_s`, and takes over again if the device was quicker than step 1.
This needs no administration interface. A listener for devices must tie client ids to names
(`use_username_as_clientid`), or devices could do the same to each other.
"""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from edge.link.mqtt import Broker
from edge.link.settings import SettingsError
from edge.link.tls import client_context, why_unreachable

HOLD_S = 1.0
TAKE_OVERS_MAX = 5
TIMEOUT_S = 5.0
log = structlog.get_logger()


class NotCut(RuntimeError):
    """The session may be alive still; `str()` is one line with the mend."""


@dataclass(frozen=True)
class Cut:
    """`take_overs`: 1, or more when the device came back before the broker had read its files."""

    device: str
    take_overs: int
    seconds: float


def signal_broker(pid_file: Path) -> None:
    """SIGHUP: mosquitto reads its ACL, passwords and (2.0) certificates and revocation lists again. Raises NotCut."""
    try:
        os.kill(int(pid_file.read_text().split()[0]), signal.SIGHUP)
    except (OSError, ValueError, IndexError) as error:
        raise NotCut(
            f"{pid_file}: the broker cannot be told ({error}); mend broker_pid_file, reload it by hand"
        ) from error


class Cutter:
    """`reload` tells the broker to read its files again; it does nothing where the broker asks our hook each time."""

    def __init__(self, broker: Broker, reload: Callable[[], None], hold_s: float = HOLD_S) -> None:
        self._broker = broker
        self._reload = reload
        self._hold_s = hold_s

    def cut(self, device: str) -> Cut:
        """Cut the device's session and purge its queue. Raises NotCut."""
        began_s = time.monotonic()
        self._reload()
        for number in range(1, TAKE_OVERS_MAX + 1):
            if self._take_over(device):
                seconds = time.monotonic() - began_s
                log.info("identity.cut", device=device, take_overs=number, seconds=round(seconds, 2))
                return Cut(device, number, seconds)
        raise NotCut(f"{device} comes back again and again: is the broker reading {TAKE_OVERS_MAX} old files?")

    def _take_over(self, device: str) -> bool:
        """True when the client id was ours for the whole of `hold_s`."""
        answered: list[Any] = []
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=device,
            clean_session=True,
            protocol=MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
        )
        client.on_connect = lambda _client, _data, _flags, code, _properties: answered.append(code)
        self._connect(client)
        until_s = time.monotonic() + TIMEOUT_S
        held = MQTTErrorCode.MQTT_ERR_SUCCESS
        while held == MQTTErrorCode.MQTT_ERR_SUCCESS and time.monotonic() < until_s:
            held = client.loop(timeout=0.05)
            if answered and len(answered) == 1:
                until_s = time.monotonic() + self._hold_s
                answered.append(None)
        if not answered or answered[0].is_failure:
            words = str(answered[0]) if answered else "no answer"
            raise NotCut(
                f"{self._broker.host}: the broker refuses the gateway as '{device}' ({words}); see its listener"
            )
        client.disconnect()
        client.loop(timeout=0.05)
        return held == MQTTErrorCode.MQTT_ERR_SUCCESS

    def _connect(self, client: Client) -> None:
        if self._broker.username is not None:
            client.username_pw_set(self._broker.username, self._broker.password)
        try:
            if self._broker.tls is not None:
                client.tls_set_context(client_context(self._broker.tls))
            client.connect(self._broker.host, self._broker.port, self._broker.keepalive_s)
        except (OSError, ValueError, SettingsError) as error:
            raise NotCut(f"the broker cannot be reached: {why_unreachable(error, self._broker.host)}") from error
