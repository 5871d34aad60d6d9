"""Child processes that are watched: started, restarted when they die, stopped in order."""

import json
import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

READY_S = 90.0
STOP_S = 20.0
RESTART_S = 1.0
RESTARTS_PER_MIN_MAX = 5


class ChildFailed(RuntimeError):
    """A child did not come up or keeps dying; `str()` is one line with its own last words."""


class Child:
    """`zhuomu <args>` as a process. Ready when it prints a JSON line whose event ends in ".ready"."""

    def __init__(self, name: str, args: list[str], log: Path, on_restart: Callable[[str], None]) -> None:
        self.name = name
        self.ready: dict[str, Any] = {}
        self._args = args
        self._log = log
        self._on_restart = on_restart
        self._process: subprocess.Popen[str] | None = None
        self._starts: deque[float] = deque(maxlen=RESTARTS_PER_MIN_MAX)
        self._stopping = False

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self, timeout_s: float = READY_S) -> None:
        """Start and wait until it is ready. Raises ChildFailed."""
        self._starts.append(time.monotonic())
        with self._log.open("a", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "zhuomu", *self._args],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        self._wait_ready(self._process, timeout_s)

    def keep_alive(self) -> None:
        """Start it again when it has died. Raises ChildFailed when that happens too often."""
        process = self._process
        if self._stopping or process is None or process.poll() is None:
            return
        recent = [t for t in self._starts if time.monotonic() - t < 60.0]
        if len(recent) >= RESTARTS_PER_MIN_MAX:
            raise ChildFailed(f"{self.name} died {len(recent)} times in a minute: {self.last_words()}")
        self._on_restart(f"{self.name} ended with status {process.returncode}; starting it again")
        time.sleep(RESTART_S)
        self.start()

    def stop(self, timeout_s: float = STOP_S) -> None:
        """SIGTERM, then SIGKILL when it does not listen."""
        self._stopping = True
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def last_words(self) -> str:
        """The last line of its log that says what went wrong."""
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines() if self._log.exists() else []
        errors = [line for line in lines if line.startswith("error:")]
        return (errors or lines or ["it said nothing"])[-1].strip()[:500]

    def _wait_ready(self, process: subprocess.Popen[str], timeout_s: float) -> None:
        found = threading.Event()
        reader = threading.Thread(target=self._read, args=(process, found), daemon=True)
        reader.start()
        deadline = time.monotonic() + timeout_s
        while not found.wait(0.05):
            if process.poll() is not None:
                reader.join(1.0)
                if not found.is_set():
                    raise ChildFailed(f"{self.name} did not start: {self.last_words()}")
            if time.monotonic() > deadline:
                raise ChildFailed(f"{self.name} was not ready in {timeout_s:.0f} s; see {self._log}")

    def _read(self, process: subprocess.Popen[str], found: threading.Event) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            try:
                said = json.loads(line)
            except ValueError:
                continue
            if isinstance(said, dict) and str(said.get("event", "")).endswith(".ready"):
                self.ready = said
                found.set()
