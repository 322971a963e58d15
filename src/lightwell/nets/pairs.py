"""Encoders and decoders that mirror each other, of the label-free experiments; torch draws their weights.

In the seed: ``mnist28`` is EncoderMnist and DecoderMnist, ``cnn1d`` EncoderCNN and DecoderCNN for heartbeats;
``cifar32`` is EncoderCIFAR and DecoderCIFAR of its reproduction (FACT), ``lstm`` the recurrent autoencoder.
The layer from a body to the latents belongs to the model; an ``lstm`` has none.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

from torch import Tensor, nn

from lightwell.core.errors import ConfigError
from lightwell.nets.convnets import Body, check_count

Shape = tuple[int, int, int]

_HALVING = {"mnist28": (3, 3), "cnn1d": (3, 1)}  # kernel; a series is an image one pixel wide
_PADDING = (1, 1, 0)
MIRRORED = (*_HALVING, "cifar32")
"""Names of the bodies that have a decoder of the same name."""


def paired_body(name: str, in_channels: int, size: tuple[int, int] | None) -> Body:
    """Build the body of a pair: convolutions, then a linear layer to 128 features, maps of one place.

    Raises
    ------
    ConfigError
        If the size of the images is not told, or too small for the convolutions.

    Examples
    --------
    >>> import torch
    >>> paired_body("mnist28", 1, (28, 28))(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 128, 1, 1])
    """
    if size is None:
        raise ConfigError("this body needs the size of the images", where=name, expected="(height, width)")
    layers, sizes, widths = (
        _cifar(in_channels, size) if name == "cifar32" else _halving(name, in_channels, size)
    )
    if min(sizes[-1]) < 1:
        raise ConfigError("the images are too small for this body", where=name, got=f"{size[0]}×{size[1]}")
    flat = widths[-1] * sizes[-1][0] * sizes[-1][1]
    dense = (nn.Flatten(), nn.Linear(flat, 128), nn.ReLU(), nn.Unflatten(1, (128, 1, 1)))
    return Body(*layers, *dense, out_channels=128)


_Layers = tuple[list[nn.Module], list[tuple[int, int]], tuple[int, ...]]


def _halving(name: str, in_channels: int, size: tuple[int, int]) -> _Layers:
    """Return three convolutions of stride 2, the sizes before and after each, and the widths."""
    kernel, widths = _HALVING[name], (in_channels, 8, 16, 32)
    layers: list[nn.Module] = []
    for number, (before, after) in enumerate(itertools.pairwise(widths)):
        layers.append(nn.Conv2d(before, after, kernel, _stride(kernel), _padding(kernel, number)))
        layers += [nn.BatchNorm2d(after)] * (number == 1) + [nn.ReLU()]
    return layers, _sizes(kernel, size), widths


def _cifar(in_channels: int, size: tuple[int, int]) -> _Layers:
    """Return three convolutions with layer norm, each max-pooled, and one more."""
    widths = (in_channels, 32, 64, 128)
    sizes = [(size[0] // 2**n, size[1] // 2**n) for n in range(4)]
    layers: list[nn.Module] = []
    for (before, after), (height, width) in zip(itertools.pairwise(widths), sizes, strict=False):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.LayerNorm([after, height, width]), nn.ReLU()]
        layers.append(nn.MaxPool2d(2))
    return [*layers, nn.Conv2d(128, 128, 3, padding=1), nn.ReLU()], sizes, widths


def _stride(kernel: tuple[int, int]) -> tuple[int, int]:
    return 2, 2 if kernel[1] == 3 else 1


def _padding(kernel: tuple[int, int], number: int) -> tuple[int, int]:
    return _PADDING[number], _PADDING[number] if kernel[1] == 3 else 0


def _sizes(kernel: tuple[int, int], size: tuple[int, int]) -> list[tuple[int, int]]:
    """Return the size of the images, and of the maps after each of three convolutions."""
    sizes = [size]
    for number in range(3):
        steps = zip(sizes[-1], kernel, _stride(kernel), _padding(kernel, number), strict=True)
        height, width = ((side + 2 * pad - k) // stride + 1 for side, k, stride, pad in steps)
        sizes.append((height, width))
    return sizes


def _halving_decoder(name: str) -> Callable[[int, Shape], nn.Module]:
    kernel = _HALVING[name]

    def make(code_size: int, shape: Shape) -> nn.Module:
        sizes, widths = _sizes(kernel, shape[:2]), (shape[2], 8, 16, 32)
        layers = _from_code(code_size, (32, *sizes[3]), relu=name == "mnist28")
        for number in (2, 1, 0):
            stride, padding = _stride(kernel), _padding(kernel, number)
            steps = zip(sizes[number], sizes[number + 1], stride, padding, kernel, strict=True)
            down, right = (side - ((small - 1) * s - 2 * pad + k) for side, small, s, pad, k in steps)
            before, after = widths[number + 1], widths[number]
            layers.append(nn.ConvTranspose2d(before, after, kernel, stride, padding, (down, right)))
            layers += [nn.BatchNorm2d(after), nn.ReLU()] if number else []
        return nn.Sequential(*layers)

    return make


def _cifar_decoder(code_size: int, shape: Shape) -> nn.Module:
    height, width = shape[0] // 8, shape[1] // 8
    layers = _from_code(code_size, (128, height, width), relu=True)
    for number, (before, after) in enumerate(itertools.pairwise((128, 64, 32, shape[2]))):
        layers.append(nn.ConvTranspose2d(before, after, 3, stride=2, padding=1, output_padding=1))
        side = 2 ** (number + 1)
        norm = [nn.LayerNorm([after, height * side, width * side]), nn.ReLU()] if number < 2 else []
        layers += norm
    return nn.Sequential(*layers)


def _from_code(code_size: int, first: tuple[int, int, int], *, relu: bool) -> list[nn.Module]:
    channels, height, width = first
    layers = [nn.Linear(code_size, 128), nn.ReLU(), nn.Linear(128, channels * height * width)]
    return [*layers, *[nn.ReLU()] * relu, nn.Unflatten(1, first)]


class RecurrentEncoder(nn.Module):
    """Two LSTMs, the second half as wide; the code is its last hidden state.

    Parameters
    ----------
    channels : int
        Of the series.
    latents : int
        D, dimensions of the code.

    Examples
    --------
    >>> import torch
    >>> RecurrentEncoder(1, 16)(torch.zeros(2, 1, 140, 1)).shape
    torch.Size([2, 16])
    """

    def __init__(self, channels: int, latents: int) -> None:
        super().__init__()
        check_count("latents", latents)
        self.wide = nn.LSTM(channels, 2 * latents, batch_first=True)
        self.narrow = nn.LSTM(2 * latents, latents, batch_first=True)

    def forward(self, series: Tensor) -> Tensor:
        """Return codes B×D of series B×C×T×1, or of images B×C×H×W read row by row."""
        states, _ = self.wide(series.flatten(2).transpose(1, 2))
        states, _ = self.narrow(states)
        last: Tensor = states[:, -1]
        return last


class RecurrentDecoder(nn.Module):
    """The code at every moment through two LSTMs, the second twice as wide, and a linear layer.

    Parameters
    ----------
    latents : int
        D, dimensions of the code.
    shape : tuple of int
        (T, 1, C), or height, width and channels of an image.
    """

    def __init__(self, latents: int, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.narrow = nn.LSTM(latents, latents, batch_first=True)
        self.wide = nn.LSTM(latents, 2 * latents, batch_first=True)
        self.values = nn.Linear(2 * latents, shape[2])

    def forward(self, codes: Tensor) -> Tensor:
        """Return series B×C×T×1 of codes B×D."""
        height, width, channels = self.shape
        states, _ = self.narrow(codes.unsqueeze(1).expand(-1, height * width, -1))
        states, _ = self.wide(states)
        values: Tensor = self.values(states).transpose(1, 2)
        return values.reshape(len(codes), channels, height, width)


PAIRED: dict[str, Callable[[int, Shape], nn.Module]] = {
    **{name: _halving_decoder(name) for name in _HALVING},
    "cifar32": _cifar_decoder,
    "lstm": RecurrentDecoder,
}
"""Decoders of the pairs by name, as :func:`lightwell.nets.decoders.build_decoder` calls them."""
