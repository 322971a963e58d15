"""Scores of three known representations, as measured with disentanglement_lib's own functions (seed 0).

Factor sizes are those of dSprites; every score is drawn afresh through the sampler in the reference's order.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lightwell.metrics.disentanglement import (
    FactorSampler,
    beta_vae,
    dependence,
    explicitness,
    factor_vae,
    irs,
    med,
    mig,
    modularity,
    sap_continuous,
    sap_discrete,
    udr,
)

SIZES = (3, 6, 40, 32, 32)


def identity(factors: np.ndarray) -> np.ndarray:
    return factors / (np.array(SIZES) - 1)


def cumsum(factors: np.ndarray) -> np.ndarray:
    return identity(factors).cumsum(axis=1)


def dup_dead(factors: np.ndarray) -> np.ndarray:
    codes = identity(factors)
    return np.concatenate([codes, codes[:, :2], np.zeros((len(codes), 1))], axis=1)


def sampler(represent: Callable[[np.ndarray], np.ndarray]) -> FactorSampler:
    return FactorSampler(SIZES, represent)


COUNTED = [
    (identity, 0.8957198509, 0.9999615678, 0.9867642665, 0.9996134928, 9.21637e-05, 1.67586e-04, 0.007070938),
    (cumsum, 0.2118224320, 0.7515856194, 0.4148531471, 0.1524255874, 0.90945645, 0.49260645, 0.559614324),
    (dup_dead, 0.4966122037, None, 0.9905460335, 0.5997760509, 0.33138, 0.39795, 0.106465101),
]


@pytest.mark.parametrize(
    ("represent", "gap", "modular", "robust", "sap", "distance", "normalised", "shared"), COUNTED
)
def test_scores_that_count_agree_to_six_digits(
    represent: Callable[[np.ndarray], np.ndarray],
    gap: float,
    modular: float | None,
    robust: float,
    sap: float,
    distance: float,
    normalised: float,
    shared: float,
) -> None:
    points, _ = sampler(represent).points(10_000, 0)
    assert mig(*points).value == pytest.approx(gap, abs=1e-9)
    if modular is not None:  # the reference crashed beside it
        assert modularity(*points).value == pytest.approx(modular, abs=1e-9)
    assert irs(*points).value == pytest.approx(robust, abs=1e-9)
    assert sap_continuous(*points).value == pytest.approx(sap, abs=1e-9)
    found = dependence(points.codes)
    digits = 1e-5 if represent is dup_dead else 1e-8  # as given
    assert found.wasserstein == pytest.approx(distance, abs=digits)
    assert found.wasserstein_normalised == pytest.approx(normalised, abs=digits)
    assert found.mutual_information == pytest.approx(shared, abs=1e-8)


def test_what_else_is_counted_agrees() -> None:
    one, other = sampler(identity).points(10_000, 0)[0], sampler(cumsum).points(10_000, 0)[0]
    assert mig(*one).each == pytest.approx([0.9981, 0.9974, 0.8024, 0.8394, 0.8413], abs=5e-5)
    assert mig(*other).each == pytest.approx([0.2775, 0.6938, 0.0529, 0.0079, 0.0271], abs=5e-5)
    assert mig(*one).ceiling.each == pytest.approx([1, 1, 0.812, 0.85, 0.85], abs=3e-3)
    assert dependence(one.codes).total_correlation == pytest.approx(0.000854406, abs=1e-9)
    assert dependence(other.codes).total_correlation == pytest.approx(2.899013423, abs=1e-9)
    for points, d, c in ((one, 0.93560, 0.93560), (other, 0.25799, 0.28929)):
        found = med(*points)
        assert (found.disentanglement.value, found.completeness.value) == pytest.approx((d, c), abs=1.1e-5)


def test_factor_vae_votes_agree_exactly() -> None:
    assert factor_vae(*sampler(cumsum).votes()) == pytest.approx((0.7548, 0.7638), abs=1e-12)


def test_scores_that_learn_agree_to_two_digits() -> None:
    draws = sampler(cumsum)
    train, test = draws.points()
    assert sap_discrete(*train, *test).value == pytest.approx(0.09204, abs=1e-2)
    assert beta_vae(*draws.pairs()) == pytest.approx((0.9367, 0.9338), abs=1e-2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("represent", "areas"), [(identity, (0.98859, 0.98712)), (cumsum, (0.96833, 0.96540))]
)
def test_explicitness_agrees_to_two_digits(
    represent: Callable[[np.ndarray], np.ndarray], areas: tuple[float, float]
) -> None:
    train, test = sampler(represent).points()
    found = explicitness(*train, *test)
    assert (found.train.value, found.test.value) == pytest.approx(areas, abs=1e-2)


@pytest.mark.slow
@pytest.mark.parametrize(("represent", "sap"), [(identity, 0.17908), (dup_dead, 0.01488)])
def test_the_easy_representations_agree_too(
    represent: Callable[[np.ndarray], np.ndarray], sap: float
) -> None:
    draws = sampler(represent)
    train, test = draws.points()
    assert sap_discrete(*train, *test).value == pytest.approx(sap, abs=1e-2)
    assert beta_vae(*draws.pairs()) == (1.0, 1.0)
    assert factor_vae(*draws.votes()) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("by", "models", "pairs"),
    [
        ("lasso", [0.8229, 0.8229, 0.2843], [[0, 0.9, 0.2843], [0.9, 0, 0.2843], [0.7459, 0.7459, 0]]),
        ("spearman", [0.607, 0.607, 0.3041], [[0, 0.9099, 0.3041], [0.9099, 0, 0.3041], [0.3041, 0.3041, 0]]),
    ],
)
def test_udr_agrees(by: str, models: list[float], pairs: list[list[float]]) -> None:
    factors = FactorSampler(SIZES, identity, batch=10).points(1000, 0)[0].factors
    turned = identity(factors)[:, [3, 0, 4, 2, 1]] * [1, -1, 1, -1, 1]
    found = udr([identity(factors), turned, cumsum(factors)], [np.ones(5)] * 3, by)
    assert found.models == pytest.approx(models, abs=1e-4)
    assert found.pairs == pytest.approx(np.array(pairs), abs=1e-4)
