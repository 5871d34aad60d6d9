"""Cameras, each by itself: does it open, what does it send, can anything be seen?"""

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field

import numpy as np

from detectors.view import check_view
from edge.doctor.findings import Finding, Patient, bad, fine, note
from edge.kiosk.config import CameraSettings
from edge.watch.decode import BaseRate, Decoder, Packet
from edge.watch.source import Grey, Image, Source, SourceError, Transport

AT_ONCE = 4
PICTURES_MAX = 8
FPS_LOW = 5.0


@dataclass
class Look:
    """What came in a few seconds. `keys_s`: the stream's times of key frames."""

    codec: str = ""
    size: tuple[int, int] = (0, 0)
    packets: int = 0
    first_s: float | None = None
    last_s: float = 0.0
    keys_s: list[float] = field(default_factory=list)
    greys: list[Grey] = field(default_factory=list)
    image: Image | None = None

    def packet(self, packet: Packet) -> None:
        """One packet of the video, decoded or not."""
        self.packets += 1
        self.codec = self.codec or packet.stream.codec_context.name
        if packet.pts is not None and packet.time_base is not None:
            at_s = float(packet.pts * packet.time_base)
            self.first_s = at_s if self.first_s is None else self.first_s
            self.last_s = max(self.last_s, at_s)
            if packet.is_keyframe:
                self.keys_s.append(at_s)

    @property
    def fps(self) -> float:
        """Pictures a second, 0 where it cannot be told."""
        span = self.last_s - (self.first_s if self.first_s is not None else 0.0)
        return (self.packets - 1) / span if span > 0 else 0.0

    @property
    def gop_s(self) -> float | None:
        """Between two key frames, None where fewer than two came."""
        ways = [b - a for a, b in zip(self.keys_s, self.keys_s[1:], strict=False)]
        return max(ways) if ways else None


def look(patient: Patient, seconds: float) -> Iterator[Finding]:
    """All cameras, a few at a time; each is opened once more beside the kiosk, key frames alone are decoded."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for found in pool.map(lambda camera: list(_one(patient, camera, seconds)), patient.settings.camera):
            yield from found


def _one(patient: Patient, camera: CameraSettings, seconds: float) -> Iterator[Finding]:
    if camera.source.startswith("/dev/video") and patient.running:
        yield _in_use(patient, camera)
        return
    try:
        seen = watch(camera.source, camera.transport, seconds)
    except SourceError as error:
        yield bad(
            "error",
            f"camera.{error.reason}",
            camera.name,
            (without_password(str(error)), f"摄像头打不开：{error.reason}"),
            (
                "look at its power, cable, address and password; try the same address in a player",
                "检查电源、网线、地址与密码；可用播放器试同一地址",
            ),
        )
        return
    faults = list(_faults(patient, camera, seen))
    yield from faults
    if not any(fault.severity in ("warning", "error") for fault in faults):
        gop = f", key frame every {seen.gop_s:.1f} s" if seen.gop_s else ""
        rate = f", {seen.fps:.1f} pictures a second" if seen.fps else ""
        words = f"{seen.codec} {seen.size[1]}x{seen.size[0]}{rate}{gop}".strip()
        yield fine("camera.ok", camera.name, words, f"正常：{words}")


def watch(spec: str, transport: Transport, seconds: float) -> Look:
    """Look at a source for so long (a recording: at most PICTURES_MAX key frames of it). Raises SourceError."""
    seen = Look()
    source = Source(spec, transport, on_packet=seen.packet)
    until = time.monotonic() + seconds
    with closing(source.frames(lambda stream: Decoder(stream, BaseRate(0.5)))) as frames:  # type: ignore[type-var]
        for frame in frames:
            seen.greys.append(frame.luma.copy())
            seen.image, seen.size = frame.image, frame.image.shape[:2]
            if time.monotonic() > until or len(seen.greys) >= PICTURES_MAX:
                break
    if seen.image is None:
        raise SourceError(f"{spec}: gave no picture; give a camera or a file with video", "no_picture")
    return seen


def without_password(words: str) -> str:
    """A report is passed on: the name and password in a camera's address are not."""
    return re.sub(r"(//)[^/@\s]+@", r"\1***@", words)


def _faults(patient: Patient, camera: CameraSettings, seen: Look) -> Iterator[Finding]:
    live = Source(camera.source).live
    if live and len(seen.greys) > 1 and all(np.array_equal(seen.greys[0], one) for one in seen.greys[1:]):
        yield bad(
            "error",
            "camera.frozen",
            camera.name,
            (f"{len(seen.greys)} pictures are the same to the last pixel: frozen", "画面冻结，各帧完全相同"),
            ("start the camera again", "重启摄像头"),
        )
    assert seen.image is not None
    for reason in check_view(seen.image).reasons:
        yield bad(
            "warning",
            f"camera.{reason.fault}",
            camera.name,
            (f"the view is bad: {reason.text}", f"画面异常：{reason.text}"),
            ("look at its lens, light and direction", "检查镜头、照明与朝向"),
        )
    if live and 0 < seen.fps < FPS_LOW:
        words = (f"only {seen.fps:.1f} pictures a second", f"每秒仅 {seen.fps:.1f} 帧")
        yield bad("warning", "camera.slow", camera.name, words, ("raise its frame rate", "调高摄像头帧率"))
    gap_max = patient.settings.gate.key_gap_s_max
    if seen.gop_s is not None and seen.gop_s > gap_max:
        yield bad(
            "warning",
            "camera.long_gop",
            camera.name,
            (
                f"key frames are {seen.gop_s:.0f} s apart: all must be decoded, which is costly",
                "关键帧间隔过长，耗费算力",
            ),
            ("switch its smart codec off, key frame every 2 s", "关闭智能编码，关键帧间隔设为 2 秒"),
        )


def _in_use(patient: Patient, camera: CameraSettings) -> Finding:
    """A USB camera has one reader; what that one says has to do."""
    told = patient.status.cameras.get(camera.name, {}) if patient.status else {}
    age = told.get("age_s", -1.0)
    if isinstance(age, (int, float)) and 0 <= age < 30:
        return note(
            "camera.in_use", camera.name, f"read by the kiosk, {age:.0f} s ago", f"岗亭正在读取（{age:.0f} 秒前）"
        )
    return bad(
        "error",
        "camera.silent",
        camera.name,
        ("the kiosk gets no picture from it", "岗亭收不到画面"),
        ("look at its plug; ls /dev/video*", "检查插头；ls /dev/video*"),
    )
