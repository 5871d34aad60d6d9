"""Named counters of one process: every limit that is reached is counted here, none is silent."""

import threading
from collections import Counter


class Counters:
    """Thread-safe; a name comes into being when it is first counted."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def add(self, name: str, count: int = 1) -> None:
        """Count something."""
        with self._lock:
            self._counts[name] += count

    def __getitem__(self, name: str) -> int:
        with self._lock:
            return self._counts[name]

    def snapshot(self) -> dict[str, int]:
        """All counters by name."""
        with self._lock:
            return dict(sorted(self._counts.items()))
