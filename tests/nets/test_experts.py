"""Layers of several experts: each as a layer of its own, and nothing of one leaks into another."""

from __future__ import annotations

import torch
from torch import nn

from lightwell.nets.experts import ExpertConv, ExpertLinear, expert_layers


def test_a_linear_expert_is_a_linear_layer_with_its_own_bias():
    layer, features = ExpertLinear(3, 4, 2), torch.rand(5, 4)
    made = layer(features)
    for k in range(3):
        alone = features @ layer.weight[k] + layer.bias[k]
        torch.testing.assert_close(made[:, k], alone)
    assert len({tuple(row.tolist()) for row in layer.bias}) == 3


def test_each_expert_may_read_something_else():
    layer, features = ExpertLinear(3, 4, 2), torch.rand(5, 3, 4)
    for k in range(3):
        torch.testing.assert_close(layer(features)[:, k], layer(features[:, k])[:, k])


def test_a_convolutional_expert_is_a_convolution_of_its_own():
    layer, maps = ExpertConv(3, 2, 4), torch.rand(5, 2, 6, 5)
    each = torch.rand(5, 3, 2, 6, 5)
    for k, rows in enumerate(torch.arange(12).split(4)):
        alone = nn.Conv2d(2, 4, 3, padding=1)
        alone.weight.data, alone.bias.data = layer.convolution.weight[rows], layer.convolution.bias[rows]
        torch.testing.assert_close(layer(maps)[:, k], alone(maps).relu().mean(dim=(2, 3)))
        torch.testing.assert_close(layer(each)[:, k], alone(each[:, k]).relu().mean(dim=(2, 3)))


def test_a_gradient_reaches_its_own_expert_alone():
    layers = expert_layers(3, (4, 6, 2))
    layers(torch.rand(5, 4))[:, 1].sum().backward()
    for weight in layers.parameters():
        moved = weight.grad.flatten(1).abs().sum(dim=1)
        assert moved[1] > 0
        assert moved[0] == moved[2] == 0


def test_two_layers_by_hand():
    layers = expert_layers(2, (1, 1, 1))
    for layer in (layers[0], layers[2]):
        layer.weight.data[:] = torch.tensor([2.0, -3.0]).view(2, 1, 1)
        layer.bias.data[:] = torch.tensor([[1.0], [1.0]])
    # 2·relu(2·1 + 1) + 1 and -3·relu(-3·1 + 1) + 1
    assert layers(torch.ones(1, 1)).flatten().tolist() == [7, 1]
