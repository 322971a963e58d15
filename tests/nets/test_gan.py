"""The small DCGAN fits any size of image; two batch norms in one place keep apart."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lightwell.core import ConfigError
from lightwell.core.seeds import global_seed
from lightwell.nets.convnets import small
from lightwell.nets.dual_norm import DualNorm, for_others, with_dual_norms
from lightwell.nets.frozen import FrozenEncoder
from lightwell.nets.gan import Discriminator, Generator


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
