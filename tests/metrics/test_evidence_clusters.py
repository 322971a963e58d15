"""Clusters of borrowed evidence: found where they are, not found where they are not."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import silhouette_score

from lightwell.core import DataError
from lightwell.core.seeds import generator
from lightwell.metrics import borrowing


def planted(sizes: tuple[int, ...] = (40, 30, 20)) -> tuple[np.ndarray, np.ndarray]:
    """Three patterns of pairs of classes, with noise and any overall strength."""
    draw = generator(0, "planted")
    means = np.array([[5.0, 4.0, 0, 0], [0, 0, 5.0, 4.0], [4.0, 0, 0, 5.0]])
    owner = np.repeat(np.arange(3), sizes)
    sums = np.abs(means[owner] + draw.normal(scale=0.4, size=(len(owner), 4)))
    return sums * draw.uniform(0.2, 5, (len(owner), 1)), owner


def test_planted_groups_are_found_the_largest_first_whatever_their_strength() -> None:
    sums, owner = planted()
    found = borrowing(sums)
    assert found.structured
    assert found.clusters.tolist() == owner.tolist()
    assert found.silhouette == pytest.approx(silhouette_score(found.patterns, owner))


def test_patterns_are_shares_of_what_is_there() -> None:
    found = borrowing([[1.0, 3.0], [0.0, 0.0], [-1.0, 2.0]])
    assert found.patterns.tolist() == [[0.25, 0.75], [0, 0], [0, 1]]
    assert found.clusters.tolist() == [0, -1, 0]
    assert np.isnan(found.silhouette)
    assert not found.structured


def test_independent_shares_have_no_structure() -> None:
    # Exchangeable by construction: the null is a draw of the same kind, and the largest of five of them.
    structured = [
        borrowing(generator(seed, "noise").gamma(2, size=(60, 4)), seed).structured for seed in range(6)
    ]
    assert sum(structured) <= 2


def test_the_same_twice_and_whatever_the_order() -> None:
    sums, _ = planted()
    first, second = borrowing(sums, 3), borrowing(sums, 3)
    assert first.clusters.tolist() == second.clusters.tolist()
    assert first.null == second.null
    turned = borrowing(sums[::-1], 3)
    assert turned.clusters[::-1].tolist() == first.clusters.tolist()


def test_examples_that_are_all_alike_have_no_groups() -> None:
    found = borrowing(np.ones((50, 3)))
    assert not found.structured
    assert set(found.clusters.tolist()) == {0}


@pytest.mark.parametrize("sums", [np.ones((30, 1)), [[1.0, np.inf]], [1.0, 2.0]])
def test_what_lends_nothing_to_compare_is_refused(sums) -> None:
    with pytest.raises(DataError):
        borrowing(sums)
