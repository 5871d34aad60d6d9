"""Loopback ports for processes that are about to start."""

import random
import socket
from pathlib import Path

LOWEST = 20_000
TRIES_MAX = 200
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_given: set[int] = set()


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody uses now, given only once by this process. It lies below those that the system gives to
    outgoing connections (any of which could take it before its process listens); a system without such room gives
    one of its own choice."""
    highest = _first_outgoing() - 1
    for _ in range(TRIES_MAX if highest > LOWEST else 0):
        port = random.randint(LOWEST, highest)
        if port not in _given and _free(host, port):
            _given.add(port)
            return port
    with socket.socket() as s:
        s.bind((host, 0))
        return int(s.getsockname()[1])


def _first_outgoing() -> int:
    try:
        return int(_RANGE.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return 0


def _free(host: str, port: int) -> bool:
    with socket.socket() as s:
        try:
            s.bind((host, port))
        except OSError:
            return False
        return True
