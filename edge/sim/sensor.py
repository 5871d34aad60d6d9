"""What a camera does to a picture: exposure, white balance, contrast, defocus, noise, compression."""

from __future__ import annotations

from dataclasses import dataclass

import av
import cv2
import numpy as np
from av.video.codeccontext import VideoCodecContext

from edge.sim.texture import Image, Rng


@dataclass(frozen=True)
class Exposure:
    """Gains for blue, green and red, an exponent (> 1 darkens the middle tones) and the share of colour kept."""

    gains: tuple[float, float, float] = (1.0, 1.0, 1.0)
    gamma: float = 0.92
    color: float = 1.0

    def apply(self, image: Image) -> Image:
        """(H, W, 3) uint8 -> the same, by one look-up table per channel."""
        level = np.linspace(0, 1, 256)[:, None] * np.asarray(self.gains)
        table = (255 * np.clip(level, 0, 1) ** self.gamma).astype(np.uint8)[None]
        graded: Image = cv2.LUT(image, table)
        if self.color >= 1:
            return graded
        grey = cv2.cvtColor(cv2.cvtColor(graded, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        return cv2.addWeighted(graded, self.color, grey, 1 - self.color, 0)


def daylight(seed: int, t_s: float) -> Exposure:
    """Clouds passing: brightness and colour temperature swing slowly, over about half a minute to minutes."""
    phases = np.random.default_rng([seed, 21]).uniform(0, 2 * np.pi, 4)
    cloud = 0.06 * np.sin(t_s / 23 + phases[0]) + 0.05 * np.sin(t_s / 61 + phases[1])
    warmth = 0.03 * np.sin(t_s / 47 + phases[2]) + 0.02 * np.sin(t_s / 131 + phases[3])
    gain = 1.16 + cloud
    return Exposure((gain * (1 - warmth), gain, gain * (1 + warmth)))


class Grain:
    """Sensor noise: a fixed field of noise, shifted and turned from frame to frame so that it never looks still."""

    def __init__(self, width: int, height: int, seed: int, sigma: float = 3.0) -> None:
        self.size = (width, height)
        rng = np.random.default_rng([seed, 22])
        shape = (height + 64, width + 64)
        field = rng.standard_normal((*shape, 3), np.float32) * sigma + rng.standard_normal((*shape, 1), np.float32) * (
            sigma * 0.6
        )
        self._above = np.clip(field, 0, 255).astype(np.uint8)
        self._below = np.clip(-field, 0, 255).astype(np.uint8)

    def apply(self, image: Image, frame_number: int) -> Image:
        """(H, W, 3) uint8 with the noise of one frame."""
        width, height = self.size
        x, y = (frame_number * 37) % 64, (frame_number * 53) % 64
        here = np.s_[y : y + height, x : x + width]
        return cv2.subtract(cv2.add(image, self._above[here]), self._below[here])


def defocus(image: Image, sigma: float) -> Image:
    """Slight blur of the lens."""
    return cv2.GaussianBlur(image, (0, 0), sigma) if sigma > 0.55 else cv2.GaussianBlur(image, (3, 3), max(sigma, 0.3))


def through_h264(image: Image, crf: int) -> Image:
    """Encode one picture as an H.264 key frame and decode it again: the artefacts of a real stream."""
    height, width = image.shape[:2]
    encoder = VideoCodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "crf": str(crf)}
    decoder = VideoCodecContext.create("h264", "r")
    frame = av.VideoFrame.from_ndarray(image, format="bgr24")
    packets = [*encoder.encode(frame), *encoder.encode(None), None]
    decoded = next(picture for packet in packets for picture in decoder.decode(packet))
    return decoded.to_ndarray(format="bgr24")


def random_camera_faults(image: Image, rng: Rng) -> Image:
    """For training pictures: any exposure, colour cast, haze, blur, noise and compression that a street camera
    shows."""
    gain, warm, tint = rng.uniform(0.65, 1.45), rng.normal(0, 0.07), rng.normal(0, 0.03)
    image = Exposure(
        (gain * (1 - warm), gain * (1 + tint), gain * (1 + warm)), rng.uniform(0.7, 1.15), rng.uniform(0.55, 1)
    ).apply(image)
    if rng.random() < 0.2:
        image = cv2.addWeighted(image, 1 - (haze := rng.uniform(0.1, 0.35)), np.full_like(image, 200), haze, 0)
    if rng.random() < 0.7:
        image = defocus(image, rng.uniform(0.3, 1.3))
    if rng.random() < 0.08:
        length = int(rng.integers(3, 8))
        image = cv2.blur(image, (length, 1) if rng.random() < 0.7 else (1, length))
    image = Grain(image.shape[1], image.shape[0], int(rng.integers(1 << 30)), rng.uniform(0.5, 7)).apply(image, 0)
    return through_h264(image, int(rng.integers(20, 36))) if rng.random() < 0.4 else image
