"""Clusters against classes: by hand, by brute force, against scikit-learn, and on traps."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from math import log

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from lightwell.core import DataError
from lightwell.core.errors import ConfigError
from lightwell.core.findings import Findings
from lightwell.core.seeds import generator
from lightwell.metrics import clustering as cl
from lightwell.metrics.clustering import (
    baseline_clusters,
    clustering_estimates,
    collapsed,
    gmm_clusters,
    kmeans_clusters,
    matched_random,
)

DIGITS = np.repeat(np.arange(10), 100)
SIDE = DIGITS // 5


def test_a_matching_by_hand() -> None:
    # The greedy choice takes the 5 and gets 5 + 0; the best pairing gets 4 + 4.
    labels = [0] * 5 + [1] * 4 + [0] * 4
    found = cl.matching(labels, [0] * 9 + [1] * 4)
    assert found.counts.tolist() == [[5, 4], [4, 0]]
    assert found.pairs.tolist() == [1, 0]
    assert found.accuracy == 8 / 13


def test_more_clusters_than_labels_leave_some_over_and_more_labels_some_unmatched() -> None:
    split = cl.matching([6, 6, 6, 9, 9], [0, 0, 1, 2, 2])
    assert (split.labels.tolist(), split.pairs.tolist(), split.accuracy) == ([6, 9], [6, -1, 9], 0.8)
    merged = cl.matching([0, 0, 1, 2, 2, 2], [1, 1, 1, 0, 0, 0])
    assert (merged.pairs.tolist(), merged.accuracy) == ([2, 0], 5 / 6)
    wide = cl.matching([1, 1], [0, 0], n_labels=3, n_clusters=2)
    assert wide.counts.tolist() == [[0, 2, 0], [0, 0, 0]]
    assert wide.pairs[0] == 1


@pytest.mark.parametrize(("n_labels", "n_clusters"), [(5, 5), (4, 4), (3, 5), (5, 2), (1, 3)])
def test_no_pairing_of_all_is_better(n_labels: int, n_clusters: int) -> None:
    draw = generator(n_labels, "brute force", n_clusters)
    for _ in range(10):
        labels, clusters = draw.integers(0, n_labels, 40), draw.integers(0, n_clusters, 40)
        found = cl.matching(labels, clusters, n_labels, n_clusters)
        names = [*range(n_labels), *[-1] * max(0, n_clusters - n_labels)]
        best = max(np.mean(np.array(pairs)[clusters] == labels) for pairs in permutations(names, n_clusters))
        assert found.accuracy == pytest.approx(best)
        assert np.mean(found.pairs[clusters] == labels) == found.accuracy
        assert len({p for p in found.pairs.tolist() if p >= 0}) == min(n_labels, n_clusters)


def test_trap_groups_that_mix_the_sides_score_a_perfect_gate_at_three_quarters() -> None:
    # The reference's score groups digits by a shuffled list instead of the training sides. Each expert of a
    # perfect gate serves one digit of each side, so that two digits of such a group may share one.
    mixed = np.isin(np.arange(10), [2, 9, 6, 4, 0]).astype(int)
    wrong = []
    for experts in permutations(range(5)):
        gate = np.array([0, 1, 2, 3, 4, *experts])
        right = cl.cluster_accuracy(DIGITS, SIDE, gate[DIGITS])
        assert [m.accuracy for m in right.values()] == [1, 1]
        assert cl.fine_accuracy(DIGITS, SIDE, gate[DIGITS], right) == 1
        wrong.append(cl.cluster_accuracy(np.arange(10), mixed, gate)[1].accuracy)
    assert np.mean(wrong) == pytest.approx(0.76)
    assert (min(wrong), max(wrong)) == (0.6, 1.0)


def test_fine_is_wrong_where_the_coarse_class_or_the_cluster_is_or_nothing_is_matched() -> None:
    fine, coarse = np.array([0, 0, 1, 1, 2, 2]), np.array([0, 0, 0, 0, 1, 1])
    clusters = np.array([0, 0, 1, 0, 1, 2])
    pairs = cl.cluster_accuracy(fine, coarse, clusters)
    assert {c: m.pairs.tolist() for c, m in pairs.items()}[0] == [0, 1, -1]
    said = np.array([0, 1, 0, 0, 1, -1])
    owner = pairs[1].pairs.tolist().index(2)  # the tie of clusters 1 and 2 may fall either way
    answers = cl.fine_predictions(said, np.array([0, 0, 1, 0, owner, owner]), pairs)
    assert answers.tolist() == [0, -1, 1, 0, 2, -1]
    assert cl.fine_accuracy(fine, said, [0, 0, 1, 0, owner, owner], pairs) == 0.5
    assert cl.fine_predictions([0, 5, 0], [9, 0, 2], pairs).tolist() == [-1, -1, -1]
    with pytest.raises(DataError, match=r"two coarse classes .*fine class 7"):
        cl.fine_predictions([0], [0], cl.cluster_accuracy([7, 7], [0, 1], [0, 0]))


@pytest.mark.parametrize("seed", range(8))
def test_information_and_rand_index_are_those_of_scikit_learn(seed: int) -> None:
    draw = generator(seed, "scores")
    fine, clusters = draw.integers(0, 1 + seed, 90), draw.integers(0, 7 - seed % 7, 90)
    if seed > 4:
        clusters = np.where(draw.random(90) < 0.6, fine, clusters)
    found = cl.cluster_scores(fine, clusters)
    assert found["nmi"] == pytest.approx(normalized_mutual_info_score(fine, clusters), abs=1e-12)
    assert found["ari"] == pytest.approx(adjusted_rand_score(fine, clusters), abs=1e-12)


def test_random_clusters_of_five_classes_match_a_quarter_and_one_cluster_a_fifth() -> None:
    mean, spread = matched_random(DIGITS[:500], 5, seed=0)
    assert mean == pytest.approx(0.243, abs=0.006)
    assert 0.005 < spread < 0.02
    assert matched_random(DIGITS[:500][::-1], 5, seed=0) == (mean, spread)
    assert matched_random(DIGITS[:500], 5, seed=1) != (mean, spread)
    assert collapsed(DIGITS[:500]) == 0.2


def test_the_state_of_gates_known_by_hand() -> None:
    hard, even, one = np.eye(5)[DIGITS[:500]], np.full((500, 5), 0.2), np.eye(5)[np.zeros(500, int)]
    assert cl.gate_information(hard).information == pytest.approx(log(5))
    assert (cl.gate_information(hard).confidence, cl.gate_information(hard).active) == (1, 5)
    assert cl.gate_information(even).information == pytest.approx(0, abs=1e-12)
    assert cl.gate_information(even).confidence == pytest.approx(0.2)
    assert cl.gate_information(one) == cl.GateState(0.0, 1.0, 1, 500)
    # Half the mass certain, half even: H([.75, .25]) - log(2) / 2.
    half = cl.gate_information([[1, 0], [0.5, 0.5]]).information
    assert half == pytest.approx(-0.75 * log(0.75) - 0.25 * log(0.25) - log(2) / 2)
    both = cl.gate_state(np.concatenate([hard, one]), SIDE)
    assert [both[c].active for c in (0, 1)] == [5, 1]
    assert [round(both[c].information, 6) for c in (0, 1)] == [round(log(5), 6), 0]


def test_a_cluster_is_active_from_a_tenth_of_an_equal_share() -> None:
    assert cl.active_clusters([0] * 98 + [1] * 2, 5) == 2
    assert cl.active_clusters([0] * 99 + [1], 5) == 1


def test_restarts_agree_whatever_they_call_their_clusters_and_within_coarse_classes() -> None:
    first = DIGITS % 5
    turned = np.where(SIDE == 0, (first + 1) % 5, (first + 3) % 5)  # another naming on each side
    noise = generator(0, "noise").integers(0, 5, 1000)
    assert cl.agreement(first, turned)[1] == 0.5
    apart = cl.restart_agreement([first, turned, noise], SIDE)
    assert apart.ari[0, 1] == apart.accuracy[1, 0] == 1
    assert apart.mean_ari[0] == pytest.approx(0.5, abs=0.02)
    assert apart.mean_accuracy[2] < 0.3
    whole = cl.restart_agreement([first, turned])
    assert whole.ari[0, 1] == pytest.approx(adjusted_rand_score(first, turned))


def planted(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Ten separated blobs in 40 dimensions, in two coarse classes that overlap nowhere."""
    draw = generator(seed, "blobs")
    centres = generator(0, "centres").normal(scale=3, size=(10, 40))
    return centres[DIGITS] + draw.normal(size=(1000, 40)), DIGITS


@pytest.mark.parametrize("kind", ["kmeans", "gmm"])
def test_rivals_find_planted_clusters_of_each_coarse_class(kind: str) -> None:
    (train, _), (test, fine) = planted(1), planted(2)
    clusters = baseline_clusters(kind, train, SIDE, test, SIDE, {0: 5, 1: 5}, seed=0)
    assert [m.accuracy for m in cl.cluster_accuracy(fine, SIDE, clusters).values()] == [1, 1]
    assert set(clusters.tolist()) == set(range(5))
    again = baseline_clusters(kind, train, SIDE, test[::-1], SIDE[::-1], 5, seed=0)[::-1]
    assert again.tolist() == clusters.tolist()


def test_a_mixture_finds_what_centres_cannot() -> None:
    draw = generator(0, "crossed")
    fine = np.repeat([0, 1], 300)
    cross = draw.normal(size=(600, 2)) * np.where(fine[:, None] == 0, [5, 0.2], [0.2, 5])
    assert cl.matching(fine, gmm_clusters(cross, cross, 2, 0)).accuracy > 0.9
    assert cl.matching(fine, kmeans_clusters(cross, cross, 2, 0)).accuracy < 0.8


@pytest.mark.parametrize("rival", [kmeans_clusters, gmm_clusters])
def test_rivals_survive_images_that_are_all_the_same(rival: Callable[..., np.ndarray]) -> None:
    same = np.ones((20, 6))
    assert len(set(rival(same, same, 3, 0).tolist())) == 1


def test_findings_carry_the_names_the_nulls_and_the_rows_beside() -> None:
    draw = generator(0, "findings")
    clusters = np.where(draw.random(1000) < 0.9, DIGITS % 5, draw.integers(0, 5, 1000))
    said = np.where(draw.random(1000) < 0.96, SIDE, 1 - SIDE)
    noise = draw.integers(0, 5, 1000)
    options = {"coarse_names": ["low 0-4", "5-9"], "k_per_class": 5, "n_resamples": 200}
    found = Findings(
        clustering_estimates(DIGITS, SIDE, said, clusters, baselines={"kmeans": noise}, **options)
    )
    assert [e.name for e in found][:7] == [
        *("coarse_accuracy", "fine_accuracy", "nmi", "ari", "active_experts"),
        *("cluster_accuracy.low_0-4", "cluster_accuracy.low_0-4.matched_random"),
    ]
    pairs = cl.cluster_accuracy(DIGITS, SIDE, clusters)
    assert found["cluster_accuracy.5-9"].value == pytest.approx(pairs[1].accuracy)
    assert found["cluster_accuracy.5-9"].n == 500
    assert found["cluster_accuracy.5-9.collapsed"].value == 0.2
    assert found["cluster_accuracy.5-9.kmeans"].value == pytest.approx(0.24, abs=0.03)
    assert found["fine_accuracy"].value == pytest.approx(
        cl.fine_accuracy(DIGITS, said, clusters, pairs), abs=1e-12
    )
    assert found["active_experts"].value == 5
    # Random clusters: by the coarse class alone the fine one is found at the matched-random rate.
    null = found["fine_accuracy"].null
    assert null is not None
    rates = [found[f"cluster_accuracy.{c}"].null.value for c in ("low_0-4", "5-9")]
    assert null.value == pytest.approx(np.mean((said == SIDE) * np.array(rates)[SIDE]))
    for e in found:
        if e.name != "active_experts":
            assert e.low <= e.value <= e.high
            assert e.high - e.low < 0.1
    blind = Findings(clustering_estimates(DIGITS, SIDE, said, noise, **options))
    for name in ("nmi", "ari"):
        assert blind[name].value == pytest.approx(blind[name].null.value, abs=0.02)
        assert blind[name].value > 0.05  # what the coarse class alone gives
        assert found[name].low > found[name].null.value
        assert found[name].value == cl.cluster_scores(DIGITS, said * 5 + clusters)[name]


def test_findings_do_not_depend_on_the_order_of_the_rows() -> None:
    draw = generator(1, "order")
    columns = DIGITS, SIDE, np.where(draw.random(1000) < 0.9, SIDE, -1), draw.integers(0, 3, 1000)
    options = {"coarse_names": "ab", "k_per_class": {0: 3, 1: 4}, "n_resamples": 40}
    turned = clustering_estimates(*(c[::-1] for c in columns), **options)
    assert clustering_estimates(*columns, **options) == turned


ONES = np.ones((4, 2))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: cl.matching([], []), DataError, "nothing to measure"),
        (lambda: cl.matching([0, 1], [0]), DataError, "differ in length"),
        (lambda: cl.matching([0, -1], [0, 0]), DataError, "labels.* 0 or more, got -1"),
        (lambda: cl.matching([0, 1], [0, 3], n_clusters=3), DataError, r"clusters.* 0 \.\. 2, got 3"),
        (lambda: cl.matching([0.5], [0]), DataError, "whole numbers"),
        (lambda: cl.cluster_accuracy([0], [-1], [0]), DataError, "coarse"),
        (lambda: cl.fine_accuracy([0, 1], [0], [0], {}), DataError, "differ in length"),
        (lambda: cl.gate_information([[0.4, 0.4]]), DataError, r"sums \[0\.8\]"),
        (lambda: cl.gate_information([[1.5, -0.5]]), DataError, "not probabilities"),
        (lambda: cl.gate_information(np.zeros((0, 3))), DataError, "no row"),
        (lambda: cl.gate_information([[np.nan, 1.0]]), DataError, "finite"),
        (lambda: cl.gate_state([[1.0]], [0, 0]), DataError, "differ in length"),
        (lambda: cl.restart_agreement([[0, 1]]), DataError, "nothing to compare"),
        (lambda: cl.restart_agreement([[0, 1], [0]]), DataError, "differ in length"),
        (lambda: matched_random([0, 1], 0, 0), ConfigError, "n_clusters"),
        (lambda: matched_random([0, 1], 2, 0, repeats=0), ConfigError, "repeats"),
        (lambda: kmeans_clusters(ONES, ONES, 5, 0), DataError, "fewer training inputs .*got 4"),
        (lambda: gmm_clusters(ONES, ONES, 5, 0), DataError, "fewer training inputs"),
        (lambda: kmeans_clusters(ONES, np.ones((4, 3)), 2, 0), DataError, r"\(n, 2\).*\(4, 3\)"),
        (lambda: kmeans_clusters(ONES, ONES[:0], 2, 0), DataError, r"n >= 1, got shape \(0, 2\)"),
        (lambda: kmeans_clusters(ONES, ONES, 0, 0), ConfigError, "k"),
        (lambda: gmm_clusters(ONES, ONES, 2, 0, n_components=0), ConfigError, "n_components"),
        (lambda: baseline_clusters("kmean", ONES, [0] * 4, ONES, [0] * 4, 2, 0), ConfigError, "'kmeans'"),
        (lambda: baseline_clusters("gmm", ONES, [0] * 4, ONES, [1] * 4, 2, 0), DataError, "got 0"),
        (lambda: baseline_clusters("gmm", ONES, [0] * 4, ONES, [0] * 4, {1: 2}, 0), DataError, "k_per_class"),
        (
            lambda: clustering_estimates([0], [1], [0], [0], coarse_names=["a"], k_per_class=1),
            DataError,
            "no name.* 2 names",
        ),
    ],
)
def test_bad_input_is_refused(call: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
