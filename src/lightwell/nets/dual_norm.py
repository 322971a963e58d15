"""Two batch norms in one place: images made by a network must not blur the statistics of real ones."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import torch
from torch import nn

from lightwell.nets.frozen import FrozenEncoder


class DualNorm(nn.Module):
    """A batch norm for real images and one of its own for others, weights and statistics.

    Parameters
    ----------
    norm : torch.nn.Module
        The batch norm in use for real images; the other starts as its copy.

    Examples
    --------
    >>> norm = DualNorm(nn.BatchNorm2d(3))
    >>> with for_others(norm):
    ...     _ = norm(torch.full((2, 3, 4, 4), 9.0))
    >>> norm.real.running_mean.tolist(), norm.others.running_mean[0].item() > 0
    ([0.0, 0.0, 0.0], True)
    """

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.real, self.others = norm, copy.deepcopy(norm)
        self.sees_others = False

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return what the norm of the current branch makes of it."""
        norm = self.others if self.sees_others else self.real
        return cast("torch.Tensor", norm(values))


def with_dual_norms(module: nn.Module) -> None:
    """Put a :class:`DualNorm` in the place of every batch norm inside a module.

    A frozen encoder is passed over: it is the user's own, and its statistics never move.

    Examples
    --------
    >>> net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    >>> with_dual_norms(net)
    >>> type(net[1]).__name__
    'DualNorm'
    """
    for name, child in module.named_children():
        if isinstance(child, nn.modules.batchnorm._BatchNorm):
            setattr(module, name, DualNorm(child))
        elif not isinstance(child, FrozenEncoder):
            with_dual_norms(child)


@contextmanager
def for_others(module: nn.Module) -> Iterator[None]:
    """Use the other branch of every :class:`DualNorm` of a module, and the real one again after."""
    norms = [part for part in module.modules() if isinstance(part, DualNorm)]
    try:
        for norm in norms:
            norm.sees_others = True
        yield
    finally:
        for norm in norms:
            norm.sees_others = False
