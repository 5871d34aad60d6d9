"""Many real RTSP cameras at once on one machine: what our loop takes of the processor while it keeps up."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.kiosk_arms import GONE_S, SCORE_MIN, NoPictures, Setting, camera_of
from bench.kiosk_clips import Clip
from bench.rtsp import NoServer, carried, serving
from detectors.load import load_detector
from edge.kiosk.rounds import round_of, side_of
from edge.kiosk.store import KioskStore
from edge.kiosk.tools import Tools
from edge.kiosk.watcher import Watcher
from edge.link import Broker, Link, Outbox
from edge.watch.camera import Camera
from edge.watch.evidence import EvidenceMaker, Sealed
from edge.watch.source import Source

REST_S = 0.02


def live(clip: Clip, setting: Setting, count: int, seconds: float) -> dict[str, Any]:
    """`count` cameras, each with its own connection to a local server that plays the clip; the server's own processor
    time is not counted, it is another machine's in the field. What cannot run says so."""
    detector = load_detector(setting.manifest.path, "openvino", SCORE_MIN, setting.threads, setting.size_px)
    try:
        with serving({clip.kind: clip.path}) as urls, TemporaryDirectory() as folder:
            outbox = Outbox(Path(folder) / "bench.db", "bench")
            evidence = EvidenceMaker(NoPictures(), Sealed(Path(folder) / "originals", 10**9))  # type: ignore[arg-type]
            link = Link(outbox, Broker(port=1), "kiosk", handlers={})
            tools = Tools(link, KioskStore(outbox), detector, evidence, setting.rules, Path(folder))
            told = _all(clip, setting, tools, urls[clip.kind], count, seconds)
            tools.desk.close()
            outbox.close()
            return told
    except NoServer as error:
        return {"not_run": str(error)}


def _all(clip: Clip, setting: Setting, tools: Tools, url: str, count: int, seconds: float) -> dict[str, Any]:
    settings = camera_of(clip)
    cameras = [Camera(f"{clip.kind}-{i}", Source(url), rate=setting.gate.rate()) for i in range(count)]
    watchers = {c.name: Watcher(settings, tools, GONE_S, gate=setting.gate) for c in cameras}
    for camera in cameras:
        camera.start()

    def run(until_s: float) -> dict[str, Any]:
        rounds = 0
        while time.monotonic() < until_s:
            shots = [(camera, shot) for camera in cameras if (shot := camera.take(0.0))]
            if shots:
                turns = round_of(tools.detector, [(watchers[c.name], s) for c, s in shots], side_of(tools.detector))
                rounds += 1
                for (camera, _), turn in zip(shots, turns, strict=True):
                    if turn.plan.open:
                        camera.open(setting.gate.open_s)
            threading.Event().wait(REST_S)
        return {"cameras": count, "rounds": rounds}

    told = carried(run, seconds)
    healths = [camera.health() for camera in cameras]
    for camera in cameras:
        camera.stop()
    for what in ("frames", "dropped", "failures"):
        told[what] = sum(float(h[what]) for h in healths)
    return told
