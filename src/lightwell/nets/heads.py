"""Heads: from feature maps to pooled codes, and on to class scores."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import nn

from lightwell.core.errors import ConfigError, nearest
from lightwell.nets.convnets import check_count

Activation = Literal["none", "relu", "leaky_relu", "sigmoid"]


class Head(nn.Module):
    """What every head offers: maps before pooling, and codes that are their means.

    Because pooling is a mean, the map of a dimension says exactly how much each place of the image
    contributed to it.

    Examples
    --------
    >>> head = Head()
    >>> features = torch.rand(2, 5, 4, 4)
    >>> head.maps(features).shape, head.codes(features).shape
    (torch.Size([2, 5, 4, 4]), torch.Size([2, 5]))
    """

    def maps(self, features: torch.Tensor) -> torch.Tensor:
        """Return the maps before pooling, B×D×h×w, of feature maps B×C×h×w."""
        return features

    def codes(self, features: torch.Tensor) -> torch.Tensor:
        """Return the codes B×D: the mean of each map over all places."""
        return self.maps(features).mean(dim=(2, 3))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return the codes B×D."""
        return self.codes(features)


class PooledHead(Head):
    """A 3×3 convolution with one filter a dimension, an activation, global average pooling.

    Parameters
    ----------
    in_channels : int
        Channels of the feature maps, >= 1.
    n_features_total : int
        D, dimensions of the code (number of classes times features a class), >= 1.
    activation : {"none", "relu", "leaky_relu", "sigmoid"}, default "relu"
        Applied to the maps before pooling; the slope of ``leaky_relu`` is 0.2 (in the seed:
        ``last_conv_activation``).
    batch_norm : bool, default False
        Normalise before the activation, with Keras' epsilon and momentum (in the seed: ``last_conv_bn``).

    Attributes
    ----------
    last_conv : torch.nn.Conv2d
        The convolution, without bias, weights drawn Xavier (Glorot) uniform.

    Raises
    ------
    ConfigError
        If a count is below 1 or the activation is unknown.

    References
    ----------
    Method repository ``qchristoffel/DIFAIR``, ``models/architectures.py``.

    Examples
    --------
    >>> head = PooledHead(64, 30)
    >>> features = torch.rand(2, 64, 7, 7)
    >>> codes = head(features)
    >>> codes.shape, torch.equal(codes, head.maps(features).mean((2, 3)))
    (torch.Size([2, 30]), True)
    """

    def __init__(
        self,
        in_channels: int,
        n_features_total: int,
        activation: Activation = "relu",
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        check_count("n_features_total", n_features_total)
        self.last_conv = _last_conv(in_channels, n_features_total)
        self.norm = nn.BatchNorm2d(n_features_total, eps=1e-3, momentum=0.01) if batch_norm else nn.Identity()
        self.activation = _activation(activation)

    def maps(self, features: torch.Tensor) -> torch.Tensor:
        """Return the maps before pooling, B×D×h×w, of feature maps B×C×h×w."""
        maps: torch.Tensor = self.activation(self.norm(self.last_conv(features)))
        return maps


class PooledLinear(Head):
    """Global average pooling, then a linear layer (in the seed: ``fc_end`` with one feature).

    Parameters
    ----------
    in_channels : int
        Channels of the feature maps, >= 1: the dimensions of the code.
    n_out : int
        Class scores, >= 1.
    bias : bool, default False
        Whether the linear layer has one.

    Raises
    ------
    ConfigError
        If a count is below 1.

    Examples
    --------
    >>> PooledLinear(128, 6)(torch.rand(2, 128, 4, 4)).shape
    torch.Size([2, 6])
    """

    def __init__(self, in_channels: int, n_out: int, bias: bool = False) -> None:
        super().__init__()
        check_count("in_channels", in_channels)
        check_count("n_out", n_out)
        self.linear = _linear(in_channels, n_out, bias)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return class scores B×K of feature maps B×C×h×w."""
        scores: torch.Tensor = self.linear(self.codes(features))
        return scores


class BottleneckLinear(Head):
    """A 3×3 convolution, LeakyReLU 0.1, global average pooling, then a linear layer.

    With as many features as DIFAIR it is the fair companion of :class:`PooledHead`: the same number of
    dimensions, but none belongs to a class (in the seed: ``fc_end`` with several features, slope 0.2).

    Parameters
    ----------
    in_channels, n_out, bias
        As in :class:`PooledLinear`.
    n_features : int
        D, dimensions of the code, >= 1.

    Examples
    --------
    >>> head = BottleneckLinear(64, 30, 6)
    >>> features = torch.rand(2, 64, 7, 7)
    >>> head(features).shape, head.codes(features).shape
    (torch.Size([2, 6]), torch.Size([2, 30]))
    """

    def __init__(self, in_channels: int, n_features: int, n_out: int, bias: bool = False) -> None:
        super().__init__()
        check_count("n_features", n_features)
        check_count("n_out", n_out)
        self.last_conv = _last_conv(in_channels, n_features)
        self.activation = nn.LeakyReLU(0.1)
        self.linear = _linear(n_features, n_out, bias)

    def maps(self, features: torch.Tensor) -> torch.Tensor:
        """Return the maps before pooling, B×D×h×w, of feature maps B×C×h×w."""
        maps: torch.Tensor = self.activation(self.last_conv(features))
        return maps

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return class scores B×K of feature maps B×C×h×w."""
        scores: torch.Tensor = self.linear(self.codes(features))
        return scores


def _last_conv(in_channels: int, n_features: int) -> nn.Conv2d:
    check_count("in_channels", in_channels)
    convolution = nn.Conv2d(in_channels, n_features, 3, padding=1, bias=False)
    nn.init.xavier_uniform_(convolution.weight)
    return convolution


def _linear(n_in: int, n_out: int, bias: bool) -> nn.Linear:
    # Keras draws dense layers Glorot uniform with a zero bias, torch does not.
    linear = nn.Linear(n_in, n_out, bias=bias)
    nn.init.xavier_uniform_(linear.weight)
    if bias:
        nn.init.zeros_(linear.bias)
    return linear


def _activation(name: str) -> nn.Module:
    if name not in get_args(Activation):
        raise ConfigError(
            "no such activation", where="activation", got=repr(name), fix=nearest(name, get_args(Activation))
        )
    if name == "none":
        return nn.Identity()
    if name == "relu":
        return nn.ReLU()
    return nn.LeakyReLU(0.2) if name == "leaky_relu" else nn.Sigmoid()
