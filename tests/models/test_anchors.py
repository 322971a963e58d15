"""Anchors: the table of the method, its two identities, and numbers against SciPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from lightwell.core import ConfigError, DataError
from lightwell.models.anchors import Anchors


def random_codes(anchors, n=200, seed=0):
    return np.random.default_rng(seed).normal(0, anchors.value, (n, anchors.width))


def test_rows_and_spacing_by_hand():
    anchors = Anchors(3, 2, 4.0)
    assert anchors.matrix().tolist() == [[4, 4, 0, 0, 0, 0], [0, 0, 4, 4, 0, 0], [0, 0, 0, 0, 4, 4]]
    apart = cdist(anchors.matrix(), anchors.matrix())
    assert apart[~np.eye(3, dtype=bool)].tolist() == [8.0] * 6
    assert anchors.spacing == 8.0
    assert anchors.width == 6


@pytest.mark.parametrize(("value", "k", "norm", "spacing"), [(10, 5, 22.361, 31.623), (2, 20, 8.944, 12.649)])
def test_published_geometry(value, k, norm, spacing):
    anchors = Anchors(6, k, value)
    assert np.linalg.norm(anchors.matrix(), axis=1) == pytest.approx([norm] * 6, abs=5e-4)
    assert anchors.spacing == pytest.approx(spacing, abs=5e-4)


@pytest.mark.parametrize(("m", "distance"), [(2, 15.81), (3, 18.26), (4, 19.36), (5, 20.00)])
def test_distance_of_evidence_shared_by_m_classes(m, distance):
    anchors = Anchors(6, 5, 10.0)
    shared = anchors.matrix()[:m].mean(axis=0, keepdims=True)
    assert math.sqrt(anchors.squared_distances(shared).min()) == pytest.approx(distance, abs=5e-3)


@given(st.integers(2, 6), st.integers(1, 5), st.floats(0.1, 20), st.integers(0, 99))
def test_first_identity_is_the_squared_distance(n_classes, k, value, seed):
    anchors = Anchors(n_classes, k, value)
    codes = random_codes(anchors, 20, seed)
    wanted = cdist(codes, anchors.matrix(), "sqeuclidean")
    np.testing.assert_allclose(anchors.squared_distances(codes), wanted, rtol=1e-9, atol=1e-9 * value**2)


def test_second_identity_splits_it_dimension_by_dimension():
    anchors = Anchors(4, 3, 10.0)
    codes = random_codes(anchors)
    for c in range(4):
        own = np.repeat(np.arange(4) == c, 3)
        parts = np.where(own, np.square(codes - 10.0), np.square(codes))
        np.testing.assert_allclose(parts.sum(axis=1), anchors.squared_distances(codes)[:, c], rtol=1e-9)


def test_nearest_anchor_is_the_largest_block_sum():
    anchors = Anchors(6, 5, 10.0)
    codes = random_codes(anchors, 5000)
    nearest = anchors.squared_distances(codes).argmin(axis=1)
    assert (nearest == anchors.block_sums(codes).argmax(axis=1)).all()


def test_a_code_at_its_anchor_has_distance_0_in_any_type():
    anchors = Anchors(3, 2, 0.1)
    for dtype in (np.float32, np.float64):
        found = anchors.squared_distances(anchors.matrix().astype(dtype)).diagonal()
        assert (found >= 0).all()
        assert found == pytest.approx([0, 0, 0], abs=1e-8)


@pytest.mark.parametrize("shape", [(4, 5), (4, 7), (6,), (4, 3, 2)])
def test_codes_of_another_width_are_refused(shape):
    with pytest.raises(DataError, match=r"codes do not fit the anchors: expected \(n, 6\), got"):
        Anchors(3, 2, 4.0).block_sums(np.zeros(shape))


@pytest.mark.parametrize(
    ("wrong", "name"), [((0, 2, 4), "n_classes"), ((3, 0, 4), "n_features"), ((3, 2, -1), "value")]
)
def test_numbers_that_are_not_positive_are_refused(wrong, name):
    with pytest.raises(ConfigError, match=name):
        Anchors(*wrong)
