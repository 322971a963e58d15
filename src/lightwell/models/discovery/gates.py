"""Gates: from scores of K experts to a choice of one, and how a gradient gets through that choice."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from lightwell.core.errors import ConfigError, nearest

GateKind = Literal["sample", "gumbel", "reinmax", "argmax", "soft"]
GATES: tuple[GateKind, ...] = get_args(GateKind)


def choose(scores: Tensor) -> Tensor:
    """Return the one-hot choice of the largest score, B×K; how every gate decides once it is trained.

    Examples
    --------
    >>> choose(torch.tensor([[0.1, 2.0, -1.0]]))
    tensor([[0., 1., 0.]])
    """
    return _one_hot(scores.argmax(dim=-1, keepdim=True), scores)


def route(scores: Tensor, kind: GateKind, noise: Tensor, temperature: float = 1.0) -> Tensor:
    """Return the choice of a gate in training, with the gradient of its kind.

    ``sample`` draws an expert and hands the gradient to the probabilities as they are (straight-through;
    Bengio et al., arXiv 1308.3432). ``gumbel`` draws the same expert and hands it to a softened draw (Jang et
    al., ICLR 2017); low temperatures follow the draw more closely. ``reinmax`` is accurate to second order
    (Liu et al., NeurIPS 2023); it likes temperatures of 1 and above. ``argmax`` draws nothing. ``soft`` mixes
    all experts.

    Parameters
    ----------
    scores : Tensor
        Logits B×K.
    kind : {"sample", "gumbel", "reinmax", "argmax", "soft"}
        How the gate chooses.
    noise : Tensor
        Uniform numbers in [0, 1), B×K; the same numbers give the same choice.
    temperature : float
        Of ``gumbel`` and ``reinmax``, above 0.

    Returns
    -------
    Tensor
        B×K; one-hot but for ``soft``.

    Raises
    ------
    ConfigError
        If there is no such kind.

    Examples
    --------
    >>> scores = torch.zeros(1, 2, requires_grad=True)
    >>> choice = route(scores, "sample", torch.tensor([[0.9, 0.1]]))
    >>> choice.detach(), torch.autograd.grad(choice[0, 1], scores)[0]  # the other expert learns too
    (tensor([[1., 0.]]), tensor([[-0.2500,  0.2500]]))
    """
    if kind not in GATES:
        raise ConfigError("no such gate", got=repr(kind), fix=nearest(kind, GATES))
    scores = scores.float()  # half precision has no room for the tails of the noise
    shares = scores.softmax(dim=-1)
    if kind == "soft":
        return shares
    if kind == "argmax":
        return _straight_through(choose(scores), shares)
    drawn = scores - torch.log(-torch.log(noise.clamp(1e-20, 1 - 1e-7)))
    hard = choose(drawn)
    if kind == "gumbel":
        return _straight_through(hard, (drawn / temperature).softmax(dim=-1))
    if kind == "reinmax":
        return _straight_through(hard, _second_order(scores, shares, hard, temperature))
    return _straight_through(hard, shares)


def _second_order(scores: Tensor, shares: Tensor, hard: Tensor, temperature: float) -> Tensor:
    """Return what ReinMax differentiates: twice the shares half-way to the draw, less half the gate's."""
    halfway = ((hard + (scores / temperature).softmax(dim=-1)) / 2).detach()
    # The same distribution, written so that its gradient is that of a softmax in the scores.
    moved = (halfway.clamp(min=1e-20).log() - scores.detach() + scores).softmax(dim=-1)
    return 2 * moved - shares / 2


def _straight_through(value: Tensor, slope: Tensor) -> Tensor:
    """Return the value with the gradient of another."""
    return value.detach() + (slope - slope.detach())


def _one_hot(index: Tensor, like: Tensor) -> Tensor:
    return (index == torch.arange(like.shape[-1], device=like.device)).to(like.dtype)
