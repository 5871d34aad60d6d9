"""The last seconds of a camera's packets in memory, and a clip of the moment cut from them by stream copy."""

import io
import threading
from collections import deque
from dataclasses import dataclass

from edge.watch.packets import Piece, Remux, Tap

CLIP_BYTES_MAX = 8 * 1024**2


@dataclass(frozen=True)
class Window:
    """What is kept: `before_s`, `after_s` around a moment, at most `bytes_max` of packets of one camera."""

    before_s: float = 6.0
    after_s: float = 4.0
    bytes_max: int = CLIP_BYTES_MAX


@dataclass(frozen=True)
class Cut:
    """Pieces of one format without a gap, the first a key frame; `moment_s`: monotonic, what the clip is about."""

    pieces: tuple[Piece, ...]
    moment_s: float

    def mp4(self) -> bytes:
        """The clip as a file. Raises av.FFmpegError for packets that no MP4 takes."""
        out = io.BytesIO()
        remux = Remux(out, self.pieces[0])
        for piece in self.pieces:
            remux.add(piece)
        remux.close()
        return out.getvalue()

    def from_to_ms(self) -> tuple[int, int]:
        """When the first and the last packet came, milliseconds from the moment."""
        first, last = self.pieces[0].mono_s, self.pieces[-1].mono_s
        return round((first - self.moment_s) * 1000), round((last - self.moment_s) * 1000)


class PacketRing:
    """Whole GOPs, oldest out first: always begins with a key frame. The camera's thread adds, others cut.

    Bounded by seconds (the window's, and as much further back as the GOP in which it begins) and by bytes. A GOP that
    alone is over the bytes (`overflows`) is given up; keeping begins again at the next key frame.
    """

    def __init__(self, window: Window | None = None) -> None:
        self.window = window or Window()
        self.tap: Tap | None = None
        self._pieces: deque[Piece] = deque()
        self._keys: deque[Piece] = deque()
        self._bytes = 0
        self._lock = threading.Lock()
        self.overflows = 0

    @property
    def size(self) -> tuple[int, int]:
        """(packets, bytes) that are kept."""
        return len(self._pieces), self._bytes

    @property
    def why_not(self) -> str:
        """Why nothing can be cut, in words."""
        return (self.tap.why_not if self.tap else "") or (
            "no key frame has come yet, one GOP is larger than the ring, or the moment is older than what it holds"
        )

    def add(self, piece: Piece) -> None:
        """Keep a packet."""
        with self._lock:
            if self._pieces and self._pieces[0].format is not piece.format:
                self._clear()
            if not self._pieces and not piece.key:
                return
            self._pieces.append(piece)
            self._bytes += len(piece.data)
            if piece.key:
                self._keys.append(piece)
            self._trim(piece.mono_s)

    def cut(self, moment_s: float) -> Cut | None:
        """What is kept around the moment, from the key frame at or before `before_s` on; None without any."""
        begin, until = moment_s - self.window.before_s, moment_s + self.window.after_s
        with self._lock:
            keys = [key.number for key in self._keys if key.mono_s <= begin] or [k.number for k in self._keys][:1]
            pieces = tuple(p for p in self._pieces if p.number >= keys[-1] and p.mono_s <= until) if keys else ()
        return Cut(pieces, moment_s) if pieces else None

    def more(self, cut: Cut) -> Cut:
        """The cut with what has come since, up to `after_s` after its moment, as far as nothing is missing between."""
        last, until = cut.pieces[-1], cut.moment_s + self.window.after_s
        with self._lock:
            later = [p for p in self._pieces if p.number > last.number]
        if not later or later[0].number != last.number + 1 or later[0].format is not last.format:
            return cut
        return Cut(cut.pieces + tuple(p for p in later if p.mono_s <= until), cut.moment_s)

    def _trim(self, now_s: float) -> None:
        span = self.window.before_s + self.window.after_s
        while len(self._keys) > 1 and (self._bytes > self.window.bytes_max or self._keys[1].mono_s <= now_s - span):
            self._keys.popleft()
            while self._pieces[0] is not self._keys[0]:
                self._bytes -= len(self._pieces.popleft().data)
        if self._bytes > self.window.bytes_max:
            self.overflows += 1
            self._clear()

    def _clear(self) -> None:
        self._pieces.clear()
        self._keys.clear()
        self._bytes = 0
