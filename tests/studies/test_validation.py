"""What a search may look at: training examples alone, in every study."""

from __future__ import annotations

import numpy as np
import pytest

from lightwell.core.dataset import Dataset
from lightwell.core.errors import ConfigError
from lightwell.data import load
from lightwell.studies import STUDIES, study
from lightwell.studies.validation import folds, left_out


def ids(part: Dataset) -> set[int]:
    return set(np.asarray(part.ids).tolist())


def test_folds_cut_the_training_part_four_to_one_and_otherwise_each_time() -> None:
    training = load("mnist-mini").part("train")
    made = folds(training, 3, seed=0)
    tests = [set(fold.parts["test"].tolist()) for fold in made]
    assert [len(rows) for rows in tests] == [1600] * 3
    for fold, rows in zip(made, tests, strict=True):
        assert set(fold.parts["train"].tolist()) == set(range(8000)) - rows
    assert 240 < len(tests[0] & tests[1]) < 400  # a fifth of a fifth
    assert all(ids(fold) == ids(training) for fold in made)
    np.testing.assert_array_equal(folds(training, 1, seed=0)[0].parts["test"], made[0].parts["test"])
    with pytest.raises(ConfigError, match="one fold or more"):
        folds(training, 0, seed=0)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("concepts", {"supervision": 0.5}),
        ("discovery", {}),
        ("explanations", {}),
        ("explanations", {"normal": "3", "experiment": "examples"}),
        ("explanations", {"normal": "3"}),
        ("ambiguity", {"train_images": 2000}),
    ],
)
def test_no_test_image_is_in_a_fold_and_its_parts_are_kept_apart(name: str, settings: dict) -> None:
    asked = study(name).from_preset("smoke", **settings)
    real = asked.data_parts()
    for judged, fold in asked.choosing(2, seed=0):
        assert not ids(fold) & ids(real.test)
        parts = judged.data_parts(fold)
        rows = {part: set(np.asarray(fold.ids)[fold.parts[part]].tolist()) for part in ("train", "test")}
        assert ids(parts.train) <= rows["train"]
        assert ids(parts.test) <= rows["test"]
        assert parts.train.class_names == real.train.class_names
        assert parts.train.image_shape == real.train.image_shape


def test_annotations_a_training_does_not_see_judge_nothing() -> None:
    asked = study("concepts").from_preset("smoke", supervision=0.3)
    real = asked.data_parts().train
    hidden = ids(real.take(np.isnan(real.concepts).any(axis=1)))
    ((judged, fold),) = asked.choosing(1, seed=0)
    parts = judged.data_parts(fold)
    assert hidden
    for part in (parts.train, parts.test):
        assert ids(part.take(np.isnan(part.concepts).any(axis=1))) == hidden & ids(part)
        assert part.factors is None


def test_no_fine_label_judges_a_discovery() -> None:
    ((judged, fold),) = study("discovery").from_preset("smoke").choosing(1, seed=0)
    assert fold.factors is None
    assert fold.class_names == ("low", "high")
    assert judged.data_parts(fold).fine_names == ()


def test_leakage_is_judged_on_classes_trained_on_alone() -> None:
    asked = study("leakage").from_preset("smoke", known="0,1,2,3,8", probe="4,5|6,7")
    train = load("mnist-mini").part("train")
    seen = {image.tobytes() for image in train.where(list("01238")).inputs}
    for judged, fold in asked.choosing(2, seed=0):
        assert {image.tobytes() for image in fold.inputs} <= seen
        case = judged.case(fold)
        assert {*case.data.train.class_names, *case.data.open_test.class_names} == set("01238")
        assert case.data.open_test.n_classes == 2
        assert set(case.kinds.tolist()) == set(case.data.open_test.class_names)
    assert [len(judged.probe) for judged, _ in asked.choosing(1, 0, held_out=3)] == [5]
    with pytest.raises(ConfigError, match=r"four classes or more.*mnist-parity"):
        study("leakage").from_preset("smoke").choosing(1, seed=0)
    with pytest.raises(ConfigError, match=r"2 \.\. 3 of 5"):
        asked.choosing(1, 0, held_out=1)


def test_classes_are_left_out_in_turn() -> None:
    chosen = left_out("abcdef", 3, 2, seed=1)
    assert {name for out in chosen for name in out} == set("abcdef")
    with pytest.raises(ConfigError, match="more classes"):
        left_out("ab", 1, None, seed=0)


def test_every_study_names_what_it_goes_by_and_leaves_no_class_out_unasked() -> None:
    for name in STUDIES:
        assert study(name).from_preset("smoke").objective
    with pytest.raises(ConfigError, match="no class is left out"):
        study("discovery").from_preset("smoke").choosing(1, 0, held_out=2)
