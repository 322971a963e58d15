"""The GAN: its losses by hand, its step against a bare loop, samples that depend on the seed alone."""

from __future__ import annotations

import copy
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from lightwell.core import ConfigError, DataError
from lightwell.core.dataset import Dataset
from lightwell.core.errors import TrainingDiverged
from lightwell.core.seeds import derive, global_seed
from lightwell.data.batches import Batches
from lightwell.models.boundary.gan import ADAM, Gan, GanSettings, collapsed, slopes
from lightwell.models.capabilities import Generates
from lightwell.models.model import Signature
from lightwell.models.optimizer import OptimizerSettings
from lightwell.testing.state import differences, disturb, observe
from lightwell.training import TrainingSettings, fit

TINY = {"noise_size": 5, "generator_filters": 4, "discriminator_filters": 4}


def gan(optimizer=None, **settings):
    with global_seed(0, "test"):
        return Gan(Signature(("one", "seven"), (8, 8, 1), ""), GanSettings(**TINY | settings), optimizer)


def data(n=24):
    images = np.random.default_rng(0).integers(0, 256, (n, 8, 8, 1), dtype=np.uint8)
    return Dataset("toy", images, np.arange(n) % 2, ("one", "seven"))


def train(model, folder, epochs=1, n=24, **options):
    how = TrainingSettings(epochs=epochs, batch_size=8, accelerator="cpu", channels_last=False)
    return fit(model, data(n), how, Path(folder), seed=3, **options)


class Corner(nn.Module):
    """Six times the first pixel: per pixel from -1 to 1 its slope is 3."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(6.0))

    def forward(self, images):
        return self.weight * images[:, 0, 0, 0]


def judged(loss, penalty=10.0):
    """Return the terms and the generator's loss of logits 1.5 and 3 (real), 0 and -0.6 (generated)."""
    model = gan(loss=loss, penalty=penalty).train()
    model.discriminator = Corner()
    real, fake = torch.zeros(2, 1, 8, 8), torch.zeros(2, 1, 8, 8)
    real[:, 0, 0, 0], fake[:, 0, 0, 0] = torch.tensor([0.25, 0.5]), torch.tensor([0.0, -0.1])
    terms = {name: term.item() for name, term in model.discriminator_terms(real, fake).items()}
    return terms, model.generator_loss(fake).item()


# Losses.


def test_non_saturating_loss_by_hand():
    def entropy(logit, label):
        p = 1 / (1 + math.exp(-logit))
        return -math.log(p if label else 1 - p)

    terms, generator = judged("ns")
    wanted = (entropy(1.5, 1) + entropy(3, 1)) / 2 + (entropy(0, 0) + entropy(-0.6, 0)) / 2
    assert terms == {"discriminator": pytest.approx(wanted, rel=1e-6)}
    assert generator == pytest.approx((entropy(0, 1) + entropy(-0.6, 1)) / 2, rel=1e-6)


def test_wasserstein_loss_and_penalty_by_hand():
    terms, generator = judged("wgan-gp", penalty=7.0)
    assert terms == {"discriminator": pytest.approx(-0.3 - 2.25), "penalty": pytest.approx(7 * (3 - 1) ** 2)}
    assert generator == pytest.approx(0.3)


def test_hinge_loss_and_penalty_by_hand():
    terms, generator = judged("hinge-r1", penalty=7.0)
    wanted = ((0 + 0) / 2 + (1 + 0.4) / 2) / 2
    assert terms == {"discriminator": pytest.approx(wanted), "penalty": pytest.approx(7 / 2 * 3**2)}
    assert generator == pytest.approx(0.3)


def test_the_penalty_moves_the_weights_as_its_derivative_says():
    critic = Corner()
    (slopes(critic, torch.rand(4, 1, 8, 8)) - 1).square().mean().backward()
    assert critic.weight.grad.item() == pytest.approx(2 * (6 / 2 - 1) / 2)  # of (w/2 - 1)², at w = 6


def test_slopes_against_differences():
    critic = gan(loss="wgan-gp").double().discriminator
    image = torch.rand(1, 1, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    steps = 1e-6 * torch.eye(64, dtype=torch.float64).view(64, 1, 8, 8)
    with torch.no_grad():
        by_pixel = (critic(image + steps) - critic(image - steps)) / 2e-6
    assert slopes(critic, image).item() == pytest.approx(by_pixel.norm().item() / 2, rel=1e-6)


def test_the_penalty_looks_between_real_and_generated_images():
    seen = []
    model = gan(loss="wgan-gp").train()
    real, fake = torch.full((50, 1, 8, 8), 0.75), torch.full((50, 1, 8, 8), 0.25)
    model.discriminator.register_forward_hook(lambda layer, given, out: seen.append(given[0].detach()))
    with global_seed(0, "between"):
        model.discriminator_terms(real, fake)
    shares = (seen[2].flatten(1) - 0.25) / 0.5
    assert (shares.max(dim=1).values - shares.min(dim=1).values).max() < 1e-6  # one share an image
    assert shares.min() < 0.1 < 0.9 < shares.max()


@pytest.mark.parametrize("loss", ["wgan-gp", "hinge-r1"])
def test_held_out_images_have_no_penalty(loss, tmp_path):
    model = gan(loss=loss)
    rows = train(model, tmp_path, validation=data(8))
    named = {name for name in rows[0] if "/" in name}
    terms = {"discriminator", "generator"}
    assert named == {f"train/{t}" for t in (*terms, "penalty")} | {f"validation/{t}" for t in terms}


# Training.


@pytest.mark.parametrize("architecture", ["small", "dcgan"])
def test_a_step_is_what_anyone_would_write_down(architecture, tmp_path):
    model = gan(architecture=architecture, blocks=2)
    bare = copy.deepcopy(model).train()
    train(model, tmp_path, n=8)
    (images,) = next(iter(Batches(data(8), 8, fields=(), seed=3, shuffle=True)))
    nets = (bare.generator, bare.discriminator)
    generator, discriminator = (torch.optim.Adam(p.parameters(), lr=1e-3, betas=(0.5, 0.999)) for p in nets)
    with global_seed(0, "outer"):
        torch.manual_seed(derive(3, "step", 0, 0))
        with torch.no_grad():
            fakes = bare.generator(torch.randn(8, 5))
        logits = bare.discriminator(images), bare.discriminator(fakes)
        loss = functional.softplus(-logits[0]).mean() + functional.softplus(logits[1]).mean()
        loss.backward()
        discriminator.step()
        fakes = bare.generator(torch.randn(8, 5))
        functional.softplus(-bare.discriminator(fakes)).mean().backward()
        generator.step()
    for name, value in bare.state_dict().items():
        assert torch.equal(model.state_dict()[name], value), name


def test_a_generator_moves_with_every_second_batch_over_the_borders_of_epochs(tmp_path):
    model = gan(discriminator_steps=2)
    moved, plain = [], model.generator_loss
    model.generator_loss = lambda fakes: moved.append(model.trainer.fit_loop.total_batch_idx) or plain(fakes)
    train(model, tmp_path, epochs=2)  # of three batches
    assert moved == [0, 2, 4]


@pytest.mark.parametrize("settings", [{"architecture": "dcgan", "blocks": 2}, {"loss": "wgan-gp"}])
def test_a_last_batch_of_one_image_is_no_trouble(settings, tmp_path):
    rows = train(gan(**settings), tmp_path, n=9)
    assert math.isfinite(rows[0]["train/generator"])


def test_settings_reach_both_optimizers(tmp_path):
    model = gan(
        OptimizerSettings("adam", lr=0.01, schedule="linear_end", end_share=1.0, warmup=0.0), betas=(0.0, 0.9)
    )
    seen = []

    def look(module, epoch):
        seen.append(
            [(o.param_groups[0]["betas"], o.param_groups[0]["lr"]) for o in module.trainer.optimizers]
        )

    train(model, tmp_path, epochs=2, each_epoch=look)
    assert [[betas for betas, _ in both] for both in seen] == [[(0.0, 0.9)] * 2] * 2
    assert seen[0][0][1] == seen[0][1][1] == pytest.approx(0.005, rel=0.01)
    assert gan().optimizer_settings == ADAM


def test_an_interrupted_training_ends_as_an_uninterrupted_one(tmp_path):
    class StopError(Exception):
        pass

    def stop(module, epoch):
        if epoch == 1:
            raise StopError

    settings = {"loss": "wgan-gp", "discriminator_steps": 2}
    whole, parts = gan(**settings), gan(**settings)
    train(whole, tmp_path / "whole", epochs=3)
    with pytest.raises(StopError):
        train(parts, tmp_path / "parts", epochs=3, each_epoch=stop)
    resumed = gan(**settings)
    train(resumed, tmp_path / "parts", epochs=3, resume=True)
    for name, value in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value), name


def test_a_diverging_training_says_so(tmp_path):
    with pytest.raises(TrainingDiverged, match=r"is nan|is inf|finite"):
        train(gan(OptimizerSettings("sgd", lr=1e30, warmup=0.0)), tmp_path, epochs=5)


# Samples.


def test_samples_depend_on_the_seed_alone():
    model = gan()
    assert isinstance(model, Generates)
    images = model.sample(7, seed=1)
    assert images.shape == (7, 1, 8, 8)
    for rows in (1, 3, 7):
        torch.testing.assert_close(model.sample(7, seed=1, max_rows=rows), images, rtol=0, atol=1e-6)
    assert not torch.equal(model.sample(7, seed=2), images)
    assert torch.equal(model.noise(20, 4)[:9], model.noise(9, 4))
    big = model.noise(4000, 0)
    assert big.mean().item() == pytest.approx(0, abs=0.03)
    assert big.std().item() == pytest.approx(1, abs=0.03)


def test_sampling_leaves_the_model_as_it_came():
    model = gan(architecture="dcgan", blocks=2).train()
    disturb(model)
    before = observe(model)
    images = model.sample(5, seed=0)
    assert not differences(before, observe(model))
    assert not images.requires_grad
    model.realism(images.requires_grad_()).sum().backward()  # no tensor of inference mode
    assert images.grad.any()


def test_generated_images_are_differentiable_and_logits_are_real_when_large():
    model = gan().eval()
    noise = model.noise(3, 0).requires_grad_()
    images = model.generate(noise)
    images.sum().backward()
    assert noise.grad.any()
    head = model.discriminator.head
    torch.testing.assert_close(model.realism(images), head(model(images)).flatten())


@pytest.mark.parametrize("arguments", [{"n": 0}, {"n": 2, "max_rows": 0}])
def test_no_images_are_refused(arguments):
    with pytest.raises(ConfigError, match=list(arguments)[-1]):
        gan().sample(seed=0, **arguments)


def test_images_of_another_size_are_refused():
    with pytest.raises(DataError, match="do not fit the model"):
        gan().realism(torch.zeros(2, 1, 8, 9))


def test_collapse_by_hand():
    real = torch.tensor([[0.0, 0.2], [1.0, 0.6]]).view(2, 1, 1, 2)  # deviations 0.5 and 0.2
    made = torch.tensor([[0.5, 0.3], [0.5, 0.4], [0.5, 0.3], [0.5, 0.4]]).view(4, 1, 1, 2)  # 0 and 0.05
    assert collapsed(made, real) == pytest.approx(0.025 / 0.35)
    with pytest.raises(DataError, match="all the same"):
        collapsed(made, real[:1])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        *(
            ({name: 0}, rf"gan\.{name}")
            for name in ("noise_size", "generator_filters", "discriminator_steps")
        ),
        ({"penalty": -1.0}, r"gan\.penalty"),
        ({"betas": (0.5, 1.0)}, r"gan\.betas.*two numbers in \[0, 1\)"),
        ({"betas": (0.5,)}, r"gan\.betas"),
        ({"loss": "wgan"}, "unknown loss of a GAN.*Did you mean 'wgan-gp'"),
    ],
)
def test_settings_out_of_range_are_refused(settings, words):
    with pytest.raises(ConfigError, match=words):
        GanSettings(**settings)
