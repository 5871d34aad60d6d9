"""Stored sightings: the rules that were in force, replayed, file exactly what was filed; other rules what fits them."""

import json
from dataclasses import astuple
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest
from kiosk_scripted import scripted_tools
from test_kiosk_kill import waiting
from typer.testing import CliRunner

from detectors import Detections
from edge.kiosk.config import CameraSettings
from edge.kiosk.replay import NothingStored, replay_file
from edge.kiosk.rules_cli import app
from edge.kiosk.sightings import GAP_S_MAX, SightingLimits, SightingLog
from edge.kiosk.watcher import Watcher
from edge.link import Outbox
from edge.watch.camera import Shot
from edge.watch.places import PlaceMemory, Sighting
from edge.watch.rules import Permit, Rule, RuleBook, Zone
from edge.watch.source import Image
from edge.wire import Candidate

START = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)  # 08:00 in Xuzhou
WIDTH, HEIGHT = 640, 240
NAMES = ("bicycle", "litter_heap", "stall", "person", "poster")
LEFT = [(0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)]
RIGHT = [(0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0)]
ZONES = [Zone("left", "pavement", LEFT, "main_street"), Zone("right", "road", RIGHT)]
BOOK = RuleBook(
    "first",
    [
        Rule("bikes", "bike", "04-10", ["bicycle"], 8.0, zones=["pavement"], streets=["main_street"], score_min=0.5),
        Rule("road", "bike", "04-93", ["bicycle"], 4.0, zones=["road"], confirmations_min=3, confirm_every_s=4.0),
        Rule("heaps", "litter", "01-10", ["litter_heap"], 5.0, presence_min=0.6, hours=["08:00-08:01"]),
        Rule("trade", "stall", "04-06", ["stall"], 6.0, days=["workday"]),
    ],
    [Permit("market", "stall", "road", "07:00-08:00", grace_s=40.0)],
)
NEVER = RuleBook("never", [Rule("never", "bike", "04-10", ["bicycle"], 1e9)])
LATER = msgspec.structs.replace(BOOK, version="second", rule=[*BOOK.rule[1:], BOOK.rule[0]])


class Untouched:
    """Lets pictures through: what is claimed here is no matter of redaction."""

    def redact(self, image: Image, vehicles: Detections | None = None, part: float = 1.0) -> Image:
        """The picture as it is."""
        return image


class Street:
    """Detections of a made-up street: things that come, go, flicker, are hidden and are called by two names."""

    names = NAMES
    model_name = "scripted"
    model_sha256 = "0" * 64
    min_score = 0.15

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self.t = 0.0
        self._things = [
            (x, 30 + 100 * row, int(self._rng.integers(0, 4)), *sorted(self._rng.uniform(-5, 75, 2)))
            for row in range(2)
            for x in range(10, WIDTH - 70, 70)
        ]

    def detect(self, image: object) -> Detections:
        """What is seen now."""
        found: list[tuple[list[float], float, int]] = []
        for x, y, kind, begins, ends in self._things:
            if begins <= self.t < ends and self._rng.random() < 0.85:
                dx, dy = self._rng.normal(0, 1.5, 2)
                box = [x + dx, y + dy, x + 60 + dx, y + 50 + dy]
                found.append((box, float(self._rng.uniform(0.3, 0.95)), kind))
                if self._rng.random() < 0.2:
                    found.append((box, float(self._rng.uniform(0.3, 0.9)), int(self._rng.integers(0, 4))))
        boxes = np.array([f[0] for f in found], np.float32).reshape(-1, 4)
        scores, kinds = np.array([f[1] for f in found], np.float32), np.array([f[2] for f in found], np.int32)
        return Detections.of(boxes, scores, kinds, NAMES)


def watch(folder: Path, street: Street, seconds: float, book: RuleBook, kill: bool = False) -> None:
    """Run a kiosk's watcher on; `kill`: end without a word, as SIGKILL would."""
    tools = scripted_tools(folder, 0, Untouched())  # type: ignore[arg-type]
    tools.detector, tools.rules = street, book  # type: ignore[assignment]
    watcher = Watcher(CameraSettings("cam", "none", zone=ZONES), tools, gone_s=20.0)
    picture = np.random.default_rng(1).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
    until = street.t + seconds
    number = 0
    while street.t < until:
        number += 1
        street.t += 0.5
        watcher.take(Shot(picture, START + timedelta(seconds=street.t), street.t, number))
    if not kill:
        watcher.flush(60.0)
    tools.desk.close()
    tools.link.outbox.close()


def filed(folder: Path) -> set[tuple[object, ...]]:
    """What lies in the outbox, as a replay tells it."""
    found = [c for c in waiting(folder)[0] if isinstance(c, Candidate)]
    return {
        (
            c.place_id,
            c.camera,
            c.case_class,
            c.label,
            c.last_seen,
            c.dwell_s,
            c.class_code,
            c.rule,
            c.rule_version,
            c.zone,
        )
        for c in found
    }


@pytest.mark.parametrize("seed", range(3))
def test_the_rules_in_force_replayed_file_exactly_what_was_filed(tmp_path: Path, seed: int) -> None:
    """Place, class, rule, version, zone, dwell and the very frame; over a kill, a restart and a change of the rules."""
    street = Street(seed)
    watch(tmp_path, street, 25.0, BOOK, kill=True)
    watch(tmp_path, street, 20.0, BOOK)
    watch(tmp_path, street, 30.0, LATER)
    candidates = filed(tmp_path)
    found = replay_file(tmp_path / "kiosk-1.db", None, None, None)
    assert {astuple(w) for w in found.would} == candidates
    assert len(found.would) == len(candidates) >= 5
    assert {w.rule_version for w in found.would} == {"first", "second"}
    assert (found.added, found.dropped) == ([], [])


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a kiosk that has seen a street."""
    folder = tmp_path_factory.mktemp("watched")
    watch(folder, Street(2), 60.0, BOOK)
    return folder


def test_a_replay_of_a_part_files_what_was_filed_in_it(watched: Path) -> None:
    """The story of a place before the span counts, what was filed before it is not filed again."""
    middle = START + timedelta(seconds=20)
    parts = [replay_file(watched / "kiosk-1.db", BOOK, *span) for span in ((None, middle), (middle, None))]
    assert all(p.would and not p.added and not p.dropped for p in parts)
    assert {astuple(w) for p in parts for w in p.would} == filed(watched)


def test_other_rules_are_replayed_beside_what_was_filed(watched: Path, tmp_path: Path) -> None:
    """Those without bicycles drop them, those with a shorter dwell add stalls, the command says so."""
    rules = tmp_path / "other.toml"
    rules.write_text(
        'version = "other"\n[[rule]]\nname = "trade"\ncase_class = "stall"\nclass_code = "04-06"\n'
        'labels = ["stall"]\ndwell_s = 1.0\nsightings_min = 1\nscore_min = 0.25\n'
    )
    words = ["replay", "--db", str(watched / "kiosk-1.db"), "--rules", str(rules), "--json"]
    answered = CliRunner().invoke(app, [*words, "--from", "2026-11-23T08:00", "--to", "2026-11-23T09:00"])
    assert answered.exit_code == 0, answered.output
    told = json.loads(answered.stdout)
    assert told["rules"] == "other"
    assert {w["class_code"] for w in told["would_file"]} == {"04-06"}
    assert set(told["dropped"]) >= {f["spot_id"] for f in told["filed"] if f["class_code"] != "04-06"} != set()
    assert told["added"]
    shown = CliRunner().invoke(app, words[:-1])
    assert f"{len(told['would_file'])} would be filed, {len(told['filed'])} were" in shown.output
    nothing = CliRunner().invoke(app, [*words, "--from", "2026-11-24T08:00"])
    assert json.loads(nothing.stdout)["would_file"] == []


def test_a_place_that_stands_long_costs_few_rows(tmp_path: Path) -> None:
    """Two hours at 2 frames a second are 14,400 sightings: fewer than one row in fifty, none more than a minute after
    the one before."""
    outbox = Outbox(tmp_path / "kiosk-1.db", "kiosk-1")
    log = SightingLog(outbox)
    memory = PlaceMemory("cam")
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for number in range(14_400):
        shot = Shot(picture, START + timedelta(seconds=number / 2), number / 2, number)
        seen = [Sighting("bike", "bicycle", 0.9, (100, 30, 160, 80))]
        change = memory.update(seen, [], shot.at, shot.mono_s, (WIDTH, HEIGHT))
        for spot in change.due:
            log.judge(NEVER, spot, ZONES, shot.at)
        log.seen("cam", ZONES, change, shot, NEVER)
    log.flush()
    moments = [int(str(row[0])) / 1e6 for row in outbox.query("select at_us from sighting order by at_us")]
    outbox.close()
    assert 120 < len(moments) < 288
    assert max(np.diff(moments)) <= GAP_S_MAX


def test_the_log_keeps_to_its_limits_and_counts_what_it_deletes(tmp_path: Path) -> None:
    """The oldest rows go first; a limit of 0 stores nothing."""
    tools = scripted_tools(tmp_path, 6, Untouched())  # type: ignore[arg-type]
    tools.sightings.limits = SightingLimits(rows_max=20)
    watcher = Watcher(CameraSettings("cam", "none"), tools, gone_s=20.0)
    picture = np.random.default_rng(1).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
    now = datetime.now(UTC)
    for number in range(60):
        watcher.take(Shot(picture, now + timedelta(seconds=number), float(number), number + 1))
    watcher.flush(60.0)
    rows = tools.link.outbox.query("select count(*), min(at_us) from sighting")
    assert rows[0][0] == 20
    assert int(str(rows[0][1])) > (now + timedelta(seconds=40)).timestamp() * 1e6
    assert tools.sightings.counters["sightings_trimmed"] > 100
    tools.sightings.limits = SightingLimits(rows_max=0)
    watcher.flush(60.0)
    assert tools.link.outbox.query("select count(*) from sighting")[0][0] == 0
    tools.link.outbox.close()


def test_rows_that_cannot_be_stored_are_counted_and_cost_nothing_else(tmp_path: Path) -> None:
    """A disk that fails while the log is written: the kiosk goes on."""
    tools = scripted_tools(tmp_path, 2, Untouched())  # type: ignore[arg-type]
    watcher = Watcher(CameraSettings("cam", "none"), tools, gone_s=20.0)
    tools.link.outbox.transact(lambda conn: conn.execute("drop table sighting") and None)
    picture = np.random.default_rng(1).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
    watcher.take(Shot(picture, START, 0.0, 1))
    tools.sightings.flush()
    assert tools.sightings.counters["sightings_lost"] == 2
    tools.link.outbox.close()


@pytest.mark.parametrize(("name", "words"), [("none.db", "no such file"), ("empty.db", "no stored sightings")])
def test_a_file_without_sightings_is_refused_in_one_line(tmp_path: Path, name: str, words: str) -> None:
    """With what to give instead."""
    (tmp_path / "empty.db").touch()
    with pytest.raises(NothingStored, match=words) as refused:
        replay_file(tmp_path / name, None, None, None)
    assert "\n" not in str(refused.value)
