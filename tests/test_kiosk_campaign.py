"""A poster close to the camera is filed with the telephone number that it carries: memory, reader, vote, candidate."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from kiosk_scripted import Scripted, scripted_tools
from test_kiosk_redaction import waiting_of
from test_watch_view import noisy

from edge.kiosk.config import CameraSettings
from edge.kiosk.watcher import Watcher
from edge.sim import posters
from edge.sim.street import Street
from edge.watch.camera import Shot
from edge.watch.rules import Rule, RuleBook

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
SEED, EVENT = 3, 0  # a printed sheet


class Truth(Scripted):
    """Sees the posters in these boxes."""

    names = ("poster",)

    def __init__(self, boxes: list[tuple[int, int, int, int]]) -> None:
        super().__init__(len(boxes))
        self._boxes = np.array(boxes, np.float32)


@pytest.mark.slow
def test_a_rendered_posters_candidate_carries_its_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The renderer draws the number by chance; what it drew is written down on the way, and must be what is filed.

    The box is the renderer's too: on such a close view the shipped network finds a part of the sheet or nothing.
    """
    drawn: list[str] = []
    number = posters.phone
    monkeypatch.setattr(posters, "phone", lambda rng: drawn.append(number(rng)) or drawn[-1])  # type: ignore[func-returns-value]
    street = Street(SEED)
    event = [e for e in street.events(90) if e.case_class == "poster" and e.should_file][EVENT]
    thing = event.things[0]
    close = replace(
        street.camera,
        east_m=thing.east_m,
        north_m=-2.6,
        up_m=1.5,
        yaw_deg=0.0,
        pitch_deg=0.0,
        fov_deg=60.0,
        width=960,
        height=540,
    )
    drawn.clear()
    image, seen = street.view(close, event.from_s + 1.0)
    assert len(drawn) == 1
    tools = scripted_tools(tmp_path, 0)
    tools.detector = Truth([s.box for s in seen if s.thing.id == thing.id])
    tools.rules = RuleBook("1", [Rule("ads", "poster", "02-01", ["poster"], dwell_s=4.0)])
    watcher = Watcher(CameraSettings("cam", "none"), tools, gone_s=60.0)
    for i in range(7):
        watcher.take(Shot(noisy(image, i), START + timedelta(seconds=i), float(i), i + 1))
    watcher.finish(120.0)
    candidates, evidence = waiting_of(tools)
    assert [(c.case_class, c.campaigns) for c in candidates] == [("poster", drawn)]
    assert len(evidence) == 2 and np.isfinite(candidates[0].score)
