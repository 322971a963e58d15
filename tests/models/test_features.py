"""Scores of any codes: Mahalanobis and nearest neighbours, against scikit-learn and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf
from sklearn.neighbors import NearestNeighbors

from lightwell.core import DataError, Representation
from lightwell.models.scorers import ClassMeans, Mahalanobis, NearestNeighbours


def of(codes, labels, predictions=None):
    labels = np.asarray(labels)
    names = tuple(f"class {c}" for c in range(int(labels.max(initial=0)) + 1))
    return Representation(
        np.asarray(codes, float), labels, labels if predictions is None else predictions, class_names=names
    )


def clusters(n=120, width=6, classes=3, seed=0):
    draw = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    mixing = draw.normal(size=(width, width))
    return of(draw.normal(size=(n, width)) @ mixing + 9 * draw.normal(size=(classes, width))[labels], labels)


def test_mahalanobis_against_the_formula():
    known, test = clusters(), clusters(seed=1)
    means = np.stack([known.codes[known.labels == c].mean(axis=0) for c in range(3)])
    gaps = known.codes - means[known.labels]
    covariance = ledoit_wolf(gaps, assume_centered=True)[0] + 1e-6 * np.square(gaps).mean() * np.eye(6)
    precision = np.linalg.inv(covariance)
    away = test.codes[:, None] - means
    wanted = np.sqrt(np.einsum("ncd,de,nce->nc", away, precision, away).min(axis=1))
    np.testing.assert_allclose(Mahalanobis().fit(known).score(test), wanted, rtol=1e-5)


def test_mahalanobis_by_hand():
    # Spread 1 along the first axis and 10 along the second, in each of two classes.
    corners = np.array([[1.0, 10], [1, -10], [-1, 10], [-1, -10]])
    many = np.tile(corners, (500, 1))
    known = of(np.concatenate([many, many + np.array([100, 0])]), np.repeat([0, 1], 2000))
    found = Mahalanobis().fit(known).score(of([[2.0, 0], [0, 20], [100, 0]], [-1, -1, -1]))
    assert found == pytest.approx([2, 2, 0], rel=2e-2, abs=1e-6)


def test_mahalanobis_survives_fewer_examples_than_axes_and_a_dead_axis():
    draw = np.random.default_rng(0)
    codes = draw.normal(size=(12, 40))
    codes[:, 7] = 0
    scorer = Mahalanobis().fit(of(codes, np.arange(12) % 2))
    assert np.isfinite(scorer.score(of(codes + 1, np.arange(12) % 2))).all()


def test_mahalanobis_counts_examples_that_were_predicted_wrong():
    known = clusters()
    wrong = of(known.codes, known.labels, np.roll(known.labels, 1))
    test = clusters(seed=1)
    assert np.array_equal(Mahalanobis().fit(wrong).score(test), Mahalanobis().fit(known).score(test))


def test_examples_that_do_not_differ_have_no_covariance():
    with pytest.raises(DataError, match=r"do not differ.*\(in mahalanobis\).*2 examples of 2 classes"):
        Mahalanobis().fit(of([[1.0, 2], [3, 4]], [0, 1]))


@pytest.mark.parametrize("k", [1, 5, 40])
def test_nearest_neighbours_against_scikit_learn(k):
    known, test = clusters(), clusters(seed=1)
    unit = known.codes / np.linalg.norm(known.codes, axis=1, keepdims=True)
    asked = test.codes / np.linalg.norm(test.codes, axis=1, keepdims=True)
    wanted = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(unit).kneighbors(asked)[0][:, -1]
    np.testing.assert_allclose(NearestNeighbours(k=k).fit(known).score(test), wanted, rtol=1e-6, atol=1e-7)


def test_nearest_neighbours_by_hand():
    known = of([[5.0, 0], [0, 2]], [0, 1])  # directions (1, 0) and (0, 1)
    found = NearestNeighbours().fit(known).score(of([[9.0, 0], [1, 1], [-1, 0], [0, 0]], [-1] * 4))
    assert found == pytest.approx([0, math.sqrt(2 - math.sqrt(2)), math.sqrt(2), 1])


def test_k_is_at_most_the_size_of_the_smallest_class():
    known = clusters()
    assert int(NearestNeighbours(k=50).fit(known).state["k"]) == 40
    fewer = known.take(np.r_[0:60, 60:120:3])  # class 0 keeps 40, the others 20
    assert int(NearestNeighbours(k=50).fit(fewer).state["k"]) == 20
    assert int(NearestNeighbours(k=3).fit(fewer).state["k"]) == 3


def test_only_labelled_examples_are_kept():
    known = clusters()
    partly = of(known.codes, np.where(np.arange(120) < 90, known.labels, -1))
    assert NearestNeighbours().fit(partly).state["bank"].shape == (90, 6)
    with pytest.raises(DataError, match=r"no training example of a known class \(in knn\)"):
        NearestNeighbours().fit(of(known.codes, np.full(120, -1)))


@pytest.mark.parametrize("kind", [ClassMeans, Mahalanobis, NearestNeighbours])
def test_codes_of_another_width_are_refused(kind):
    with pytest.raises(DataError, match=rf"another width .*in {kind.info.name}\): expected \(n, 6\)"):
        kind().fit(clusters()).score(of([[1.0]], [-1]))
