"""Measures of whether the features of a class differ."""

from __future__ import annotations

import numpy as np
import pytest

from lightwell.core import ConfigError, DataError
from lightwell.metrics.differentiation import (
    activation_correlation,
    effective_rank,
    partly_on,
    seed_agreement,
    shuffled,
)

DRAW = np.random.default_rng(3)
LABELS = np.repeat([0, 1], 200)


def test_correlation_equals_numpys_averaged_over_pairs_and_classes() -> None:
    codes = DRAW.normal(size=(400, 6)) @ DRAW.normal(size=(6, 6))
    pairs = np.triu_indices(3, k=1)
    wanted = [np.abs(np.corrcoef(codes[c == LABELS, 3 * c : 3 * c + 3].T))[pairs].mean() for c in (0, 1)]
    assert activation_correlation(codes, LABELS, 3) == pytest.approx(np.mean(wanted), abs=1e-12)


def test_copies_have_correlation_one_and_rank_one() -> None:
    codes = np.repeat(DRAW.normal(size=(400, 2)), 3, axis=1)
    assert activation_correlation(codes, LABELS, 3) == pytest.approx(1)
    assert effective_rank(codes, LABELS, 3) == pytest.approx(1, abs=1e-6)
    assert activation_correlation(shuffled(codes, LABELS, 3), LABELS, 3) < 0.2


def test_effective_rank_of_known_eigenvalues() -> None:
    # Two directions with variances 1 and 1/3: shares 3/4 and 1/4.
    square = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1.0]]) * [1, 1 / np.sqrt(3)]
    wanted = np.exp(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25)))
    assert effective_rank(square, np.zeros(4, int), 2) == pytest.approx(wanted)


def test_a_dead_block_is_defined() -> None:
    codes = np.zeros((10, 4))
    assert activation_correlation(codes, np.zeros(10, int), 2) == 0
    assert effective_rank(codes, np.zeros(10, int), 2) == pytest.approx(1)
    assert np.isnan(activation_correlation(codes[:2], [0, 1], 2))


def test_partly_on_counts_neither_all_nor_none() -> None:
    codes = [[6, 6, 0, 0], [6, 4, 9, 9], [1, 1, 9, 9], [0, 0, 4, 6]]
    assert partly_on(codes, [0, 0, 0, 1], 2, 5.0).tolist() == [False, True, False, True]


def test_shuffling_keeps_the_values_of_each_feature_in_each_class_and_parts_them() -> None:
    codes = np.zeros((400, 6))
    codes[:200, :3] = codes[200:, 3:] = np.arange(200)[:, None] % 2  # all on, or none: copies
    mixed = shuffled(codes, LABELS, 3)
    for c in (0, 1):
        own = slice(200 * c, 200 * (c + 1))
        assert (np.sort(mixed[own], axis=0) == np.sort(codes[own], axis=0)).all()
    assert partly_on(codes, LABELS, 3, 0.5).mean() == 0
    # Three features, each on by half and by itself: 1 - 2 / 8 have some on, but not all.
    assert partly_on(mixed, LABELS, 3, 0.5).mean() == pytest.approx(0.75, abs=0.06)


def test_seed_agreement_finds_a_permutation_and_its_null_is_low() -> None:
    codes = DRAW.normal(size=(400, 6))
    other = codes[:, [2, 0, 1, 4, 5, 3]]
    agreement, null = seed_agreement(codes, -other, LABELS, 3)
    assert agreement == pytest.approx(1)
    assert null < 0.25


def test_bad_input_is_refused() -> None:
    with pytest.raises(ConfigError, match="cannot differ"):
        activation_correlation(np.zeros((3, 2)), [0, 1, 1], 1)
    with pytest.raises(DataError, match="do not fit"):
        effective_rank(np.zeros((3, 5)), [0, 1, 1], 2)
    with pytest.raises(DataError, match="names no block"):
        partly_on(np.zeros((2, 4)), [0, -1], 2, 5.0)
    with pytest.raises(DataError, match="finite"):
        activation_correlation(np.full((3, 2), np.nan), [0, 0, 0], 2)
