"""A residual GAN for 32×32 images: three blocks that double, two that halve and two that keep the size."""

from __future__ import annotations

import math
from typing import cast

from torch import Tensor, nn

from lightwell.core.errors import ConfigError
from lightwell.nets.gan.networks import Discriminator, Generator, norm_of


class _Residual(nn.Module):
    """What the layers say, added to a shortcut."""

    def __init__(self, layers: list[nn.Module], shortcut: list[nn.Module]) -> None:
        super().__init__()
        self.layers, self.shortcut = nn.Sequential(*layers), nn.Sequential(*shortcut)

    def forward(self, maps: Tensor) -> Tensor:
        return cast("Tensor", self.shortcut(maps) + self.layers(maps))


def residual(
    noise_size: int,
    image_shape: tuple[int, int, int],
    generator_filters: int,
    discriminator_filters: int,
    critic: bool,
) -> tuple[Generator, Discriminator]:
    """Build generator and discriminator; parameters as of :func:`lightwell.nets.gan.build_gan`.

    Raises
    ------
    ConfigError
        If the sides are no multiples of 8.

    References
    ----------
    Gulrajani et al., "Improved training of Wasserstein GANs", NeurIPS 2017, appendix.
    """
    height, width, channels = image_shape
    if height % 8 or width % 8:
        raise ConfigError(
            "the residual generator doubles the size three times",
            where="architecture",
            expected="sides that are multiples of 8, such as 32",
            got=f"{height}×{width}",
            fix="Use small or dcgan, or resize the images.",
        )
    f, first = generator_filters, (generator_filters, height // 8, width // 8)
    layers: list[nn.Module] = [nn.Linear(noise_size, math.prod(first)), nn.Unflatten(1, first)]
    layers += [_doubling(f) for _ in range(3)]
    layers += [nn.BatchNorm2d(f), nn.ReLU(), _conv(f, channels)]
    generator = Generator(nn.Sequential(*layers), height, width)
    f, half, quarter = discriminator_filters, (height // 2, width // 2), (height // 4, width // 4)
    pool = nn.AvgPool2d(2)
    layers = [
        _Residual([_conv(channels, f), nn.ReLU(), _conv(f, f), pool], [pool, nn.Conv2d(channels, f, 1)]),
        _Residual([*_keeping(f, half, critic), pool], [nn.Conv2d(f, f, 1), pool]),
        _Residual(_keeping(f, quarter, critic), []),
        _Residual(_keeping(f, quarter, critic), []),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    ]
    return generator, Discriminator(nn.Sequential(*layers), nn.Linear(f, 1), f)


def _conv(before: int, after: int) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, padding=1)


def _doubling(f: int) -> _Residual:
    layers = [nn.BatchNorm2d(f), nn.ReLU(), nn.Upsample(scale_factor=2), _conv(f, f)]
    layers += [nn.BatchNorm2d(f), nn.ReLU(), _conv(f, f)]
    return _Residual(layers, [nn.Upsample(scale_factor=2), nn.Conv2d(f, f, 1)])


def _keeping(f: int, size: tuple[int, int], critic: bool) -> list[nn.Module]:
    return [part for _ in range(2) for part in (norm_of(critic, f, *size), nn.ReLU(), _conv(f, f))]
