"""Pictures that prove a candidate: the original stays sealed on the device, only a redacted copy leaves."""

import hashlib
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import structlog

from detectors import Detections, RedactionError
from detectors.poster import readings
from detectors.redact import Redactor
from detectors.text import MIN_SCORE, TextError
from edge.evidence import write_whole
from edge.watch.boxes import Box
from edge.watch.sealed import Sealed
from edge.watch.source import Image
from edge.wire import Evidence, EvidenceRef

SIDE_PX_MAX = 1280
JPEG_QUALITY = 80
FULL_QUALITY = 90
EVIDENCE_BYTES_MAX = 256 * 1024
CROP_MARGIN = 0.35
LOOK_MARGIN, LOOK_CONTEXT = 1.0, 1.5  # of a check's place: what leaves, and what is searched for faces and plates
VEHICLES = ("car", "bus", "truck", "motorbike")

log = structlog.get_logger()
Kind = Literal["frame", "crop", "before", "look"]
__all__ = ["EvidenceMaker", "Sealed", "bounds", "crop", "reference", "write_whole"]


@dataclass
class EvidenceMaker:
    """Makes evidence. Fails closed: when redaction cannot run, no picture leaves, and `withheld` counts it.

    Slow (`docs/benchmarks.md`: about a second of one core a picture): `Desk` calls it beside the detection thread. What
    several candidates of one frame need is redacted once.
    """

    redactor: Redactor
    sealed: Sealed
    withheld: int = 0
    unread: int = 0
    _last: tuple[Image, Image | None] | None = None

    def frame_and_crop(self, image: Image, box: Box, detections: Detections) -> list[Evidence]:
        """The whole picture and the thing itself, redacted. Empty when redaction failed."""
        self.sealed.keep(image)
        return self.pictures(image, box, detections)

    def pictures(
        self,
        image: Image,
        box: Box,
        found: Detections,
        before: Image | None = None,
        found_before: Detections | None = None,
    ) -> list[Evidence]:
        """What `frame_and_crop` gives, and the picture from before, without sealing anything."""
        clean = self._redact(image, found)
        if clean is None:
            return []
        made = [_evidence(_shrink(clean), "frame"), _evidence(crop(clean, box), "crop")]
        past = (
            None if before is None or found_before is None else self._redacted(before, found_before.of_class(*VEHICLES))
        )
        self.withheld += before is not None and past is None
        return made if past is None else [*made, _evidence(_shrink(past), "before")]

    def full(self, image: Image, found: Detections) -> bytes | None:
        """The whole picture at its own size, redacted, as JPEG; None when redaction failed, and where what goes by MQTT
        is as good."""
        clean = self._redact(image, found)
        if clean is None or (
            max(clean.shape[:2]) <= SIDE_PX_MAX and len(_jpeg(clean, JPEG_QUALITY)) <= EVIDENCE_BYTES_MAX
        ):
            return None
        return _jpeg(clean, FULL_QUALITY)

    def look(self, image: Image, box: Box, detections: Detections) -> list[Evidence]:
        """The place of a check, redacted. Empty when redaction failed. Only the place is redacted, with so much around
        it that a face or plate at the edge of what leaves is whole when it is looked for."""
        x1, y1, x2, y2 = bounds(image, box, LOOK_CONTEXT)
        wide = np.ascontiguousarray(image[y1:y2, x1:x2])
        inside = _shifted(detections.of_class(*VEHICLES), (x1, y1, x2, y2))
        clean = self._redacted(wide, inside, max(wide.shape[:2]) / max(image.shape[:2]))
        self.withheld += clean is None
        if clean is None:
            return []
        a, b, c, d = bounds(image, box, LOOK_MARGIN)
        return [_evidence(np.ascontiguousarray(clean[b - y1 : d - y1, a - x1 : c - x1]), "look")]

    def numbers(self, poster: Image) -> list[tuple[str, float]]:
        """(digits, score) of telephone numbers and near misses on a poster's crop, for `campaign.Tally`; nothing when
        reading failed, which `unread` counts. The numbers stand in no log."""
        try:
            lines = self.redactor.reader.read(poster)
        except TextError as error:
            self.unread += 1
            log.error("poster.unread", reason=str(error))
            return []
        return readings([line for line in lines if line.score >= MIN_SCORE])

    def _redact(self, image: Image, detections: Detections) -> Image | None:
        if self._last is None or self._last[0] is not image:
            self._last = image, self._redacted(image, detections.of_class(*VEHICLES))
        clean = self._last[1]
        self.withheld += clean is None
        return clean

    def _redacted(self, image: Image, vehicles: Detections, part: float = 1.0) -> Image | None:
        try:
            return np.asarray(self.redactor.redact(image, vehicles, part), np.uint8)
        except RedactionError as error:
            log.error("evidence.withheld", reason=str(error))
            return None


def crop(image: Image, box: Box, margin: float = CROP_MARGIN) -> Image:
    """The box with a margin (share of its larger side), cut at the picture's edges; never empty."""
    x1, y1, x2, y2 = bounds(image, box, margin)
    return np.ascontiguousarray(image[y1:y2, x1:x2])


def bounds(image: Image, box: Box, margin: float) -> tuple[int, int, int, int]:
    """x1, y1, x2, y2 in whole pixels of the picture: the box with a margin (share of its larger side)."""
    height, width = image.shape[:2]
    pad = margin * max(box[2] - box[0], box[3] - box[1])
    x1, y1 = int(max(0, min(width - 1, box[0] - pad))), int(max(0, min(height - 1, box[1] - pad)))
    x2, y2 = int(min(width, max(x1 + 1, box[2] + pad))), int(min(height, max(y1 + 1, box[3] + pad)))
    return x1, y1, x2, y2


def _shifted(vehicles: Detections, window: tuple[int, int, int, int]) -> Detections:
    """What lies in a window (x1, y1, x2, y2) px, in the window's own pixels."""
    x1, y1, x2, y2 = window
    boxes = vehicles.boxes - np.array([x1, y1, x1, y1], np.float32)
    seen = (boxes[:, 0] < x2 - x1) & (boxes[:, 1] < y2 - y1) & (boxes[:, 2] > 0) & (boxes[:, 3] > 0)
    return Detections(boxes, vehicles.scores, vehicles.class_ids, vehicles.names)[seen]


def reference(evidence: Evidence) -> EvidenceRef:
    """What a candidate says of a picture that follows."""
    return EvidenceRef(
        sha256=evidence.sha256,
        media_type=evidence.media_type,
        size_bytes=len(evidence.data),
        kind=evidence.kind,
        redacted=evidence.redacted,
    )


def _evidence(image: Image, kind: Kind) -> Evidence:
    data = _small_enough(image)
    return Evidence(
        device="unset",
        epoch="00000000",
        seq=1,
        sha256=hashlib.sha256(data).hexdigest(),
        media_type="image/jpeg",
        kind=kind,
        redacted=True,
        data=data,
    )


def _small_enough(image: Image) -> bytes:
    for quality in (JPEG_QUALITY, 60, 40, 20):
        data = _jpeg(image, quality)
        if len(data) <= EVIDENCE_BYTES_MAX:
            return data
    return _jpeg(_shrink(image, SIDE_PX_MAX // 4), 40)


def _shrink(image: Image, side_px_max: int = SIDE_PX_MAX) -> Image:
    scale = side_px_max / max(image.shape[:2])
    if scale >= 1:
        return image
    return np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def _jpeg(image: Image, quality: int) -> bytes:
    done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f"picture of shape {image.shape} cannot be written as JPEG")
    return data.tobytes()
