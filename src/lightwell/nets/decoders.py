"""Decoders: from codes to the logits of pixels.

In the seed: ``conv64`` is SimpleConv64, ``deconv64`` DeConv64, ``mlp`` the decoder of the MNIST leakage test,
``shallow-linear`` and ``deep-linear`` ShallowLinear and DeepLinear. ``light`` is for a CPU.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from lightwell.core import seeds
from lightwell.core.errors import ConfigError, nearest
from lightwell.core.imports import import_named
from lightwell.nets.convnets import check_count
from lightwell.nets.encoders import draw_weights, linear_layers
from lightwell.nets.pairs import PAIRED, Shape


class _Crop(nn.Module):
    """The upper left part of images, of the size that is wanted."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.height, self.width = height, width

    def forward(self, images: Tensor) -> Tensor:
        return images[:, :, : self.height, : self.width]


def _light(code_size: int, shape: Shape) -> nn.Module:
    """Two linear layers to 64 maps of about 4×4, then transposed convolutions (4, 2, 1) of 64, 32, 32, ..."""
    height, width, channels = shape
    doublings = max(math.ceil(math.log2(max(height, width) / 4)), 1)
    first = [math.ceil(side / 2**doublings) for side in (height, width)]
    layers = [*linear_layers((code_size, 256, 64 * first[0] * first[1])), nn.ReLU()]
    layers.append(nn.Unflatten(1, (64, *first)))
    widths = [64, 64, *[32] * doublings][:doublings]
    for before, after in itertools.pairwise([*widths, channels]):
        layers += [nn.ConvTranspose2d(before, after, 4, stride=2, padding=1), nn.ReLU()]
    return nn.Sequential(*layers[:-1], _Crop(height, width))


def _conv64(code_size: int, shape: Shape) -> nn.Module:
    layers: list[nn.Module] = [nn.Unflatten(1, (code_size, 1, 1)), nn.Conv2d(code_size, 256, 1, stride=2)]
    widths = (256, 256, 128, 128, 64, 64)
    for number, (before, after) in enumerate(itertools.pairwise(widths)):
        layers += [nn.ReLU(), nn.ConvTranspose2d(before, after, 4, stride=2, padding=int(number == 0))]
    return nn.Sequential(*layers, nn.ReLU(), nn.ConvTranspose2d(64, shape[2], 3))


def _deconv64(code_size: int, shape: Shape) -> nn.Module:
    layers: list[nn.Module] = [nn.Linear(code_size, 1024 * 64), nn.Unflatten(1, (1024, 8, 8))]
    for before, after in itertools.pairwise((1024, 512, 256, 128)):
        layers += [nn.ConvTranspose2d(before, after, 5, stride=2), nn.BatchNorm2d(after), nn.ReLU()]
    return nn.Sequential(*layers, nn.ConvTranspose2d(128, shape[2], 4, padding=12))


def _dense(*widths: int) -> Callable[[int, Shape], nn.Module]:
    def make(code_size: int, shape: Shape) -> nn.Module:
        height, width, channels = shape
        layers = linear_layers((code_size, *widths, math.prod(shape)))
        return nn.Sequential(*layers, nn.Unflatten(1, (channels, height, width)))

    return make


DECODERS: dict[str, Callable[[int, Shape], nn.Module]] = {
    "light": _light,
    "conv64": _conv64,
    "deconv64": _deconv64,
    "mlp": _dense(128, 128),
    "shallow-linear": _dense(400),
    "deep-linear": _dense(100, 200, 400, 1000),
}


def build_decoder(name: str, code_size: int, image_shape: Shape) -> nn.Module:
    """Build a decoder by name.

    Parameters
    ----------
    name : str
        ``"light"``, ``"mlp"``, ``"shallow-linear"``, ``"deep-linear"`` for images of any size, ``"conv64"``,
        ``"deconv64"`` for 64×64, a decoder of :mod:`lightwell.nets.pairs` such as ``"mnist28"``, or
        ``"module:function"`` of your own, which is called with the next two.
    code_size : int
        Dimensions of a code, >= 1.
    image_shape : tuple of int
        Height, width and channels.

    Returns
    -------
    torch.nn.Module
        Maps codes B×D to logits B×C×H×W, whose sigmoid is the image. Weights are drawn as for a body.

    Raises
    ------
    ConfigError
        If the name is unknown, or what it names makes no such images.

    Examples
    --------
    >>> build_decoder("light", 7, (32, 32, 1))(torch.zeros(2, 7)).shape
    torch.Size([2, 1, 32, 32])
    """
    check_count("code_size", code_size)
    height, width, channels = image_shape
    make = DECODERS.get(name) or PAIRED.get(name) or _own(name)
    expected = f"a network that makes 2×{channels}×{height}×{width} of 2×{code_size}"
    try:
        decoder = make(code_size, image_shape)
        with seeds.preserved(), torch.no_grad():
            made = decoder.eval()(torch.zeros(2, code_size))
        decoder.train()
    except Exception as error:
        got = f"{type(error).__name__}: {error}"
        raise ConfigError("the decoder fails on two codes", where=name, expected=expected, got=got) from error
    if not isinstance(made, Tensor) or made.shape != (2, channels, height, width):
        got = "×".join(map(str, made.shape)) if isinstance(made, Tensor) else type(made).__name__
        raise ConfigError("the decoder makes no such images", where=name, expected=expected, got=got)
    return decoder.apply(draw_weights) if name in DECODERS else decoder


def _own(name: str) -> Callable[..., nn.Module]:
    """Return the user's function."""
    if ":" not in name:
        options = [*DECODERS, *PAIRED, "module:function of your own"]
        raise ConfigError("no such decoder", where="decoder", got=repr(name), fix=nearest(name, options))
    return import_named(name, "decoder")
