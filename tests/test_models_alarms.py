"""False alarms and hand-boxed graffiti: counts by hand, and the command on real photographs and a real clip."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from detectors import Detections
from models import alarms, negatives, posters
from models.card import CardError, put
from models.cli import app

LABELS = negatives.LABELS
CARD = "head\n<!-- figures: alarms -->\nYESTERDAY\n<!-- end of figures: alarms -->\ntail\n"


def test_boxes_and_pictures_are_counted_at_each_score() -> None:
    counted = alarms.Alarms("walls", ("stall", "poster"))
    for scores in ([0.9, 0.3], [0.36], []):
        counted.add(Detections.of(np.zeros((len(scores), 4)), scores, [0] * len(scores), ("stall", "poster")))
    stall, poster = counted.rows()
    assert stall["boxes_at"] == {"0.25": 3, "0.35": 2, "0.5": 1} and stall["pictures"] == 3
    assert stall["pictures_at"] == {"0.25": 2, "0.35": 2, "0.5": 1} and set(poster["boxes_at"].values()) == {0}


def test_plain_walls_are_those_not_trained_on_and_known_to_be_clean(shared: Path) -> None:
    unclean = alarms.not_clean(LABELS / "nograffiti_checked.txt")
    found = [path.stem for path in alarms.walls(shared / "data", "nograffiti", frozenset(), unclean)]
    assert len(unclean) == 10 and len(found) == 96 and not unclean & set(found)
    assert all(int(name[-4:]) % 2 for name in found)  # prepare.plain_walls takes the even ones
    fewer = alarms.walls(shared / "data", "nograffiti", frozenset(found[:6]), unclean)
    assert [path.stem for path in fewer] == found[6:]


def test_a_stretched_clip_is_shown_in_its_own_shape(shared: Path) -> None:
    assert next(alarms.clip_frames(shared / "data" / "clips" / "pets2006_3.mp4")).shape == (576, 720, 3)


def test_dense_pictures_are_judged_by_area_alone() -> None:
    truth, found = np.array([[0, 0, 10, 10]], np.float32), np.array([[0, 0, 10, 20]], np.float32)
    tally = posters.Tally()
    tally.add(truth, found, (100, 100), dense=False)
    tally.add(truth, found[:0], (100, 100), dense=True)
    seen = tally.as_dict()
    assert (seen["pictures"], seen["boxes"], seen["found"], seen["recall"]) == (2, 1, 1, 1.0)
    assert seen["area_found"] == 0.5 and seen["area_right"] == 0.5


def test_the_label_file_names_21_dense_pictures() -> None:
    assert len(posters.dense_pictures(LABELS / "graffiti_boxes.txt")) == 21


@pytest.fixture
def small(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with one or two pictures a set, two boxed ones and one clip."""
    data = shared / "data"
    for path in [*((data / "street" / "val" / "images").glob("*_0000.jpg"))]:
        (tmp_path / "street" / "val" / "images").mkdir(parents=True, exist_ok=True)
        shutil.copy(path, tmp_path / "street" / "val" / "images")
    for kind in alarms.WALLS:
        (tmp_path / "street_unboxed" / kind).mkdir(parents=True)
        for path in sorted((data / "street_unboxed" / kind).glob("*"))[:2]:
            shutil.copy(path, tmp_path / "street_unboxed" / kind)
    labels = tmp_path / "labels"
    labels.mkdir()
    lines = (LABELS / "graffiti_boxes.txt").read_text().splitlines()
    (labels / "graffiti_boxes.txt").write_text("\n".join(line for line in lines if "_0000.jpg" in line))
    shutil.copy(LABELS / "nograffiti_checked.txt", labels)
    (tmp_path / "clips").symlink_to(data / "clips")
    monkeypatch.setattr(negatives, "LABELS", labels)
    monkeypatch.setattr(alarms, "CLIPS", {"car-detection.mp4": ("bicycle",)})
    monkeypatch.setattr(alarms, "CLIP_EVERY", 100)
    return tmp_path


def test_the_command_counts_every_set_and_writes_the_card(small: Path, tmp_path: Path) -> None:
    card = tmp_path / "card.md"
    card.write_text(CARD)
    args = ["alarms", "--data", str(small), "--size", "320", "--json", "--card", str(card)]
    result = CliRunner().invoke(app, args)
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    seen = {row["set"]: row["pictures"] for row in report["alarms"]}
    assert seen == {f"val {s}": 1 for s in alarms.VAL} | {"nograffiti": 1, "tags": 2, "throwups": 2} | {
        "car-detection.mp4": seen["car-detection.mp4"]
    }
    assert {row["folder"] for row in report["poster"]} == {"tags", "throwups"}
    text = card.read_text()
    assert text.startswith("head\n") and text.endswith("tail\n") and "YESTERDAY" not in text
    assert "| nograffiti | 1 |" in text and "an AI model drew these boxes" in text and str(small) not in text


def test_pictures_named_as_trained_on_are_left_out(small: Path, tmp_path: Path) -> None:
    listed = tmp_path / "trained.txt"
    listed.write_text("/somewhere/images/tags_0000.jpg\n")
    result = CliRunner().invoke(
        app, ["alarms", "--data", str(small), "--size", "320", "--json", "--without", str(listed)]
    )
    report = json.loads(result.stdout)
    assert {row["pictures"] for row in report["alarms"] if row["set"] == "tags"} == {1}
    assert {row["folder"] for row in report["poster"]} == {"throwups"}


def test_a_set_without_pictures_and_an_unreadable_list_are_one_line(tmp_path: Path) -> None:
    for more, says in (
        ([], "no pictures for 'val litter_cn'"),
        (["--without", str(tmp_path)], "cannot read this list"),
    ):
        result = CliRunner().invoke(app, ["alarms", "--data", str(tmp_path), *more])
        assert result.exit_code == 1 and says in result.stderr and result.stderr.count("\n") == 1


@pytest.mark.parametrize("text", ["", CARD * 2, "<!-- end of figures: alarms -->\n<!-- figures: alarms -->\n"])
def test_a_card_without_its_markers_is_left_alone(tmp_path: Path, text: str) -> None:
    card = tmp_path / "card.md"
    card.write_text(text)
    with pytest.raises(CardError, match="once each"):
        put(card, "alarms", "new")
    assert card.read_text() == text
