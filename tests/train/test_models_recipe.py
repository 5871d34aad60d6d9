"""The training recipe (needs the extra `train`): masks, merged labels, windows, weighted draws."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from models.cli import app
from models.labelled import CLASSES
from models.recipe import prepare, train, windows
from models.recipe.dataset import IGNORE_FROM, weighted_slots
from models.recipe.loss import exclusive, ignore_mask, source_masks
from models.recipe.sources import CITY, CLASS_ID, SOURCES, source_of


def test_the_class_list_is_the_shared_one_and_two_more(shared: Path) -> None:
    names = (shared / "data" / "street" / "classes.txt").read_text().split()
    assert list(CLASSES) == [*names, "stall", "poster"]


def test_every_training_picture_has_a_source(shared: Path) -> None:
    for picture in (shared / "data" / "street" / "train" / "images").glob("*"):
        assert source_of(picture).name in SOURCES


def test_a_class_nobody_looked_for_gives_no_loss() -> None:
    masks = source_masks()
    assert masks["litter_cn"][CLASS_ID["litter_item"]] == 0 and masks["facade_ads"][CLASS_ID["bin"]] == 0
    assert masks["litter_cn"][CLASS_ID["bin"]] == 1 and masks["bogota_air"][CLASS_ID["person"]] == 0


def test_posters_are_learned_from_the_sources_that_show_them_and_absent_on_all_others() -> None:
    for name, source in SOURCES.items():
        if name.startswith(CITY):
            continue  # real streets have stalls and posters
        assert source_masks()[name][CLASS_ID["stall"]] == source_masks()[name][CLASS_ID["poster"]] == 1, name
        assert ("poster" in source.labelled) == (name in ("graffiti", "pasted", "street_sim")), name


def test_a_person_is_no_bin_but_a_heap_may_be_an_overflowing_bin() -> None:
    none_of = exclusive()
    assert none_of[CLASS_ID["person"], CLASS_ID["bin_overflow"]] == 1
    assert none_of[CLASS_ID["litter_heap"], CLASS_ID["bin_overflow"]] == 0


def test_every_twelfth_picture_of_a_source_is_kept_back_and_no_render() -> None:
    names = [f"litter_cn_{i:04d}.jpg" for i in range(24)]
    assert [n for n in names if prepare.is_dev(n)] == ["litter_cn_0011.jpg", "litter_cn_0023.jpg"]
    assert not prepare.is_dev("street_sim_000011.jpg") and not prepare.is_dev("nograffiti_0011.jpg")


def test_a_sure_box_of_an_unlabelled_class_becomes_a_positive_and_an_unsure_one_is_ignored() -> None:
    labels = np.array([[1, 0.5, 0.5, 0.2, 0.2]])
    taught = np.array([[10, 0.9, 0.0, 0.0, 0.1, 0.3], [10, 0.3, 0.8, 0.8, 0.9, 1.0]])
    positives, ignored = prepare.merge(labels, taught, {1})
    assert positives[:, 0].tolist() == [1, 10] and ignored[:, 0].tolist() == [10]


def test_an_unlabelled_box_of_a_labelled_class_is_ignored_and_a_labelled_one_is_not() -> None:
    labels = np.array([[4, 0.5, 0.5, 0.2, 0.2]])
    taught = np.array([[4, 0.9, 0.4, 0.4, 0.6, 0.6], [4, 0.9, 0.0, 0.0, 0.2, 0.2]])
    positives, ignored = prepare.merge(labels, taught, {4})
    assert len(positives) == 1 and len(ignored) == 1 and ignored[0, 1:].tolist() == pytest.approx([0.1, 0.1, 0.2, 0.2])


def test_an_unsure_box_of_a_labelled_class_is_nothing_there() -> None:
    positives, ignored = prepare.merge(np.zeros((0, 5)), np.array([[4, 0.3, 0.0, 0.0, 0.2, 0.2]]), {4})
    assert len(positives) == 0 and len(ignored) == 0


def test_the_label_wins_where_the_teacher_names_the_same_box_otherwise() -> None:
    labels = np.array([[1, 0.5, 0.5, 0.2, 0.2]])
    positives, ignored = prepare.merge(labels, np.array([[18, 0.9, 0.4, 0.4, 0.6, 0.6]]), {1})
    assert len(positives) == 1 and len(ignored) == 0


def test_ignored_boxes_cover_their_anchors_for_their_class_alone() -> None:
    points = torch.tensor([[4.0, 4.0], [20.0, 20.0]])
    mask = ignore_mask(torch.tensor([[0.0, 0.0, 8.0, 8.0]]), torch.tensor([4]), torch.tensor([1]), points, 2)
    assert mask.sum() == 1 and mask[1, 0, 4]


def test_a_window_keeps_the_boxes_inside_it_in_its_own_shares() -> None:
    rows = np.array([[0, 0.25, 0.25, 0.1, 0.1], [1, 0.9, 0.9, 0.1, 0.1]])
    cut = windows.cut(rows, (0.0, 0.0, 0.5, 0.5))
    assert cut.tolist() == [pytest.approx([0, 0.5, 0.5, 0.2, 0.2])]


def test_draws_follow_the_weights() -> None:
    files = [f"litter_items_{i:04d}.jpg" for i in range(10)] + [f"bogota_air_{i:04d}.jpg" for i in range(10)]
    slots = weighted_slots(files)
    assert sum(0 in slot for slot in slots) == 5 and sum(10 in slot for slot in slots) == 2


def test_ignored_classes_start_after_the_real_ones() -> None:
    assert len(CLASSES) == IGNORE_FROM


def test_in_a_picture_of_the_city_the_loss_knows_the_judged_class_and_the_teachers() -> None:
    mask = source_masks()[f"{CITY}litter_heap"]
    assert mask[CLASS_ID["litter_heap"]] == 1 and mask[CLASS_ID["bin_overflow"]] == mask[CLASS_ID["stall"]] == 0
    assert mask[CLASS_ID["person"]] == 1


def city_set(folder: Path, label: str, boxes: str, ignored: str) -> str:
    """A set of `model label` with one picture; returns the picture's name."""
    name = f"{CITY}{label}_0123456789abcdef"
    for part in ("images", "labels", "ignore"):
        (folder / part).mkdir(parents=True)
    noise = np.random.default_rng(1).integers(0, 255, (96, 128, 3), np.uint8)
    cv2.imwrite(str(folder / "images" / f"{name}.jpg"), noise)
    (folder / "labels" / f"{name}.txt").write_text(boxes)
    (folder / "ignore" / f"{name}.txt").write_text(ignored)
    (folder / "train.txt").write_text(f"./images/{name}.jpg\n")
    return name


def test_where_people_rejected_a_thing_the_teacher_has_no_say(tmp_path: Path) -> None:
    """The teacher is sure of a bicycle and a person; people said that no bicycle is there."""
    name = city_set(tmp_path / "set", "bicycle", "", "4 0.10 0.50 0.20 1.00\n")
    for part in ("images", "labels", "ignore"):
        (tmp_path / "out" / part).mkdir(parents=True)
    taught = [[CLASS_ID["bicycle"], 0.9, 0.4, 0.4, 0.6, 0.6], [CLASS_ID["person"], 0.9, 0.0, 0.0, 0.2, 0.2]]
    ((file, picture),) = prepare.city_pictures(tmp_path / "set").items()
    prepare.add_city(picture, file, prepare.untaught(file, taught), tmp_path / "out")
    assert prepare.read_rows(tmp_path / "out" / "labels" / f"{name}.txt")[:, 0].tolist() == [CLASS_ID["person"]]
    rows = prepare.read_rows(tmp_path / "out" / "ignore" / f"{name}.txt")
    assert rows.tolist() == [[4, 0.1, 0.5, 0.2, 1.0]]


def test_a_network_trains_on_the_citys_pictures_beside_the_shared_ones(shared: Path, tmp_path: Path) -> None:
    """One epoch of a few small pictures, from folder to checkpoint."""
    name = city_set(tmp_path / "set", "litter_heap", "0 0.5 0.5 0.4 0.4\n", "0 0.1 0.5 0.2 1.0\n")
    for part, ending in (("images", "jpg"), ("labels", "txt")):
        folder = tmp_path / "data" / "street" / "train" / part
        folder.mkdir(parents=True)
        for number in range(4):
            shutil.copy(shared / "data" / "street" / "train" / part / f"litter_cn_{number:04d}.{ending}", folder)
    (tmp_path / "data" / "street_unboxed").symlink_to(shared / "data" / "street_unboxed")
    weights = shared / "weights" / "yolov8n_coco.pt"
    yaml = prepare.prepare(tmp_path / "data", weights, tmp_path / "run" / "data", also=tmp_path / "set")
    assert f"{name}.jpg" in (yaml.parent / "train.txt").read_text()
    assert train.run(yaml, weights, tmp_path / "run", 1, 64, batch=2).is_file()


def test_training_on_a_folder_that_is_no_set_is_one_line(shared: Path, tmp_path: Path) -> None:
    args = ["train", "--data", str(shared / "data"), "--weights", str(shared / "weights" / "yolov8n_coco.pt")]
    result = CliRunner().invoke(app, [*args, "--out", str(tmp_path / "run"), "--also", str(tmp_path)])
    assert result.exit_code == 1 and "make the folder with `zhuomu model label`" in result.stderr
    assert not (tmp_path / "run").exists()
