"""Encoders and decoders of the concept-based models: sizes as published, initial weights, refusals."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lightwell.core import ConfigError
from lightwell.nets import build
from lightwell.nets.decoders import build_decoder


def count(module):
    return sum(weight.numel() for weight in module.parameters())


@pytest.mark.parametrize(
    ("name", "channels", "side", "parameters", "features"),
    [
        # By hand: kernel² · in · out + out, of each convolution; + 2 · out of each batch norm.
        ("conv64", 1, 64, 544 + 16_416 + 32_832 + 131_200 + 524_544 + 1_048_832, 256),
        ("padless64", 3, 64, 896 + 9_248 + 18_496 + 73_856 + 295_168, 256),
        ("wide64", 3, 64, 9_728 + 819_456 + 3_277_312 + 13_108_224 + 2 * 1_920, 1024),
        ("light32", 1, 32, 272 + 8_224 + 32_832 + 131_200 + 262_272 + 2 * 368, 128),
        ("light32-plain", 1, 32, 272 + 8_224 + 32_832 + 131_200 + 262_272, 128),
        ("mlp", 1, 28, 784 * 128 + 128 + 128 * 128 + 128, 128),
        ("shallow-linear", 1, 28, 784 * 400 + 400, 400),
        ("deep-linear", 1, 28, 785_000 + 400_400 + 80_200 + 20_100, 100),
    ],
)
def test_encoders_have_the_published_size(name, channels, side, parameters, features):
    body = build(name, channels, (side, side))
    assert (count(body), body.out_channels) == (parameters, features)
    assert body.eval()(torch.zeros(2, channels, side, side)).shape == (2, features, 1, 1)


@pytest.mark.parametrize(
    ("name", "code_size", "shape", "parameters"),
    [
        ("conv64", 7, (64, 64, 1), 2_048 + 1_048_832 + 524_416 + 262_272 + 131_136 + 65_600 + 577),
        ("light", 7, (32, 32, 1), 2_048 + 263_168 + 65_600 + 32_800 + 513),
        ("light", 7, (64, 64, 1), 2_048 + 263_168 + 65_600 + 32_800 + 16_416 + 513),
        ("mlp", 10, (28, 28, 1), 1_408 + 16_512 + 101_136),
        ("shallow-linear", 10, (28, 28, 1), 4_400 + 314_384),
        ("deep-linear", 10, (28, 28, 1), 1_100 + 20_200 + 80_400 + 401_000 + 784_784),
        ("deconv64", 3, (64, 64, 3), 4 * 65_536 + 13_107_712 + 3_277_056 + 819_328 + 2 * 896 + 6_147),
    ],
)
def test_decoders_have_the_published_size(name, code_size, shape, parameters):
    assert count(build_decoder(name, code_size, shape)) == parameters


@pytest.mark.parametrize("shape", [(28, 28, 1), (12, 9, 3), (5, 40, 1)])
def test_the_light_decoder_makes_images_of_any_size(shape):
    height, width, channels = shape
    made = build_decoder("light", 3, shape)(torch.randn(4, 3))
    assert made.shape == (4, channels, height, width)
    assert made.min() < 0  # logits, not images


def test_weights_are_drawn_as_in_the_seed():
    torch.manual_seed(0)
    body = build("light32", 1)
    last = [layer for layer in body if isinstance(layer, nn.Conv2d)][-1]
    assert last.weight.std().item() == pytest.approx((2 / (16 * (128 + 128))) ** 0.5, rel=0.02)  # Xavier
    linear = build("mlp", 1, (28, 28))[1]
    assert linear.weight.std().item() == pytest.approx((2 / 784) ** 0.5, rel=0.02)  # Kaiming
    assert not last.bias.any()
    assert not linear.bias.any()


def test_a_training_batch_of_one_image_is_no_error():
    body = build("light32", 1).train()
    assert torch.isfinite(body(torch.rand(1, 1, 32, 32))).all()


def own(code_size, image_shape):
    return nn.Sequential(nn.Linear(code_size, 16), nn.Unflatten(1, (1, 4, 4)))


def test_a_decoder_of_the_users_own():
    assert build_decoder(f"{__name__}:own", 3, (4, 4, 1))(torch.zeros(1, 3)).shape == (1, 1, 4, 4)


@pytest.mark.parametrize(
    ("name", "shape", "words"),
    [
        ("conv46", (64, 64, 1), "no such decoder.*Did you mean 'conv64'"),
        ("conv64", (32, 32, 1), "makes no such images.*2×1×32×32 of 2×3, got 2×1×64×64"),
        (f"{__name__}:own", (5, 4, 1), "makes no such images.*got 2×1×4×4"),
        ("math:hypot", (4, 4, 1), "fails on two codes.*TypeError"),
    ],
)
def test_decoders_that_cannot_be_are_refused(name, shape, words):
    with pytest.raises(ConfigError, match=words):
        build_decoder(name, 3, shape)


def test_a_dense_body_needs_the_size():
    with pytest.raises(ConfigError, match=r"needs the size of the images \(in mlp\)"):
        build("mlp", 1)
