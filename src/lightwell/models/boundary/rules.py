"""Update rules: how a generator is moved when images must look real and leave a classifier undecided."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from lightwell.core.errors import ConfigError, nearest
from lightwell.models.boundary.undecided import Answer


class Game(Protocol):
    """One batch of a training, as a rule sees it."""

    weights: Sequence[nn.Parameter]
    """What the rule moves."""

    def generate(self) -> Tensor:
        """Return images B×C×H×W of the batch's noise, made by the generator as it is now."""

    def adversarial(self, images: Tensor) -> Tensor:
        """Return the plain generator loss, a scalar."""

    def pull(self, images: Tensor) -> Tensor:
        """Return the mean pull towards the classifier's boundary, a scalar."""

    def mean(self, values: Tensor) -> Tensor:
        """Return the mean over all processes of the training."""


class Step(NamedTuple):
    """One optimiser step: the loss, the largest gradient norm, and MGDA's weight of the plain loss."""

    loss: Tensor
    clip: float = math.inf
    gamma: float | None = None


@dataclass(frozen=True)
class Rule:
    """A pull towards the boundary, and how it is joined with the plain GAN loss.

    Rules are written ``name:weight``, after which ``variance`` and ``clip`` may follow:

    - ``control``: the plain GAN step, without a pull.
    - ``l1:25``: one step on the sum of the plain loss and ``weight`` times mean ``|0.5 - p|``.
    - ``mgda``, ``mgda-normed``: one step on the shortest convex combination of the two gradients (see
      :func:`gamma`), before which the normed form divides each by its loss and its norm.
    - ``gaussian:1``: the sum with the Gaussian negative log-likelihood of p around 0.5.
    - ``alternating:1``: a step on the Gaussian pull, then one on the plain loss, gradients clipped.
    - ``huber:1``: the sum with the Huber loss of the log-odds.
    - ``kl:1``: the sum with ``0.5 (ln 0.5 - ln p)``, smallest at p = 1: no ambiguity, only to compare.

    Each pull also has ``-ln(mass)``, mass being the probability of the two classes together, so that a
    classifier of more classes is undecided between these two; where there are only two it is 0.

    Attributes
    ----------
    name : str
        A key of ``RULES``.
    weight : float
        Weight of the pull, above 0; of ``alternating`` it scales the limit of the pull's gradient alone.
    variance : float
        Variance of the Gaussian, above 0: how much indecision is tolerated.
    clip : float
        Largest gradient norm of each step of ``alternating``, above 0; the pull's is ``weight`` times that.

    Raises
    ------
    ConfigError
        If there is no such rule, a number is out of range, or the rule has no use for it.

    References
    ----------
    L1 and MGDA: Cunha, Soares, Restivo and Teixeira, "GASTeN: generative adversarial stress test networks",
    IDA 2023 (min-norm weights: Sener and Koltun, NeurIPS 2018). Gaussian: GASTeNv2, EPIA 2024. Balance and
    mass of a pair of K classes: the Kullback-Leibler divergence of the uniform distribution over the pair.

    Examples
    --------
    >>> rule = Rule.parse("l1:25")
    >>> rule.name, rule.weight, str(rule)
    ('l1', 25.0, 'l1:25')
    """

    name: str = "alternating"
    weight: float = 1.0
    variance: float = 0.01
    clip: float = 0.5

    def __post_init__(self) -> None:
        if self.name not in RULES:
            raise ConfigError("unknown rule", got=repr(self.name), fix=nearest(self.name, RULES))
        for position, field in enumerate(fields(self)[1:], 1):
            value = getattr(self, field.name)
            used = position <= RULES[self.name].numbers
            if not 0 < value < math.inf or not (used or value == field.default):
                raise ConfigError(
                    "setting is out of range",
                    where=f"rule {self.name}, {field.name}",
                    expected="a number above 0" if used else "none: this rule has no use for it",
                    got=value,
                    fix="The plain GAN step is the rule 'control'." if used and value == 0 else None,
                )
        if self.name == "kl":
            warnings.warn(
                "the rule 'kl' pulls towards p = 1, not to the boundary: use it only to compare",
                stacklevel=3,
            )

    @classmethod
    def parse(cls, text: str) -> Rule:
        """Return the rule that a text such as ``"alternating:1"`` stands for.

        Raises
        ------
        ConfigError
            As the class, and if what follows the name is not one to three numbers.
        """
        name, *numbers = text.strip().split(":")
        try:
            values = dict(zip(("weight", "variance", "clip"), map(float, numbers), strict=False))
            if len(numbers) > len(values):
                raise ValueError("too many numbers")  # noqa: TRY301 - told like the others
        except ValueError as error:
            raise ConfigError(
                "this rule cannot be read", expected="name:weight, such as alternating:1", got=repr(text)
            ) from error
        return cls(name, **values)

    def __str__(self) -> str:
        numbers = [getattr(self, field.name) for field in fields(self)[1:]][: RULES[self.name].numbers]
        while len(numbers) > 1 and numbers[-1] == fields(self)[len(numbers)].default:
            numbers.pop()
        return ":".join([self.name, *(str(number).removesuffix(".0") for number in numbers)])

    def pull(self, answer: Answer) -> Tensor:
        """Return the pull (B,) of a classifier's answers about B images, mass term included, unweighted."""
        tiny = torch.finfo(answer.mass.dtype).tiny
        return RULES[self.name].pull(answer, self) - answer.mass.clamp_min(tiny).log()

    def steps(self, game: Game) -> Iterator[Step]:
        """Return the steps of one batch; each is to be taken before the next is asked for."""
        return RULES[self.name].steps(game, self)


# Pulls: (B,) of the answers about B images.


def _distance(answer: Answer, _: Rule) -> Tensor:
    return (0.5 - answer.p).abs()


def _gaussian(answer: Answer, rule: Rule) -> Tensor:
    return (math.log(rule.variance) + (answer.p - 0.5).square() / rule.variance) / 2


def _huber(answer: Answer, _: Rule) -> Tensor:
    return functional.huber_loss(answer.log_odds, torch.zeros_like(answer.log_odds), reduction="none")


def _one_sided(answer: Answer, _: Rule) -> Tensor:
    return (math.log(0.5) - functional.logsigmoid(answer.log_odds)) / 2


# Steps.


def _plain(game: Game, _: Rule) -> Iterator[Step]:
    yield Step(game.adversarial(game.generate()))


def _summed(game: Game, rule: Rule) -> Iterator[Step]:
    images = game.generate()
    yield Step(game.adversarial(images) + rule.weight * game.pull(images))


def _alternating(game: Game, rule: Rule) -> Iterator[Step]:
    yield Step(game.pull(game.generate()), rule.clip * rule.weight)
    yield Step(game.adversarial(game.generate()), rule.clip)


def _shortest(game: Game, rule: Rule) -> Iterator[Step]:
    images = game.generate()
    losses = game.adversarial(images), game.pull(images)
    slopes = []
    for loss in losses:
        parts = torch.autograd.grad(loss, tuple(game.weights), retain_graph=True)
        slope = game.mean(torch.cat([part.flatten() for part in parts]))
        if rule.name == "mgda-normed":
            # The size of the loss, since Wasserstein losses are negative too and must not turn the gradient.
            size = game.mean(loss.detach()).abs() * slope.norm()
            slope = slope / size.clamp_min(1e-12)
        slopes.append(slope)
    share = gamma(*slopes)
    yield Step(share * losses[0] + (1 - share) * losses[1], gamma=share)


def gamma(first: Tensor, second: Tensor) -> float:
    """Return the weight g, in [0.001, 0.999], for which ``g first + (1 - g) second`` is shortest.

    Parameters
    ----------
    first, second : Tensor
        Gradients, of one shape (P,).

    References
    ----------
    Sener and Koltun, "Multi-task learning as multi-objective optimization", NeurIPS 2018.

    Examples
    --------
    >>> gamma(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 2.0]))
    0.8
    """
    one, two, both = (float(a @ b) for a, b in ((first, first), (second, second), (first, second)))
    if both >= one:
        return 0.999
    if both >= two:
        return 0.001
    return (two - both) / (one + two - 2 * both)


class Recipe(NamedTuple):
    """What a rule consists of; ``numbers`` of weight, variance and clip are its own, in this order."""

    steps: Callable[[Game, Rule], Iterator[Step]]
    pull: Callable[[Answer, Rule], Tensor]
    numbers: int


RULES: dict[str, Recipe] = {
    "control": Recipe(_plain, _distance, 0),
    "l1": Recipe(_summed, _distance, 1),
    "mgda": Recipe(_shortest, _distance, 0),
    "mgda-normed": Recipe(_shortest, _distance, 0),
    "gaussian": Recipe(_summed, _gaussian, 2),
    "alternating": Recipe(_alternating, _gaussian, 3),
    "huber": Recipe(_summed, _huber, 1),
    "kl": Recipe(_summed, _one_sided, 1),
}
