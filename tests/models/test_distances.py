"""Fast distances are right, and the same to the last bit whatever else is computed with them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from lightwell.core import DataError
from lightwell.models.scorers.distances import SteadyMatrix, kth_nearest, squared_norms


def nearest(values, points, k=1):
    return kth_nearest(values, points, squared_norms(points), k)


@pytest.mark.parametrize("k", [1, 2, 5, 30])
@pytest.mark.parametrize("width", [1, 7, 129])
def test_kth_nearest_against_scipy(k, width):
    draw = np.random.default_rng(0)
    values, points = draw.normal(size=(40, width)), draw.normal(3, 2, (30, width))
    wanted = np.sort(cdist(values, points), axis=1)[:, k - 1]
    np.testing.assert_allclose(nearest(values, points, k), wanted, rtol=1e-13)


def test_cancellation_costs_no_digits():
    points = np.full((2, 3), 1e6)
    points[1] += 1
    assert nearest(np.array([[1e6 + 1e-6, 1e6, 1e6]]), points).tolist() == [(1e6 + 1e-6) - 1e6]


def test_equal_points_count_one_by_one():
    points = np.array([[0.0, 0], [3, 4], [3, 4], [6, 8]])
    assert [nearest(np.zeros((1, 2)), points, k)[0] for k in (1, 2, 3, 4)] == [0, 5, 5, 10]


def test_many_equal_points_are_compared_in_pieces():
    points = np.zeros((600, 300))
    points[:, 0] = 2
    assert nearest(np.zeros((3, 300)), points, 450).tolist() == [2, 2, 2]


@pytest.mark.parametrize("width", [3, 30, 512])
@pytest.mark.parametrize("count", [1, 100, 513])
def test_no_bit_depends_on_the_batch(width, count):
    draw = np.random.default_rng(0)
    values, points = draw.normal(size=(300, width)), draw.normal(size=(count, width))
    k = min(count, 50)
    matrix = SteadyMatrix.rounded(points)
    order = draw.permutation(300)
    for compute in (lambda v: nearest(v, points, k), matrix.times):
        whole = compute(values)
        assert np.array_equal(compute(values[order]), whole[order])
        assert np.array_equal(np.concatenate([compute(values[i : i + 1]) for i in range(300)]), whole)


def test_steady_product_is_near_the_product():
    draw = np.random.default_rng(0)
    values, matrix = draw.normal(size=(50, 512)), draw.normal(size=(90, 512))
    values[7] *= 1e-30
    matrix[5] *= 1e20
    wanted = values @ matrix.T
    size = np.outer(np.linalg.norm(values, axis=1), np.linalg.norm(matrix, axis=1))
    assert (np.abs(SteadyMatrix.rounded(matrix).times(values) - wanted) / size).max() < 2**-20


def test_steady_product_of_small_whole_numbers_is_exact():
    draw = np.random.default_rng(0)
    values, matrix = draw.integers(-9, 9, (20, 30)), draw.integers(-9, 9, (10, 30))
    found = SteadyMatrix.rounded(matrix.astype(float)).times(values.astype(float))
    assert np.array_equal(found, values @ matrix.T)
    assert not SteadyMatrix.rounded(np.zeros((2, 3))).times(np.zeros((1, 3))).any()


def test_sums_of_products_stay_below_what_float64_holds():
    width = 512
    matrix = SteadyMatrix.rounded(np.full((1, width), 1.0 - 2**-30))
    assert math.log2(np.abs(matrix.numbers).max() ** 2 * width) <= 53


def test_values_too_large_to_square_are_refused():
    with pytest.raises(DataError, match=r"too large for a distance.*below 1e150"):
        nearest(np.full((1, 2), 1e200), np.zeros((1, 2)))
