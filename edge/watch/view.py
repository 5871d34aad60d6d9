"""Whether one camera can be trusted now: learns how its view looks, checks it at a bounded rate, keeps the faults."""

import struct
from collections import deque
from collections.abc import Callable

import cv2
import numpy as np

from detectors.view import FrozenWatch, Reason, Reference, ViewQuality, check_view, shrunk
from edge.watch.source import Image

CHECK_EVERY_S = 2.0  # shorter than Habits.forget_s: a covered lens is noticed before a place is forgotten
ALARM_S = 6.0  # a fault is told to the operator once it has held so long; the watcher heeds it at once
LEARN = 5  # pictures, CHECK_EVERY_S apart, that make the first reference
REFRESH_S = 600.0  # the reference follows light, seasons and parked vans
STILL_SHARE = 0.002  # of the width: a view that has moved less is the same view, and may become the reference


class ViewWatch:
    """The view of one camera. `live`: only a living camera can freeze. `kept`: a reference from before a restart.
    `keep`: called with each new reference to be stored. `every_s`: between looks at a view that is known and fine;
    longer than CHECK_EVERY_S only where a motion gate asks for a look as soon as much has changed.

    The reference is renewed every REFRESH_S while the view stands still against it, so a camera that sinks by less than
    2.5 px of 1280 in ten minutes is not noticed; one that is bumped, turned, covered or shaken is.
    """

    def __init__(
        self,
        live: bool,
        kept: Reference | None,
        keep: Callable[[Reference], None],
        every_s: float = CHECK_EVERY_S,
    ) -> None:
        self._every_s = every_s
        self._reference = kept
        self._known = kept is not None
        self._keep = keep
        self._good: deque[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]] = deque(maxlen=LEARN)
        self._frozen = FrozenWatch() if live else None
        self._checked_s: float | None = None
        self._renewed_s = 0.0
        self._since_s = 0.0
        self._alarm = ""
        self.reasons: tuple[Reason, ...] = ()
        self.checks = 0

    def fault(self, image: Image, mono_s: float, now: bool = False) -> str:
        """What is wrong with the view, in words, or "". Looks at the picture (H, W, 3) when the last look is too old,
        or when an answer is needed for this very picture (`now`: before filing, for a check)."""
        if self.due(mono_s) or (now and mono_s != self._checked_s):
            self._check(image, mono_s)
        return self.text

    def due(self, mono_s: float) -> bool:
        """Whether the last look is too old."""
        every_s = self._every_s if self._known and not self.reasons else CHECK_EVERY_S
        return self._checked_s is None or mono_s - self._checked_s >= every_s

    @property
    def text(self) -> str:
        """The present faults in one line; empty when all is well."""
        return "; ".join(reason.text for reason in self.reasons)

    def health(self) -> dict[str, float | str]:
        """For the operator: `view` is ok or the fault's name, `view_text` what was measured."""
        if not self._alarm:
            return {"view": "ok" if self.checks else "unknown"}
        return {"view": self._alarm, "view_text": self.text}

    def _check(self, image: Image, mono_s: float) -> None:
        self.checks += 1
        self._checked_s = mono_s
        quality = self._judged(image)
        frozen = self._frozen.add(image, mono_s) if self._frozen else None
        self._note(quality.reasons + ((frozen,) if frozen else ()), mono_s)
        if self.reasons:
            self._good.clear()
        elif self._known:
            self._follow(image, quality, mono_s)
        else:
            self._learn(image, mono_s)

    def _judged(self, image: Image) -> ViewQuality:
        """Against the reference; while that is still being learned, a picture that is fine alone begins it anew (the
        first may have shown a passing lorry, or somebody is still turning the camera)."""
        quality = check_view(image, self._reference)
        if self._known or quality.ok:
            return quality
        self._good.clear()
        self._reference = None
        return _without_blur(check_view(image))

    def _learn(self, image: Image, mono_s: float) -> None:
        self._good.append(shrunk(image))
        self._reference = _of_one_shape(self._good)
        if len(self._good) == LEARN:
            self._known = True
            self._renewed_s = mono_s
            self._keep(self._reference)

    def _follow(self, image: Image, quality: ViewQuality, mono_s: float) -> None:
        if quality.moved_px is None or quality.moved_px > STILL_SHARE * image.shape[1]:
            return
        self._good.append(shrunk(image))
        if mono_s - self._renewed_s >= REFRESH_S and len(self._good) == LEARN:
            self._renewed_s = mono_s
            self._reference = _of_one_shape(self._good)
            self._keep(self._reference)

    def _note(self, reasons: tuple[Reason, ...], mono_s: float) -> None:
        if [r.fault for r in reasons] != [r.fault for r in self.reasons]:
            self._since_s = mono_s
        self.reasons = reasons
        held = mono_s - self._since_s >= ALARM_S
        self._alarm = reasons[0].fault if reasons and (held or self._alarm == reasons[0].fault) else ""


def pack(reference: Reference) -> bytes:
    """A reference as bytes: its blur (float64, little endian), then its grey picture as PNG (about 200 KB)."""
    done, data = cv2.imencode(".png", reference.grey)
    if not done:
        raise ValueError(f"view of shape {reference.grey.shape} cannot be written as PNG")
    return struct.pack("<d", reference.blur) + data.tobytes()


def unpack(body: bytes) -> Reference | None:
    """The reference, or None when the bytes are none (then the view is learned anew)."""
    picture = np.frombuffer(body[8:], np.uint8)
    grey = cv2.imdecode(picture, cv2.IMREAD_GRAYSCALE) if len(picture) else None
    if grey is None:
        return None
    return Reference.of_greys([np.asarray(grey, np.uint8)], float(struct.unpack("<d", body[:8])[0]))


def _of_one_shape(greys: "deque[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]") -> Reference:
    """Of the newest picture and those of its shape (a camera may change its resolution)."""
    return Reference.of_greys([grey for grey in greys if grey.shape == greys[-1].shape])


def _without_blur(quality: ViewQuality) -> ViewQuality:
    """A lens that was never sharp is judged against itself."""
    rest = tuple(reason for reason in quality.reasons if reason.fault != "blurred")
    return ViewQuality(rest, quality.brightness, quality.blur, quality.moved_px)
