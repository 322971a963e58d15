"""Patterns: what is found, what is not, and an answer for whatever comes."""

from __future__ import annotations

import numpy as np
import pytest

from lightwell.core.errors import ConfigError, DataError
from lightwell.explain.patterns import AgainstNull, PatternSettings, find_patterns, prototypes_of

FAST = PatternSettings(clusterer="kmeans", k_most=4, nulls=4, seeds=2, bootstraps=2)


def groups(n: int) -> np.ndarray:
    draw = np.random.default_rng(0)
    return np.repeat([[0.0, 0.0, 0.0], [9.0, 9.0, 0.0], [0.0, 9.0, 9.0]], n, axis=0) + draw.normal(
        size=(3 * n, 3)
    )


def test_three_groups_are_three_patterns_in_any_order():
    points = groups(20)
    order = np.random.default_rng(1).permutation(60)
    found, again = find_patterns(points, FAST), find_patterns(points[order], FAST)
    assert found.found
    assert found.k == 3
    assert np.array_equal(found.labels[order], again.labels)
    assert found.scores == again.scores
    assert len({*zip(found.labels.tolist(), np.repeat(range(3), 20).tolist(), strict=True)}) == 3


def test_one_cloud_has_no_patterns_and_keeps_the_proposal():
    found = find_patterns(np.random.default_rng(1).normal(size=(60, 3)), FAST)
    assert not found.found
    assert found.k == 1
    assert not found.labels.any()
    assert found.proposal.max() > 0
    assert found.verdict.startswith("No structure found")


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        (np.zeros((0, 3)), "0 distinct examples"),
        (np.ones((1, 3)), "1 distinct examples"),
        (np.ones((30, 3)), "all examples are alike"),
        (groups(2), "6 distinct examples are too few for 2 clusters of at least 5"),
    ],
)
def test_too_few_or_equal_examples_have_an_answer(points, reason):
    found = find_patterns(points, FAST)
    assert reason in found.verdict
    assert len(found.labels) == len(points)
    stand = prototypes_of(found, points, groups(2), [0, 1] * 3)
    assert len(stand.rows) == min(len(points), 1)


def test_what_is_shown_of_a_null_stays_within_its_bounds():
    shown = AgainstNull.of(0.9, [0.2, 1.0])
    assert (shown.null, shown.low, shown.high) == (0.6, -1.0, 1.0)
    assert AgainstNull.of(5.0, [1.0, 9.0], (0.0, np.inf)).low == 0
    assert AgainstNull.of(5.0, [1.0, 9.0], (0.0, np.inf)).high > 9
    assert np.isnan(AgainstNull.of(0.9, [0.2]).high)


def test_bad_input_is_refused():
    with pytest.raises(DataError):
        find_patterns([[np.nan]])
    with pytest.raises(ConfigError, match=r"patterns\.k"):
        PatternSettings(k=1)
    with pytest.raises(ConfigError, match="Did you mean 'umap'"):
        PatternSettings(reduction="umapp")
