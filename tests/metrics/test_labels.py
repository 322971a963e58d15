"""Metrics of labels and distances."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from lightwell import metrics
from lightwell.core import ConfigError, DataError


def test_accuracy_leaves_unknowns_out():
    assert metrics.accuracy(np.array([0, 1, -1, 2]), np.array([0, 1, 0, 0])) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("labels", "predictions", "words"),
    [
        ([], [], "nothing to measure"),
        ([-1, -1], [0, 0], "needs a known example"),
        ([0, 1], [0], "differ in length"),
        ([0.0, 1.0], [0, 1], "whole numbers"),
        ([0, -2], [0, 0], "no class number"),
    ],
)
def test_accuracy_refuses(labels, predictions, words):
    with pytest.raises(DataError, match=words):
        metrics.accuracy(np.array(labels), np.array(predictions))


@given(st.lists(st.tuples(st.integers(-1, 4), st.integers(-1, 4)), min_size=1, max_size=50))
def test_macro_f1_agrees_with_scikit_learn(rows):
    labels, predictions = np.array(rows).T
    assert metrics.macro_f1(labels, predictions) == pytest.approx(
        f1_score(labels, predictions, average="macro", zero_division=0)
    )


def test_macro_f1_by_hand():
    # class 0: 2·1/(2+1) = 2/3; class 1: 1; unknown: 2·1/(1+2) = 2/3.
    assert metrics.macro_f1(np.array([0, 0, 1, -1]), np.array([0, -1, 1, -1])) == pytest.approx(7 / 9)
    assert metrics.macro_f1(np.array([2, 2]), np.array([2, 2])) == 1.0
    with pytest.raises(DataError, match="differ in length"):
        metrics.macro_f1(np.array([0]), np.array([0, 1]))


def test_openness_of_a_closed_and_an_open_problem():
    assert metrics.openness(10, 10, 10) == 0
    assert metrics.openness(6, 10, 6) == pytest.approx(1 - np.sqrt(12 / 16))
    assert metrics.openness(20, 200, 20) == pytest.approx(0.5736, abs=1e-4)


@pytest.mark.parametrize("counts", [(0, 1, 1), (6, 3, 6), (1, 1, 0)])
def test_openness_refuses(counts):
    with pytest.raises(ConfigError, match="openness"):
        metrics.openness(*counts)


@given(st.lists(st.booleans(), min_size=2, max_size=60), st.integers(0, 5))
def test_one_to_one_keeps_the_smaller_group_whole(mask, seed):
    unknown = np.array(mask)
    unknown[0], unknown[1] = True, False
    rows = metrics.one_to_one(unknown, seed)
    size = min(unknown.sum(), (~unknown).sum())
    assert len(np.unique(rows)) == len(rows) == 2 * size
    assert unknown[rows].sum() == size
    assert rows.tolist() == metrics.one_to_one(unknown, seed).tolist()


def test_one_to_one_draws_differ_by_seed_and_refuse_one_group():
    unknown = np.arange(100) < 10
    assert metrics.one_to_one(unknown, 0).tolist() != metrics.one_to_one(unknown, 1).tolist()
    with pytest.raises(DataError, match="no unknown"):
        metrics.one_to_one(np.zeros(3, bool), 0)
