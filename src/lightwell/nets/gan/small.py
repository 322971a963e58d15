"""A GAN that shows strokes after a hundred steps on a CPU, owing to a discriminator with spectral norm."""

from __future__ import annotations

import math

from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from lightwell.nets.gan.networks import Discriminator, Generator


def small(
    noise_size: int,
    image_shape: tuple[int, int, int],
    generator_filters: int,
    discriminator_filters: int,
    critic: bool,
) -> tuple[Generator, Discriminator]:
    """Build generator and discriminator; parameters as of :func:`lightwell.nets.gan.build_gan`.

    Two doublings and two halvings with 4×4 filters, whatever the size; filters are counted at a quarter of
    it and are half as many next to the image. The generator starts out dark (bias -1). A critic has no
    spectral norm: its slope is held by the penalty.

    References
    ----------
    Miyato et al., "Spectral normalization for generative adversarial networks", ICLR 2018.
    """
    height, width, channels = image_shape
    quarter = (math.ceil(height / 4), math.ceil(width / 4))
    half = max(generator_filters // 2, 1)
    last = nn.ConvTranspose2d(half, channels, 4, stride=2, padding=1)
    nn.init.constant_(last.get_parameter("bias"), -1.0)
    first = generator_filters * math.prod(quarter)
    up = nn.Sequential(
        nn.Linear(noise_size, first, bias=False),
        nn.BatchNorm1d(first),
        nn.ReLU(),
        nn.Unflatten(1, (generator_filters, *quarter)),
        nn.ConvTranspose2d(generator_filters, half, 4, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(half),
        nn.ReLU(),
        last,
    )
    before = max(discriminator_filters // 2, 1)
    features = discriminator_filters * (height // 4) * (width // 4)
    layers = [
        nn.Conv2d(channels, before, 4, stride=2, padding=1),
        nn.Conv2d(before, discriminator_filters, 4, stride=2, padding=1),
        nn.Linear(features, 1),
    ]
    near, far, head = layers if critic else [spectral_norm(layer) for layer in layers]
    body = nn.Sequential(near, nn.LeakyReLU(0.1), far, nn.LeakyReLU(0.1), nn.Flatten())
    return Generator(up, height, width), Discriminator(body, head, features)
