"""What MQTT 5 says about shared subscriptions: what we ask for with CONNECT, what CONNACK and SUBACK answer."""

from typing import Any

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

# Reason codes, MQTT 5.0 section 2.4.
TAKEN_OVER = 0x8E
NOT_SUPPORTED = 0x9E


def connect_options(receive_max: int) -> dict[str, Any]:
    """For paho's `connect`: at most so many messages under way to us, and no session that outlives the connection.

    What a dead member had not acknowledged must not wait for its return; the devices send it again.
    """
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.ReceiveMaximum = min(max(1, receive_max), 65_535)
    properties.SessionExpiryInterval = 0
    return {"clean_start": True, "properties": properties}


def granted(properties: Any) -> bool:
    """Shared Subscription Available of CONNACK: granted unless it says 0 (section 3.2.2.3.13)."""
    return bool(getattr(properties, "SharedSubscriptionAvailable", 1))
