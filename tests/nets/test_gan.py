"""Generators and discriminators fit any size of image; two batch norms in one place keep apart."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from lightwell.core import ConfigError
from lightwell.core.seeds import global_seed
from lightwell.nets.convnets import small
from lightwell.nets.dual_norm import DualNorm, for_others, with_dual_norms
from lightwell.nets.frozen import FrozenEncoder
from lightwell.nets.gan import build_gan
from lightwell.nets.gan.arpl import Discriminator, Generator
from lightwell.nets.gan.dcgan import transposed_padding


@pytest.mark.parametrize("shape", [(8, 8, 1), (12, 9, 3), (28, 28, 1), (32, 32, 3), (64, 64, 3), (2, 5, 1)])
def test_images_have_the_shape_asked_for(shape):
    height, width, channels = shape
    with global_seed(0, "gan"):
        images = Generator(10, shape)(torch.randn(3, 10))
        logits = Discriminator(shape)(images)
    assert images.shape == (3, channels, height, width)
    assert 0 <= images.min() < images.max() <= 1
    assert logits.shape == (3,)


@pytest.mark.parametrize(("side", "halvings"), [(8, 1), (16, 2), (28, 2), (32, 3), (64, 4)])
def test_maps_are_halved_down_to_a_few_pixels(side, halvings):
    strided = [
        p for p in Discriminator((side, side, 1)).modules() if isinstance(p, nn.Conv2d) and p.stride == (2, 2)
    ]
    assert len(strided) == halvings
    assert max(p.out_channels for p in strided) <= 128


def test_slopes_reach_the_noise():
    noise = torch.randn(2, 6, generator=torch.Generator().manual_seed(0)).requires_grad_()
    Discriminator((8, 8, 1))(Generator(6, (8, 8, 1))(noise)).sum().backward()
    assert noise.grad.abs().sum() > 0


def test_impossible_sizes_are_refused():
    with pytest.raises(ConfigError, match="noise_size"):
        Generator(0, (8, 8, 1))
    with pytest.raises(ConfigError, match="half a side of the images"):
        Discriminator((1, 8, 1))


def test_every_batch_norm_is_doubled_wherever_it_lies():
    net = nn.Sequential(small(1), nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)))
    with_dual_norms(net)
    assert sum(isinstance(part, DualNorm) for part in net.modules()) == 4
    assert net[0].out_channels == 64


def test_real_branch_is_the_norm_that_was_there():
    net = nn.Sequential(nn.BatchNorm2d(2))
    inside = net[0]
    with_dual_norms(net)
    assert net[0].real is inside
    assert net[0].others is not inside


def test_branches_keep_apart_and_the_real_one_comes_back_after_an_error():
    net = nn.Sequential(nn.BatchNorm1d(1))
    with_dual_norms(net)
    net(torch.tensor([[0.0], [2.0]]))

    def breaks_off():
        with for_others(net):
            net(torch.tensor([[50.0], [70.0]]))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        breaks_off()
    assert net[0].real.running_mean.item() == pytest.approx(0.1)
    assert net[0].others.running_mean.item() == pytest.approx(6)
    assert not net[0].sees_others


def test_a_frozen_encoder_is_passed_over():
    encoder = nn.Sequential(nn.BatchNorm2d(1))
    net = nn.Sequential(FrozenEncoder(encoder))
    with_dual_norms(net)
    assert type(encoder[0]) is nn.BatchNorm2d


# By name: small, dcgan, residual.


def gan(name, shape=(28, 28, 1), **options):
    with global_seed(0, "gan"):
        return build_gan(name, 64, shape, **options)


def count(net):
    return sum(weight.numel() for weight in net.parameters())


def test_the_dcgan_has_the_parameters_of_its_paper():
    generator, discriminator = gan("dcgan")
    assert count(generator) == 1_296_320
    # Three convolutions without bias, two batch norms, one linear layer.
    assert count(discriminator) == 25 * (64 + 64 * 128 + 128 * 256) + 2 * (128 + 256) + 4 * 4 * 256 + 1
    assert [count(net) for net in gan("dcgan", generator_filters=16, discriminator_filters=16)] == [
        64 * 1024 + 2 * 1024 + 25 * (64 * 32 + 32 * 16 + 16) + 2 * (32 + 16),
        25 * (16 + 16 * 32 + 32 * 64) + 2 * (32 + 64) + 4 * 4 * 64 + 1,
    ]


def test_the_small_one_has_a_quarter_of_a_million():
    generator, discriminator = gan("small")
    assert count(generator) == (64 + 2) * 49 * 64 + 16 * 64 * 32 + 2 * 32 + 16 * 32 + 1
    assert count(discriminator) == (16 * 32 + 32) + (16 * 32 * 64 + 64) + (49 * 64 + 1)


def test_dcgan_sizes_go_4_7_14_28():
    sides = []
    generator, discriminator = gan("dcgan")
    for part in (*generator.modules(), *discriminator.modules()):
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            part.register_forward_hook(
                lambda layer, given, out: sides.append((given[0].shape[2], out.shape[2]))
            )
    discriminator(generator(torch.zeros(2, 64)))
    assert sides == [(4, 7), (7, 14), (14, 28), (28, 14), (14, 7), (7, 4)]


@pytest.mark.parametrize("after", range(2, 41))
def test_padding_rule_against_torch(after):
    before = math.ceil(after / 2)
    padding, extra = transposed_padding(before, after)
    layer = nn.ConvTranspose2d(1, 1, 5, 2, padding, extra)
    assert layer(torch.zeros(1, 1, before, before)).shape[2:] == (after, after)


@pytest.mark.parametrize(
    ("name", "shape", "options"),
    [
        ("small", (16, 16, 1), {}),
        ("small", (17, 30, 3), {"generator_filters": 1, "discriminator_filters": 1}),
        ("small", (28, 28, 1), {"critic": True}),
        ("dcgan", (28, 28, 1), {"critic": True, "generator_filters": 4}),
        ("dcgan", (32, 21, 3), {"discriminator_filters": 4}),
        ("dcgan", (64, 64, 3), {"blocks": 4, "generator_filters": 2, "discriminator_filters": 2}),
        ("residual", (32, 32, 3), {"generator_filters": 8, "discriminator_filters": 6}),
        ("residual", (24, 32, 1), {"critic": True, "generator_filters": 8, "discriminator_filters": 6}),
    ],
)
def test_images_logits_and_features(name, shape, options):
    height, width, channels = shape
    generator, discriminator = gan(name, shape, **options)
    noise = torch.randn(3, 64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    images = generator(noise)
    assert images.shape == (3, channels, height, width)
    assert 0 <= images.min() < images.max() <= 1
    assert discriminator.features(images).shape == (3, discriminator.width)
    logits = discriminator(images)
    assert logits.shape == (3,)
    logits.sum().backward()
    assert noise.grad.abs().sum() > 0


@pytest.mark.parametrize("name", ["small", "dcgan", "residual"])
def test_a_critic_judges_every_image_by_itself(name):
    _, critic = gan(name, (32, 32, 1), discriminator_filters=4, critic=True)
    assert not any("_u" in key or "running" in key for key in critic.state_dict())
    assert any(isinstance(part, nn.LayerNorm) for part in critic.modules()) == (name != "small")
    images = torch.rand(5, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(critic(images)[:2], critic(images[:2]))


def test_pixels_reach_the_discriminator_from_minus_1_to_1():
    _, discriminator = gan("small")
    seen = []
    discriminator.body.register_forward_hook(lambda layer, given, out: seen.append(given[0]))
    discriminator(torch.tensor([0.0, 0.25, 1.0]).view(3, 1, 1, 1).expand(3, 1, 28, 28))
    assert seen[0][:, 0, 0, 0].tolist() == [-1.0, -0.5, 1.0]


def test_weights_are_drawn_as_dcgans_do():
    generator, discriminator = gan("dcgan")
    project, *_ = generator.layers
    assert project.weight.abs().max().item() == pytest.approx(1 / 8, rel=1e-3)  # torch's own, of 64 inputs
    for part in (*generator.modules(), *discriminator.modules()):
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            assert part.bias is None
            assert part.weight.std().item() == pytest.approx(0.02, rel=0.05)
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            assert part.weight.mean().item() == pytest.approx(1, abs=0.01)
            assert part.weight.std().item() == pytest.approx(0.02, rel=0.3)
            assert not part.bias.any()


def test_the_small_discriminator_has_spectral_norm_throughout_and_its_generator_starts_dark():
    generator, discriminator = gan("small")
    assert not any(isinstance(part, nn.BatchNorm2d) for part in discriminator.modules())
    layers = [part for part in discriminator.modules() if isinstance(part, nn.Conv2d | nn.Linear)]
    assert len(layers) == 3
    for layer in layers:
        assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() == pytest.approx(1, rel=0.1)
    assert generator.layers[-1].bias.tolist() == [-1.0]
    assert generator(torch.zeros(2, 64)).mean() < 0.2


@pytest.mark.parametrize(
    ("name", "shape", "options", "words"),
    [
        ("dcgna", (28, 28, 1), {}, "unknown architecture of a GAN.*Did you mean 'dcgan'"),
        ("dcgan", (8, 28, 1), {}, "sides above 8 pixels for 3 blocks, got 8×28"),
        ("residual", (28, 28, 1), {}, "multiples of 8, such as 32, got 28×28"),
        ("small", (3, 28, 1), {}, "a quarter of a side of the images"),
        ("small", (28, 28, 1), {"generator_filters": 0}, "generator_filters"),
        ("small", (28, 28, 1), {"discriminator_filters": 1.5}, "discriminator_filters"),
        ("dcgan", (28, 28, 1), {"blocks": 0}, "blocks"),
    ],
)
def test_what_cannot_be_built_is_refused(name, shape, options, words):
    with pytest.raises(ConfigError, match=words):
        gan(name, shape, **options)
