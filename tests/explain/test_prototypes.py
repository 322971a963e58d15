"""Prototypes: hand-worked medoids, criticisms, neighbours and baselines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lightwell.core.errors import ConfigError, DataError
from lightwell.explain import PatternSettings, find_patterns, prototypes_of
from lightwell.explain.patterns import Patterns

# Two clusters on a line at height 1, with medoids 1 and 5, and a point of noise.
LINE = np.array([[0.0, 1.0], [1.0, 1.0], [2.5, 1.0], [10.0, 1.0], [14.0, 1.0], [11.0, 1.0], [5.0, 1.0]])
LABELS = np.array([0, 0, 0, 1, 1, 1, -1])
REAL = np.array([[1.0, 1.0], [0.0, 9.0], [12.0, 1.0], [10.5, 1.0]])
CLASSES = np.array([7, 7, 1, 1])


def patterns(labels: np.ndarray = LABELS, points: np.ndarray = LINE) -> Patterns:
    nothing = find_patterns(LINE)
    return replace(nothing, labels=labels, proposal=labels, points=points, k=2)


def test_a_hand_worked_case() -> None:
    found = prototypes_of(patterns(), LINE, REAL, CLASSES, criticisms=2)
    assert found.rows.tolist() == [1, 5]
    assert found.criticisms.tolist() == [[2, 0], [4, 3]]
    assert {c: rows.tolist() for c, rows in found.neighbours.items()} == {1: [[3], [3]], 7: [[0], [0]]}
    gaps = np.sort([abs(a - b) for i, a in enumerate(LINE[:, 0]) for b in LINE[:i, 0]])
    assert found.radius == pytest.approx(np.quantile(gaps, 0.1)) == 1.5
    assert found.own.coverage == 5 / 7
    assert found.own.diversity == 10
    assert found.own.cosine_diversity == pytest.approx(1 - 12 / np.sqrt(2 * 122))
    # The real examples nearest to them lie at 1 and 10.5.
    assert found.real.coverage == 5 / 7
    assert found.real.diversity == 9.5
    assert 0 < found.random.coverage < 5 / 7
    assert 0 < found.random.diversity < 14


def test_medoids_can_be_sought_among_the_reduced_points() -> None:
    found = prototypes_of(patterns(points=LINE[:, :1] ** 4), LINE, REAL, CLASSES, space="reduced")
    assert found.rows.tolist() == [1, 5]
    assert found.own.diversity == 10
    moved = prototypes_of(patterns(points=-LINE[[1, 0, 2, 3, 4, 5, 6]]), LINE, REAL, CLASSES, space="reduced")
    assert moved.rows.tolist() == [0, 5]


def test_several_neighbours_and_no_more_than_there_are() -> None:
    found = prototypes_of(patterns(), LINE, REAL[:3], CLASSES[:3], criticisms=0, neighbours=2)
    assert {c: rows.tolist() for c, rows in found.neighbours.items()} == {1: [[2], [2]], 7: [[0, 1], [0, 1]]}
    assert found.criticisms.shape == (2, 0)


def test_clusters_of_one_and_a_set_without_structure() -> None:
    found = prototypes_of(patterns(np.array([0, 0, 0, 0, 0, 0, 1])), LINE, REAL, CLASSES)
    assert found.rows.tolist() == [2, 6]
    assert found.criticisms[1].tolist() == [-1]
    one = prototypes_of(find_patterns(LINE), LINE, REAL, CLASSES)
    assert one.rows.tolist() == [6]
    assert np.isnan([one.own.diversity, one.random.diversity, one.real.cosine_diversity]).all()


def test_nothing_in_and_nothing_real() -> None:
    empty = np.zeros((0, 2))
    found = prototypes_of(find_patterns(empty), empty, REAL, CLASSES, criticisms=3)
    assert (found.rows.shape, found.criticisms.shape, found.neighbours) == ((0,), (0, 3), {})
    assert np.isnan([found.radius, found.own.coverage, found.random.coverage]).all()
    alone = prototypes_of(patterns(), LINE, empty, [])
    assert (alone.rows.tolist(), alone.neighbours) == ([1, 5], {})
    assert np.isnan(alone.real.coverage)
    noise = prototypes_of(patterns(np.full(7, -1)), LINE, REAL, CLASSES)
    assert (noise.rows.shape, noise.criticisms.shape) == ((0,), (0, 1))
    assert np.isnan([noise.own.coverage, noise.random.coverage, noise.real.coverage]).all()


def test_same_seed_same_prototypes_in_any_order() -> None:
    rng = np.random.default_rng(0)
    embeddings = rng.normal(size=(90, 5)) + 9 * np.eye(5)[np.arange(90) % 3]
    real, classes = rng.normal(size=(20, 5)), np.arange(20) % 2
    settings = PatternSettings(clusterer="kmeans", k=3, nulls=3, seeds=2, bootstraps=2)
    order = rng.permutation(90)
    one, other = (
        prototypes_of(find_patterns(rows, settings), rows, real, classes, seed=2)
        for rows in (embeddings, embeddings[order])
    )
    assert order[other.rows].tolist() == one.rows.tolist()
    assert order[other.criticisms].tolist() == one.criticisms.tolist()
    assert (other.random, other.radius) == (one.random, one.radius)
    assert one.own.coverage >= one.random.coverage


def test_bad_input_is_refused() -> None:
    with pytest.raises(ConfigError, match="no such space"):
        prototypes_of(patterns(), LINE, REAL, CLASSES, space="umap")
    for values in ({"criticisms": -1}, {"neighbours": 0}):
        with pytest.raises(ConfigError, match="out of range"):
            prototypes_of(patterns(), LINE, REAL, CLASSES, **values)
    with pytest.raises(DataError, match="differ in length"):
        prototypes_of(patterns(), LINE[:5], REAL, CLASSES)
    with pytest.raises(DataError, match="differ in length"):
        prototypes_of(patterns(), LINE, REAL, CLASSES[:2])
    with pytest.raises(DataError, match="differ in width"):
        prototypes_of(patterns(), LINE, REAL[:, :1], CLASSES)
