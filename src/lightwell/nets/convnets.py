"""Bodies: convolutional networks from a batch of images to feature maps."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from lightwell.core.errors import ConfigError


class Body(nn.Sequential):
    """A network from images to feature maps that knows how many maps it makes.

    Parameters
    ----------
    *layers : torch.nn.Module
        Applied one after the other, from B×C×H×W to B×C'×h×w.
    out_channels : int
        C', the number of maps, >= 1.

    Attributes
    ----------
    out_channels : int
        C', the number of maps.

    Examples
    --------
    >>> Body(nn.Conv2d(3, 8, 3), out_channels=8)(torch.zeros(2, 3, 5, 5)).shape
    torch.Size([2, 8, 3, 3])
    """

    def __init__(self, *layers: nn.Module, out_channels: int) -> None:
        super().__init__(*layers)
        self.out_channels = out_channels


class _HalvingConv(nn.Conv2d):
    """A 3×3 convolution of stride 2 that pads as Keras' ``same`` does.

    Torch pads a row and a column on every side; Keras pads an even size at the bottom and right only, so
    that its windows sit one pixel further down and right.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, kernel_size=3, stride=2, bias=False)

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002 - torch's name
        height, width = input.shape[-2:]
        return super().forward(functional.pad(input, (width % 2, 1, height % 2, 1)))


def _vgg_block(in_channels: int, channels: tuple[int, int, int], dropout: float) -> list[nn.Module]:
    """Dropout, then three convolutions of which the last halves the size."""
    first, second, third = channels
    convolutions = (
        nn.Conv2d(in_channels, first, 3, padding=1, bias=False),
        nn.Conv2d(first, second, 3, padding=1, bias=False),
        _HalvingConv(second, third),
    )
    layers: list[nn.Module] = [nn.Dropout(dropout)]
    for convolution in convolutions:
        nn.init.normal_(convolution.weight, mean=0.0, std=0.05)
        norm = nn.BatchNorm2d(convolution.out_channels, eps=1e-3, momentum=0.01)
        layers += [convolution, norm, nn.LeakyReLU(0.2)]
    return layers


def vgg32(in_channels: int, dropout: float = 0.2) -> Body:
    """Build the body that DIFAIR and the strong closed-set baselines train (in the seed: ``standard_vgg32``).

    Three blocks. Each is a dropout of single elements on its input, then three 3×3 convolutions without
    bias, each followed by batch norm and LeakyReLU 0.2; the third convolution has stride 2. Channels are
    64-64-128, 128-128-128, 128-128-128, convolution weights are drawn from N(0, 0.05).

    Three habits of Keras are kept: stride-2 ``same`` padding (bottom and right only where the size is
    even), and batch norm with epsilon 1e-3 and momentum 0.99, which torch writes 0.01. The two batch-norm
    values are Keras' documented defaults; no run of the seed was compared with them.

    Parameters
    ----------
    in_channels : int
        Channels of the images, >= 1.
    dropout : float, default 0.2
        Share of elements set to zero at the input of each block, in [0, 1).

    Returns
    -------
    Body
        Maps B×C×H×W to B×128×h×w, h = H/8 rounded up: 8×8 at 64 pixels, 4×4 at 32.

    Raises
    ------
    ConfigError
        If a number is out of range.

    References
    ----------
    Method repository ``qchristoffel/DIFAIR``, ``models/architectures.py``; the network itself is that of
    Neal et al., "Open Set Learning with Counterfactual Images", ECCV 2018.

    Examples
    --------
    >>> body = vgg32(3)
    >>> body(torch.zeros(2, 3, 32, 32)).shape, body.out_channels
    (torch.Size([2, 128, 4, 4]), 128)
    """
    check_count("in_channels", in_channels)
    if not 0 <= dropout < 1:
        raise ConfigError("no such dropout", where="dropout", expected="a share in [0, 1)", got=dropout)
    return Body(
        *_vgg_block(in_channels, (64, 64, 128), dropout),
        *_vgg_block(128, (128, 128, 128), dropout),
        *_vgg_block(128, (128, 128, 128), dropout),
        out_channels=128,
    )


def small(in_channels: int) -> Body:
    """Build a body for a CPU: three 3×3 convolutions of 32, 64 and 64 channels.

    Each convolution (no bias) is followed by batch norm and LeakyReLU 0.1; the first two are max-pooled by
    two *before* the batch norm, which makes a step about a third cheaper than after it. Initial weights and
    batch-norm settings are torch's defaults.

    Parameters
    ----------
    in_channels : int
        Channels of the images, >= 1.

    Returns
    -------
    Body
        Maps B×C×H×W to B×64×h×w, h = H/4 rounded down: 7×7 at 28 pixels.

    Raises
    ------
    ConfigError
        If ``in_channels`` is no count.

    Examples
    --------
    >>> small(1)(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 64, 7, 7])
    """
    check_count("in_channels", in_channels)
    layers: list[nn.Module] = []
    for before, after, pooled in ((in_channels, 32, True), (32, 64, True), (64, 64, False)):
        layers.append(nn.Conv2d(before, after, 3, padding=1, bias=False))
        if pooled:
            layers.append(nn.MaxPool2d(2))
        layers += [nn.BatchNorm2d(after), nn.LeakyReLU(0.1)]
    return Body(*layers, out_channels=64)


def tiny(in_channels: int) -> Body:
    """Build a body of two convolutions for images of one thing: 5×5 to 8 channels, 3×3 to 16, stride 2, ReLU.

    Examples
    --------
    >>> tiny(1)(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 16, 7, 7])
    """
    check_count("in_channels", in_channels)
    first = nn.Conv2d(in_channels, 8, 5, stride=2, padding=2)
    second = nn.Conv2d(8, 16, 3, stride=2, padding=1)
    return Body(first, nn.ReLU(), second, nn.ReLU(), out_channels=16)


def check_count(where: str, value: object) -> None:
    """Refuse what is no whole number >= 1.

    Examples
    --------
    >>> check_count("in_channels", 0)
    Traceback (most recent call last):
    lightwell.core.errors.ConfigError: not a usable count (in in_channels): expected an integer >= 1, got 0.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigError("not a usable count", where=where, expected="an integer >= 1", got=value)
