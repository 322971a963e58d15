"""Encoders of the concept-based models: plain stacks, one row of a table each.

In the seed: ``conv64`` is SimpleConv64 and SimpleGaussianConv64, ``padless64`` PadlessConv64 and
PadlessGaussianConv64, ``wide64`` EncConv64, ``mlp`` the body of the MNIST leakage test, ``shallow-linear``
and ``deep-linear`` Shallow- and DeepGaussianLinear. The layer to the latents belongs to the model.
"""

from __future__ import annotations

import itertools

import torch
from torch import nn

from lightwell.core.errors import ConfigError
from lightwell.nets.convnets import Body, check_count

CONVOLUTIONAL: dict[str, tuple[tuple[int, ...], int, int, bool]] = {
    "conv64": ((32, 32, 64, 128, 256, 256), 4, 1, False),
    "padless64": ((32, 32, 64, 128, 256), 3, 0, False),
    "wide64": ((128, 256, 512, 1024), 5, 0, True),
    "light32": ((16, 32, 64, 128, 128), 4, 1, True),
    "light32-plain": ((16, 32, 64, 128, 128), 4, 1, False),
}
"""Channels of each convolution, then kernel, padding, and whether a batch norm follows; stride 2, ReLU."""

DENSE: dict[str, tuple[int, ...]] = {
    "mlp": (128, 128),
    "shallow-linear": (400,),
    "deep-linear": (1000, 400, 200, 100),
}
"""Widths of the layers, each followed by ReLU."""


class _Norm(nn.BatchNorm2d):
    """Batch norm that uses its running statistics where a training batch is a single value a channel."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002 - torch's name
        if self.training and input.numel() == self.num_features:
            return nn.functional.batch_norm(
                input, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        return super().forward(input)


def convolutional(name: str, in_channels: int) -> Body:
    """Build a stack of convolutions of stride 2 by its row in ``CONVOLUTIONAL``.

    Examples
    --------
    >>> convolutional("light32", 1)(torch.zeros(2, 1, 32, 32)).shape
    torch.Size([2, 128, 1, 1])
    """
    widths, kernel, padding, norm = CONVOLUTIONAL[name]
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise((in_channels, *widths)):
        layers.append(nn.Conv2d(before, after, kernel, stride=2, padding=padding))
        layers += [_Norm(after)] * norm + [nn.ReLU()]
    body = Body(*layers, out_channels=widths[-1])
    body.apply(draw_weights)
    return body


def dense(name: str, in_channels: int, size: tuple[int, int] | None) -> Body:
    """Build a stack of linear layers on all pixels by its row in ``DENSE``; its maps have one place.

    Raises
    ------
    ConfigError
        If the size of the images is not told.

    Examples
    --------
    >>> dense("mlp", 1, (28, 28))(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 128, 1, 1])
    """
    if size is None:
        raise ConfigError("this body needs the size of the images", where=name, expected="(height, width)")
    height, width = size
    check_count("height", height)
    check_count("width", width)
    widths = DENSE[name]
    body = Body(
        nn.Flatten(),
        *linear_layers((in_channels * height * width, *widths)),
        nn.ReLU(),
        nn.Unflatten(1, (widths[-1], 1, 1)),
        out_channels=widths[-1],
    )
    body.apply(draw_weights)
    return body


def linear_layers(widths: tuple[int, ...]) -> list[nn.Module]:
    """Return linear layers of these widths with ReLU between them."""
    pairs = [[nn.Linear(before, after), nn.ReLU()] for before, after in itertools.pairwise(widths)]
    return [layer for pair in pairs for layer in pair][:-1]


def draw_weights(layer: nn.Module) -> None:
    """Draw weights as the seed does: Xavier normal in convolutions, Kaiming normal in linear layers."""
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.xavier_normal_(layer.weight)
    elif isinstance(layer, nn.Linear):
        nn.init.kaiming_normal_(layer.weight)
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear) and layer.bias is not None:
        nn.init.zeros_(layer.bias)
