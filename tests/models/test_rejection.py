"""The rejection rule: p-values by hand, the promise over resplits, fallback, storage, bad input."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightwell.core import ConfigError, DataError, NotFittedError
from lightwell.models.decisions.rejection import ConformalRule


def fitted(n=40, n_classes=2, rate=0.05, per_class=True, seed=0):
    draw = np.random.default_rng(seed)
    predictions = draw.integers(0, n_classes, n)
    return ConformalRule(rate, per_class).fit(draw.normal(size=n) + predictions, predictions, n_classes)


def test_p_values_by_hand():
    rule = ConformalRule(rate=0.25, per_class=False).fit([1.0, 2.0, 3.0, 4.0], [0, 0, 0, 0], 1)
    # At a calibration score its rank from the top over 5, between two on the line, above all 1/5, below 1.
    scores = [4.0, 5.0, 3.5, 3.0, 1.0, 0.5]
    assert rule.p_values(scores, [0] * 6) == pytest.approx([0.2, 0.2, 0.3, 0.4, 0.8, 1.0])
    assert rule.thresholds == pytest.approx([3.75])
    assert rule.refuse([3.74, 3.76], [0, 0]).tolist() == [False, True]


@given(st.lists(st.floats(-5, 5), min_size=19, max_size=60, unique=True), st.floats(-6, 6))
def test_p_lies_within_a_step_below_the_classical_one(calibration, score):
    n = len(calibration)
    rule = ConformalRule(per_class=False).fit(calibration, np.zeros(n, int), 1)
    classical = (1 + sum(c >= score for c in calibration)) / (n + 1)
    p = rule.p_values([score], [0])[0]
    assert classical - 1 / (n + 1) - 1e-12 <= p <= classical + 1e-12
    assert 0 < p <= 1


@given(st.lists(st.integers(0, 6), min_size=19, max_size=60), st.lists(st.integers(-1, 14), min_size=2))
def test_p_never_rises_and_agrees_with_the_threshold(calibration, scores):
    rule = ConformalRule(rate=0.1, per_class=False).fit(calibration, np.zeros(len(calibration), int), 1)
    ordered = np.sort(np.array(scores)) / 2
    p = rule.p_values(ordered, np.zeros(len(ordered), int))
    assert (np.diff(p) <= 0).all()
    clear = np.abs(ordered - rule.thresholds[0]) > 1e-9
    assert ((p <= 0.1) == (ordered >= rule.thresholds[0]))[clear].all()


def test_scores_that_nearly_coincide_keep_a_p_value():
    rule = ConformalRule(per_class=False).fit([0.0, 1e-310, *range(1, 19)], np.zeros(20, int), 1)
    assert 18 / 21 <= rule.p_values([1e-311], [0])[0] <= 20 / 21


def test_ties_at_the_top_are_not_refused():
    rule = ConformalRule(per_class=False).fit(np.ones(100), np.zeros(100, int), 1)
    assert rule.refuse([1.0, 1.0 + 1e-9, 0.5], [0, 0, 0]).tolist() == [False, True, False]
    assert rule.thresholds[0] == np.nextafter(1.0, 2.0)


@pytest.mark.parametrize("per_class", [True, False])
@pytest.mark.parametrize("shape", ["normal", "exponential", "lognormal"])
def test_mean_false_refusal_over_resplits_keeps_the_promise(per_class, shape):
    draw = np.random.default_rng(5)
    shares = []
    for _ in range(300):
        classes = draw.integers(0, 6, 1650)
        noise = getattr(draw, shape)(size=1650)
        scores = noise * (1 + classes)  # classes at different levels
        rule = ConformalRule(0.05, per_class).fit(scores[:470], classes[:470], 6)
        assert rule.fallback == ()
        shares.append(rule.refuse(scores[470:], classes[470:]).mean())
    assert np.mean(shares) == pytest.approx(0.05, abs=0.005)


def test_per_class_evens_out_what_a_global_rule_does_to_the_classes():
    draw = np.random.default_rng(2)
    classes = draw.integers(0, 4, 8000)
    scores = draw.normal(size=8000) * (1 + 3 * (classes == 3))
    half = slice(0, 4000), slice(4000, None)
    shares = {}
    for per_class in (True, False):
        rule = ConformalRule(0.05, per_class).fit(scores[half[0]], classes[half[0]], 4)
        refused = rule.refuse(scores[half[1]], classes[half[1]])
        shares[per_class] = [refused[classes[half[1]] == c].mean() for c in range(4)]
    assert np.ptp(shares[True]) < 0.03
    assert np.ptp(shares[False]) > 0.15


def test_a_class_with_too_few_examples_falls_back():
    classes = np.array([0] * 19 + [1] * 18)
    scores = np.concatenate([np.arange(19.0), 100 + np.arange(18.0)])
    rule = ConformalRule(0.05).fit(scores, classes, 3)
    assert rule.needed == 19
    assert rule.fallback == (1, 2)
    assert rule.thresholds[0] == pytest.approx(18.0)
    overall = ConformalRule(0.05, per_class=False).fit(scores, classes, 3)
    assert rule.thresholds[1:] == pytest.approx(overall.thresholds[1:])
    assert overall.fallback == ()
    assert rule.p_values([110.0], [2]) == overall.p_values([110.0], [0])


@pytest.mark.parametrize(("rate", "needed"), [(0.05, 19), (0.1, 9), (0.3, 3), (0.5, 1), (0.01, 99)])
def test_fewest_examples(rate, needed):
    assert ConformalRule(rate).needed == needed
    rule = ConformalRule(rate).fit(np.arange(float(needed)), np.zeros(needed, int), 1)
    assert rule.refuse([1e9], [0]).all()
    if needed > 1:
        with pytest.raises(DataError, match="could never refuse"):
            ConformalRule(rate).fit(np.arange(needed - 1.0), np.zeros(needed - 1, int), 1)


@given(st.permutations(range(40)))
def test_order_and_batches_change_nothing(order):
    rule = fitted()
    scores, classes = np.linspace(-3, 4, 40), np.arange(40) % 2
    whole = rule.p_values(scores, classes)
    assert rule.p_values(scores[list(order)], classes[list(order)]).tolist() == whole[list(order)].tolist()
    parts = [rule.p_values(scores[i : i + 7], classes[i : i + 7]) for i in range(0, 40, 7)]
    assert np.concatenate(parts).tolist() == whole.tolist()
    record = rule.to_dict()
    again = ConformalRule(0.05).fit(
        np.array(record["scores"])[list(order)], np.array(record["predictions"])[list(order)], 2
    )
    assert again.to_dict() == record


def test_nothing_in_nothing_out():
    assert fitted().p_values(np.zeros(0), np.zeros(0, int)).shape == (0,)


def test_storage_round_trip():
    rule = fitted(n=60, n_classes=3)
    again = ConformalRule.from_dict(json.loads(json.dumps(rule.to_dict())))
    scores, classes = np.linspace(-2, 5, 30), np.arange(30) % 3
    assert again.p_values(scores, classes).tolist() == rule.p_values(scores, classes).tolist()
    assert again.fallback == rule.fallback
    assert again.thresholds.tolist() == rule.thresholds.tolist()


@pytest.mark.parametrize(
    "damage", [{"rate": 2}, {"rate": None}, {"scores": ["x"] * 40}, {"n_classes": "two"}]
)
def test_a_damaged_record_is_refused(damage):
    with pytest.raises(DataError, match="not a stored rejection rule"):
        ConformalRule.from_dict(fitted().to_dict() | damage)
    with pytest.raises(DataError, match="not a stored rejection rule"):
        ConformalRule.from_dict({})


@pytest.mark.parametrize("rate", [0, 1, -0.1, 1.5, float("nan")])
def test_impossible_rates_are_refused(rate):
    with pytest.raises(ConfigError, match="no rate"):
        ConformalRule(rate)


def test_use_before_fit_is_refused():
    rule = ConformalRule()
    for use in (
        lambda: rule.refuse([1.0], [0]),
        lambda: rule.thresholds,
        lambda: rule.fallback,
        rule.to_dict,
    ):
        with pytest.raises(NotFittedError, match="fit"):
            use()


@pytest.mark.parametrize(
    ("scores", "predictions", "words"),
    [
        ([np.nan] + [0.0] * 19, [0] * 20, "not a finite number"),
        ([0.0] * 20, [0] * 19, "do not belong together"),
        ([0.0] * 20, [2] * 20, "no known class"),
        ([0.0] * 20, [-1] * 20, "no known class"),
        ([0.0] * 20, [0.0] * 20, "no known class"),
        ([[0.0]] * 20, [[0]] * 20, "do not belong together"),
    ],
)
def test_bad_arrays_are_refused(scores, predictions, words):
    with pytest.raises(DataError, match=words):
        ConformalRule().fit(np.array(scores), np.array(predictions), 2)
    with pytest.raises(DataError, match=words):
        fitted().refuse(np.array(scores), np.array(predictions))
