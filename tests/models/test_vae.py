"""The variational autoencoder: its terms and their mixing, in training and out of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lightwell.core import ConfigError
from lightwell.core.dataset import Dataset
from lightwell.core.seeds import global_seed
from lightwell.models.concepts.vae import Vae, VaeSettings
from lightwell.models.model import Signature
from lightwell.models.optimizer import OptimizerSettings
from lightwell.training.fit import fit
from lightwell.training.represent import represent
from lightwell.training.settings import TrainingSettings

GREY = Signature((), (8, 8, 1))
ADAM = OptimizerSettings(name="adam", lr=1e-2, weight_decay=0.0, schedule="constant", warmup=0.0)


def make(signature=GREY, **settings):
    with global_seed(0, "vae"):
        return Vae(signature, VaeSettings(**{"latents": 3, "discriminator_width": 16} | settings), ADAM)


def squares(n=192):
    """White squares of 3 pixels anywhere on black."""
    chance = np.random.default_rng(0)
    images = np.zeros((n, 8, 8), np.uint8)
    for image, (row, column) in zip(images, chance.integers(0, 6, (n, 2)), strict=True):
        image[row : row + 3, column : column + 3] = 255
    return Dataset.from_arrays(images)


@pytest.fixture(scope="module")
def images():
    return torch.rand(16, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def test_terms_are_the_formulas_times_their_weights(images):
    plain = make().eval()
    heavy = make(beta=4.0, reconstruction_weight=0.5).eval()
    a, b = plain.losses(images), heavy.losses(images)
    assert b["kl"].item() == pytest.approx(4 * a["kl"].item())
    assert b["reconstruction"].item() == pytest.approx(a["reconstruction"].item() / 2)
    q = plain.posterior(images)
    kl = (q.mean.square() + q.log_variance.exp() - q.log_variance - 1).sum() / 2 / 16
    assert a["kl"].item() == pytest.approx(kl.item(), rel=1e-5)


def test_tcvae_of_weight_1_is_the_vae_and_terms_scale(images):
    assert make(terms="tcvae=1").eval().losses(images)["tcvae"].item() == 0
    two, three = (make(terms=f"tcvae={w},dip2={w}").eval().losses(images) for w in (2, 3))
    assert three["tcvae"].item() == pytest.approx(2 * two["tcvae"].item())
    assert three["dip2"].item() == pytest.approx(1.5 * two["dip2"].item())


def test_capacity_takes_the_place_of_beta(images):
    plain = make().eval().losses(images)["kl"].item()
    asked = make(beta=7.0, terms="capacity=3", capacity_max=plain + 2).eval().losses(images)["kl"].item()
    assert asked == pytest.approx(3 * 2, rel=1e-4)


def test_training_noise_is_new_and_evaluation_noise_is_not(images):
    model = make()
    assert not torch.equal(model.posterior(images).sample, model.posterior(images).sample)
    model.eval()
    assert torch.equal(model.posterior(images).sample, model.posterior(images).sample)
    assert not torch.equal(model.posterior(images).sample, model.posterior(images).mean)


def test_unknown_scores_are_the_errors_of_the_mean(images):
    model = make().eval()
    with torch.no_grad():
        codes = model(images)
        scores, rebuilt = model.unknown_scores(images, codes), model.decode(codes)
    wanted = torch.nn.functional.binary_cross_entropy(rebuilt, images, reduction="none").sum(dim=(1, 2, 3))
    assert torch.allclose(scores["reconstruction"], wanted, rtol=1e-4)
    assert torch.allclose(scores["reconstruction_l2"], (rebuilt - images).square().sum(dim=(1, 2, 3)).sqrt())


@pytest.mark.parametrize("terms", ["tcvae=4,infovae=10,dip1=1,dip2=1", "factor=2,capacity=5"])
def test_training_rebuilds_better_with_any_terms(terms, tmp_path):
    data, model = squares(), make(terms=terms, capacity_batches=20)
    before = represent(model, data).scores["reconstruction"].mean()
    rows = fit(model, data, TrainingSettings(epochs=4, batch_size=32), tmp_path, validation=data, seed=0)
    after = represent(model, data).scores["reconstruction"].mean()
    assert after < 0.9 * before
    names = {term.partition("=")[0] for term in terms.split(",")} & {"tcvae", "infovae", "dip1", "dip2"}
    assert {f"{part}/{name}" for part in ("train", "validation") for name in names} <= rows[-1].keys()


def test_the_discriminator_moves_with_its_own_optimiser(tmp_path):
    model = make(terms="factor=1", discriminator_lr=1e-2)
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    fit(model, squares(64), TrainingSettings(epochs=1, batch_size=32), tmp_path)
    assert all(not torch.equal(weight, before[name]) for name, weight in model.named_parameters())
    assert not any(weight is other for weight in model.main_parameters()
                   for other in model.discriminator.parameters())  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"latents": 0}, r"in vae.latents\): expected 1 or more, got 0"),
        ({"beta": -1.0}, r"in vae.beta\): expected 0 or more"),
        ({"terms": "beta=2"}, "unknown loss term"),
    ],
)
def test_settings_out_of_range_are_refused(settings, words):
    with pytest.raises(ConfigError, match=words):
        VaeSettings(**settings)


def test_a_body_that_does_not_fit_the_images_is_refused():
    with pytest.raises(ConfigError, match=r"does not fit the images \(in conv64\).*images of 28×28"):
        make(Signature((), (28, 28, 1), "conv64"))
