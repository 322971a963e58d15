"""Prototypes by hand and against plain loops."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from lightwell.core import DataError
from lightwell.core.errors import ConfigError
from lightwell.core.seeds import generator
from lightwell.metrics import distances
from lightwell.metrics import prototypes as p


@pytest.fixture
def draw() -> np.random.Generator:
    return generator(0, "tests of prototypes")


def test_medoids_by_hand_and_by_the_double_loop_in_blocks_of_any_size(
    draw: np.random.Generator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    points = [[0.0, 0], [0, 1], [0, 9], [5, 5], [50, 50], [7, 7]]
    assert p.medoids(points, [2, 2, 2, 0, -1, 0]).tolist() == [3, 1]  # the first of a pair
    assert p.medoids(points, [-1] * 6).tolist() == []
    cloud, labels = draw.normal(size=(60, 4)), draw.integers(-1, 4, 60)
    wanted = []
    for c in range(4):
        rows = np.flatnonzero(labels == c)
        wanted.append(min(rows, key=lambda i: sum(np.linalg.norm(cloud[i] - cloud[j]) for j in rows)))
    for most in (1, 100, 10_000):
        monkeypatch.setattr(distances, "_MOST", most)
        assert p.medoids(cloud, labels).tolist() == wanted


def test_criticisms_are_where_the_witness_is_largest_and_lie_apart(draw: np.random.Generator) -> None:
    near, missed, other = (
        draw.normal(0, 0.3, (30, 2)),
        draw.normal(9, 0.3, (15, 2)),
        draw.normal(-9, 0.3, (10, 2)),
    )
    points = np.concatenate([near, missed, other])
    chosen = points[:1]
    kernel = np.exp(-np.square(points[:, None] - points).sum(axis=2) / (2 * points.var(axis=0).sum()))
    witness = kernel.mean(axis=1) - kernel[:, 0]
    found = p.criticisms(points, chosen, n=2)
    assert found[0] == witness.argmax()
    assert {int(np.digitize(row, [30, 45])) for row in found} == {1, 2}  # one of each missed group
    # The second maximises the determinant beside the first, by the definition.
    first = found[0]
    gain = [
        -np.inf
        if i in (0, first)
        else witness[i] + np.log(np.linalg.det(kernel[np.ix_([first, i], [first, i])]))
        for i in range(len(points))
    ]
    assert found[1] == np.argmax(gain)


def test_criticisms_run_out_with_the_points() -> None:
    points = [[0.0], [0.0], [1.0], [1.0], [2.0]]
    assert sorted(p.criticisms(points, [[2.0]], n=9).tolist()) == [0, 2]
    assert p.criticisms(points, [[2.0]], n=0).tolist() == []
    assert p.criticisms([[3.0], [3.0]], [[3.0]], n=1).tolist() == []


def test_coverage_and_diversity_by_hand(draw: np.random.Generator) -> None:
    points = [[0.0, 0], [3, 4], [6, 8], [0, 20]]
    assert p.coverage(points, [[0.0, 0]], radius=5) == 0.5
    assert p.coverage(points, [[3.0, 4], [0, 20]], radius=5) == 1
    cloud = draw.normal(size=(20, 5))
    found = p.diversity(cloud)
    assert found.euclidean == pytest.approx(pdist(cloud).mean())
    assert found.cosine == pytest.approx(pdist(cloud, "cosine").mean())
    assert p.diversity([[0.0, 0], [1, 0], [2, 0]]).cosine == pytest.approx(2 / 3)
    assert np.isnan(p.diversity([[1.0, 2]])).all()
    # The reference reports a likeness as a distance: equal prototypes must score 0, not 1.
    assert p.diversity([[1.0, 2], [1, 2]]) == pytest.approx((0, 0))


def test_nearest_in_order_and_the_first_of_equals(
    draw: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = p.nearest([[0.0], [10.0]], [[-1.0], [9.0], [1.0]], k=2)
    assert found.rows.tolist() == [[0, 2], [1, 2]]
    assert found.distances.tolist() == [[1, 1], [1, 9]]
    points, real = draw.normal(size=(2, 40, 3))
    whole = p.nearest(points, real, k=3)
    monkeypatch.setattr(distances, "_MOST", 1)
    assert (p.nearest(points, real, k=3).rows == whole.rows).all()


@pytest.mark.parametrize(
    ("work", "error", "words"),
    [
        (lambda: p.medoids([[1.0]], [0, 1]), DataError, "differ in length"),
        (lambda: p.medoids([[np.nan]], [0]), DataError, "not a finite number"),
        (lambda: p.criticisms([[1.0]], [[1.0, 2.0]], 1), DataError, "differ in width"),
        (lambda: p.criticisms([[1.0]], [[1.0]], -1), ConfigError, "0 or more"),
        (lambda: p.coverage([[1.0]], [[1.0]], np.nan), ConfigError, "radius"),
        (lambda: p.coverage([[1.0]], np.zeros((0, 1)), 1), DataError, "too few rows .in chosen"),
        (lambda: p.nearest([[1.0]], [[1.0]], 2), DataError, "in real.*at least 2, got 1"),
        (lambda: p.nearest([[1.0]], [[1.0]], 0), ConfigError, "1 or more"),
    ],
)
def test_bad_input_is_refused(work: Callable[[], object], error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        work()
