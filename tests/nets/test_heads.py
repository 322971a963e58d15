"""Heads: shapes, the maps behind the codes, initial weights, errors."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from lightwell.core.errors import ConfigError
from lightwell.nets import BottleneckLinear, PooledHead, PooledLinear

torch.set_num_threads(1)


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize(
    ("activation", "by_hand"),
    [
        ("none", lambda x: x),
        ("relu", lambda x: x.clamp(min=0)),
        ("leaky_relu", lambda x: torch.where(x > 0, x, 0.2 * x)),
        ("sigmoid", lambda x: 1 / (1 + torch.exp(-x))),
    ],
)
def test_pooled_head_is_convolution_norm_activation_mean(activation, by_hand, batch_norm):
    head = PooledHead(5, 6, activation, batch_norm)
    features = torch.randn(4, 5, 3, 7)
    raw = nn.functional.conv2d(features, head.last_conv.weight, padding=1)
    if batch_norm:
        variance = raw.var((0, 2, 3), correction=0, keepdim=True)
        raw = (raw - raw.mean((0, 2, 3), keepdim=True)) / (variance + 1e-3).sqrt()
    torch.testing.assert_close(head.maps(features), by_hand(raw), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(head.eval()(features), head.maps(features).mean((2, 3)))
    assert torch.equal(head(features), head.codes(features))


def test_pooled_head_weights_are_glorot_uniform_without_bias():
    convolution = PooledHead(128, 30, "relu", False).last_conv
    bound = math.sqrt(6 / (9 * 128 + 9 * 30))
    assert convolution.bias is None
    weight = convolution.weight.detach()
    assert float(weight.abs().max()) <= bound
    assert float(weight.std()) == pytest.approx(bound / math.sqrt(3), rel=0.02)


def test_pooled_linear_by_hand():
    head = PooledLinear(2, 3)
    assert head.linear.bias is None
    with torch.no_grad():
        head.linear.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]))
    features = torch.tensor([[[[1.0, 3.0]], [[10.0, 20.0]]]])
    assert head(features).tolist() == [[2.0, 15.0, 17.0]]
    assert head.codes(features).tolist() == [[2.0, 15.0]]
    assert torch.equal(head.maps(features), features)


def test_pooled_linear_bias_starts_at_zero():
    assert PooledLinear(8, 3, bias=True).linear.bias.tolist() == [0, 0, 0]


def test_bottleneck_linear_is_linear_in_its_codes():
    head = BottleneckLinear(8, 30, 6)
    features = torch.randn(3, 8, 5, 5)
    maps = head.maps(features)
    raw = nn.functional.conv2d(features, head.last_conv.weight, padding=1)
    torch.testing.assert_close(maps, torch.where(raw > 0, raw, 0.1 * raw))
    torch.testing.assert_close(head(features), maps.mean((2, 3)) @ head.linear.weight.T)
    assert head.linear.bias is None
    assert head.codes(features).shape == (3, 30)


@pytest.mark.parametrize("size", [0, 1, 7])
@pytest.mark.parametrize("head", [PooledHead(4, 6), PooledLinear(4, 6), BottleneckLinear(4, 9, 6)])
def test_heads_take_every_batch_size(head, size):
    assert head(torch.rand(size, 4, 3, 3)).shape == (size, 6)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: PooledHead(8, 6, "rely"), "activation.*'rely'.*Did you mean 'relu'"),
        (lambda: PooledHead(8, 0), "n_features_total.*>= 1.*got 0"),
        (lambda: PooledHead(0, 6), "in_channels"),
        (lambda: PooledLinear(8, 0), "n_out"),
        (lambda: PooledLinear(0, 8), "in_channels"),
        (lambda: BottleneckLinear(8, 2.5, 6), "n_features.*2.5"),
        (lambda: BottleneckLinear(8, 30, -1), "n_out"),
    ],
)
def test_heads_refuse_in_words(make, words):
    with pytest.raises(ConfigError, match=words):
        make()
