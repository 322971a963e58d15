"""Intervals: coverage, independence of order and block size, names, speed."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score

from lightwell import metrics
from lightwell.core import ConfigError, DataError, Null
from lightwell.metrics import open_set_intervals as intervals


def sample(n, seed=0, shift=1.0, digits=None):
    draw = np.random.default_rng(seed)
    unknown = np.arange(n) < n * 2 // 5
    scores = draw.normal(size=n) + shift * unknown
    return (scores if digits is None else scores.round(digits)), unknown, draw.random(n) < 0.9


def test_names_directions_values_and_nulls():
    scores, unknown, correct = sample(500)
    found = {
        e.name: e
        for e in metrics.open_set_estimates(scores, unknown, correct, score_name="mls", n_resamples=60)
    }
    accuracy = correct[~unknown].mean()
    expected = {
        "auroc.mls": (metrics.auroc(scores, unknown), True, 0.5),
        "oscr.mls": (metrics.oscr(scores, unknown, correct), True, accuracy / 2),
        "aupr_in.mls": (metrics.aupr_in(scores, unknown), True, 0.6),
        "aupr_out.mls": (metrics.aupr_out(scores, unknown), True, 0.4),
        "fpr95.unknown_positive.mls": (metrics.fpr95_unknown_positive(scores, unknown), False, 0.95),
        "fpr95.known_positive.mls": (metrics.fpr95_known_positive(scores, unknown), False, 0.95),
        "ccr_at_fpr10.mls": (metrics.ccr_at_fpr(scores, unknown, correct, 0.1), True, accuracy / 10),
        "detection_accuracy.mls": (metrics.detection_accuracy(scores, unknown), True, 0.5),
    }
    assert found.keys() == expected.keys()
    for name, (value, better, null) in expected.items():
        e = found[name]
        assert (e.value, e.higher_is_better, e.n) == (value, better, 500), name
        assert e.null is not None
        assert e.null.value == pytest.approx(null), name
        assert e.low <= e.value <= e.high
        assert e.high > e.low


@pytest.mark.parametrize("digits", [None, 1])
def test_fast_path_agrees_with_a_naive_bootstrap(digits):
    scores, unknown, correct = sample(300, digits=digits)
    fast = metrics.open_set_estimates(scores, unknown, correct, score_name="x", n_resamples=1000)
    draw = np.random.default_rng(9)
    groups = np.flatnonzero(~unknown), np.flatnonzero(unknown)
    naive = []
    for _ in range(1000):
        rows = np.concatenate([draw.choice(g, len(g)) for g in groups])
        s, u, c = scores[rows], unknown[rows], correct[rows]
        naive.append([roc_auc_score(u, s), metrics.oscr(s, u, c), metrics.detection_accuracy(s, u)])
    low, high = np.quantile(naive, [0.025, 0.975], axis=0)
    for i, e in enumerate([fast[0], fast[1], fast[7]]):
        assert e.low == pytest.approx(low[i], abs=0.01), e.name
        assert e.high == pytest.approx(high[i], abs=0.01), e.name


def test_order_scale_and_block_size_change_nothing(monkeypatch):
    scores, unknown, correct = sample(200, digits=1)
    first = metrics.open_set_estimates(scores, unknown, correct, score_name="x", n_resamples=90)
    order = np.random.default_rng(1).permutation(200)
    again = metrics.open_set_estimates(
        np.exp(scores[order]), unknown[order], correct[order], score_name="x", n_resamples=90
    )
    monkeypatch.setattr(intervals, "_BLOCK", 450)
    blocks = metrics.open_set_estimates(scores, unknown, correct, score_name="x", n_resamples=90)
    for a, b, c in zip(first, again, blocks, strict=True):
        assert (a.value, a.low, a.high) == pytest.approx((b.value, b.low, b.high), abs=1e-12)
        assert (a.value, a.low, a.high) == pytest.approx((c.value, c.low, c.high), abs=1e-12)


def test_seed_decides_and_the_global_generator_is_left_alone():
    scores, unknown, correct = sample(200)
    before = np.random.get_state()[1].copy()
    a, b, c = (
        metrics.open_set_estimates(scores, unknown, correct, score_name="x", n_resamples=50, seed=s)[0]
        for s in (0, 0, 1)
    )
    assert a == b
    assert a != c
    assert (np.random.get_state()[1] == before).all()


def test_interval_covers_the_truth_about_as_often_as_it_says():
    from scipy.stats import norm

    truth = norm.cdf(1 / np.sqrt(2))
    inside = 0
    for seed in range(200):
        scores, unknown, correct = sample(200, seed=seed)
        e = metrics.open_set_estimates(scores, unknown, correct, score_name="x", n_resamples=200)[0]
        inside += e.low <= truth <= e.high
    assert 0.90 <= inside / 200 <= 0.985


def test_smallest_sample_and_a_perfect_score():
    found = metrics.open_set_estimates([0.0, 1.0], [False, True], [True, False], score_name="x")
    assert [e.value for e in found] == [1, 1, 1, 1, 0, 0, 1, 1]
    assert all(e.low == e.value == e.high for e in found)


def test_one_to_one_is_balanced_and_free_of_order():
    scores, unknown, _ = sample(300)
    found = metrics.one_to_one_estimates(scores, unknown, score_name="x", n_resamples=50, seed=2)
    assert [e.name for e in found] == [
        "auroc.one_to_one.x",
        "aupr_in.one_to_one.x",
        "aupr_out.one_to_one.x",
    ]
    assert all(e.n == 240 and e.null.value == 0.5 for e in found)
    assert found[0].value == pytest.approx(metrics.auroc(scores, unknown), abs=0.05)
    turned = metrics.one_to_one_estimates(scores[::-1], unknown[::-1], score_name="x", n_resamples=50, seed=2)
    assert found == turned


def test_share_estimate_is_the_wilson_interval():
    for k, n in ((0, 5), (5, 5), (3, 10), (949, 1000)):
        e = metrics.share_estimate("accuracy", np.arange(n) < k, null=Null("majority class", 0.2))
        reference = binomtest(k, n).proportion_ci(method="wilson")
        assert (e.value, e.n) == (k / n, n)
        assert (e.low, e.high) == pytest.approx((reference.low, reference.high), abs=1e-12)
    with pytest.raises(DataError, match="nothing to measure"):
        metrics.share_estimate("accuracy", np.zeros(0, bool))
    with pytest.raises(DataError, match="booleans"):
        metrics.share_estimate("accuracy", np.array([0, 1]))


def test_estimate_of_a_mean_has_the_width_theory_says():
    values = np.random.default_rng(0).normal(size=400)
    e = metrics.estimate("mean", np.mean, [values], higher_is_better=None, n_resamples=400)
    assert e.value == pytest.approx(values.mean())
    assert e.high - e.low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.15)
    assert e == metrics.estimate("mean", np.mean, [values[::-1]], higher_is_better=None, n_resamples=400)


@pytest.mark.parametrize("digits", [None, 1])
def test_paired_difference_agrees_with_a_naive_paired_bootstrap(digits):
    first, unknown, _ = sample(300, digits=digits)
    second = first + np.random.default_rng(5).normal(size=300).round(1)
    fast = metrics.auroc_difference(first, second, unknown, variant="a.b")
    assert (fast.name, fast.n, fast.null) == ("auroc_difference.a.b", 300, Null("no difference", 0.0))
    wanted = roc_auc_score(unknown, first) - roc_auc_score(unknown, second)
    assert fast.value == pytest.approx(wanted, abs=1e-12)
    draw, naive = np.random.default_rng(9), []
    for _ in range(1000):
        known, stray = (draw.choice(group, len(group)) for group in map(np.flatnonzero, (~unknown, unknown)))
        a, b = ((np.sign(s[stray][:, None] - s[known]).mean() + 1) / 2 for s in (first, second))
        naive.append(a - b)
    assert (fast.low, fast.high) == pytest.approx(np.quantile(naive, [0.025, 0.975]), abs=0.006)
    one, two = (metrics.open_set_estimates(s, unknown, ~unknown, score_name="x")[0] for s in (first, second))
    assert fast.high - fast.low < 0.9 * np.hypot(one.high - one.low, two.high - two.low)  # pairing pays


def test_paired_difference_is_free_of_order_and_scale_and_turns_its_sign(monkeypatch):
    first, unknown, _ = sample(200, digits=1)
    second = sample(200, seed=4)[0]
    found = metrics.auroc_difference(first, second, unknown, variant="x", n_resamples=90)
    order = np.random.default_rng(1).permutation(200)
    monkeypatch.setattr(intervals, "_BLOCK", 450)
    args = np.exp(first[order]), 3 * second[order], unknown[order]
    assert metrics.auroc_difference(*args, variant="x", n_resamples=90) == found
    same = metrics.auroc_difference(first, np.exp(first), unknown, variant="x", n_resamples=90)
    assert (same.low, same.value, same.high) == (0, 0, 0)
    turned = metrics.auroc_difference(second, first, unknown, variant="x", n_resamples=1000)
    whole = metrics.auroc_difference(first, second, unknown, variant="x", n_resamples=1000)
    assert turned.value == -whole.value
    assert (turned.low, turned.high) == pytest.approx((-whole.high, -whole.low), abs=0.01)


def test_estimate_keeps_the_size_of_strata():
    unknown = np.arange(50) < 3
    labels = np.where(unknown, -1, np.arange(50) % 4)
    said = np.where(np.arange(50) % 5 == 0, 0, labels)
    sizes = set()

    def statistic(truth, answers):
        sizes.add(int((truth == -1).sum()))
        return metrics.macro_f1(truth, answers)

    e = metrics.estimate("macro_f1.rule", statistic, [labels, said], strata=unknown, n_resamples=50)
    assert sizes == {3}
    assert e.low < e.value < e.high


def test_estimates_refuse_bad_input():
    scores, unknown, correct = sample(20)
    with pytest.raises(ConfigError, match="too few resamples"):
        metrics.open_set_estimates(scores, unknown, correct, score_name="x", n_resamples=10)
    with pytest.raises(ConfigError, match="too few resamples"):
        metrics.estimate("mean", np.mean, [scores], n_resamples=10)
    with pytest.raises(DataError, match="nothing to measure"):
        metrics.estimate("mean", np.mean, [np.zeros(0)])
    with pytest.raises(DataError, match="nothing to measure"):
        metrics.estimate("mean", np.mean, [])
    with pytest.raises(DataError, match="differ in length"):
        metrics.estimate("mean", np.mean, [scores, scores[:-1]])
    with pytest.raises(DataError, match="no unknown"):
        metrics.one_to_one_estimates(scores, np.zeros(20, bool), score_name="x")
    with pytest.raises(DataError, match="differ in length"):
        metrics.auroc_difference(scores, scores[:-1], unknown, variant="x")
    with pytest.raises(DataError, match="no unknown"):
        metrics.auroc_difference(scores, scores, np.zeros(20, bool), variant="x")
    with pytest.raises(ConfigError, match="too few resamples"):
        metrics.auroc_difference(scores, scores, unknown, variant="x", n_resamples=10)
    with pytest.raises(DataError, match="not a finite number"):
        metrics.open_set_estimates(scores * np.nan, unknown, correct, score_name="x")


def test_a_hundred_thousand_scores_take_seconds():
    scores, unknown, correct = sample(100_000)
    start = time.process_time()
    metrics.open_set_estimates(scores, unknown, correct, score_name="x", n_resamples=250)
    # A quarter of the resamples in the time allowed for all of them: room for a busy machine.
    assert time.process_time() - start < 5
