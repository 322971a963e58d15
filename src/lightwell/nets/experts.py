"""A layer for each of several experts, all at once: an expert has weights and biases of its own."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn


class ExpertLinear(nn.Module):
    """A linear layer an expert.

    Parameters
    ----------
    n_experts, in_features, out_features : int
        At least 1 each. Weights and biases are drawn as ``torch.nn.Linear`` draws them.

    Examples
    --------
    >>> ExpertLinear(5, 32, 2)(torch.zeros(3, 32)).shape  # the same input for all
    torch.Size([3, 5, 2])
    >>> ExpertLinear(5, 32, 2)(torch.zeros(3, 5, 32)).shape  # one each
    torch.Size([3, 5, 2])
    """

    def __init__(self, n_experts: int, in_features: int, out_features: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(in_features)
        self.weight = nn.Parameter(torch.empty(n_experts, in_features, out_features).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(n_experts, out_features).uniform_(-bound, bound))

    def forward(self, features: Tensor) -> Tensor:
        """Return B×K×O of B×F or B×K×F."""
        layout = "bf,kfo->bko" if features.ndim == 2 else "bkf,kfo->bko"
        return torch.einsum(layout, features, self.weight) + self.bias


class ExpertConv(nn.Module):
    """A 3×3 convolution, ReLU and the mean over places an expert.

    Parameters
    ----------
    n_experts, in_channels, width : int
        At least 1 each.

    Examples
    --------
    >>> ExpertConv(5, 16, 8)(torch.zeros(3, 16, 7, 7)).shape
    torch.Size([3, 5, 8])
    """

    def __init__(self, n_experts: int, in_channels: int, width: int) -> None:
        super().__init__()
        self.n_experts = n_experts
        channels = n_experts * in_channels
        self.convolution = nn.Conv2d(channels, n_experts * width, 3, padding=1, groups=n_experts)
        self.active = nn.ReLU()

    def forward(self, maps: Tensor) -> Tensor:
        """Return B×K×W of B×C×h×w or B×K×C×h×w."""
        each = maps.repeat(1, self.n_experts, 1, 1) if maps.ndim == 4 else maps.flatten(1, 2)
        made: Tensor = self.active(self.convolution(each))
        return made.mean(dim=(2, 3)).reshape(len(made), self.n_experts, made.shape[1] // self.n_experts)


def expert_layers(n_experts: int, widths: tuple[int, ...]) -> nn.Sequential:
    """Return linear layers of these widths an expert, with ReLU between them."""
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        layers += [ExpertLinear(n_experts, before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
