"""Representations: rows stay together through take, join, scores, and a file."""

from __future__ import annotations

import numpy as np
import pytest

from lightwell.core import DataError, Representation
from lightwell.core.files import save_arrays


def example(n=6, seed=0, **changes):
    draw = np.random.default_rng(seed)
    whole = {
        "codes": draw.normal(size=(n, 4)).astype(np.float32),
        "labels": np.resize([0, 1, -1], n),
        "predictions": np.resize([0, 0], n),
        "logits": draw.normal(size=(n, 2)).astype(np.float32),
        "scores": {"msp": draw.random(n), "a/b": draw.random(n)},
        "ids": np.arange(n) + 100,
        "origins": np.resize(["cat", "dog", "größer"], n),
        "class_names": ("cat", "dog"),
    }
    return Representation(**whole | changes)


def assert_equal(a, b):
    assert a.class_names == b.class_names
    one, other = a._rows(), b._rows()
    assert one.keys() == other.keys()
    for name, array in one.items():
        assert array.dtype == other[name].dtype
        assert np.array_equal(array, other[name]), name


def test_known_and_correct_by_hand():
    found = example()
    assert found.n == 6
    assert found.known.tolist() == [True, True, False] * 2
    assert found.correct.tolist() == [True, False, False] * 2


def test_correct_needs_predictions():
    with pytest.raises(DataError, match="holds no predictions"):
        _ = Representation(np.zeros((2, 3)), np.zeros(2, int)).correct


@pytest.mark.parametrize("name", ["codes", "predictions", "logits", "ids", "origins", "scores"])
def test_arrays_of_another_length_are_refused_by_name(name):
    whole = example()
    array = getattr(whole, name)
    short = {"msp": array["msp"][:-1]} if name == "scores" else array[:-1]
    with pytest.raises(DataError, match=rf"{'score.msp' if name == 'scores' else name}\): expected 6, got 5"):
        example(**{name: short})


@pytest.mark.parametrize(
    "rows", [[4, 0, 0], [], np.array([True, False, True, False, False, True]), slice(2, 5), [-1]]
)
def test_take_keeps_rows_together(rows):
    whole = example()
    some = whole.take(rows if isinstance(rows, slice) else np.array(rows, dtype=None if len(rows) else int))
    index = np.arange(6)[rows] if len(np.atleast_1d(rows)) else np.array([], int)
    assert np.array_equal(some.ids, whole.ids[index])
    assert np.array_equal(some.codes, whole.codes[index])
    assert np.array_equal(some.scores["a/b"], whole.scores["a/b"][index])
    assert some.origins.tolist() == whole.origins[index].tolist()
    assert whole.n == 6


def test_scores_are_added_and_replaced_in_a_copy():
    whole = example()
    more = whole.with_scores({"mls": np.ones(6), "msp": np.zeros(6)})
    assert set(more.scores) == {"msp", "a/b", "mls"}
    assert more.scores["msp"].sum() == 0
    assert set(whole.scores) == {"msp", "a/b"}
    assert whole.scores["msp"].sum() > 0
    with pytest.raises(DataError, match=r"score\.mls"):
        whole.with_scores({"mls": np.ones(5)})


def test_join_puts_one_after_the_other():
    first, second = example(4, seed=1), example(3, seed=2)
    both = Representation.join(first, second)
    assert_equal(both.take(np.arange(4)), first)
    assert_equal(both.take(np.arange(4, 7)), second)
    assert_equal(Representation.join(first, second.take(np.array([], int))), first)


def test_join_of_what_does_not_fit_is_refused():
    with pytest.raises(DataError, match="different arrays"):
        Representation.join(example(), example(scores={}))
    with pytest.raises(DataError, match=r"different classes.*'fox'"):
        Representation.join(example(), example(class_names=("cat", "fox")))


@pytest.mark.parametrize("n", [0, 1, 6])
def test_a_file_gives_back_everything(tmp_path, n):
    whole = example(n)
    whole.save(tmp_path / "r.npz")
    assert_equal(Representation.load(tmp_path / "r.npz"), whole)


def test_a_file_gives_back_what_little_there_is(tmp_path):
    bare = Representation(np.zeros((2, 3)), np.array([0, -1]))
    bare.save(tmp_path / "r.npz")
    back = Representation.load(tmp_path / "r.npz")
    assert_equal(back, bare)
    assert (back.predictions, back.logits, back.ids, back.origins, dict(back.scores)) == (None,) * 4 + ({},)


def test_other_arrays_are_no_representation(tmp_path):
    path = tmp_path / "r.npz"
    rows = {"codes": np.zeros((1, 2)), "labels": np.zeros(1, int), "class_names": np.array(["a"])}
    for arrays in ({"codes": np.zeros((1, 2))}, rows | {"colour": np.zeros(1)}):
        save_arrays(path, arrays)
        with pytest.raises(DataError, match=r"not a saved representation.*r\.npz"):
            Representation.load(path)
    save_arrays(path, rows | {"ids": np.zeros(3, int)})
    with pytest.raises(DataError, match="differ in length"):
        Representation.load(path)
