"""The DCGAN that GASTeN trains: 5×5 filters, sizes that double and halve, batch norm in both networks."""

from __future__ import annotations

import itertools
import math

from torch import nn

from lightwell.core.errors import ConfigError
from lightwell.nets.gan.networks import Discriminator, Generator, norm_of

Sizes = list[tuple[int, int]]
_KERNEL, _STRIDE = 5, 2


def transposed_padding(before: int, after: int) -> tuple[int, int]:
    """Return padding and output padding of a 5×5 transposed convolution of stride 2 between two sizes.

    Examples
    --------
    >>> transposed_padding(4, 7), transposed_padding(7, 14)
    ((2, 0), (2, 1))
    """
    excess = (before - 1) * _STRIDE + _KERNEL - after
    extra = excess % 2
    return (excess + extra) // 2, extra


def dcgan(
    noise_size: int,
    image_shape: tuple[int, int, int],
    generator_filters: int,
    discriminator_filters: int,
    critic: bool,
    blocks: int,
) -> tuple[Generator, Discriminator]:
    """Build generator and discriminator; parameters as of :func:`lightwell.nets.gan.build_gan`.

    Filters are counted next to the image and double with each of the ``blocks``. Filters are drawn from
    N(0, 0.02), scales of batch norms from N(1, 0.02); linear layers keep torch's own draw.

    Raises
    ------
    ConfigError
        If the images are too small for so many blocks.
    """
    height, width, channels = image_shape
    if min(height, width) <= 2**blocks:
        raise ConfigError(
            "images are too small to be halved so often",
            where="blocks",
            expected=f"sides above {2**blocks} pixels for {blocks} blocks",
            got=f"{height}×{width}",
        )
    sizes = [(math.ceil(height / 2**i), math.ceil(width / 2**i)) for i in range(blocks + 1)]
    up = [generator_filters * 2**i for i in range(blocks)]
    down = [channels, *(discriminator_filters * 2**i for i in range(blocks))]
    generator = Generator(_up(noise_size, [channels, *up][::-1], sizes[::-1]), height, width)
    features = down[-1] * math.prod(sizes[-1])
    discriminator = Discriminator(_down(down, sizes, critic), nn.Linear(features, 1), features)
    for layer in (*generator.modules(), *discriminator.modules()):
        _draw(layer)
    return generator, discriminator


def _up(noise_size: int, widths: list[int], sizes: Sizes) -> nn.Module:
    first = widths[0] * math.prod(sizes[0])
    layers: list[nn.Module] = [nn.Linear(noise_size, first, bias=False), nn.BatchNorm1d(first), nn.ReLU()]
    layers.append(nn.Unflatten(1, (widths[0], *sizes[0])))
    for number, (before, after) in enumerate(itertools.pairwise(widths)):
        ends = zip(sizes[number], sizes[number + 1], strict=True)
        padding, extra = zip(*(transposed_padding(*pair) for pair in ends), strict=True)
        layers.append(nn.ConvTranspose2d(before, after, _KERNEL, _STRIDE, padding, extra, bias=False))
        layers += [nn.BatchNorm2d(after), nn.ReLU()]
    return nn.Sequential(*layers[:-2])  # the last goes to tanh


def _down(widths: list[int], sizes: Sizes, critic: bool) -> nn.Module:
    layers: list[nn.Module] = []
    for number, (before, after) in enumerate(itertools.pairwise(widths)):
        layers.append(nn.Conv2d(before, after, _KERNEL, _STRIDE, padding=2, bias=False))
        if number:
            layers.append(norm_of(critic, after, *sizes[number + 1]))
        layers.append(nn.LeakyReLU(0.2))
    return nn.Sequential(*layers, nn.Flatten())


def _draw(layer: nn.Module) -> None:
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(layer.weight, 0.0, 0.02)
    elif isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
        nn.init.normal_(layer.weight, 1.0, 0.02)
