"""The data a search may look at: training images of known classes, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from lightwell.core.errors import ConfigError
from lightwell.data import apply_split, load, open_set_split
from lightwell.studies import study
from lightwell.studies.open_set.pseudo_unknown import folds


def test_no_test_image_and_no_unknown_class_is_touched() -> None:
    whole = load("mnist-mini")
    real = apply_split(whole, open_set_split(whole, "arpl/1"))
    forbidden = set(real.test.ids.tolist()) | set(real.unknown.ids.tolist())
    unknown = {whole.class_names.index(name) for name in real.split.unknown}
    forbidden |= set(np.flatnonzero(np.isin(whole.labels, list(unknown))).tolist())
    made = folds(study("open-set").from_preset("smoke", split="arpl/1", train_images=None))
    assert len(made) == 3
    for _, data in made:
        assert set(data.ids.tolist()) == set(real.train.ids.tolist())
        assert not forbidden & set(data.ids.tolist())
        assert set(data.class_names) == set(real.split.known)


def test_what_a_study_makes_of_a_fold_trains_and_measures_apart() -> None:
    for trial, data in folds(study("open-set").from_preset("smoke", split="arpl/0")):
        cut = trial.open_set_data(data)
        pieces = [set(part.ids.tolist()) for part in (cut.train, cut.test, cut.unknown)]
        assert all(pieces)
        assert len(set.union(*pieces)) == sum(map(len, pieces))  # disjoint
        assert set(cut.split.known).isdisjoint(cut.split.unknown)
        assert set(cut.split.known) | set(cut.split.unknown) == {"2", "4", "5", "9", "8", "3"}
        parts = {name: set(np.asarray(data.ids)[rows].tolist()) for name, rows in data.parts.items()}
        assert pieces[0] <= parts["train"]
        assert pieces[1] | pieces[2] <= parts["test"]


def test_folds_leave_out_other_classes_and_repeat_by_seed() -> None:
    trial = study("open-set").from_preset("smoke")
    left = [set("245983") - set(fold.known) for fold, _ in folds(trial)]
    assert all(len(out) == 2 for out in left)
    assert set.union(*left) == set("245983")  # three folds of two: each class once
    again = [fold.known for fold, _ in folds(trial)]
    assert again == [fold.known for fold, _ in folds(trial)]
    assert [fold.known for fold, _ in folds(trial, seed=1)] != again


def test_the_parts_are_four_fifths_and_one_fifth_of_the_images_asked_for() -> None:
    ((_, data),) = folds(study("open-set").from_preset("smoke", train_images=600), n_folds=1)
    assert data.n == 367  # known among the first 600
    assert len(data.parts["train"]) == pytest.approx(0.8 * 367, abs=3)


@pytest.mark.parametrize(("n_folds", "held_out"), [(0, None), (1, 0), (1, 5)])
def test_impossible_folds_are_refused(n_folds: int, held_out: int | None) -> None:
    with pytest.raises(ConfigError, match=r"1 \.\. 4 of 6"):
        folds(study("open-set").from_preset("smoke"), n_folds, held_out)
