"""Each unknown score: worked by hand, and against scikit-learn or SciPy where they have it."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from scipy.special import logsumexp, softmax
from sklearn.neighbors import NearestCentroid

from lightwell.core import ConfigError, DataError, NotFittedError, Representation
from lightwell.models import METHODS, method
from lightwell.models.anchors import Anchors
from lightwell.models.scorers import SCORERS, make_scorer

ANCHORS = Anchors(2, 2, 4.0)
NAMES = ("cat", "dog")


def OWN(values):
    return {"reconstruction": values, "prototype_distance": values}


def of(codes=None, logits=None, labels=None, predictions=None, names=NAMES):
    rows = len(codes if codes is not None else logits)
    return Representation(
        codes=np.zeros((rows, 1)) if codes is None else np.asarray(codes, float),
        logits=None if logits is None else np.asarray(logits, float),
        labels=np.full(rows, -1) if labels is None else np.asarray(labels),
        predictions=None if predictions is None else np.asarray(predictions),
        scores=OWN(np.zeros(rows) if codes is None else np.asarray(codes, float).sum(axis=1)),
        class_names=names,
    )


# Own evidence 3 and 5 of 4 and 4 for the cat, 1 and 0 for the dog; then nothing at all; then a tie.
CODES = [[3.0, 5, 1, 0], [0, 0, 0, 0], [2, 2, 2, 2]]
KNOWN = of(
    [[4.0, 6, 0, 0], [2, 4, 0, 2], [0, 0, 3, 3], [9, 9, 1, 0], [0, 0, 3, 3]],
    [[10.0, 0], [7, 1], [0, 9], [2, 3], [0, 8]],
    labels=[0, 0, 1, 0, 1],
    predictions=[0, 0, 1, 1, 1],  # the fourth one is wrong and does not count
)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("distance", [math.sqrt(1 + 1 + 1), math.sqrt(32), math.sqrt(4 + 4 + 4 + 4)]),
        ("mos", [-5, 0, -2]),
        ("block_sum", [-8, 0, -4]),
        # Usual evidence: cat (10 + 6) / 2 = 8, dog 6; a tie goes to the first class.
        ("relative_block_sum", [1 - 8 / 8, 1, 1 - 4 / 8]),
        # The 5 is no longer held against the cat.
        ("one_sided", [math.sqrt(1 + 1), math.sqrt(32), math.sqrt(4 + 4 + 4 + 4)]),
        # Means: cat (3, 5, 0, 1), dog (0, 0, 3, 3).
        ("class_means", [math.sqrt(1 + 1), math.sqrt(18), math.sqrt(4 + 4 + 1 + 1)]),
    ],
)
def test_scores_of_codes_by_hand(name, wanted):
    scorer = make_scorer(name, ANCHORS).fit(KNOWN)
    assert scorer.score(of(CODES)) == pytest.approx(wanted, abs=1e-9)


def test_scores_of_logits_by_hand():
    logits = of(logits=[[math.log(3), 0.0], [0.0, 0.0], [-2.0, -5.0]])
    found = make_scorer("msp").score(logits)
    assert found == pytest.approx([1 / 4, 1 / 2, 1 / (1 + math.exp(3))], abs=1e-12)
    assert make_scorer("mls").score(logits) == pytest.approx([-math.log(3), 0, 2])


def test_energy_by_hand_at_two_temperatures():
    logits = of(logits=[[math.log(3), 0.0], [0.0, 0.0], [-2.0, -2.0]])
    assert make_scorer("energy").score(logits) == pytest.approx([-math.log(4), -math.log(2), 2 - math.log(2)])
    half = make_scorer("energy", temperature=0.5).score(logits)
    assert half == pytest.approx([-math.log(10) / 2, -math.log(2) / 2, 2 - math.log(2) / 2])


def test_energy_against_scipy_and_its_limit():
    logits = np.random.default_rng(0).normal(0, 50, (300, 7))
    np.testing.assert_allclose(
        make_scorer("energy").score(of(logits=logits)), -logsumexp(logits, axis=1), rtol=1e-12
    )
    cold = make_scorer("energy", temperature=1e-6).score(of(logits=logits))
    np.testing.assert_allclose(cold, make_scorer("mls").score(of(logits=logits)), atol=1e-5)


def test_maximum_softmax_probability_against_scipy():
    logits = np.random.default_rng(0).normal(0, 5, (300, 7))
    found = make_scorer("msp").score(of(logits=logits))
    np.testing.assert_allclose(found, 1 - softmax(logits, axis=1).max(axis=1), atol=1e-12)


def test_maximum_softmax_probability_neither_overflows_nor_ties_sure_examples():
    found = make_scorer("msp").score(of(logits=[[1e4, 0.0], [50.0, 0.0], [60.0, 0.0], [-1e4, -1e4]]))
    assert found == pytest.approx([0, math.exp(-50), math.exp(-60), 0.5], rel=1e-9)


def test_distance_against_scipy_and_the_network(difair):
    model = difair(features=2)
    codes = np.random.default_rng(0).uniform(0, 12, (200, 6)).astype(np.float32)
    found = make_scorer("distance", model.anchors).score(of(codes))
    np.testing.assert_allclose(found, cdist(codes, model.anchors.matrix()).min(axis=1), rtol=1e-9)
    np.testing.assert_allclose(found, model.unknown_score(torch.from_numpy(codes)), rtol=1e-5)


def test_class_means_against_scikit_learn():
    draw = np.random.default_rng(0)
    labels = np.arange(60) % 3
    codes = draw.normal(size=(60, 5)) + labels[:, None]
    fitted = make_scorer("class_means").fit(
        of(codes, labels=labels, predictions=labels, names=("a", "b", "c"))
    )
    centroids = NearestCentroid().fit(codes, labels).centroids_
    np.testing.assert_allclose(fitted.state["means"], centroids, rtol=1e-12)
    np.testing.assert_allclose(fitted.score(of(codes)), cdist(codes, centroids).min(axis=1), rtol=1e-12)


def test_one_sided_distance_is_never_above_the_distance():
    codes = np.random.default_rng(0).uniform(0, 12, (500, 4))
    distance, one_sided = (make_scorer(name, ANCHORS).score(of(codes)) for name in ("distance", "one_sided"))
    assert (one_sided <= distance + 1e-9).all()
    assert (one_sided < distance - 1e-9).any()


def test_evidence_beyond_the_usual_has_a_negative_relative_score():
    scorer = make_scorer("relative_block_sum", ANCHORS).fit(KNOWN)
    assert scorer.score(of([[8.0, 8, 0, 0]])) == pytest.approx([-1])


def test_a_class_never_predicted_right_is_judged_by_all_its_examples():
    known = of([[4.0, 4, 0, 0], [0, 0, 1, 1], [0, 0, 3, 3]], labels=[0, 1, 1], predictions=[0, 0, 0])
    assert make_scorer("relative_block_sum", ANCHORS).fit(known).state["usual"].tolist() == [8, 4]
    assert make_scorer("class_means").fit(known).state["means"].tolist() == [[4, 4, 0, 0], [0, 0, 2, 2]]


FITTED = ["relative_block_sum", "class_means", "mahalanobis", "knn", "openmax", "cac", "cac_corrected"]


@pytest.mark.parametrize("name", [name for name in FITTED if name != "knn"])
def test_a_class_without_examples_is_refused(name):
    known = of([[4.0, 4, 0, 0]], [[1.0, 0]], labels=[0], predictions=[0])
    with pytest.raises(DataError, match=r"no training example of a known class \(in class 1\)"):
        make_scorer(name, ANCHORS).fit(known)


@pytest.mark.parametrize("name", FITTED)
def test_scoring_before_fit_is_refused(name):
    with pytest.raises(NotFittedError, match=rf"not fitted \(in {name}\).*Call fit"):
        make_scorer(name, ANCHORS).score(KNOWN)


@pytest.mark.parametrize("name", FITTED)
def test_fitting_on_nan_is_refused(name):
    codes, logits = KNOWN.codes.copy(), KNOWN.logits.copy()
    codes[2, 1] = logits[2, 1] = np.nan
    broken = of(codes, logits, labels=KNOWN.labels, predictions=KNOWN.predictions)
    with pytest.raises(DataError, match=rf"not finite \(in {name}, example 2\)"):
        make_scorer(name, ANCHORS).fit(broken)


@pytest.mark.parametrize("name", SCORERS)
def test_nan_is_refused_naming_the_example(name):
    fitted = make_scorer(name, ANCHORS).fit(KNOWN)
    broken = of([[1.0, 1, 1, 1], [0, np.inf, 0, 0]], logits=[[1.0, 0], [np.nan, 0]])
    with pytest.raises(DataError, match=rf"not finite \(in {name}, example 1\): got \["):
        fitted.score(broken)


@pytest.mark.parametrize("name", ["msp", "mls", "energy", "openmax", "cac", "cac_corrected"])
def test_missing_logits_are_refused(name):
    with pytest.raises(DataError, match=rf"reads logits and there are none \(in {name}\)"):
        make_scorer(name).fit(KNOWN).score(of(CODES))


def test_codes_of_another_width_are_refused():
    with pytest.raises(DataError, match=r"another width .*in class_means.*expected \(n, 4\), got \(1, 1\)"):
        make_scorer("class_means").fit(KNOWN).score(of([[1.0]]))
    with pytest.raises(DataError, match="do not fit the anchors"):
        make_scorer("distance", ANCHORS).score(of([[1.0]]))


@pytest.mark.parametrize("name", [name for name, kind in SCORERS.items() if kind.needs_anchors])
def test_scores_that_read_class_blocks_need_their_geometry(name):
    with pytest.raises(ConfigError, match=rf"needs their geometry \(in {name}\)"):
        make_scorer(name)


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match="Did you mean 'relative_block_sum'"):
        make_scorer("relative_blocksum", ANCHORS)


@pytest.mark.parametrize("name", METHODS)
def test_each_score_a_method_names_exists(name):
    assert set(method(name).scores) <= set(SCORERS)


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("energy", {"temperature": 0}, r"out of range \(in temperature\): expected a number above 0, got 0"),
        ("energy", {"temperature": math.nan}, "out of range"),
        (
            "energy",
            {"temprature": 2},
            r"unknown setting of a score \(in energy\).*Did you mean 'temperature'",
        ),
        ("mls", {"temperature": 2}, "This score has no settings"),
        ("openmax", {"tail": 1}, "whole number of at least 2, got 1"),
        ("openmax", {"alpha": 0}, "whole number of at least 1, got 0"),
        ("knn", {"k": 2.5}, "whole number of at least 1, got 2.5"),
        ("knn", {"k": True}, "got True"),
    ],
)
def test_settings_out_of_range_are_refused(name, settings, words):
    with pytest.raises(ConfigError, match=words):
        make_scorer(name, **settings)


def test_scores_of_many_examples_take_little_memory():
    codes = np.ones((50_000, 64), np.float32)
    many = of(codes)
    scorer = make_scorer("mos")
    tracemalloc.start()
    try:
        scorer.score(many)
        assert tracemalloc.get_traced_memory()[1] < codes.nbytes / 4
    finally:
        tracemalloc.stop()


def test_codes_that_are_no_table_are_refused():
    with pytest.raises(DataError, match=r"a row an example \(in mos\): expected \(n, d\), got \(3,\)"):
        make_scorer("mos").score(Representation(np.zeros(3), np.zeros(3, int)))
