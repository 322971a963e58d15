"""Residual networks: the published size, and the arithmetic written out."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from lightwell.core import ConfigError
from lightwell.nets import build
from lightwell.nets.resnet import BasicBlock


def count(module):
    return sum(weight.numel() for weight in module.parameters())


def test_sizes():
    # torchvision's ResNet-18 has 11,689,512: less its last layer, and its 7×7 stem against one of 3×3.
    assert count(build("resnet18", 3)) == 11_689_512 - 513_000 - 9_408 + 1_728
    block = {n: 9 * n * n * 2 + 4 * n for n in (16, 32, 64)}
    down = {n: 9 * n * n // 2 + 9 * n * n + 4 * n + n * n // 2 + 2 * n for n in (32, 64)}
    assert count(build("resnet8", 1)) == 9 * 16 + 32 + block[16] + down[32] + down[64]


@pytest.mark.parametrize(
    ("name", "maps"), [("resnet18", (2, 512, 4, 4)), ("resnet8", (2, 64, 8, 8))], ids=["18", "8"]
)
def test_shapes(name, maps):
    body = build(name, 3).eval()
    assert (body(torch.zeros(2, 3, 32, 32)).shape, body.out_channels) == (maps, maps[1])


@pytest.mark.parametrize(("before", "stride"), [(8, 1), (4, 2)])
def test_a_block_written_out(before, stride):
    torch.manual_seed(0)
    block, maps = BasicBlock(before, 8, stride), torch.rand(3, before, 6, 6)
    weights = block.state_dict()

    def normed(values):
        mean, variance = values.mean((0, 2, 3), keepdim=True), values.var((0, 2, 3), False, keepdim=True)
        return (values - mean) / (variance + 1e-5).sqrt()

    inner = normed(functional.conv2d(maps, weights["conv1.weight"], stride=stride, padding=1)).clamp(min=0)
    inner = normed(functional.conv2d(inner, weights["conv2.weight"], padding=1))
    aside = maps if stride == 1 else normed(functional.conv2d(maps, weights["shortcut.0.weight"], stride=2))
    assert torch.allclose(block(maps), (inner + aside).clamp(min=0), atol=1e-5)


def test_the_channels_must_be_a_count():
    with pytest.raises(ConfigError, match="not a usable count"):
        build("resnet18", 0)
