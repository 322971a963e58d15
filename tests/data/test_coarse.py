"""Coarse labels: which classes become one, and what stays known of the fine ones."""

from __future__ import annotations

import numpy as np
import pytest

from lightwell.core.dataset import Dataset
from lightwell.core.errors import ConfigError, DataError
from lightwell.data import load
from lightwell.data.coarse import coarsen, fine_labels


@pytest.fixture
def pets() -> Dataset:
    images = np.arange(6, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 1), np.uint8)
    names = ["ant", "bee", "cat", "dog", "cat", "elk"]
    return Dataset.from_arrays(images, names, name="pets", parts={"train": [0, 2, 5], "test": [1, 3, 4]})


def test_labels_are_groups_and_the_class_is_a_factor(pets):
    coarse = coarsen(pets, "mammal = dog, cat ; insect=ant,bee")
    assert coarse.class_names == ("mammal", "insect")
    assert coarse.labels.tolist() == [1, 1, 0, 0, 0]
    assert fine_labels(coarse).tolist() == [0, 1, 2, 3, 2]
    assert coarse.ids.tolist() == [0, 1, 2, 3, 4]  # the elk is in no group
    assert coarse.inputs[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4]
    assert coarse.part("train").ids.tolist() == [0, 2]
    assert fine_labels(coarse.part("test")).tolist() == [1, 3, 2]
    same = coarsen(pets, {"mammal": ["dog", "cat"], "insect": ["ant", "bee"]})
    assert same.fingerprint == coarse.fingerprint
    assert fine_labels(pets) is None


def test_other_factors_and_a_subclass_that_is_there_stay():
    images = np.zeros((4, 2, 2), np.uint8)
    factors = np.array([[7, 3], [8, 2], [9, 1], [9, 0]])
    plain = Dataset.from_arrays(images, [0, 1, 2, 2], factors=factors, factor_names=("a", "b"))
    joined = coarsen(plain, "x=0,1;y=2")
    assert joined.factor_names == ("a", "b", "subclass")
    assert joined.factors.tolist() == [[7, 3, 0], [8, 2, 1], [9, 1, 2], [9, 0, 2]]
    own = Dataset.from_arrays(images, [0, 1, 2, 2], factors=factors, factor_names=("a", "subclass"))
    assert fine_labels(coarsen(own, "x=0,1;y=2")).tolist() == [3, 2, 1, 0]


def test_examples_without_a_class_are_left_out():
    toy = Dataset.from_arrays(np.zeros((3, 2, 2), np.uint8), [0, -1, 1], class_names=["a", "b"])
    assert coarsen(toy, "x=a;y=b").ids.tolist() == [0, 2]


@pytest.mark.parametrize(
    ("groups", "error", "told"),
    [
        ("low=0,1,2", ConfigError, "two coarse classes or more"),
        ("", ConfigError, "two coarse classes or more"),
        ({"low": ["0"], "high": []}, ConfigError, "two coarse classes or more"),
        ("low=0,1;high=1,2", ConfigError, "named twice.*got 1"),
        ("low=0;low=1", ConfigError, "each coarse class once"),
        ("low=0;1,2", ConfigError, "cannot be read.*'1,2'"),
        ("low=0;high=ten", DataError, "no class 'ten'"),
    ],
)
def test_groups_that_cannot_be(groups, error, told):
    with pytest.raises(error, match=told):
        coarsen(load("mnist-mini"), groups)


@pytest.mark.parametrize(
    ("fine", "told"),
    [([0.5, 1, 2], "not fine labels"), ([-1, 0, 1], "not fine labels"), ([0, 1, 0], "two coarse classes")],
)
def test_fine_labels_that_cannot_be(fine, told):
    images = np.zeros((3, 2, 2), np.uint8)
    factors = np.array(fine)[:, None]
    toy = Dataset.from_arrays(images, [0, 0, 1], factors=factors, factor_names=("subclass",))
    with pytest.raises(DataError, match=told):
        fine_labels(toy)
