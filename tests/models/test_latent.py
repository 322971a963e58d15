"""Latent search: it reaches the boundary, alone for each image, and leaves the networks as they are."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from lightwell.core import ConfigError
from lightwell.core.seeds import global_seed
from lightwell.models.boundary.gan import Gan, GanSettings
from lightwell.models.boundary.latent import LatentSearch
from lightwell.models.boundary.undecided import Undecided
from lightwell.models.capabilities import Generates
from lightwell.models.model import Signature


@pytest.fixture
def gan():
    with global_seed(0, "test"):
        made = Gan(Signature((), (16, 16, 1)), GanSettings(noise_size=6, generator_filters=8))
        made.train()
        made.generate(torch.randn(64, 6))  # gives its batch norms statistics
    return made


@pytest.fixture
def asked(gan):
    """A classifier of two classes, sure about most of the images that the GAN makes."""
    with global_seed(0, "weights"):
        net = nn.Sequential(nn.Flatten(), nn.Linear(256, 1, bias=False))
    logits = net(gan.sample(256, 1)).detach()
    centred = nn.Sequential(net, nn.Linear(1, 1))
    centred[1].weight.data.fill_(4 / logits.std())
    centred[1].bias.data.fill_(-4 * logits.mean() / logits.std() + 2)
    return Undecided(centred, outputs="logits")


def band_share(asked, images):
    return ((asked.predict(images).p - 0.5).abs() <= 0.1).float().mean().item()


def test_the_search_reaches_the_band(gan, asked):
    assert band_share(asked, gan.sample(64, 0)) < 0.2
    found = LatentSearch(gan, asked).sample(64, 0)
    assert found.shape == (64, 1, 16, 16)
    assert not found.requires_grad
    assert 0 <= found.min() <= found.max() <= 1
    assert band_share(asked, found) > 0.9


def test_it_starts_from_the_noise_of_plain_samples(gan, asked):
    one = LatentSearch(gan, asked, steps=1, lr=1e-6).sample(5, 3)
    torch.testing.assert_close(one, gan.sample(5, 3), atol=1e-4, rtol=0)


def test_neither_chunks_nor_other_images_change_an_image(gan, asked):
    search = LatentSearch(gan, asked, steps=30)
    whole = search.sample(11, 0)
    torch.testing.assert_close(search.sample(11, 0, max_rows=3), whole, atol=1e-4, rtol=0)
    torch.testing.assert_close(search.sample(4, 0), whole[:4], atol=1e-4, rtol=0)


def test_a_seed_is_one_set_of_images(gan, asked):
    search = LatentSearch(gan, asked, steps=5)
    state = torch.get_rng_state()
    first = search.sample(6, 0)
    assert torch.equal(torch.get_rng_state(), state)
    with torch.no_grad():
        assert torch.equal(search.sample(6, 0), first)
    assert not torch.equal(search.sample(6, 1), first)


def test_the_networks_stay_as_they_are(gan, asked):
    gan.discriminator.eval()
    before = copy.deepcopy(gan.state_dict())
    LatentSearch(gan, asked, steps=2).sample(3, 0)
    assert all(torch.equal(weight, before[name]) for name, weight in gan.state_dict().items())
    assert all(weight.grad is None and weight.requires_grad for weight in gan.parameters())
    assert gan.generator.training
    assert not gan.discriminator.training


def test_of_three_classes_the_third_is_left(gan, asked):
    with global_seed(2, "weights"):
        net = nn.Sequential(nn.Flatten(), nn.Linear(256, 3))
    net[1].weight.data *= 10
    three = Undecided(net, pair=(0, 2), outputs="logits")
    before, after = (three.predict(s.sample(32, 0)).mass for s in (gan, LatentSearch(gan, three)))
    assert (after > before).float().mean() > 0.9
    assert after.mean() > 1.2 * before.mean()


def test_generators_share_an_interface(gan, asked):
    assert isinstance(gan, Generates)
    assert isinstance(LatentSearch(gan, asked), Generates)


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"lr": 0.0}])
def test_settings_out_of_range_are_refused(gan, asked, wrong):
    with pytest.raises(ConfigError, match=f"latent search.{next(iter(wrong))}"):
        LatentSearch(gan, asked, **wrong)


def test_numbers_out_of_range_are_refused(gan, asked):
    for numbers in ((0, 0), (1, 0, 0)):
        with pytest.raises(ConfigError):
            LatentSearch(gan, asked).sample(*numbers)
