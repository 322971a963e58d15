"""Gates: draws, and gradients against formulas worked by hand and the exact gradient of the expectation."""

from __future__ import annotations

import pytest
import torch

from lightwell.core.errors import ConfigError
from lightwell.models.discovery.gates import GATES, choose, route

SCORES = torch.tensor([0.5, -0.2, 1.0, 0.1])
SHARES = SCORES.softmax(dim=0)


def gradient(kind, loss, noise, temperature=1.0):
    """Gradient of a loss of the choice in the scores."""
    scores = SCORES.clone().requires_grad_()
    choice = route(scores[None], kind, noise, temperature)[0]
    return torch.autograd.grad(loss(choice), scores)[0], choice.detach()


def drawing(k):
    """Numbers with which expert k is drawn."""
    noise = torch.full((1, 4), 1e-15)
    noise[0, k] = 0.9999999
    return noise


def expected(kind, loss):
    """Expectation of the gradient over all draws, each as likely as the gate makes it."""
    total = torch.zeros(4)
    for k in range(4):
        slope, choice = gradient(kind, loss, drawing(k))
        assert choice.argmax() == k
        total += SHARES[k] * slope
    return total


def exact(loss):
    """Gradient of the expectation itself."""
    scores = SCORES.clone().requires_grad_()
    mean = sum(p * loss(torch.eye(4)[k]) for k, p in enumerate(scores.softmax(dim=0)))
    return torch.autograd.grad(mean, scores)[0]


def test_straight_through_by_hand():
    incoming = torch.tensor([1.0, -2.0, 0.5, 3.0])
    wanted = SHARES * (incoming - (SHARES * incoming).sum())
    for kind in ("sample", "argmax", "soft"):
        found, _ = gradient(kind, lambda choice: choice @ incoming, drawing(1))
        torch.testing.assert_close(found, wanted)
    assert (wanted != 0).all()  # experts that were not drawn learn too


def test_gumbel_by_hand():
    noise, incoming = torch.tensor([[0.2, 0.7, 0.4, 0.9]]), torch.tensor([1.0, -2.0, 0.5, 3.0])
    drawn = SCORES - (-noise[0].log()).log()
    soft = (drawn / 0.5).softmax(dim=0)
    found, choice = gradient("gumbel", lambda choice: choice @ incoming, noise, 0.5)
    torch.testing.assert_close(found, soft * (incoming - (soft * incoming).sum()) / 0.5)
    assert choice.tolist() == torch.eye(4)[drawn.argmax()].tolist() == torch.eye(4)[3].tolist()


def test_gumbel_at_a_low_temperature_differentiates_the_draw_itself():
    noise = torch.tensor([[0.2, 0.7, 0.4, 0.9]])
    sharp = ((SCORES - (-noise[0].log()).log()) / 0.05).softmax(dim=0)
    _, choice = gradient("gumbel", torch.sum, noise, 0.05)
    assert (sharp - choice).abs().max() < 1e-3
    # In the limit the choice does not move with the scores, where a warm gate still does.
    slopes = [gradient("gumbel", lambda c: c[3], noise, t)[0].abs().max() for t in (0.05, 1.0)]
    assert slopes[0] < 0.02 < slopes[1]


@pytest.mark.parametrize("temperature", [1.0, 1.7])
def test_reinmax_by_hand(temperature):
    """Twice the slope of the shares half-way to the draw, less half the slope of the shares."""
    incoming, drawn = torch.tensor([1.0, -2.0, 0.5, 3.0]), torch.eye(4)[1]
    halfway = ((SCORES / temperature).softmax(dim=0) + drawn) / 2

    def slope(p):
        return p * (incoming - (p * incoming).sum())

    found, choice = gradient("reinmax", lambda c: c @ incoming, drawing(1), temperature)
    torch.testing.assert_close(found, 2 * slope(halfway) - slope(SHARES) / 2)
    assert choice.tolist() == drawn.tolist()


def test_reinmax_is_exact_for_quadratic_losses_and_closer_than_straight_through_for_others():
    draw = torch.Generator().manual_seed(0)
    table, line = torch.randn(4, 4, generator=draw), torch.randn(4, generator=draw)

    def quadratic(choice):
        return choice @ table @ choice + line @ choice

    def steep(choice):
        return (choice @ line) ** 3 + (choice @ table[0]).exp()

    torch.testing.assert_close(expected("reinmax", quadratic), exact(quadratic), atol=1e-5, rtol=1e-4)
    for loss in (quadratic, steep):
        errors = {kind: (expected(kind, loss) - exact(loss)).norm() for kind in ("sample", "reinmax")}
        assert errors["reinmax"] < 0.7 * errors["sample"]


@pytest.mark.parametrize("kind", ["sample", "gumbel", "reinmax"])
def test_draws_follow_the_shares_and_reach_every_expert(kind):
    noise = torch.rand(20_000, 4, generator=torch.Generator().manual_seed(0))
    choice = route(SCORES.expand(20_000, 4), kind, noise)
    assert (choice.mean(dim=0) - SHARES).abs().max() < 0.015
    assert torch.equal(choice, route(SCORES.expand(20_000, 4), kind, noise))


@pytest.mark.parametrize("kind", GATES)
def test_extreme_scores_and_draws_stay_finite(kind):
    scores = torch.tensor([[200.0, -200.0, 0.0], [0.0, 0.0, 0.0]], requires_grad=True)
    choice = route(scores, kind, torch.tensor([[0.0, 0.0, 0.0], [0.0, 1 - 2**-24, 0.5]]), 0.1)
    choice[:, 1].sum().backward()
    assert choice.isfinite().all()
    assert scores.grad.isfinite().all()


def test_a_trained_gate_takes_the_largest_and_no_other_gate_exists():
    assert choose(torch.tensor([[0.0, 3.0, 1.0], [2.0, 2.0, 0.0]])).argmax(dim=1).tolist() == [1, 0]
    with pytest.raises(ConfigError, match="reinmax"):
        route(SCORES[None], "reinmx", drawing(0))
