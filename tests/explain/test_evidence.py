"""Exact evidence: the parts add up, hand-worked cases, reasons, words, maps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lightwell.core import ConfigError, DataError
from lightwell.explain import REASONS, check_spatial, decompose, describe, reason_codes, spatial_maps


@st.composite
def cases(draw):
    n, n_classes, k = draw(st.integers(0, 6)), draw(st.integers(1, 5)), draw(st.integers(1, 4))
    codes = draw(hnp.arrays(np.float64, (n, n_classes * k), elements=st.floats(-50, 50)))
    predictions = draw(hnp.arrays(np.int64, n, elements=st.integers(0, n_classes - 1)))
    return codes, predictions, k, draw(st.sampled_from([0.5, 2.0, 10.0]))


@given(cases())
def test_parts_add_up_to_the_squared_distance(case):
    codes, predictions, k, a = case
    e = decompose(codes, predictions, k, a)
    n_classes = codes.shape[1] // k
    anchors = a * np.repeat(np.eye(n_classes), k, axis=1)
    truth = np.linalg.norm(codes - anchors[predictions], axis=1) ** 2
    for parts in (
        e.squared_distance,
        e.missing + e.excess + e.foreign.sum(axis=1),
        e.per_dimension.sum(axis=1),
    ):
        np.testing.assert_allclose(parts, truth, rtol=1e-9, atol=1e-280)
    assert (e.foreign[np.arange(len(codes)), predictions] == 0).all()
    assert min(e.missing.min(initial=0), e.excess.min(initial=0), e.foreign.min(initial=0)) >= 0


@given(cases())
def test_the_identity_of_block_sums(case):
    # d² = |z|² - 2 a S_c + k a²: another way to the same number.
    codes, predictions, k, a = case
    e = decompose(codes, predictions, k, a)
    block_sum = e.shares[np.arange(len(codes)), predictions] * k * a
    other = (codes**2).sum(axis=1) - 2 * a * block_sum + k * a * a
    np.testing.assert_allclose(e.squared_distance, other, rtol=1e-9, atol=1e-9)


def test_by_hand():
    # K = 3, k = 2, a = 4, asked about class 1: own 5 and 1, foreign 2, 0 | 0, -1.
    e = decompose([[2.0, 0.0, 5.0, 1.0, 0.0, -1.0]], [1], n_features=2, anchor_value=4.0)
    assert e.missing.tolist() == [9.0]
    assert e.excess.tolist() == [1.0]
    assert e.foreign.tolist() == [[4.0, 0.0, 1.0]]
    assert e.squared_distance.tolist() == [15.0]
    assert e.per_dimension.tolist() == [[4.0, 0.0, 1.0, 9.0, 0.0, 1.0]]
    assert e.shares.tolist() == [[0.25, 0.75, -0.125]]


def test_float32_codes_are_summed_in_float64():
    codes = np.full((1, 4), 0.1, np.float32)
    e = decompose(codes, [0], 2, 0.1)
    assert e.squared_distance.dtype == np.float64
    assert e.missing.item() + e.excess.item() + e.foreign.sum() == pytest.approx(
        e.squared_distance.item(), rel=1e-12
    )


@given(cases())
def test_rows_do_not_influence_each_other(case):
    codes, predictions, k, a = case
    whole = decompose(codes, predictions, k, a)
    for i in range(len(codes)):
        alone = decompose(codes[i : i + 1], predictions[i : i + 1], k, a)
        assert alone.per_dimension[0].tolist() == whole.per_dimension[i].tolist()
        assert alone.missing[0] == whole.missing[i]
        assert reason_codes(alone)[0] == reason_codes(whole)[i]


@pytest.mark.parametrize(
    ("shares", "reason"),
    [
        ((0.24, 0.24), "nothing recognised"),
        ((0.25, 0.0), "partial match"),
        ((0.25, 0.25), "conflict"),
        ((0.9, 0.45), "conflict"),
        ((0.9, 0.44), "partial match"),
        ((0.4, 0.24), "partial match"),
        ((1.5, 0.2), "over-activation"),
        ((1.5, 0.8), "conflict"),
        ((1.0, 0.9), "conflict"),
    ],
)
def test_reasons_at_their_limits(shares, reason):
    e = decompose([[10 * s for s in shares] + [0.0]], [0], n_features=1, anchor_value=10.0)
    assert reason_codes(e).tolist() == [reason]
    assert reason in REASONS


def test_over_activation_needs_a_whole_class():
    # Own excess is 225 of 425, but the block as a whole shows 25 of 30; then 225 of 227 and 43 of 30.
    assert reason_codes(decompose([[25.0, 0.0, 0.0]], [0], 3, 10.0)).tolist() == ["partial match"]
    assert reason_codes(decompose([[25.0, 9.0, 9.0]], [0], 3, 10.0)).tolist() == ["over-activation"]


def test_one_class_and_no_example():
    assert reason_codes(decompose([[5.0]], [0], 1, 10.0)).tolist() == ["partial match"]
    assert reason_codes(decompose(np.zeros((0, 4)), np.zeros(0, int), 2, 1.0)).shape == (0,)


def test_descriptions():
    e = decompose(
        [[4.6, 4.0, 0.0], [1.2, 0.3, 0.0], [6.0, 1.0, 0.0], [14.0, 0.0, 0.0]], [0, 0, 0, 0], 1, 10.0
    )
    assert [describe(e, i, ("3", "8", "9")) for i in range(4)] == [
        "looks 46 % like 3 and 40 % like 8: conflict",
        "looks at most 12 % like 3: nothing recognised",
        "looks 60 % like 3, next 10 % like 8: partial match",
        "looks 140 % like 3, more than its anchor asks for: over-activation",
    ]
    assert describe(decompose([[5.0]], [0], 1, 10.0), 0, ("cat",)) == "looks 50 % like cat: partial match"
    with pytest.raises(DataError, match="no such example"):
        describe(e, 4, ("3", "8", "9"))
    with pytest.raises(DataError, match="3 class names"):
        describe(e, 0, ("3",))


@pytest.mark.parametrize(
    ("codes", "predictions", "k", "a", "error"),
    [
        ([[1.0, np.nan]], [0], 1, 1.0, DataError),
        ([[1.0, 2.0, 3.0]], [0], 2, 1.0, DataError),
        ([1.0, 2.0], [0], 1, 1.0, DataError),
        ([[1.0, 2.0]], [2], 1, 1.0, DataError),
        ([[1.0, 2.0]], [-1], 1, 1.0, DataError),
        ([[1.0, 2.0]], [0.0], 1, 1.0, DataError),
        ([[1.0, 2.0]], [0, 1], 1, 1.0, DataError),
        ([[1.0, 2.0]], [0], 0, 1.0, ConfigError),
        ([[1.0, 2.0]], [0], 1, 0.0, ConfigError),
        ([[1.0, 2.0]], [0], 1, np.inf, ConfigError),
    ],
)
def test_bad_input_is_refused(codes, predictions, k, a, error):
    with pytest.raises(error):
        decompose(np.array(codes), np.array(predictions), k, a)


def test_maps_add_up_to_the_block_sums():
    maps = np.random.default_rng(0).random((5, 6, 7, 3)).astype(np.float32)
    codes = maps.mean(axis=(2, 3))
    by_class = spatial_maps(maps, n_features=2)
    assert by_class.shape == (5, 3, 7, 3)
    np.testing.assert_allclose(by_class.mean(axis=(2, 3)), codes.reshape(5, 3, 2).sum(axis=2), rtol=1e-5)
    check_spatial(by_class, codes, n_features=2)


def test_maps_that_do_not_add_up_are_refused():
    maps = np.random.default_rng(0).normal(size=(2, 4, 3, 3))
    codes = maps.mean(axis=(2, 3))
    rectified_late = spatial_maps(np.maximum(maps, 0), n_features=2)
    with pytest.raises(DataError, match="do not add up"):
        check_spatial(rectified_late, codes, n_features=2)
    with pytest.raises(DataError, match="differ in shape"):
        check_spatial(spatial_maps(maps, n_features=1), codes, n_features=2)
    with pytest.raises(DataError, match="equal blocks"):
        spatial_maps(maps, n_features=3)
    with pytest.raises(DataError, match="4 dimensions"):
        spatial_maps(maps[0], n_features=2)
    with pytest.raises(DataError, match="finite"):
        spatial_maps(maps * np.inf, n_features=2)
