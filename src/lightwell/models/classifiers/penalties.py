"""Penalties that push the features of one class apart: by their filters, or by what they answer."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def correlation_penalty(filters: Tensor) -> Tensor:
    """Return the correlation penalty between the filters of one class, summed over classes.

    Parameters
    ----------
    filters : Tensor, shape (K, k, m)
        Filters by class, flattened.

    Returns
    -------
    Tensor
        Scalar in [0, K·(k−1)/(2k)]: absolute Pearson correlations of the k(k−1)/2 pairs, divided by all
        k² cells as the reference does, summed over classes.

    Examples
    --------
    >>> alike = torch.arange(6.0).expand(3, 5, 6)
    >>> round(correlation_penalty(alike).item(), 4)
    1.2
    """
    k = filters.shape[1]
    centred = filters - filters.mean(dim=2, keepdim=True)
    # The floor keeps a constant filter at correlation 0, and its gradient finite.
    unit = centred / centred.square().mean(dim=2, keepdim=True).clamp_min(1e-12).sqrt()
    correlation = unit @ unit.transpose(1, 2) / filters.shape[2]
    return correlation.abs().triu(diagonal=1).sum() / k**2


def std_penalty(filters: Tensor, kind: str, target: float) -> Tensor:
    """Return the penalty on filters of one class that hardly differ.

    Parameters
    ----------
    filters : Tensor, shape (K, k, m)
        Filters by class, flattened.
    kind : {"exponential", "linear"}
        ``2·exp(−β·std)`` with β = ln(2/0.001)/target, or ``2·(target − std)``, which falls below 0 once
        the target is passed, as in the reference.
    target : float
        Standard deviation across the k filters to reach at each weight.

    Returns
    -------
    Tensor
        Scalar, the mean over weights and classes.

    Examples
    --------
    >>> round(std_penalty(torch.zeros(2, 3, 4), "exponential", 0.1).item(), 3)
    2.0
    """
    std = (filters - filters.mean(dim=1, keepdim=True)).square().mean(dim=1).clamp_min(1e-12).sqrt()
    if kind == "linear":
        return 2 * (target - std).mean()
    beta = math.log(2 / 0.001) / target
    return 2 * torch.exp(-beta * std).mean()


def activation_correlation(blocks: Tensor, labels: Tensor) -> Tensor:
    """Return the mean absolute correlation between the features of one class, over its examples.

    Parameters
    ----------
    blocks : Tensor, shape (B, k)
        Activations of each example's own class block.
    labels : Tensor of int, shape (B,)
        Class of each example. Classes with fewer than 3 examples are passed over.

    Returns
    -------
    Tensor
        Scalar in [0, 1]: the class mean is taken off, then the k(k−1)/2 Pearson correlations are averaged in
        absolute value, over pairs and classes; 0 where no class has enough examples.

    Examples
    --------
    >>> alike = torch.tensor([[1.0, 2.0], [2.0, 4.0], [4.0, 8.0]])
    >>> round(activation_correlation(alike, torch.tensor([0, 0, 0])).item(), 4)
    1.0
    """
    k = blocks.shape[1]
    found = []
    for label in torch.unique(labels):
        own = blocks[labels == label]
        if len(own) < 3:
            continue
        residual = own - own.mean(dim=0)
        unit = residual / residual.square().sum(dim=0).clamp_min(1e-12).sqrt()
        found.append((unit.T @ unit).abs().triu(diagonal=1).sum() / (k * (k - 1) / 2))
    return torch.stack(found).mean() if found else blocks.sum() * 0.0
