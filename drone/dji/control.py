"""What people ask of the running dock service, over a socket that only this user can open: one JSON line each way."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from drone.dji.order import FlyOrder
from drone.mission.plan import Fence, Flight

LINE_MAX = 20_000_000
ANSWER_S = 60.0
AT_ONCE_MAX = 8
PATH_MAX = 100  # a Unix socket's name has 107 bytes


class ControlError(RuntimeError):
    """The service was not reached or did not answer; `str()` is one line."""


class Order(msgspec.Struct, frozen=True):
    """verb: list, task, fly, pause, resume, undo, home, live, unlive. sn: which dock, "" for all."""

    verb: str
    sn: str = ""
    flight_id: str = ""
    flight: Flight | None = None
    fence: Fence | None = None
    how: FlyOrder = FlyOrder()
    video: str = ""
    quality: str = "adaptive"


Told = dict[str, Any]
Resolve = Callable[[Told], None]
Submit = Callable[[Order, Resolve], None]


def path_of(data: Path) -> Path:
    """Where the socket of a data folder is. Raises ControlError when its name is too long."""
    path = data / "control.sock"
    if len(str(path).encode()) > PATH_MAX:
        raise ControlError(f"{path}: too long a name for a socket; give a shorter data folder")
    return path


class Control:
    """Listens; `submit` hands an order to the service's loop, which resolves it when it has an answer."""

    def __init__(self, path: Path, submit: Submit) -> None:
        self._submit = submit
        path.unlink(missing_ok=True)  # of a run that was killed: the folder's lock is ours
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        path.chmod(0o600)
        self._socket.listen(AT_ONCE_MAX)
        self._room = threading.BoundedSemaphore(AT_ONCE_MAX)
        threading.Thread(target=self._listen, name="control", daemon=True).start()

    def close(self) -> None:
        """No more orders."""
        self._socket.close()

    def _listen(self) -> None:
        while True:
            try:
                peer, _ = self._socket.accept()
            except OSError:
                return
            if self._room.acquire(blocking=False):
                threading.Thread(target=self._serve, args=(peer,), daemon=True).start()
            else:
                peer.close()

    def _serve(self, peer: socket.socket) -> None:
        try:
            with peer:
                peer.settimeout(ANSWER_S)
                peer.sendall(msgspec.json.encode(self._answer(_line(peer))) + b"\n")
        except OSError:
            pass  # whoever asked has left
        finally:
            self._room.release()

    def _answer(self, line: bytes) -> Told:
        try:
            order = msgspec.json.decode(line, type=Order)
        except msgspec.MsgspecError as error:
            return {"error": f"no order: {error}"}
        answers: queue.Queue[Told] = queue.Queue()
        self._submit(order, answers.put)
        try:
            return answers.get(timeout=ANSWER_S)
        except queue.Empty:
            return {"error": "no answer from the service's loop; is it stuck? look at its log"}


def ask(data: Path, order: Order) -> Told:
    """One order to the running service. Raises ControlError."""
    path = path_of(data)
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(ANSWER_S + 5)
            line.connect(str(path))
            line.sendall(msgspec.json.encode(order) + b"\n")
            told: Told = msgspec.json.decode(_line(line), type=dict[str, Any])
    except (OSError, msgspec.MsgspecError) as error:
        raise ControlError(
            f"{path}: the dock service does not answer ({error}); start `zhuomu drone dock run`"
        ) from None
    if "error" in told:
        raise ControlError(str(told["error"]))
    return told


def _line(peer: socket.socket) -> bytes:
    """Up to a line's end. An over-long one is cut and then is no JSON."""
    found = bytearray()
    while not found.endswith(b"\n") and len(found) < LINE_MAX:
        part = peer.recv(65_536)
        if not part:
            break
        found += part
    return bytes(found)
