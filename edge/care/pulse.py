"""Every few seconds: how the device feels, kept for its health message, its metrics page and `zhuomu doctor`."""

import os
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import structlog

from edge.care import vitals
from edge.evidence.files import private
from edge.wire import Versions, Vitals

EVERY_S = 10.0
DISK_EVERY_S = 300.0
STATUS_NAME = "status.json"

CameraFigures = dict[str, dict[str, float | str]]
log = structlog.get_logger()


class Snapshot(msgspec.Struct, kw_only=True):
    """One moment. It is also the form of `status.json` in a device's care folder."""

    at: datetime
    pid: int = 0
    device: str = ""
    outbox_rows: int = 0
    outbox_bytes: int = 0
    connected: bool = False
    last_receipt_at: datetime | None = None
    cameras: CameraFigures = {}
    dropped: dict[str, int] = {}
    vitals: Vitals = msgspec.field(default_factory=Vitals)
    versions: Versions = msgspec.field(default_factory=Versions)


class Rates:
    """Counters of cameras -> what they came to per second since the call before: `fps`, and `decode_ms` a picture."""

    def __init__(self) -> None:
        self._before: dict[str, tuple[float, float, float]] = {}

    def add(self, cameras: CameraFigures, mono_s: float) -> CameraFigures:
        """The same figures with the rates beside them."""
        return {name: {**figures, **self._one(name, figures, mono_s)} for name, figures in cameras.items()}

    def _one(self, name: str, figures: dict[str, float | str], mono_s: float) -> dict[str, float | str]:
        frames, decode_s = _number(figures, "frames"), _number(figures, "decode_s")
        before, self._before[name] = self._before.get(name), (mono_s, frames, decode_s)
        if before is None or mono_s <= before[0]:
            return {}
        pictures = frames - before[1]
        rates: dict[str, float | str] = {"fps": round(pictures / (mono_s - before[0]), 2)}
        if pictures > 0:
            rates["decode_ms"] = round(1000.0 * (decode_s - before[2]) / pictures, 2)
        return rates


class DiskUse:
    """Bytes by kind of file, measured anew every DISK_EVERY_S: recordings may be many files."""

    def __init__(self, kinds: Mapping[str, Path]) -> None:
        self._kinds = kinds
        self._measured_s = float("-inf")
        self._used: dict[str, float] = {}

    def now(self, mono_s: float) -> dict[str, float]:
        """The newest measure."""
        if mono_s - self._measured_s >= DISK_EVERY_S:
            self._measured_s = mono_s
            self._used = {kind: float(vitals.used_bytes(path)) for kind, path in self._kinds.items()}
        return dict(self._used)


class Pulse:
    """One thread; `snapshot` is its newest result for whoever asks. `folder`: where the status file lies."""

    def __init__(self, measure: Callable[[], Snapshot], folder: Path, every_s: float = EVERY_S) -> None:
        self._measure = measure
        self._path = folder / STATUS_NAME
        self._every_s = every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)
        self.snapshot = Snapshot(at=datetime.now(UTC))

    def start(self) -> None:
        """Measure now, then again and again."""
        self.beat()
        self._thread.start()

    def stop(self) -> None:
        """End; the status file stays, with the time of the last beat in it."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(5.0)

    def beat(self) -> None:
        """Measure once."""
        self.snapshot = self._measure()
        try:
            _replace(self._path, msgspec.json.encode(self.snapshot))
        except OSError as error:
            log.warning("pulse.unwritten", file=str(self._path), reason=error.strerror or str(error))

    def _run(self) -> None:
        while not self._stop.wait(self._every_s):
            self.beat()


def read_status(folder: Path) -> Snapshot | None:
    """What a device's process wrote last, None where there is nothing that can be read."""
    try:
        return msgspec.json.decode((folder / STATUS_NAME).read_bytes(), type=Snapshot)
    except (OSError, msgspec.DecodeError):
        return None


def _replace(path: Path, data: bytes) -> None:
    """Whole for whoever reads it. Not synced: it is worth nothing after a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_suffix(".new")
    with os.fdopen(private(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as out:
        out.write(data)
    temporary.replace(path)


def _number(figures: dict[str, float | str], name: str) -> float:
    value = figures.get(name, 0.0)
    return value if isinstance(value, (int, float)) else 0.0
