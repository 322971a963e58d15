"""OpenMax: its Weibull against SciPy, its revised probabilities by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.special import softmax
from scipy.stats import weibull_min

from lightwell.core import DataError, Representation
from lightwell.models.scorers import OpenMax
from lightwell.models.scorers.openmax import fit_weibull, weibull


def of(logits, labels, predictions=None):
    logits = np.asarray(logits, float)
    predictions = logits.argmax(axis=1) if predictions is None else np.asarray(predictions)
    names = tuple(f"class {c}" for c in range(logits.shape[1]))
    return Representation(logits[:, :1], np.asarray(labels), predictions, logits, class_names=names)


@pytest.mark.parametrize(("shape", "scale"), [(0.4, 3.0), (1.0, 0.01), (2.5, 7.0), (40.0, 900.0)])
@pytest.mark.parametrize("n", [2, 20, 500])
def test_weibull_fit_against_scipy(shape, scale, n):
    sample = weibull_min.rvs(shape, scale=scale, size=n, random_state=0)
    found = fit_weibull(sample)
    theirs = weibull_min.fit(sample, floc=0)
    assert found == pytest.approx((theirs[0], theirs[2]), rel=2e-3)
    # Ours is the likelier of the two, and the derivative of the likelihood is 0 there.
    assert weibull_min.nnlf((found[0], 0, found[1]), sample) <= weibull_min.nnlf(theirs, sample) + 1e-9
    x = sample / found[1]
    assert (x ** found[0] * np.log(x)).mean() - np.log(x).mean() == pytest.approx(1 / found[0], rel=1e-7)


def test_weibull_share_against_scipy():
    distances = np.array([0.0, 1e-9, 0.5, 2.0, 3.0, 1e6])
    np.testing.assert_allclose(weibull(distances, 4.0, 2.0), weibull_min.cdf(distances, 4.0, scale=2.0))


def test_fit_takes_the_largest_distances_of_correct_examples():
    draw = np.random.default_rng(0)
    logits = draw.normal(size=(300, 3)) + 9 * np.eye(3)[np.arange(300) % 3]
    logits[0] = [0, 99, 0]  # taken for another class: does not count
    known = of(logits, np.arange(300) % 3)
    scorer = OpenMax(tail=15).fit(known)
    own = logits[3::3]
    np.testing.assert_allclose(scorer.state["means"][0], own.mean(axis=0))
    tail = np.sort(cdist(own, [own.mean(axis=0)]).ravel())[-15:]
    assert (scorer.state["shapes"][0], scorer.state["scales"][0]) == pytest.approx(fit_weibull(tail))


def by_hand(alpha):
    scorer = OpenMax(alpha=alpha)
    # Shape 1 and scale 1 / log 2: a distance of 1 has share 1/2, one of 2 has 3/4.
    scorer.state = {
        "means": np.array([[2.0, 0.0], [0.0, 3.0]]),
        "shapes": np.array([1.0, 1.0]),
        "scales": np.full(2, 1 / math.log(2)),
    }
    return scorer


def test_revised_probabilities_by_hand():
    example = of([[2.0, 1.0]], [-1])  # 1 from the first mean, sqrt(8) from the second
    # alpha 1: the first logit gives 2 * 1/2 = 1; what is left is (1, 1), and 1 for the unknown.
    assert by_hand(1).score(example) == pytest.approx([1 / 3])
    # alpha 2: the second one gives 1 * (1 - 2**-sqrt(8)) at weight 1/2 as well.
    moved = (1 - 2 ** -math.sqrt(8)) / 2
    parts = [math.exp(1), math.exp(1 - moved), math.exp(1 + moved)]
    assert by_hand(2).score(example) == pytest.approx([parts[2] / sum(parts)])
    assert by_hand(9).score(example) == by_hand(2).score(example)  # there are no more than two


def test_an_example_at_its_class_mean_keeps_its_softmax():
    found = by_hand(1).score(of([[2.0, 0.0]], [-1]))
    assert found == pytest.approx([1 / (math.exp(2) + 1 + 1)])


def test_logits_near_zero_have_nothing_to_give():
    assert by_hand(1).score(of([[0.0, 0.0]], [-1])) == pytest.approx([1 / 3])


def test_against_the_formula_written_out():
    draw = np.random.default_rng(1)
    labels = np.arange(200) % 5
    known = of(draw.normal(size=(200, 5)) + 8 * np.eye(5)[labels], labels)
    scorer = OpenMax(tail=20, alpha=3).fit(known)
    test = of(draw.normal(2, 4, (50, 5)), np.full(50, -1))
    wanted = []
    for row in test.logits:
        revised, unknown = row.copy(), 0.0
        for rank, c in enumerate(np.argsort(-row)[:3]):
            gap = np.linalg.norm(row - scorer.state["means"][c])
            share = weibull_min.cdf(gap, scorer.state["shapes"][c], scale=scorer.state["scales"][c])
            part = row[c] * share * (3 - rank) / 3
            revised[c] -= part
            unknown += part
        wanted.append(softmax([*revised, unknown])[-1])
    np.testing.assert_allclose(scorer.score(test), wanted, rtol=1e-10)


def test_equal_logits_are_ranked_by_class():
    scorer = by_hand(1)
    assert scorer.score(of([[1.0, 1.0]], [-1])) == pytest.approx(
        [
            math.exp(1 - 2 ** -math.sqrt(2))
            / (math.exp(1 - 2 ** -math.sqrt(2)) + math.exp(2 ** -math.sqrt(2)) + math.e)
        ]
    )


def test_a_class_of_one_example_takes_the_distribution_of_all():
    known = of([[5.0, 0], [7, 0], [6, 3], [0, 9]], [0, 0, 0, 1])
    scorer = OpenMax().fit(known)
    assert scorer.state["shapes"][1] == scorer.state["shapes"][0]
    assert scorer.state["scales"][1] == scorer.state["scales"][0]


def test_logits_that_do_not_differ_are_refused():
    with pytest.raises(DataError, match=r"no distribution can be fitted \(in openmax\).*4 examples of 2"):
        OpenMax().fit(of([[5.0, 0], [5, 0], [0, 9], [0, 9]], [0, 0, 1, 1]))
