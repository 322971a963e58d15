"""The DCGAN of ARPL+CS, sized to the images it makes: a generator and a discriminator."""

from __future__ import annotations

import itertools
import math

import torch
from torch import nn

from lightwell.nets.convnets import check_count

_NARROW, _WIDE = 32, 128  # channels next to the image, and at most


class Generator(nn.Module):
    """From noise to images in [0, 1]: transposed convolutions that double the size, the excess cut off.

    Parameters
    ----------
    noise_size : int
        Dimensions of the noise, >= 1.
    image_shape : tuple of int
        Height, width and channels of an image.

    Raises
    ------
    ConfigError
        If a number is no count.

    References
    ----------
    Radford, Metz and Chintala, "Unsupervised representation learning with deep convolutional generative
    adversarial networks", ICLR 2016. ARPL's own has 64 to 256 channels; this one is for a CPU as well.

    Examples
    --------
    >>> Generator(100, (28, 28, 1))(torch.randn(2, 100)).shape
    torch.Size([2, 1, 28, 28])
    """

    def __init__(self, noise_size: int, image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        check_count("noise_size", noise_size)
        self.height, self.width, channels = image_shape
        widths = _widths(image_shape)[::-1]
        first = tuple(math.ceil(side / 2 ** len(widths)) for side in (self.height, self.width))
        layers: list[nn.Module] = [nn.ConvTranspose2d(noise_size, widths[0], first, bias=False)]
        for before, after in itertools.pairwise(widths):
            layers += [nn.BatchNorm2d(before), nn.ReLU()]
            layers.append(nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=False))
        layers += [nn.BatchNorm2d(widths[-1]), nn.ReLU()]
        layers += [nn.ConvTranspose2d(widths[-1], channels, 4, stride=2, padding=1), nn.Sigmoid()]
        self.layers = nn.Sequential(*layers)
        self.apply(_draw_weights)

    def forward(self, noise: torch.Tensor) -> torch.Tensor:
        """Return images B×C×H×W of noise B×N."""
        images: torch.Tensor = self.layers(noise[:, :, None, None])
        return images[:, :, : self.height, : self.width]


class Discriminator(nn.Module):
    """From images to one logit each, larger for what looks real.

    Parameters
    ----------
    image_shape : tuple of int
        Height, width and channels of an image, both sides at least 2 pixels.

    Raises
    ------
    ConfigError
        If a side is too short.

    Examples
    --------
    >>> Discriminator((28, 28, 1))(torch.rand(2, 1, 28, 28)).shape
    torch.Size([2])
    """

    def __init__(self, image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        height, width, channels = image_shape
        layers: list[nn.Module] = []
        for number, after in enumerate(_widths(image_shape)):
            layers.append(nn.Conv2d(channels, after, 4, stride=2, padding=1, bias=number == 0))
            layers += [nn.BatchNorm2d(after)] * (number > 0) + [nn.LeakyReLU(0.2)]
            channels, height, width = after, height // 2, width // 2
        check_count("half a side of the images", min(height, width))
        layers.append(nn.Conv2d(channels, 1, (height, width)))
        self.layers = nn.Sequential(*layers)
        self.apply(_draw_weights)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return one logit an image, B."""
        return torch.flatten(self.layers(images))


def _widths(image_shape: tuple[int, int, int]) -> list[int]:
    """Return the channels from the image inwards, one entry for each halving down to about 4 pixels."""
    halvings = max(int(math.log2(max(min(image_shape[:2]), 1) / 4)), 1)
    return [min(_NARROW * 2**i, _WIDE) for i in range(halvings)]


def _draw_weights(layer: nn.Module) -> None:
    """Draw weights as DCGANs do."""
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(layer.weight, 0.0, 0.02)
    elif isinstance(layer, nn.BatchNorm2d):
        nn.init.normal_(layer.weight, 1.0, 0.02)
