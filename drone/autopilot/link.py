"""Sockets under a MAVLink line: UDP and TCP, never blocking, with a codec for each. The only I/O of this room.

Addresses: `udpin:HOST:PORT` (wait for a vehicle that sends to us), `udpout:HOST:PORT` (send to it first),
`tcp:HOST:PORT` (connect to it, again when the connection ends).
"""

import errno
import select
import socket
from collections.abc import Callable
from typing import Protocol

from drone.autopilot.types import Address
from drone.autopilot.wire import Codec, Message, Signing

READ_BYTES = 65536
READS_MAX = 64  # in one poll, so that a flood cannot hold up the loop's heartbeat
QUEUE_BYTES_MAX = 262_144  # of TCP that a peer does not read; then the connection is ended
CONNECT_AGAIN_S = 1.0
PEERS_MAX = 4


class LinkError(Exception):
    """The address is wrong or cannot be used: what, where, what to do."""


class Link(Protocol):
    """One line. `now_s` is the loop's time."""

    codec: Codec

    def poll(self, now_s: float) -> list[Message]:
        """What has come; never waits."""

    def send(self, messages: list[Message]) -> None:
        """Send what can be sent; the machines repeat what gets lost."""

    def wait(self, timeout_s: float) -> None:
        """Until something has come, or the time is over."""

    def close(self) -> None:
        """Give the socket back."""


def open_link(address: str, own: Address, signing: Signing | None = None) -> Link:
    """A line by its address. Raises LinkError."""
    kind, _, place = address.partition(":")
    host, _, port = place.rpartition(":")
    makers: dict[str, Callable[[str, int, Codec], Link]] = {
        "udpin": lambda h, p, c: Udp(c, bind=(h or "0.0.0.0", p)),
        "udpout": lambda h, p, c: Udp(c, peer=(h, p)),
        "tcp": lambda h, p, c: Tcp(c, (h, p)),
    }
    if kind not in makers or not port.isdigit() or not 0 < int(port) < 65536 or (not host and kind != "udpin"):
        raise LinkError(
            f"--link {address}: 不是有效地址 not an address; "
            "give udpin:0.0.0.0:14550, udpout:HOST:PORT or tcp:HOST:PORT"
        )
    try:
        return makers[kind](host, int(port), Codec(own, signing))
    except OSError as error:
        raise LinkError(f"--link {address}: 无法打开 cannot be opened: {error.strerror or error}") from error


class Udp:
    """Datagrams. With `bind` the peers are those who have sent us something sound, at most PEERS_MAX, latest first."""

    def __init__(
        self, codec: Codec, *, bind: tuple[str, int] | None = None, peer: tuple[str, int] | None = None
    ) -> None:
        self.codec = codec
        self._learns = peer is None
        self._peers = [] if peer is None else [(socket.gethostbyname(peer[0]), peer[1])]
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        if bind is not None:
            self._socket.bind(bind)

    @property
    def port(self) -> int:
        """Our own port."""
        return int(self._socket.getsockname()[1])

    def poll(self, now_s: float) -> list[Message]:
        """What has come."""
        messages: list[Message] = []
        for _ in range(READS_MAX):
            try:
                data, sender = self._socket.recvfrom(READ_BYTES)
            except BlockingIOError:
                break
            except ConnectionError:  # nobody listens there (yet)
                continue
            sound = self.codec.decode(data)
            if sound and self._learns and sender not in self._peers:
                self._peers = [sender, *self._peers][:PEERS_MAX]
            messages += sound
        return messages

    def send(self, messages: list[Message]) -> None:
        """One datagram a message, to every peer."""
        for message in messages:
            data = self.codec.encode(message)
            for peer in self._peers:
                try:
                    self._socket.sendto(data, peer)
                except (BlockingIOError, ConnectionError):
                    continue
                except OSError as error:
                    if error.errno not in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENOBUFS, errno.ENETDOWN):
                        raise

    def wait(self, timeout_s: float) -> None:
        """Until something has come, or the time is over."""
        select.select([self._socket], [], [], timeout_s)

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()


class Tcp:
    """A stream to one peer, connected again when it ends. While there is none, what is sent is forgotten."""

    def __init__(self, codec: Codec, peer: tuple[str, int]) -> None:
        self.codec = codec
        self._peer = (socket.gethostbyname(peer[0]), peer[1])
        self._socket: socket.socket | None = None
        self._connected = False
        self._queue = bytearray()
        self._again_s = 0.0

    def poll(self, now_s: float) -> list[Message]:
        """What has come; a dead connection is ended here and a new one begun."""
        if self._socket is None:
            self._begin(now_s)
        sock = self._socket
        if sock is None or not self._established(sock, now_s):
            return []
        self._flush(sock, now_s)
        messages: list[Message] = []
        for _ in range(READS_MAX):
            try:
                data = sock.recv(READ_BYTES)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            if not data:
                self._end(now_s)
                break
            messages += self.codec.decode(data)
        return messages

    def send(self, messages: list[Message]) -> None:
        """Queue for the stream and write what it takes."""
        sock = self._socket
        if sock is None or not self._connected:
            return
        for message in messages:
            self._queue += self.codec.encode(message)
        self._flush(sock, self._again_s)

    def wait(self, timeout_s: float) -> None:
        """Until something has come or can be written, or the time is over."""
        if self._socket is None:
            select.select([], [], [], timeout_s)
        else:
            waits = [self._socket] if self._queue or not self._connected else []
            select.select([self._socket] if self._connected else [], waits, [], timeout_s)

    def close(self) -> None:
        """Give the socket back."""
        if self._socket is not None:
            self._socket.close()

    def _begin(self, now_s: float) -> None:
        if now_s < self._again_s:
            return
        self._again_s = now_s + CONNECT_AGAIN_S
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if sock.connect_ex(self._peer) in (0, errno.EINPROGRESS):
            self._socket, self._connected = sock, False
        else:
            sock.close()

    def _established(self, sock: socket.socket, now_s: float) -> bool:
        if self._connected:
            return True
        _, writable, _ = select.select([], [sock], [], 0)
        if not writable:
            return False
        if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0:
            self._end(now_s)
            return False
        self._connected = True
        return True

    def _flush(self, sock: socket.socket, now_s: float) -> None:
        try:
            while self._queue:
                del self._queue[: sock.send(self._queue)]
        except BlockingIOError:
            if len(self._queue) > QUEUE_BYTES_MAX:
                self._end(now_s)
        except OSError:
            self._end(now_s)

    def _end(self, now_s: float) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket, self._connected = None, False
        self._queue.clear()
        self._again_s = max(self._again_s, now_s)
