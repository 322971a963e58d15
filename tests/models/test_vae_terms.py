"""Each loss term: worked by hand, and against loops or torch's own distributions."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Bernoulli, Normal, kl_divergence

from lightwell.core import ConfigError
from lightwell.models.concepts.vae_terms import (
    capacity,
    dip_penalty,
    gaussian_kl,
    mmd,
    parse_terms,
    reconstruction_error,
    shuffled,
    total_correlation,
)


@pytest.fixture
def draw():
    chance = torch.Generator().manual_seed(0)
    return lambda *shape: torch.randn(*shape, generator=chance, dtype=torch.float64)


def test_kl_is_that_of_torch(draw):
    mean, log_variance, prior_mean, prior_log_variance = (draw(5, 3) for _ in range(4))
    wanted = kl_divergence(
        Normal(mean, (log_variance / 2).exp()), Normal(prior_mean, (prior_log_variance / 2).exp())
    )
    assert torch.allclose(gaussian_kl(mean, log_variance, prior_mean, prior_log_variance), wanted)


def test_kl_by_hand():
    # Prior log-variance -2: ½ [(-2 - 0) + (1 + 4) e² - 1].
    found = gaussian_kl(torch.tensor([3.0]), torch.zeros(1), torch.ones(1), torch.tensor([-2.0]))
    assert found.item() == pytest.approx((-3 + 5 * math.e**2) / 2)


def test_bernoulli_error_is_the_negative_log_likelihood(draw):
    logits, images = draw(2, 1, 3, 4), (draw(2, 1, 3, 4) > 0).double()
    wanted = -Bernoulli(logits=logits).log_prob(images).sum(dim=(1, 2, 3))
    assert torch.allclose(reconstruction_error(logits, images, "bernoulli"), wanted)


def test_gaussian_error_is_the_negative_log_likelihood_without_its_constant(draw):
    logits, images = draw(2, 1, 3, 4), draw(2, 1, 3, 4).sigmoid()
    wanted = -Normal(logits.sigmoid(), 1.0).log_prob(images).sum(dim=(1, 2, 3)) - 6 * math.log(2 * math.pi)
    assert torch.allclose(reconstruction_error(logits, images, "gaussian"), wanted)


def test_total_correlation_is_that_of_a_loop(draw):
    codes, mean, log_variance = (draw(4, 3) for _ in range(3))
    total = 0.0
    for j in range(4):
        joint, single = 0.0, [0.0] * 3
        for i in range(4):
            densities = [
                Normal(mean[i, d], (log_variance[i, d] / 2).exp()).log_prob(codes[j, d]).exp().item()
                for d in range(3)
            ]
            joint += math.prod(densities)
            single = [s + p for s, p in zip(single, densities, strict=True)]
        total += math.log(joint) - sum(math.log(s) for s in single)
    assert total_correlation(codes, mean, log_variance).item() == pytest.approx(total / 4)


def test_total_correlation_does_not_underflow():
    # 500 dimensions, 3 standard deviations from every mean: a product of densities is 0 in float32.
    codes = torch.full((2, 500), 3.0)
    found = total_correlation(codes, torch.zeros(2, 500), torch.zeros(2, 500))
    assert found.item() == pytest.approx(-499 * math.log(2), rel=1e-4)


def test_mmd_is_that_of_a_loop(draw):
    codes, prior = draw(3, 2), draw(4, 2)

    def similarity(first, second):
        pairs = [math.exp(-((x - y) ** 2).mean().item() / 2) for x in first for y in second]
        return sum(pairs) / len(pairs)

    wanted = similarity(codes, codes) + similarity(prior, prior) - 2 * similarity(codes, prior)
    assert mmd(codes, prior).item() == pytest.approx(wanted, rel=1e-5)


def test_mmd_by_hand():
    # One point each, all of 2 squared apart in one dimension of d = 1: 1 + 1 - 2 exp(-2).
    assert mmd(torch.zeros(1, 1), torch.full((1, 1), 2**0.5)).item() == pytest.approx(2 - 2 * math.exp(-2))


def test_dip_is_that_of_the_covariance_matrix(draw):
    mean, log_variance = draw(6, 3), draw(6, 3)
    first = torch.cov(mean.T, correction=0)
    second = first + torch.diag_embed(log_variance.exp()).mean(dim=0)
    for covariance, found in (
        (first, dip_penalty(mean, 10.0)),
        (second, dip_penalty(mean, 10.0, log_variance)),
    ):
        off = sum(covariance[i, j] ** 2 for i in range(3) for j in range(3) if i != j)
        on = sum((covariance[i, i] - 1) ** 2 for i in range(3))
        assert found.item() == pytest.approx((off + 10 * on).item())


def test_capacity_grows_to_its_maximum():
    assert [capacity(batches, 20.0, 4) for batches in (0, 1, 4, math.inf)] == [0, 5, 20, 20]


def test_shuffled_permutes_each_dimension_by_itself(draw):
    codes = draw(50, 2)
    torch.manual_seed(0)
    found = shuffled(codes)
    assert torch.equal(found.sort(dim=0).values, codes.sort(dim=0).values)
    rows = [(codes[:, d, None] == found[None, :, d]).int().argmax(dim=0) for d in range(2)]
    assert not torch.equal(rows[0], rows[1])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tcvea=4", "unknown loss term.*Did you mean 'tcvae'"),
        ("tcvae", r"a term needs a weight \(in terms\): expected tcvae=1, got 'tcvae'"),
        ("tcvae=-1", "needs a weight"),
        ("tcvae=nan", "needs a weight"),
        ("dip1=1,dip1=2", "named twice"),
    ],
)
def test_terms_that_cannot_be_are_refused(text, words):
    with pytest.raises(ConfigError, match=words):
        parse_terms(text)
