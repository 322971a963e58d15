from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from lightwell.core.errors import DataError
from lightwell.data import Dataset


@pytest.fixture
def toy() -> Dataset:
    images = np.arange(12 * 4 * 4, dtype=np.uint8).reshape(12, 4, 4)
    return Dataset.from_arrays(
        images, ["cat", "dog", "owl"] * 4, name="pets", parts={"train": range(8), "test": range(8, 12)}
    )


def test_labels_are_kept_as_int64():
    dataset = Dataset("pets", np.zeros((2, 4, 4, 1), np.uint8), np.array([0, 1], np.uint8), ("cat", "dog"))
    assert dataset.labels.dtype == np.int64


def test_names_are_numbered_in_sorted_order_or_as_given(toy):
    assert toy.class_names == ("cat", "dog", "owl")
    assert toy.labels.tolist() == [0, 1, 2] * 4
    other = Dataset.from_arrays(toy.inputs, ["cat", "dog", "owl"] * 4, ["owl", "cat", "dog"])
    assert other.labels.tolist() == [1, 2, 0] * 4


def test_arrays_are_read_only_and_the_callers_stay_writable():
    images, labels = np.zeros((3, 4, 4, 1), dtype=np.uint8), np.array([0, 1, 0])
    dataset = Dataset.from_arrays(images, labels)
    with pytest.raises(ValueError, match="read-only"):
        dataset.inputs[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        dataset.labels[0] = 1
    images[0] = 7
    labels[0] = 1
    assert images.flags.writeable
    assert labels.flags.writeable


def test_float_images_are_rounded_to_bytes():
    dataset = Dataset.from_arrays(np.array([0.0, 0.5, 1.0, 0.1]).reshape(1, 2, 2, 1))
    assert dataset.inputs.ravel().tolist() == [0, 128, 255, 26]
    assert dataset.labels.tolist() == [-1]


def test_float_series_become_float32_with_a_channel():
    series = Dataset.from_arrays(np.linspace(-3, 9, 10).reshape(2, 5), [0, 1])
    assert (series.inputs.dtype, series.inputs.shape, series.is_images) == (np.float32, (2, 5, 1), False)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (np.zeros((5, 3, 32, 32), dtype=np.uint8), r"channels first.*transpose\(0, 2, 3, 1\)"),
        (np.zeros((5, 32, 32, 7), dtype=np.uint8), "not images"),
        (np.full((5, 4, 4, 3), 2.0), r"outside \[0, 1\].*astype"),
        (np.full((5, 4, 4, 3), -2.0), r"outside \[0, 1\].*normalisation"),
        (np.array([[np.nan, 1.0]]), "NaN"),
        (np.array([[np.inf, 1.0]]), "infinite"),
        (np.zeros((5, 4, 4), dtype=np.int64), "type that is not understood"),
        (np.zeros(5), "neither images nor series"),
    ],
)
def test_inputs_are_refused_in_words(inputs, message):
    with pytest.raises(DataError, match=message):
        Dataset.from_arrays(inputs)


@pytest.mark.parametrize(
    ("labels", "names", "message"),
    [
        ([0, 1], None, "not one label an example"),
        ([0, 1, 5], ["a", "b"], r"names no class.*0 \.\. 1.*got 0 \.\. 5"),
        ([0, 1, -2], None, "names no class"),
        ([0.5, 1, 2], None, "neither whole numbers nor names"),
        ([0.0, 1.0, np.nan], None, "neither whole numbers nor names"),
        (["a", "b", "c"], ["a", "b"], r"not among the class names.*got c"),
        ([0, 1, 1], ["a", "a"], "share one name"),
    ],
)
def test_labels_are_refused_in_words(labels, names, message):
    with pytest.raises(DataError, match=message):
        Dataset.from_arrays(np.zeros((3, 4, 4), dtype=np.uint8), labels, names)


def test_factors_and_concepts_need_names_and_rows():
    images = np.zeros((3, 4, 4), dtype=np.uint8)
    good = Dataset.from_arrays(images, factors=np.eye(3), factor_names=["x", "y", "z"])
    assert good.take([2]).factors.tolist() == [[0, 0, 1]]
    with pytest.raises(DataError, match="factors and their names disagree"):
        Dataset.from_arrays(images, factors=np.eye(3), factor_names=["x"])
    with pytest.raises(DataError, match=r"concepts.*expected 3 rows"):
        Dataset.from_arrays(images, concepts=np.eye(2), concept_names=["x", "y"])


def test_take_keeps_ids_and_drops_parts(toy):
    taken = toy.take([5, 2]).take([1])
    assert (taken.ids.tolist(), taken.labels.tolist(), dict(taken.parts)) == ([2], [2], {})
    assert toy.take(toy.labels == 1).ids.tolist() == [1, 4, 7, 10]
    assert toy.take([]).n == 0
    for rows in ([12], [-13], [0.5], np.ones(5, dtype=bool)):
        with pytest.raises(DataError):
            toy.take(rows)


def test_parts_and_where(toy):
    assert toy.part("test").ids.tolist() == [8, 9, 10, 11]
    assert toy.where(["owl", 0]).labels.tolist() == [0, 2] * 4
    with pytest.raises(DataError, match=r"no part 'val'.*one of: test, train"):
        toy.part("val")
    with pytest.raises(DataError, match=r"one of: none.*split"):
        toy.take([0]).part("train")
    with pytest.raises(DataError, match="Did you mean 'owl'"):
        toy.where(["owll"])
    with pytest.raises(DataError, match="points outside"):
        Dataset.from_arrays(toy.inputs, parts={"train": [12]})


def test_split_is_disjoint_complete_stratified_and_fixed_by_its_seed():
    rng = np.random.default_rng(0)
    labels = rng.choice(4, p=[0.5, 0.3, 0.15, 0.05], size=1000)
    whole = Dataset.from_arrays(np.zeros((1000, 2, 2), dtype=np.uint8), labels)
    pieces = whole.split(0.7, 0.2, 0.1, seed=5)
    assert sorted(np.concatenate([p.ids for p in pieces]).tolist()) == list(range(1000))
    for piece, share in zip(pieces, (0.7, 0.2, 0.1), strict=True):
        for name, count in piece.class_counts.items():
            assert abs(count - share * whole.class_counts[name]) <= 1
    again = whole.split(0.7, 0.2, 0.1, seed=5)
    assert all(np.array_equal(a.ids, b.ids) for a, b in zip(pieces, again, strict=True))
    assert not np.array_equal(whole.split(0.5, 0.5, seed=6)[0].ids, whole.split(0.5, 0.5, seed=7)[0].ids)
    plain = whole.split(0.9, 0.1, stratify=False)
    assert [p.n for p in plain] == [900, 100]


@pytest.mark.parametrize("fractions", [(), (0.5,), (0.5, 0.6), (1.2, -0.2), (1.0, 0.0)])
def test_split_refuses_shares_that_are_no_whole(toy, fractions):
    with pytest.raises(DataError, match="add up to 1"):
        toy.split(*fractions)


def test_split_leaves_the_global_generator_alone(toy):
    before = np.random.get_state()[1].copy()
    toy.split(0.5, 0.5, seed=1)
    assert np.array_equal(before, np.random.get_state()[1])


def test_fingerprint_follows_content_only(toy):
    same = Dataset.from_arrays(toy.inputs.copy(), ["cat", "dog", "owl"] * 4, name="other")
    assert same.fingerprint == toy.fingerprint
    assert len(toy.fingerprint) == 64
    pixels = toy.inputs.copy()
    pixels[3, 0, 0] ^= 1
    others = [
        Dataset.from_arrays(pixels, ["cat", "dog", "owl"] * 4),
        Dataset.from_arrays(toy.inputs, ["cat", "dog", "owl"] * 4, ["dog", "cat", "owl"]),
        Dataset.from_arrays(toy.inputs, toy.labels, ["a", "b", "c"]),
        toy.take(range(11)),
    ]
    prints = {d.fingerprint for d in others}
    assert len(prints) == 4
    assert toy.fingerprint not in prints


def test_survives_copy_and_transport_to_another_process(toy):
    for twin in (copy.deepcopy(toy), pickle.loads(pickle.dumps(toy))):
        assert twin.fingerprint == toy.fingerprint
        assert twin.parts["test"].tolist() == [8, 9, 10, 11]


def test_counts_every_class_even_an_absent_one(toy):
    assert toy.take([0, 1]).class_counts == {"cat": 1, "dog": 1, "owl": 0}
    assert len(toy) == toy.n == 12
