"""What a kiosk keeps of its cameras' packets: seconds in memory for clips, days on the disk where a city wants them."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from edge.kiosk.config import CameraSettings, KioskSettings
from edge.watch.packets import Piece, Tap
from edge.watch.record import Keeping, Recorder, Segments
from edge.watch.ring import PacketRing, Window


class Footage:
    """One ring and, where it is switched on, one recorder for each camera. `taps`: what each camera's source calls;
    `live`: who else takes a camera's packets, by its name."""

    def __init__(
        self, settings: KioskSettings, data: Path, live: Mapping[str, Callable[[Piece], None]] | None = None
    ) -> None:
        self._live = live or {}
        self.rings: dict[str, PacketRing] = {}
        self.taps: dict[str, Tap] = {}
        self._recorders: list[Recorder] = []
        for camera in settings.camera:
            self._prepare(settings, camera, data)

    def start(self) -> None:
        """Begin to record."""
        for recorder in self._recorders:
            recorder.start()

    def stop(self) -> None:
        """Write what waits; call it when the cameras have stopped."""
        for recorder in self._recorders:
            recorder.stop()

    def counters(self) -> dict[str, int]:
        """Of all cameras together, for the health message."""
        total: Counter[str] = Counter()
        for recorder in self._recorders:
            total.update(recorder.counters)
        if self.rings:
            total["clip_overflows"] = sum(ring.overflows for ring in self.rings.values())
        return dict(total)

    def _prepare(self, settings: KioskSettings, camera: CameraSettings, data: Path) -> None:
        takers = [self._live[camera.name]] if camera.name in self._live else []
        if settings.clip.bytes_max:
            clip = settings.clip
            ring = self.rings[camera.name] = PacketRing(Window(clip.before_s, clip.after_s, clip.bytes_max))
            takers.append(ring.add)
        if camera.record.on:
            keep = camera.record
            keeping = Keeping(keep.days, keep.bytes_max, keep.segment_s, 2 * settings.free_bytes_min)
            recorder = Recorder(camera.name, Segments(data / "record" / folder_name(camera.name), keeping))
            self._recorders.append(recorder)
            takers.append(recorder.add)
        if takers:
            tap = self.taps[camera.name] = Tap(*takers)
            if camera.name in self.rings:
                self.rings[camera.name].tap = tap


def folder_name(camera: str) -> str:
    """A camera's name as a folder's: names may hold anything, two cameras never share a folder."""
    return f"{re.sub('[^A-Za-z0-9]', '_', camera)[:32]}-{hashlib.sha256(camera.encode()).hexdigest()[:8]}"
