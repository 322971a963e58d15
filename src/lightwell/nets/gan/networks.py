"""What all generators and discriminators share: where pixels are in [0, 1], and where in [-1, 1]."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn


class Generator(nn.Module):
    """From noise to images in [0, 1]: its layers, then tanh.

    Parameters
    ----------
    layers : nn.Module
        From noise B×N to B×C×H'×W'.
    height, width : int
        Of the images, at most H' and W'; the excess is cut off.
    """

    def __init__(self, layers: nn.Module, height: int, width: int) -> None:
        super().__init__()
        self.layers, self.height, self.width = layers, height, width

    def forward(self, noise: Tensor) -> Tensor:
        """Return images B×C×H×W in [0, 1] of noise B×N."""
        pixels = cast("Tensor", self.layers(noise))[:, :, : self.height, : self.width]
        return (pixels.tanh() + 1) / 2


class Discriminator(nn.Module):
    """From images in [0, 1] to one logit each, larger for what looks real.

    Parameters
    ----------
    body : nn.Module
        From images B×C×H×W in [-1, 1] to features B×D.
    head : nn.Module
        From features to one number.
    width : int
        D.
    """

    def __init__(self, body: nn.Module, head: nn.Module, width: int) -> None:
        super().__init__()
        self.body, self.head, self.width = body, head, width

    def features(self, images: Tensor) -> Tensor:
        """Return features B×D of images B×C×H×W in [0, 1]."""
        return cast("Tensor", self.body(2 * images - 1))

    def forward(self, images: Tensor) -> Tensor:
        """Return one logit an image, B."""
        return cast("Tensor", self.head(self.features(images))).squeeze(1)


def norm_of(critic: bool, channels: int, height: int, width: int) -> nn.Module:
    """Return a batch norm, or a layer norm for a critic, whose slope must not depend on other images."""
    return nn.LayerNorm((channels, height, width)) if critic else nn.BatchNorm2d(channels)
