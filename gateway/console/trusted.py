"""Measured precision by camera x class x hour, asked of the registry once for all open pages."""

import threading
from collections.abc import Callable
from typing import Any

from gateway.console.words import beijing_hour
from gateway.registry_desk import RegistryDesk

FRESH_S = 15.0
Row = dict[str, Any]


class Trusted:
    """Thread-safe. `monotonic_s`: a clock."""

    def __init__(self, registry: RegistryDesk, monotonic_s: Callable[[], float]) -> None:
        self._registry = registry
        self._monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._cells: dict[tuple[str, str, int], Row] = {}
        self._read_s = float("-inf")

    def of(self, device: str, camera: str, class_code: str, received_at: str) -> Row | None:
        """The cell that a candidate belongs to; None before the first decision there. Raises NotAnswered."""
        with self._lock:
            if self._monotonic_s() - self._read_s > FRESH_S:
                rows = self._registry.precision()
                self._cells = {(row["camera"], row["class_code"], row["hour"]): row for row in rows}
                self._read_s = self._monotonic_s()
            return self._cells.get((f"{device}/{camera}", class_code, beijing_hour(received_at)))
