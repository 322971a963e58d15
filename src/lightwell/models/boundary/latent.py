"""Latent search: noise is moved until the classifier cannot decide, the networks stay as they are."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lightwell.models.boundary.gan import Gan
from lightwell.models.boundary.rules import Rule
from lightwell.models.boundary.undecided import Undecided
from lightwell.models.ranges import check_ranges
from lightwell.nets.convnets import check_count


@dataclass(frozen=True)
class LatentSearch:
    """Images of a trained GAN on which a classifier is undecided, found by Adam on the noise.

    Each image is searched for alone: what is minimised is the pull of the rule ``huber`` on it. Few images
    miss the band in the end; how real they look is the generator's affair.

    Parameters
    ----------
    gan : Gan
        A trained one; its mode, weights and gradients stay as they are.
    undecided : Undecided
        The classifier and its two classes.
    steps : int
        Steps of Adam, 1 or more.
    lr : float
        Its step size, above 0, in units of the noise's standard deviation.

    Raises
    ------
    ConfigError
        If steps or step size are out of range.

    Examples
    --------
    >>> from lightwell.models.model import Signature
    >>> gan = Gan(Signature((), (28, 28, 1)))
    >>> classifier = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 2))
    >>> asked = Undecided(classifier, outputs="logits")
    >>> LatentSearch(gan, asked, steps=2).sample(3, seed=0).shape
    torch.Size([3, 1, 28, 28])
    """

    gan: Gan
    undecided: Undecided
    steps: int = 60
    lr: float = 0.05

    def __post_init__(self) -> None:
        check_ranges("latent search", self, above="lr", counts="steps")

    def sample(self, n: int, seed: int, max_rows: int = 256) -> Tensor:
        """Return n images B×C×H×W in [0, 1] that start from the noise ``Gan.sample`` would take.

        See :meth:`lightwell.models.capabilities.Generates.sample`.
        """
        check_count("max_rows", max_rows)
        noise = self.gan.noise(n, seed)
        modes = [(part, part.training) for part in self.gan.modules()]
        self.gan.eval()  # batch statistics would let one image see the others
        try:
            return torch.cat([self._search(rows) for rows in torch.split(noise, max_rows)])
        finally:
            for part, training in modes:
                part.training = training

    def _search(self, start: Tensor) -> Tensor:
        """Return the images of noise n×N after the search."""
        noise, rule = start.clone().requires_grad_(), Rule("huber")
        optimizer = torch.optim.Adam([noise], lr=self.lr)
        for _ in range(self.steps):
            with torch.enable_grad():
                # A sum, since a mean would let the number of images into the gradient of each.
                loss = rule.pull(self.undecided.ask(self.gan.generate(noise))).sum()
            (noise.grad,) = torch.autograd.grad(loss, [noise])
            optimizer.step()
        with torch.no_grad():
            return self.gan.generate(noise)
