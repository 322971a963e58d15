"""Update rules: pulls and their slopes by hand, min-norm weights, the steps of each rule, and their names."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import torch

from lightwell.core import ConfigError
from lightwell.models.boundary.rules import RULES, Rule, gamma
from lightwell.models.boundary.undecided import Answer, Undecided

NUMBERED = ["l1:25", "gaussian:1", "alternating:1", "huber:1"]


def answer(z, mass=None):
    mass = torch.ones_like(z) if mass is None else mass
    return Answer(z, mass, z[:, None])


def pull(rule, p):
    """Return a rule's pull at a probability, and its slope there by that probability."""
    z = torch.tensor([math.log(p / (1 - p))], dtype=torch.float64, requires_grad=True)
    value = rule.pull(answer(z))
    (slope,) = torch.autograd.grad(value.sum(), z)
    return value.item(), slope.item() / (p * (1 - p))


# Pulls.


@pytest.mark.parametrize("name", ["l1:25", "control", "mgda", "mgda-normed"])
def test_the_distance_by_hand(name):
    assert pull(Rule.parse(name), 0.9) == pytest.approx((0.4, 1))
    assert pull(Rule.parse(name), 0.2) == pytest.approx((0.3, -1))


@pytest.mark.parametrize("name", ["gaussian:1", "alternating:1"])
def test_the_gaussian_by_hand(name):
    # 0.16 / 0.01 = 16, and its slope is 0.4 / 0.01.
    assert pull(Rule.parse(name), 0.9) == pytest.approx(((math.log(0.01) + 16) / 2, 40))
    assert pull(Rule.parse(name + ":0.5"), 0.2) == pytest.approx(((math.log(0.5) + 0.18) / 2, -0.6))
    p, v = 0.3, 0.02
    reference = torch.nn.GaussianNLLLoss(reduction="none")(
        torch.tensor(p), torch.tensor(0.5), torch.tensor(v)
    )
    assert pull(Rule.parse(f"{name}:{v}"), p)[0] == pytest.approx(reference.item(), rel=1e-6)


def test_huber_on_the_log_odds_by_hand():
    z = torch.tensor([math.log(9), 0.5, -3.0], requires_grad=True)
    value = Rule("huber").pull(answer(z))
    assert value.tolist() == pytest.approx([math.log(9) - 0.5, 0.125, 2.5])
    assert torch.autograd.grad(value.sum(), z)[0].tolist() == pytest.approx([1, 0.5, -1])


def test_kl_is_one_sided_and_says_so():
    with pytest.warns(UserWarning, match="towards p = 1"):
        rule = Rule("kl")
    assert pull(rule, 0.2) == pytest.approx((0.5 * math.log(2.5), -2.5))
    assert pull(rule, 0.9) == pytest.approx(
        (0.5 * math.log(5 / 9), -0.5 / 0.9)
    )  # still away from the boundary


def test_pulls_stay_finite_where_a_classifier_is_sure():
    z = torch.tensor([200.0, -200.0], requires_grad=True)
    for name in NUMBERED:
        value = Rule.parse(name).pull(answer(z, mass=torch.zeros(2)))
        assert torch.isfinite(value).all()
        assert torch.isfinite(torch.autograd.grad(value.sum(), z)[0]).all()


@pytest.mark.parametrize("name", NUMBERED)
def test_a_pair_of_more_classes_is_also_pulled_to_its_mass(name):
    rule = Rule.parse(name)
    probabilities = torch.tensor([[0.2, 0.3, 0.4, 0.1]])
    logits = probabilities.log().reshape(1, 4, 1, 1).requires_grad_()
    asked = Undecided(torch.nn.Flatten(), pair=(0, 1), outputs="logits").ask(logits)
    alone = rule.pull(answer(asked.log_odds))
    mass_term = rule.pull(asked) - alone
    assert asked.p.item() == pytest.approx(0.4)
    assert mass_term.item() == pytest.approx(-math.log(0.5), rel=1e-5)
    # -ln m falls by P/m - P in the pair's own logits, and rises by P in the others.
    (slope,) = torch.autograd.grad(mass_term.sum(), logits)
    assert slope.flatten().tolist() == pytest.approx([-0.2, -0.3, 0.4, 0.1], abs=1e-5)


@pytest.mark.parametrize("name", NUMBERED)
def test_two_classes_have_no_mass_term_at_all(name):
    rule = Rule.parse(name)
    logits = torch.randn(7, 2, 1, 1, generator=torch.Generator().manual_seed(0))
    asked = Undecided(torch.nn.Flatten(), outputs="logits").ask(logits)
    assert torch.equal(rule.pull(asked), RULES[rule.name].pull(asked, rule))


# Steps.


class Toy:
    """A game whose generator is its weights, with two linear losses."""

    def __init__(self, adversarial, pull):
        self.weights = [torch.nn.Parameter(torch.ones(1)), torch.nn.Parameter(torch.ones(1))]
        self.slopes = torch.tensor(adversarial), torch.tensor(pull)
        self.seen = []

    def generate(self):
        made = torch.cat(self.weights)
        self.seen.append(made.tolist())
        return made

    def adversarial(self, images):
        return self.slopes[0] @ images

    def pull(self, images):
        return self.slopes[1] @ images

    def mean(self, values):
        return values


def played(text, adversarial=(2.0, 0.0), pull=(0.0, 1.0)):
    """Play a rule with steps of plain descent at rate 1; return the game, gradients, limits and gammas."""
    game, gradients, limits, gammas = Toy(adversarial, pull), [], [], []
    for step in Rule.parse(text).steps(game):
        slopes = torch.autograd.grad(step.loss, game.weights, allow_unused=True)
        gradients.append([slope.item() for slope in slopes])
        limits.append(step.clip)
        gammas.append(step.gamma)
        with torch.no_grad():
            for weight, slope in zip(game.weights, slopes, strict=True):
                weight -= slope
    return game, gradients, limits, gammas


def test_control_is_the_plain_loss():
    assert played("control")[1:] == ([[2, 0]], [math.inf], [None])


@pytest.mark.parametrize("name", ["l1", "gaussian", "huber"])
def test_summed_rules_take_one_step_on_the_weighted_sum(name):
    assert played(f"{name}:25")[1:] == ([[2, 25]], [math.inf], [None])


def test_alternating_takes_two_steps_with_limits_and_the_second_sees_the_first():
    game, gradients, limits, _ = played("alternating:3")
    assert gradients == [[0, 1], [2, 0]]  # the weight is in the limit alone
    assert limits == [1.5, 0.5]
    assert game.seen == [[1, 1], [1, 0]]
    assert played("alternating:3:0.01:0.1")[2] == pytest.approx([0.3, 0.1])


def test_mgda_steps_on_the_shortest_combination():
    game, gradients, limits, gammas = played("mgda")
    # Squares 4 and 1, orthogonal: 1 / 5.
    assert gammas == pytest.approx([0.2])
    assert gradients[0] == pytest.approx([0.4, 0.8])
    assert limits == [math.inf]
    assert len(game.seen) == 1


@pytest.mark.parametrize("sign", [1, -1])
def test_mgda_normed_divides_by_loss_and_norm_and_turns_no_gradient(sign):
    # Loss and norm of the first are ±2 and 2, of the second 1 and 1: (±1/2, 0) and (0, 1), so 1 / (1/4 + 1).
    _, gradients, _, gammas = played("mgda-normed", adversarial=(2.0 * sign, 0.0))
    assert gammas == pytest.approx([0.8])
    assert gradients[0] == pytest.approx([1.6 * sign, 0.2])


def test_mgda_normed_divides_by_no_loss_of_0():
    # The second, (-1, 1), is endless beside the first, (1/2, 0).
    assert played("mgda-normed", pull=(-1.0, 1.0))[3] == pytest.approx([1])


def test_gamma_by_hand():
    unit = torch.eye(3)
    assert gamma(unit[0], unit[1]) == 0.5
    assert gamma(unit[0], unit[0]) == 0.999
    assert gamma(unit[0], 2 * unit[0]) == 0.999  # the shorter one
    assert gamma(2 * unit[0], unit[0]) == 0.001
    assert gamma(unit[0], -unit[0] + unit[1]) == pytest.approx(0.6)
    assert gamma(unit[0], 0 * unit[0]) == 0.001


def test_gamma_is_the_shortest_of_a_grid():
    draw = np.random.default_rng(0)
    grid = np.linspace(0.001, 0.999, 999)
    for _ in range(20):
        one, two = draw.normal(size=(2, 5))
        norms = np.linalg.norm(grid[:, None] * one + (1 - grid)[:, None] * two, axis=1)
        found = gamma(torch.tensor(one), torch.tensor(two))
        assert found == pytest.approx(grid[norms.argmin()], abs=0.001)


# Names.


@pytest.mark.parametrize(
    "text",
    ["control", "mgda", "l1:25", "l1:0.05", "gaussian:1:0.02", "alternating:1", "alternating:2:0.01:0.1"],
)
def test_names_are_read_and_written(text):
    assert str(Rule.parse(text)) == text
    assert Rule.parse(str(Rule.parse(text))) == Rule.parse(text)


def test_defaults():
    assert Rule() == Rule.parse(" alternating ") == Rule("alternating", 1.0, 0.01, 0.5)
    assert str(Rule("l1", 25)) == "l1:25"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("alternatin:1", "Did you mean 'alternating'"),
        ("l1:0", "rule l1, weight.*'control'"),
        ("l1:-1", "rule l1, weight"),
        ("huber:nan", "rule huber, weight"),
        ("gaussian:inf", "rule gaussian, weight"),
        ("gaussian:1:0", "rule gaussian, variance"),
        ("alternating:1:0.01:-1", "rule alternating, clip"),
        ("mgda:5", "rule mgda, weight.*no use"),
        ("l1:5:0.02", "rule l1, variance.*no use"),
        ("gaussian:1:0.01:0.1", "rule gaussian, clip.*no use"),
        ("l1:", "cannot be read"),
        ("l1:much", "cannot be read"),
        ("alternating:1:1:1:1", "cannot be read"),
    ],
)
def test_wrong_rules_are_refused(text, said):
    with pytest.raises(ConfigError, match=said):
        Rule.parse(text)


def test_only_kl_warns():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for name in RULES:
            Rule(name)
    assert len(caught) == 1
