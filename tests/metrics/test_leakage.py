"""Leakage: probes, information and niches, on codes whose leak is known."""

from __future__ import annotations

import numpy as np
import pytest

from lightwell.core import ConfigError, DataError
from lightwell.core.seeds import generator
from lightwell.metrics.leakage import leakage, leakage_estimates
from lightwell.metrics.leakage_information import (
    concept_task_leakage,
    information_leakage_estimates,
    interconcept_leakage,
)
from lightwell.metrics.niche import impurity_estimates, niche_impurity, oracle_impurity


def split(strength: float, n: int = 400, classes: int = 2) -> tuple[np.ndarray, ...]:
    draw = generator(0, "split")
    labels = draw.integers(0, classes, (2, n))
    codes = draw.normal(size=(2, n, 3))
    codes[..., 0] += strength * labels
    return codes[0], labels[0], codes[1], labels[1]


def test_a_perfect_leak_is_one_and_noise_is_its_null() -> None:
    sure, none = leakage(*split(50.0)), leakage(*split(0.0))
    assert sure.leakage == sure.balanced == sure.accuracy == 1
    assert sure.p_value == pytest.approx(1 / 201)
    assert none.leakage < 0.12
    assert none.p_value > 0.05
    assert abs(none.null.mean() - 0.04) < 0.03  # sqrt(2 / (pi n)) for fair coins


def test_it_is_twice_the_distance_from_a_coin() -> None:
    codes = np.array([[0.0], [1.0]] * 10)
    labels = np.array([0, 1] * 10)
    wrong = labels.copy()
    wrong[:5] = 1 - wrong[:5]
    assert leakage(codes, labels, codes, wrong).leakage == pytest.approx(2 * abs(0.75 - 0.5))
    assert leakage(codes, labels, codes, 1 - labels).leakage == 1  # always wrong is known as well
    three = split(50.0, classes=3)
    assert leakage(*three[:3], (three[3] + 1) % 3).leakage == pytest.approx(0.5)  # |0 - 1/3| / (2/3)


@pytest.mark.parametrize(
    ("rule", "accuracy", "expected"),
    [("random", 0.75, 0.5), ("abstain", 1.0, 1.0), ("unknown", 0.5, 0.0)],
)
def test_rejected_rows_are_marked_by_the_rule(rule: str, accuracy: float, expected: float) -> None:
    *train, codes, labels = split(50.0)
    accepted = np.arange(400) % 2 == 0
    found = leakage(*train, codes, labels, test_accepted=accepted, rejected=rule)
    assert (found.accuracy, found.leakage) == pytest.approx((accuracy, expected))
    assert (found.coverage, found.accepted_accuracy) == (0.5, 1.0)


def test_a_seeded_guess_agrees_with_its_expectation() -> None:
    *train, codes, labels = split(50.0, n=4000)
    accepted = np.arange(4000) % 4 == 0
    rules = [
        leakage(*train, codes, labels, test_accepted=accepted, rejected=r, n_permutations=1)
        for r in ("draw", "random")
    ]
    assert rules[0].accuracy == pytest.approx(rules[1].accuracy, abs=0.03)
    assert set(np.unique(rules[0].credit)) == {0.0, 1.0}


def test_rejected_training_rows_are_not_learned_from() -> None:
    codes, labels = np.array([[0.0], [1.0], [0.0], [1.0]] * 9), np.array([0, 1, 1, 0] * 9)
    honest = np.arange(36) % 4 < 2
    kept = leakage(codes, labels, codes[honest], labels[honest], train_accepted=honest)
    assert kept.leakage == 1
    one = leakage(codes, labels, codes, labels, train_accepted=labels == 1)
    none = leakage(codes, labels, codes, labels, train_accepted=np.zeros(36, bool))
    assert (one.accuracy, none.accuracy, none.leakage) == (0.5, 0.5, 0)
    nobody = np.zeros(36, bool)
    silent = leakage(codes, labels, codes, labels, test_accepted=nobody, rejected="abstain")
    assert np.isnan(silent.leakage)
    assert leakage(codes, labels, codes, labels, test_accepted=nobody).leakage == 0
    assert [e.name for e in leakage_estimates(silent, "both")][-1] == "coverage.both"


def test_unequal_classes_do_not_look_like_a_leak_when_balanced() -> None:
    draw = generator(0, "unequal")
    codes, labels = draw.normal(size=(2, 2000, 2)), (draw.random((2, 2000)) < 0.9).astype(int)
    found = leakage(codes[0], labels[0], codes[1], labels[1], n_permutations=5)
    assert found.leakage > 0.75
    assert found.balanced < 0.12
    assert found.null.mean() > 0.75  # the null knows that the majority is guessed
    assert leakage_estimates(found)[0].null.value == found.null.mean()


def test_order_and_scale_change_nothing_and_names_are_the_designs() -> None:
    parts = split(1.0)
    order = np.random.default_rng(0).permutation(400)
    one = leakage(*parts, standardise=True, n_permutations=5)
    moved = (parts[0] * [1, 9, 0.1] + 3, parts[1], parts[2] * [1, 9, 0.1] + 3, parts[3])
    other = leakage(*(part[order] for part in moved), standardise=True, n_permutations=5)
    assert (one.leakage, one.balanced) == (other.leakage, other.balanced)
    shuffled = leakage(*(part[order] for part in parts), standardise=True, n_permutations=5)
    assert shuffled.null.tolist() == one.null.tolist()
    found = leakage_estimates(one, "distance", n_resamples=200)
    assert [e.name for e in found] == [
        "leakage.distance",
        "leakage.balanced.distance",
        "coverage.distance",
        "accepted_accuracy.distance",
    ]
    assert found[0].low < found[0].value < found[0].high
    assert found[0].high - found[0].low == pytest.approx(4 * 1.96 * 0.5 * np.sqrt(0.75) / 20, rel=0.35)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"rejected": "coin"}, ConfigError, "no such rule"),
        ({"n_permutations": 0}, ConfigError, "permutations"),
        ({"train_labels": np.zeros(4, int)}, DataError, "same known classes"),
        ({"test_labels": np.array([0, 1, 2, 0])}, DataError, "in the test only"),
        ({"test_codes": np.zeros((4, 2))}, DataError, "width"),
        ({"test_accepted": np.ones(4)}, DataError, "booleans"),
        ({"train_codes": np.zeros((3, 1))}, DataError, "length"),
    ],
)
def test_what_cannot_be_probed_is_refused(change: dict, error: type[Exception], words: str) -> None:
    good = {"train_codes": np.zeros((4, 1)), "test_codes": np.zeros((4, 1))}
    good |= {"train_labels": np.array([0, 1, 0, 1]), "test_labels": np.array([0, 1, 0, 1])}
    with pytest.raises(error, match=words):
        leakage(**{**good, **change})


def test_information_about_the_task_beyond_the_concepts() -> None:
    draw = generator(0, "ctl")
    concepts = draw.integers(0, 2, (1500, 2))
    labels = draw.integers(0, 2, 1500)
    clean = concepts + draw.normal(0, 0.01, (1500, 2))
    leaky = clean + [0.3, 0] * labels[:, None]
    assert concept_task_leakage(clean, concepts, labels) == pytest.approx([0, 0], abs=0.02)
    assert concept_task_leakage(leaky, concepts, labels) == pytest.approx([1, 0], abs=0.03)
    hard = np.c_[labels, concepts[:, 1]]  # counted: the column is the label
    assert concept_task_leakage(hard, concepts, labels)[0] == pytest.approx(1, abs=0.01)


def test_information_concepts_share_beyond_the_truth() -> None:
    draw = generator(0, "icl")
    concepts = draw.integers(0, 2, (800, 3))
    soft = concepts + draw.normal(0, 0.1, (800, 3))
    soft[:, 2] = 4.0  # dead
    assert interconcept_leakage(soft, concepts) == pytest.approx([0, 0, 0], abs=0.02)
    soft[:, 1] = soft[:, 0]
    shared = interconcept_leakage(soft, concepts)
    assert shared[0] > 0.9
    assert shared[1:].tolist() == [0, 0]
    names = [e.name for e in information_leakage_estimates(soft, concepts, concepts[:, 0])]
    assert names == ["leakage.ctl", "leakage.icl"]


def test_niches_of_pure_and_of_mixed_codes() -> None:
    draw = generator(0, "niche")
    concepts = draw.integers(0, 2, (400, 2))
    pure = concepts + draw.normal(0, 0.1, concepts.shape)
    mixed = pure[:, ::-1] * 0.4 + pure
    assert oracle_impurity(concepts, concepts) < 0.02
    assert oracle_impurity(pure, concepts) < 0.15 < 0.25 < oracle_impurity(mixed, concepts)
    twice = np.c_[pure, draw.normal(size=400)]
    assert niche_impurity(twice, concepts) == pytest.approx(0.475, abs=0.06)
    # Concept 0 is the parity of two codes: neither correlates with it, so both stay outside its niche.
    halves = draw.integers(0, 2, (1000, 2))
    hidden = np.c_[halves[:, 0] ^ halves[:, 1], halves[:, 0]]
    assert niche_impurity(halves * 2.0 - 1, hidden) > 0.6
    found = impurity_estimates(pure, concepts)
    assert [e.name for e in found] == ["leakage.ois", "leakage.nis"]


def test_concepts_without_both_values_are_refused() -> None:
    codes = np.zeros((20, 2))
    with pytest.raises(DataError, match="binary"):
        oracle_impurity(codes, np.full((20, 2), 0.5))
    with pytest.raises(DataError, match="one value"):
        niche_impurity(codes, np.c_[np.ones(20), np.arange(20) % 2])
    with pytest.raises(DataError, match="not one code a concept"):
        oracle_impurity(np.zeros((20, 3)), np.c_[np.arange(20) % 2, np.arange(20) // 2 % 2])
    with pytest.raises(DataError, match="never varies"):
        concept_task_leakage(codes, codes, np.zeros(20, int))
    with pytest.raises(DataError, match="pair up"):
        interconcept_leakage(codes, codes[:, :1])
    with pytest.raises(DataError, match="no pair"):
        interconcept_leakage(codes[:, :1], codes[:, :1])
