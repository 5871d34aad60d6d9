"""The line between a device and the centre: durable outbox, receipts, one MQTT connection."""

from edge.link.client import Link
from edge.link.mqtt import Broker, Connection, Incoming
from edge.link.outbox import Limits, Outbox, OutboxFull, OutboxUnusable, left
from edge.link.settings import SettingsError, load

__all__ = [
    "Broker",
    "Connection",
    "Incoming",
    "Limits",
    "Link",
    "Outbox",
    "OutboxFull",
    "OutboxUnusable",
    "SettingsError",
    "left",
    "load",
]
