"""A simulated vehicle behind a real socket: UDP (it speaks first, to a ground station's port) or a TCP server.

`step` is called by a test in its own time; `Served` runs it on a thread against the clock, `fast` times as fast."""

import socket
import threading
import time

from drone.autopilot.wire import Codec, Message, Signing
from drone.sim.vehicle import OWN, SimCopter


class Port:
    """The vehicle's end of a line. `port`: where to connect to (TCP)."""

    def __init__(self, copter: SimCopter, *, udp_to: int | None = None, signing: Signing | None = None) -> None:
        self.copter = copter
        self.codec = Codec(OWN, signing)
        self._udp_to = udp_to
        self._peer: socket.socket | None = None
        if udp_to is None:
            self._socket = socket.create_server(("127.0.0.1", 0))
        else:
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.port = int(self._socket.getsockname()[1])

    def step(self, now_s: float) -> None:
        """Read, think, send: once."""
        out: list[Message] = []
        for data in self._read():
            for message in self.codec.decode(data):
                out += self.copter.receive(message, now_s)
        out += self.copter.tick(now_s)
        for message in out:
            self._write(self.codec.encode(message))

    def hang_up(self) -> None:
        """End the TCP connection, as a serial server does when its cable is pulled."""
        if self._peer is not None:
            self._peer.close()
            self._peer = None

    def close(self) -> None:
        self.hang_up()
        self._socket.close()

    def _read(self) -> list[bytes]:
        if self._udp_to is None and self._peer is None:
            try:
                self._peer, _ = self._socket.accept()
                self._peer.setblocking(False)
            except BlockingIOError:
                return []
        found: list[bytes] = []
        while True:
            try:
                data = (self._peer or self._socket).recv(65536)
            except BlockingIOError:
                return found
            except ConnectionError:
                data = b""
            if not data:
                self.hang_up()
                return found
            found.append(data)

    def _write(self, data: bytes) -> None:
        try:
            if self._udp_to is not None:
                self._socket.sendto(data, ("127.0.0.1", self._udp_to))
            elif self._peer is not None:
                self._peer.sendall(data)
        except ConnectionError:
            self.hang_up()


class Served:
    """A Port on a thread of its own. with Served(port): ..."""

    def __init__(self, port: Port, fast: float = 1.0) -> None:
        self._port, self._fast = port, fast
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Served":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10)
        self._port.close()

    def _run(self) -> None:
        start = time.monotonic()
        while not self._stop.wait(0.01):
            self._port.step((time.monotonic() - start) * self._fast)
