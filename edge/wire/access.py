"""Who may say and hear what: the one rule that every broker's access control is made from.

A device publishes on the channels that go up, below its own name, and reads those that go down to it. The gateway
reads what goes up and publishes what goes down. Nobody may do anything else.
"""

import re

from edge.wire.channels import CHANNELS, ROOT, Direction

DEVICE = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
GATEWAY_USER = "zhuomu-gateway"
SHARE = "$share/"


def is_device_name(name: str) -> bool:
    """One topic level, lower case; the gateway's own name belongs to no device."""
    return DEVICE.fullmatch(name) is not None and name != GATEWAY_USER


def may_publish(user: str, topic: str) -> bool:
    """Whether this user may publish on exactly this topic."""
    return _allowed(user, topic, "up" if user != GATEWAY_USER else "down")


def may_read(user: str, topic: str) -> bool:
    """Whether a message on exactly this topic may be delivered to this user."""
    return _allowed(user, topic, "down" if user != GATEWAY_USER else "up")


def may_subscribe(user: str, topic_filter: str) -> bool:
    """Whether everything that a filter can match is readable by this user. `$share/<group>/` is taken off first."""
    if topic_filter.startswith(SHARE):
        topic_filter = topic_filter[len(SHARE) :].partition("/")[2]
    parts = topic_filter.split("/")
    if len(parts) != 5 or "#" in parts or "/".join(parts[:2]) != ROOT:
        return False
    device, name = parts[3:]
    direction: Direction = "up" if user == GATEWAY_USER else "down"
    own = user == GATEWAY_USER or (device == user and is_device_name(user))
    return own and parts[2] == direction and (name == "+" or name in _names(direction))


def channel_names(direction: Direction) -> list[str]:
    """Names of the channels of one direction, in the table's order."""
    return [row.name for row in CHANNELS if row.direction == direction]


def _allowed(user: str, topic: str, direction: Direction) -> bool:
    parts = topic.split("/")
    if len(parts) != 5 or "/".join(parts[:2]) != ROOT or parts[2] != direction:
        return False
    own = is_device_name(parts[3]) if user == GATEWAY_USER else parts[3] == user and is_device_name(user)
    return own and parts[4] in _names(direction)


def _names(direction: Direction) -> frozenset[str]:
    return _BY_DIRECTION[direction]


_BY_DIRECTION = {direction: frozenset(channel_names(direction)) for direction in ("up", "down")}
