"""Generators of images and the discriminators that judge them, by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from lightwell.core.errors import ConfigError, nearest
from lightwell.nets.convnets import check_count
from lightwell.nets.gan.dcgan import dcgan
from lightwell.nets.gan.networks import Discriminator, Generator
from lightwell.nets.gan.residual import residual
from lightwell.nets.gan.small import small

__all__ = ["Discriminator", "Generator", "build_gan"]


def build_gan(
    name: str,
    noise_size: int,
    image_shape: tuple[int, int, int],
    *,
    generator_filters: int = 64,
    discriminator_filters: int = 64,
    blocks: int = 3,
    critic: bool = False,
) -> tuple[Generator, Discriminator]:
    """Build a generator and its discriminator.

    Parameters
    ----------
    name : {"small", "dcgan", "residual"}
        ``small`` learns in a minute on a CPU, ``dcgan`` is GASTeN's, ``residual`` is for 32×32 images.
    noise_size : int
        Dimensions of the noise.
    image_shape : tuple of int
        Height, width and channels of an image; both sides at least 4.
    generator_filters, discriminator_filters : int
        Width of the two networks; each architecture says where it counts.
    blocks : int
        Doublings of ``dcgan``; the others have their own.
    critic : bool
        For WGAN-GP: a discriminator that judges every image by itself, with layer norm in place of batch
        norm.

    Returns
    -------
    (Generator, Discriminator)
        Noise B×N to images in [0, 1], and images in [0, 1] to logits (B,) or features B×D.

    Raises
    ------
    ConfigError
        If there is no such architecture, a number is no count, or the images do not fit.

    Examples
    --------
    >>> import torch
    >>> generator, discriminator = build_gan("dcgan", 64, (28, 28, 1))
    >>> images = generator(torch.randn(2, 64))
    >>> images.shape, discriminator(images).shape, discriminator.features(images).shape
    (torch.Size([2, 1, 28, 28]), torch.Size([2]), torch.Size([2, 4096]))
    >>> sum(weight.numel() for weight in generator.parameters())
    1296320
    """
    counts = {
        "noise_size": noise_size,
        "generator_filters": generator_filters,
        "discriminator_filters": discriminator_filters,
        "blocks": blocks,
        "a quarter of a side of the images": min(image_shape[:2]) // 4,
    }
    for what, count in counts.items():
        check_count(what, count)
    makers: dict[str, Callable[..., tuple[Generator, Discriminator]]] = {
        "small": small,
        "dcgan": partial(dcgan, blocks=blocks),
        "residual": residual,
    }
    if name not in makers:
        raise ConfigError("unknown architecture of a GAN", got=repr(name), fix=nearest(name, makers))
    return makers[name](noise_size, image_shape, generator_filters, discriminator_filters, critic=critic)
