"""Metrics of attributions and of their agreement: worked by hand, against plain loops, SciPy and corrcoef."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import spearmanr

from lightwell.core import ConfigError, DataError
from lightwell.metrics.agreement import agreements, unit_overlap
from lightwell.metrics.attribution import (
    removal_masks,
    removed_counts,
    representation_shift,
    shift_auc,
    similarity_estimates,
    similarity_rates,
)

DRAW = np.random.default_rng(0)
MAPS = DRAW.normal(size=(6, 2, 5, 4)).astype(np.float32)


def loop_masks(maps: np.ndarray, share: float) -> np.ndarray:
    """Remove pixel by pixel, the most important first."""
    n, _, height, width = maps.shape
    gone = np.zeros((n, height, width), bool)
    for i in range(n):
        sizes = np.abs(maps[i]).sum(axis=0).ravel()
        for pixel in sorted(range(sizes.size), key=lambda p: -sizes[p])[: int(share * sizes.size)]:
            gone[i].flat[pixel] = True
    return gone


def test_masks_are_those_of_the_plain_loop() -> None:
    shares = [0.0, 0.05, 0.1, 0.2, 0.5, 0.8, 1.0]
    masks = removal_masks(MAPS, shares)
    for mask, share in zip(masks, shares, strict=True):
        assert (mask == loop_masks(MAPS, share)).all()


def test_least_important_first_leaves_the_most_important_and_ties_keep_their_place() -> None:
    least, most = removal_masks(MAPS, [0.2, 0.7], "least"), removal_masks(MAPS, [0.3, 0.8])
    assert (least == ~most[::-1]).all()
    tied = np.array([[[[0.0, 5.0, -1.0], [-0.0, 1.0, -5.0]]]])
    masks = removal_masks(tied, [1 / 6, 0.5, 5 / 6]).reshape(3, 6)
    assert [np.flatnonzero(mask).tolist() for mask in masks] == [[1], [1, 2, 5], [0, 1, 2, 4, 5]]
    masks = removal_masks(tied, [1 / 6, 0.5, 5 / 6], "least").reshape(3, 6)
    assert [np.flatnonzero(mask).tolist() for mask in masks] == [[0], [0, 2, 3], [0, 1, 2, 3, 4]]


def test_random_order_follows_the_id_and_is_fair() -> None:
    maps = np.zeros((400, 1, 1, 5), np.float32)
    masks = removal_masks(maps, [0.2, 0.4, 1.0], "random", seed=3)
    assert masks.sum(axis=-1).ravel().tolist() == [1] * 400 + [2] * 400 + [5] * 400
    assert (masks[1] >= masks[0]).all()
    assert np.abs(masks[1].mean(axis=0) - 0.4).max() < 0.1
    some = removal_masks(maps[:2], [0.2, 0.4, 1.0], "random", ids=[7, 399], seed=3)
    assert (some == masks[:, [7, 399]]).all()
    assert (removal_masks(maps, [0.4], "random", seed=4)[0] != masks[1]).any()


def test_a_share_counts_as_in_the_published_code() -> None:
    percent = np.arange(1, 101)
    assert removed_counts(percent / 100, 784).tolist() == [p * 784 // 100 for p in percent]


def test_shifts_and_their_area() -> None:
    codes, moved = [[3.0, 4.0], [0.0, 0.0], [0.0, 0.0]], [[6.0, 8.0], [1.0, 0.0], [0.0, 0.0]]
    assert representation_shift(codes, moved).tolist() == [25, 1, 0]
    assert representation_shift(codes, moved, "norm").tolist() == [5, 1, 0]
    assert representation_shift(codes, moved, "cosine") == pytest.approx([0, 1, 0])
    assert shift_auc([0.1, 0.3, 0.5], [[0, 2, 2], [1, 1, 1]]) == pytest.approx([1.5, 1])


def loop_rates(scores: np.ndarray, labels: np.ndarray, train: np.ndarray, top: int) -> tuple[float, float]:
    most, least = [], []
    for row, label in zip(scores, labels, strict=True):
        order = np.argsort(-row, kind="stable")
        most.append((train[order[:top]] == label).mean())
        least.append((train[order[-top:]] == label).mean())
    return float(np.mean(most)), float(np.mean(least))


def test_similarity_rates_are_those_of_the_plain_loop() -> None:
    scores = DRAW.normal(size=(9, 40)).round(1)  # with ties
    scores[0, 3], scores[1, 4] = np.inf, -np.inf
    labels, train = DRAW.integers(0, 3, 9), DRAW.integers(0, 3, 40)
    rates = similarity_rates(scores, labels, train, [0.01, 0.05, 0.5, 1.0])
    for i, top in enumerate((1, 2, 20, 40)):
        most, least = loop_rates(scores, labels, train, top)
        assert rates.top[i].mean() == pytest.approx(most)
        assert rates.bottom[i].mean() == pytest.approx(least)
    assert rates.base == pytest.approx(rates.top[-1])
    found = similarity_estimates(rates, "deep_knn")
    assert [e.name for e in found[:2]] == ["similarity_rate.top1.deep_knn", "similarity_rate.top5.deep_knn"]
    assert found[0].null.value == pytest.approx(rates.base.mean())
    assert found[0].low <= found[0].value <= found[0].high


def test_agreement_is_corrcoef_and_spearman_of_all_values(monkeypatch: pytest.MonkeyPatch) -> None:
    first = DRAW.exponential(size=(8, 3, 7)).astype(np.float32)
    sets = {"a": first, "b": first + DRAW.normal(size=first.shape), "c": 1000 + DRAW.normal(size=first.shape)}
    flat = [values.ravel() for values in sets.values()]
    pairs = [(0, 1), (0, 2), (1, 2)]
    monkeypatch.setattr("lightwell.metrics.agreement._CHUNK", 70)  # chunks of one example
    pearson, spearman = agreements(sets), agreements(sets, "spearman")
    for (i, j), one, other in zip(pairs, pearson, spearman, strict=True):
        assert one.value == pytest.approx(np.corrcoef(flat[i], flat[j])[0, 1], abs=1e-9)
        assert other.value == pytest.approx(spearmanr(flat[i], flat[j])[0], abs=1e-9)
    assert pearson[0].name == "agreement.pearson.a~b"
    sizes = agreements({"a": -first, "b": first}, absolute=True)[0]
    assert sizes.value == pytest.approx(1)


def test_the_null_pairs_all_examples_with_all_others() -> None:
    common = DRAW.normal(size=5)
    first, second = (common + DRAW.normal(size=(6, 5)) for _ in range(2))
    found = agreements({"a": first, "b": second})[0]
    others = [(i, j) for i in range(6) for j in range(6) if i != j]
    one = np.concatenate([first[i] for i, _ in others])
    other = np.concatenate([second[j] for _, j in others])
    assert found.null.value == pytest.approx(np.corrcoef(one, other)[0, 1])
    assert agreements({"a": first[:1], "b": second[:1]})[0].null is None
    cosine = {e.name: e for e in unit_overlap(np.stack([first, second], axis=1))}["unit_overlap.cosine"]
    units = [np.abs(s) / np.linalg.norm(s, axis=1, keepdims=True) for s in (first, second)]
    assert cosine.null.value == pytest.approx(np.mean([units[0][i] @ units[1][j] for i, j in others]))


def test_its_interval_is_that_of_a_bootstrap_of_examples_in_any_order() -> None:
    first = DRAW.normal(size=(60, 10))
    second = first + DRAW.normal(size=first.shape)
    found = agreements({"a": first, "b": second})[0]
    draw, values = np.random.default_rng(1), []
    for _ in range(1000):
        rows = draw.integers(0, 60, 60)
        values.append(np.corrcoef(first[rows].ravel(), second[rows].ravel())[0, 1])
    low, high = np.quantile(values, [0.025, 0.975])
    assert found.low == pytest.approx(low, abs=0.01)
    assert found.high == pytest.approx(high, abs=0.01)
    turned = agreements({"a": first[::-1], "b": second[::-1]})[0]
    assert (turned.low, turned.high) == pytest.approx((found.low, found.high), abs=1e-12)


def test_a_bounded_kernel_keeps_near_duplicates_from_deciding() -> None:
    squares = DRAW.exponential(size=(4, 50)) + 0.1
    other = 1 / (squares * DRAW.uniform(0.9, 1.1, squares.shape))
    scores = 1 / squares
    scores[0, 0] = 1e9  # a duplicate
    m, k = np.median(scores), np.median(other)
    expected = np.corrcoef((scores / (m + scores)).ravel(), (other / (k + other)).ravel())[0, 1]
    assert agreements({"a": scores, "b": other}, "bounded")[0].value == pytest.approx(expected)
    assert agreements({"a": scores, "b": other})[0].value < 0.5 < 0.9 < expected
    scores[0, 0] = np.inf
    assert agreements({"a": scores, "b": other}, "bounded")[0].value == pytest.approx(expected, abs=1e-6)


def test_overlap_of_units_by_hand() -> None:
    # Two units on three places: (3, 1), (0, 2), and one that nobody sees.
    found = {e.name: e for e in unit_overlap([[[3.0, 0.0, 0.0], [-1.0, 2.0, 0.0]]])}
    mixed = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert found["unit_overlap.entropy"].value == pytest.approx(mixed / 2)
    assert found["unit_overlap.active_units"].value == 1
    assert found["unit_overlap.cosine"].value == pytest.approx(3 / (3 * math.sqrt(5)))
    assert found["unit_overlap.pearson"].value == pytest.approx(np.corrcoef([3, 0, 0], [1, 2, 0])[0, 1])


def test_overlap_of_units_is_that_of_the_published_formulas() -> None:
    maps = np.abs(DRAW.normal(size=(7, 3, 4, 4)))
    maps[0, 2], maps[:, :, 0, 0] = 0, 0
    flat = maps.transpose(1, 0, 2, 3).reshape(3, -1)
    off = ~np.eye(3, dtype=bool)
    found = {e.name.partition(".")[2]: e.value for e in unit_overlap(maps)}
    assert found["pearson"] == pytest.approx(np.corrcoef(flat)[off].mean())
    assert found["spearman"] == pytest.approx(spearmanr(flat, axis=1)[0][off].mean())
    shares = flat.T[flat.sum(axis=0) > 0]
    shares = shares / shares.sum(axis=1, keepdims=True)
    assert found["active_units"] == pytest.approx((shares > 1 / 3).sum(axis=1).mean())
    entropies = -np.where(shares > 0, shares * np.log(np.where(shares > 0, shares, 1)), 0).sum(axis=1)
    assert found["entropy"] == pytest.approx(entropies.mean())


def test_a_dead_unit_is_left_out_of_the_correlations() -> None:
    maps = np.abs(DRAW.normal(size=(5, 3, 8)))
    maps[:, 2] = 0
    alive = np.corrcoef(maps[:, 0].ravel(), maps[:, 1].ravel())[0, 1]
    assert unit_overlap(maps)[0].value == pytest.approx(alive)


@pytest.mark.parametrize(
    ("work", "words"),
    [
        (lambda: removal_masks(np.zeros((2, 3))), "no attributions"),
        (lambda: removal_masks(np.full((1, 1, 2, 2), np.nan)), "NaN"),
        (lambda: removal_masks(MAPS, ids=[1]), "differ in length"),
        (lambda: removal_masks(MAPS, order="best"), "no such order"),
        (lambda: removed_counts([0.5, 0.1], 10), "shares rise"),
        (lambda: removed_counts([5, 10], 10), "shares rise"),
        (lambda: representation_shift([[1.0]], [[1.0, 2.0]]), "differ in shape"),
        (lambda: representation_shift([[1.0]], [[1.0]], "angle"), "no such shift"),
        (lambda: shift_auc([0.5], [[1.0]]), "no curve"),
        (lambda: similarity_rates(np.zeros((2, 3)), [0, 1], [0, 1]), "do not fit"),
        (lambda: agreements({"a": MAPS}), "cannot be compared"),
        (lambda: agreements({"a": MAPS, "b": MAPS[:3]}), "cannot be compared"),
        (lambda: agreements({"a": MAPS, "b": np.full_like(MAPS, 0.1)}), "constant"),
        (lambda: agreements({"a": MAPS, "b": np.full_like(MAPS, np.inf)}), "not finite"),
        (lambda: agreements({"a": MAPS, "b": np.full_like(MAPS, np.nan)}, "spearman"), "NaN"),
        (lambda: agreements({"a": MAPS, "b": MAPS}, "kendall"), "no such agreement"),
        (lambda: unit_overlap(np.zeros((2, 1, 3))), "no maps of units"),
        (lambda: unit_overlap(np.zeros((2, 2, 3))), "all maps are 0"),
    ],
)
def test_what_cannot_be_measured_is_refused(work, words: str) -> None:
    with pytest.raises((DataError, ConfigError), match=words):
        work()
