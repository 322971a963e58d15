"""Open-set metrics against hand-worked cases, scikit-learn and their O(n^2) definitions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from lightwell import metrics
from lightwell.core import ConfigError, DataError

SCORE_ONLY = (
    metrics.auroc,
    metrics.aupr_in,
    metrics.aupr_out,
    metrics.fpr95_unknown_positive,
    metrics.fpr95_known_positive,
    metrics.detection_accuracy,
)


def ccr10(scores, unknown, correct):
    return metrics.ccr_at_fpr(scores, unknown, correct, 0.1)


@st.composite
def samples(draw):
    """Scores with many ties, masks with both groups."""
    n = draw(st.integers(2, 40))
    scores = np.array(draw(st.lists(st.integers(-4, 4), min_size=n, max_size=n)), dtype=np.float64)
    unknown = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    unknown[0], unknown[-1] = True, False
    correct = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    return scores, unknown, correct


def pairwise(scores, unknown, correct):
    """OpenAUC by its definition, one pair at a time."""
    pairs = list(itertools.product(np.flatnonzero(~unknown), np.flatnonzero(unknown)))
    won = sum(
        correct[k] * (1.0 if scores[k] < scores[u] else 0.5 if scores[k] == scores[u] else 0.0)
        for k, u in pairs
    )
    return won / len(pairs)


def swept(scores, unknown, correct):
    """All attainable thresholds, one at a time: shares (known accepted, right, unknown accepted)."""
    known = ~unknown
    rows = [(0.0, 0.0, 0.0)]
    for t in sorted(set(scores.tolist())):
        passed = scores <= t
        rows.append(
            (
                (passed & known).sum() / known.sum(),
                (passed & known & correct).sum() / known.sum(),
                (passed & unknown).sum() / unknown.sum(),
            )
        )
    return np.array(rows)


@given(samples())
def test_areas_agree_with_references(sample):
    scores, unknown, correct = sample
    assert metrics.auroc(scores, unknown) == pytest.approx(roc_auc_score(unknown, scores), abs=1e-12)
    assert metrics.aupr_out(scores, unknown) == pytest.approx(
        average_precision_score(unknown, scores), abs=1e-12
    )
    assert metrics.aupr_in(scores, unknown) == pytest.approx(
        average_precision_score(~unknown, -scores), abs=1e-12
    )
    assert metrics.oscr(scores, unknown, correct) == pytest.approx(
        pairwise(scores, unknown, correct), abs=1e-12
    )


@given(samples())
def test_areas_are_the_areas_of_their_curves(sample):
    scores, unknown, correct = sample
    curve = metrics.oscr_curve(scores, unknown, correct)
    area = metrics.oscr(scores, unknown, correct)
    assert area == pytest.approx(np.trapezoid(curve.y, curve.x), abs=1e-12)
    roc = metrics.roc_curve(scores, unknown)
    assert metrics.auroc(scores, unknown) == pytest.approx(np.trapezoid(roc.y, roc.x), abs=1e-12)
    assert (np.diff(curve.x) >= 0).all()
    assert (np.diff(roc.x) >= 0).all()


@given(samples())
def test_thresholded_metrics_agree_with_a_sweep(sample):
    scores, unknown, correct = sample
    known, right, passed = swept(scores, unknown, correct).T
    eps = 1e-12
    assert metrics.fpr95_unknown_positive(scores, unknown) == pytest.approx(
        min(1 - k for k, u in zip(known, passed, strict=True) if 1 - u >= 0.95 - eps)
    )
    false, true, _ = roc_curve(unknown, scores, drop_intermediate=False)
    assert metrics.fpr95_unknown_positive(scores, unknown) == pytest.approx(false[true >= 0.95 - eps][0])
    assert metrics.fpr95_known_positive(scores, unknown) == pytest.approx(
        min(u for k, u in zip(known, passed, strict=True) if k >= 0.95 - eps)
    )
    assert ccr10(scores, unknown, correct) == pytest.approx(
        max(r for r, u in zip(right, passed, strict=True) if u <= 0.1 + eps)
    )
    assert metrics.detection_accuracy(scores, unknown) == pytest.approx(((known + 1 - passed) / 2).max())


@given(samples(), st.randoms(use_true_random=False))
def test_neither_order_nor_scale_matters(sample, random):
    scores, unknown, correct = sample
    order = list(range(len(scores)))
    random.shuffle(order)
    stretched = np.exp(scores[order] / 3) * 1e3 - 7
    for metric in SCORE_ONLY:
        assert metric(stretched, unknown[order]) == metric(scores, unknown), metric.__name__
    for metric in (metrics.oscr, ccr10):
        assert metric(stretched, unknown[order], correct[order]) == metric(scores, unknown, correct)


@given(samples())
def test_oscr_never_exceeds_accuracy(sample):
    scores, unknown, correct = sample
    accuracy = correct[~unknown].mean()
    assert metrics.oscr(scores, unknown, correct) <= accuracy + 1e-12
    assert metrics.oscr(unknown * 1.0, unknown, correct) == pytest.approx(accuracy)
    assert metrics.oscr(np.zeros(len(scores)), unknown, correct) == pytest.approx(accuracy / 2)
    assert metrics.oscr_curve(scores, unknown, correct).y[-1] == pytest.approx(accuracy)


def test_a_random_scorer_meets_the_nulls():
    draw = np.random.default_rng(3)
    n = 40_000
    unknown, correct, scores = draw.random(n) < 0.25, draw.random(n) < 0.8, draw.random(n)
    assert metrics.auroc(scores, unknown) == pytest.approx(0.5, abs=0.02)
    assert metrics.oscr(scores, unknown, correct) == pytest.approx(0.4, abs=0.02)
    assert metrics.aupr_out(scores, unknown) == pytest.approx(0.25, abs=0.02)
    assert metrics.aupr_in(scores, unknown) == pytest.approx(0.75, abs=0.02)
    assert metrics.fpr95_known_positive(scores, unknown) == pytest.approx(0.95, abs=0.02)
    assert metrics.fpr95_unknown_positive(scores, unknown) == pytest.approx(0.95, abs=0.02)
    assert ccr10(scores, unknown, correct) == pytest.approx(0.08, abs=0.02)
    assert metrics.detection_accuracy(scores, unknown) == pytest.approx(0.5, abs=0.02)


def test_oscr_by_hand_with_a_tie_and_a_wrong_known():
    # knowns .1 right, .3 wrong, .5 right; unknowns .3, .5.
    # Pairs won by right knowns: .1 beats both (2), .5 loses to .3 and ties with .5 (half): 2.5 of 6.
    scores = np.array([0.1, 0.3, 0.5, 0.3, 0.5])
    unknown = np.array([False, False, False, True, True])
    correct = np.array([True, False, True, False, False])
    assert metrics.oscr(scores, unknown, correct) == pytest.approx(2.5 / 6)
    curve = metrics.oscr_curve(scores, unknown, correct)
    assert curve.x.tolist() == [0, 0, 0.5, 1]
    assert curve.y == pytest.approx([0, 1 / 3, 1 / 3, 2 / 3])
    assert curve.thresholds.tolist() == [-np.inf, 0.1, 0.3, 0.5]


def test_oscr_ignores_what_is_said_of_unknowns():
    scores, unknown = np.array([0.1, 0.9, 0.5]), np.array([False, True, False])
    answers = [metrics.oscr(scores, unknown, np.array([True, c, False])) for c in (True, False)]
    assert answers == [0.5, 0.5]


def test_the_two_fpr95_conventions_differ_by_hand():
    # 20 unknowns at 1..20, knowns at 1.5 and 19.5 and 0. Catching 19 of 20 refuses
    # all above 1.5: one known of three.
    # Accepting 95 % of three knowns means all, up to 19.5: 19 of 20 unknowns pass.
    scores = np.concatenate([np.arange(1.0, 21.0), [1.5, 19.5, 0.0]])
    unknown = np.arange(23) < 20
    assert metrics.fpr95_unknown_positive(scores, unknown) == pytest.approx(1 / 3)
    assert metrics.fpr95_known_positive(scores, unknown) == pytest.approx(19 / 20)


def test_ccr_takes_an_attainable_point():
    scores = np.array([0.1, 0.2, 0.2, 0.4])
    unknown = np.array([False, True, False, True])
    correct = np.array([True, False, True, False])
    assert [metrics.ccr_at_fpr(scores, unknown, correct, f) for f in (0, 0.49, 0.5, 1)] == [0.5, 0.5, 1, 1]
    with pytest.raises(ConfigError, match="no share"):
        metrics.ccr_at_fpr(scores, unknown, correct, 1.5)


def test_shares_that_rounding_would_miss():
    # 0.29 * 100 is 28.999...: 29 unknowns may pass, not 28.
    scores, unknown = np.arange(101.0), np.arange(101) != 29
    assert metrics.ccr_at_fpr(scores, unknown, ~unknown, 0.29) == 1.0
    # 95 % of 20 unknowns is 19, however the product is rounded.
    for n in range(20, 4001, 20):
        low = np.arange(n) < n // 20
        mixed = np.concatenate([np.where(low, 0.0, 2.0), [1.0]])
        assert metrics.fpr95_unknown_positive(mixed, np.arange(n + 1) < n) == 0.0


def test_float32_and_integers_are_computed_in_float64():
    scores = np.array([1, 2, 3, 4])
    unknown = np.array([False, True, False, True])
    assert metrics.auroc(scores, unknown) == metrics.auroc(scores.astype(np.float32), unknown) == 0.75


def test_arguments_are_left_untouched():
    scores, unknown, correct = np.array([3.0, 1.0, 2.0]), np.array([True, False, False]), np.ones(3, bool)
    for array in (scores, unknown, correct):
        array.setflags(write=False)
    metrics.oscr(scores, unknown, correct)
    assert scores.tolist() == [3.0, 1.0, 2.0]


def test_inverted_speaks_below_chance_only():
    assert metrics.inverted(0.5) is None
    message = metrics.inverted(0.31)
    assert message is not None
    assert "0.310" in message
    assert "0.690" in message
    assert metrics.inverted(0.369, high=0.391) == metrics.inverted(0.369)  # told is the value, not the end
    assert metrics.inverted(0.45, high=0.52) is None


@pytest.mark.parametrize("metric", [*SCORE_ONLY, metrics.roc_curve], ids=lambda m: m.__name__)
@pytest.mark.parametrize(
    ("scores", "unknown", "words"),
    [
        ([], [], "nothing to measure"),
        ([0.1, 0.2], [False, False], "no unknown example"),
        ([0.1, 0.2], [True, True], "no known example"),
        ([0.1, np.nan], [False, True], r"not a finite number \(in scores\[1\]\)"),
        ([np.inf, 0.1], [False, True], "not a finite number"),
        ([0.1, 0.2, 0.3], [False, True], "differ in length"),
        ([[0.1], [0.2]], [False, True], "not a table"),
        ([0.1, 0.2], [0, -1], "labels == -1"),
        (["a", "b"], [False, True], "not numbers"),
    ],
)
def test_bad_input_is_refused(metric, scores, unknown, words):
    with pytest.raises(DataError, match=words):
        metric(np.array(scores), np.array(unknown, dtype=None if unknown else bool))


@pytest.mark.parametrize("metric", [metrics.oscr, metrics.oscr_curve, ccr10])
def test_correct_must_be_a_mask_of_the_same_length(metric):
    scores, unknown = np.array([0.1, 0.2]), np.array([False, True])
    with pytest.raises(DataError, match="differ in length"):
        metric(scores, unknown, np.array([True]))
    with pytest.raises(DataError, match="booleans"):
        metric(scores, unknown, np.array([1, 0]))


@settings(max_examples=20)
@given(samples())
def test_chunks_of_replicates_do_not_change_a_ladder(sample):
    from lightwell.metrics.ladder import sort_scores

    rungs = sort_scores(*sample)
    draw = np.random.default_rng(0)
    known, unknown = draw.integers(0, 3, (4, rungs.n_known)), draw.integers(0, 3, (4, rungs.n_unknown))
    known[:, 0] = unknown[:, 0] = 1
    together = rungs.ladder(known, unknown)
    for i in range(4):
        alone = rungs.ladder(known[i], unknown[i])
        for read in ("auroc", "oscr", "aupr_in", "aupr_out", "detection_accuracy"):
            assert getattr(together, read)()[i] == pytest.approx(getattr(alone, read)())
        assert together.fpr_unknown_positive(0.95)[i] == alone.fpr_unknown_positive(0.95)
        assert together.fpr_known_positive(0.95)[i] == alone.fpr_known_positive(0.95)
        assert together.ccr_at_fpr(0.1)[i] == alone.ccr_at_fpr(0.1)
