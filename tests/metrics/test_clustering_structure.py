"""Clusters without labels: against scikit-learn, the null that keeps the moments, and stability."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk
from sklearn.cluster import KMeans

from lightwell.core import DataError
from lightwell.core.errors import ConfigError
from lightwell.core.seeds import generator
from lightwell.metrics import clustering as cl


@pytest.fixture
def draw() -> np.random.Generator:
    return generator(0, "tests of clusters")


INTERNAL = (cl.silhouette, cl.davies_bouldin, cl.calinski_harabasz)


def kmeans(points: np.ndarray, seed: int) -> np.ndarray:
    return KMeans(3, n_init=1, random_state=seed).fit_predict(points)


def three_groups(draw: np.random.Generator, n: int = 90) -> np.ndarray:
    return draw.normal(size=(n, 6)) + 12 * np.eye(3, 6)[np.arange(n) % 3]


def test_internal_scores_equal_scikit_learns_without_the_noise(draw: np.random.Generator) -> None:
    points, labels = draw.normal(size=(80, 5)), draw.integers(-1, 4, 80)
    kept = labels >= 0
    wanted = [
        f(points[kept], labels[kept])
        for f in (sk.silhouette_score, sk.davies_bouldin_score, sk.calinski_harabasz_score)
    ]
    assert [f(points, labels) for f in INTERNAL] == pytest.approx(wanted)


@pytest.mark.parametrize("labels", [[0, 0, 0], [-1, -1, -1], [2, 2, -1], [0, 1, 2], [0, 1, -1]])
def test_internal_scores_are_nan_where_there_is_nothing_to_compare(labels: list[int]) -> None:
    assert np.isnan([f([[0.0], [1.0], [5.0]], labels) for f in INTERNAL]).all()


def test_internal_scores_of_constant_points_are_numbers_and_bad_ones_are_refused() -> None:
    assert cl.silhouette(np.ones((4, 2)), [0, 0, 1, 1]) == 0
    with pytest.raises(DataError, match="differ in length"):
        cl.silhouette([[0.0], [1.0]], [0])
    with pytest.raises(DataError, match="not a finite number"):
        cl.davies_bouldin([[np.inf], [1.0]], [0, 1])


@pytest.mark.parametrize(("rows", "width"), [(60, 5), (20, 50), (20, 20), (20, 19), (2, 3), (1, 3)])
def test_the_null_keeps_mean_and_covariance(draw: np.random.Generator, rows: int, width: int) -> None:
    points = draw.exponential(size=(rows, width)) @ draw.normal(size=(width, width)) + 100
    points[:, 0] = 3  # a dead unit
    for n in (rows, rows + 7):
        null = cl.matched_gaussian(points, n, generator(1, "null"))
        assert null.shape == (n, width)
        assert null.mean(axis=0) == pytest.approx(points.mean(axis=0))
        if rows > 1:
            c = np.cov(points.T)
            assert np.cov(null.T) == pytest.approx(c, abs=1e-9 * np.abs(c).max())
    assert cl.matched_gaussian(points, 1, generator(1, "null")).shape == (1, width)


def test_the_null_is_gaussian_and_has_lost_the_clusters(draw: np.random.Generator) -> None:
    points = three_groups(draw, 600)
    null = cl.matched_gaussian(points, 600, generator(2, "null"))
    centred = (null - null.mean(axis=0)) / null.std(axis=0)
    # Kurtosis 3 of a Gaussian; that of three groups is 1.5 along the axes which part them.
    assert (centred**4).mean(axis=0) == pytest.approx(np.full(6, 3), abs=0.7)
    assert cl.silhouette(points, kmeans(points, 0)) > 0.6
    assert cl.silhouette(null, kmeans(null, 0)) < 0.35
    again = cl.matched_gaussian(points, 600, generator(2, "null"))
    other = cl.matched_gaussian(points, 600, generator(3, "null"))
    assert (again == null).all()
    assert not np.allclose(other, null)
    # No direction of rotation is preferred: a row's coordinate is as often above its mean as below.
    draws = generator(4, "null")
    signs = [
        cl.matched_gaussian(points[:8, :3], 8, draws)[0] > points[:8, :3].mean(axis=0) for _ in range(400)
    ]
    assert np.mean(signs, axis=0) == pytest.approx(np.full(3, 0.5), abs=0.1)


def test_stability_tells_groups_from_a_cloud(draw: np.random.Generator) -> None:
    groups, cloud = three_groups(draw), draw.normal(size=(90, 6))

    def started_well(points: np.ndarray, seed: int) -> np.ndarray:
        return KMeans(3, n_init=5, random_state=seed).fit_predict(points)

    assert cl.seed_stability(groups, started_well) == pytest.approx(1)
    assert cl.bootstrap_stability(groups, started_well) == pytest.approx(1)
    assert cl.seed_stability(cloud, kmeans) < 0.8
    assert cl.bootstrap_stability(cloud, kmeans) < 0.8
    assert cl.seed_stability(cloud, kmeans) == cl.seed_stability(cloud, kmeans)


def test_stability_equals_scikit_learns_index_and_noise_is_a_cluster() -> None:
    runs = [np.array([0, 0, 1, 1, -1]), np.array([0, 0, 0, 1, 1]), np.array([-1, 0, 1, 1, -1])]
    given = iter(runs)
    found = cl.seed_stability(np.zeros((5, 1)), lambda points, seed: next(given), seeds=3)
    pairs = [(0, 1), (0, 2), (1, 2)]
    assert found == pytest.approx(np.mean([sk.adjusted_rand_score(runs[i], runs[j]) for i, j in pairs]))


def test_a_resample_is_compared_on_its_own_distinct_rows() -> None:
    points, seen = np.arange(30.0)[:, None], []

    def halves(points: np.ndarray, seed: int) -> np.ndarray:
        seen.append((points[:, 0].tolist(), seed))
        return points[:, 0] >= 15

    assert cl.bootstrap_stability(points, halves, bootstraps=4) == 1
    (whole, seed), *parts = seen
    assert (len(whole), len(parts)) == (30, 4)
    for rows, same in parts:
        assert same == seed < 2**32
        assert len(set(rows)) == len(rows) < 30


def test_bad_stability_is_refused(draw: np.random.Generator) -> None:
    with pytest.raises(ConfigError, match="2 or more, got 1"):
        cl.seed_stability([[0.0]], kmeans, seeds=1)
    with pytest.raises(ConfigError, match="bootstraps"):
        cl.bootstrap_stability([[0.0]], kmeans, bootstraps=0)
    with pytest.raises(DataError, match="not one cluster a point"):
        cl.seed_stability([[0.0], [1.0]], lambda points, seed: [0])
    with pytest.raises(DataError, match="too few rows"):
        cl.matched_gaussian(np.zeros((0, 2)), 3, draw)
    with pytest.raises(ConfigError, match="1 or more, got 0"):
        cl.matched_gaussian([[0.0]], 0, draw)
