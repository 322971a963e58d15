"""Residual networks for small images: a 3×3 stem without pooling, as CIFAR has it."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from lightwell.nets.convnets import Body, check_count


class BasicBlock(nn.Module):
    """Two 3×3 convolutions with batch norm beside a shortcut, which is a 1×1 convolution where shapes differ.

    Examples
    --------
    >>> import torch
    >>> BasicBlock(16, 32, stride=2)(torch.zeros(2, 16, 8, 8)).shape
    torch.Size([2, 32, 4, 4])
    """

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(after)
        self.shortcut = nn.Sequential()
        if stride != 1 or before != after:
            self.shortcut.append(nn.Conv2d(before, after, 1, stride, bias=False))
            self.shortcut.append(nn.BatchNorm2d(after))

    def forward(self, maps: Tensor) -> Tensor:
        """Return maps B×after×h'×w' of maps B×before×h×w."""
        inner = functional.relu(self.norm1(self.conv1(maps)))
        return functional.relu(self.norm2(self.conv2(inner)) + self.shortcut(maps))


def resnet18(in_channels: int) -> Body:
    """Build ResNet-18 without pooling and classifier: widths 64 to 512, two blocks each, 1/8 of the size.

    Weights are drawn Kaiming normal over the outputs.

    References
    ----------
    He et al., "Deep residual learning for image recognition", CVPR 2016; the stem is that of Chen et al., "A
    simple framework for contrastive learning of visual representations", ICML 2020, appendix B.9.

    Examples
    --------
    >>> resnet18(3).out_channels
    512
    """
    return _resnet(in_channels, (64, 128, 256, 512), 2)


def resnet8(in_channels: int) -> Body:
    """Build the smallest of the kind, for a CPU: widths 16, 32, 64, one block each, 1/4 of the size.

    Examples
    --------
    >>> resnet8(1).out_channels
    64
    """
    return _resnet(in_channels, (16, 32, 64), 1)


def _resnet(in_channels: int, widths: tuple[int, ...], blocks: int) -> Body:
    check_count("in_channels", in_channels)
    before = widths[0]
    stem = nn.Conv2d(in_channels, before, 3, padding=1, bias=False)
    layers: list[nn.Module] = [stem, nn.BatchNorm2d(before), nn.ReLU()]
    for stage, after in enumerate(widths):
        for number in range(blocks):
            layers.append(BasicBlock(before, after, 2 if stage and not number else 1))
            before = after
    body = Body(*layers, out_channels=widths[-1])
    for layer in body.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return body
