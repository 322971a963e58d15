"""Autoencoders: sizes as published, corruption and losses by hand, training of images and series."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.func import functional_call, grad, vmap

from lightwell.core import ConfigError
from lightwell.core.dataset import Dataset
from lightwell.core.seeds import global_seed
from lightwell.data import load
from lightwell.models.autoencoders.autoencoder import Autoencoder, AutoencoderSettings
from lightwell.models.classifiers.softmax import Softmax, SoftmaxSettings
from lightwell.models.model import Signature
from lightwell.models.optimizer import OptimizerSettings
from lightwell.training.fit import fit
from lightwell.training.represent import represent
from lightwell.training.settings import TrainingSettings

GREY = Signature((), (8, 8, 1), "tiny")
ADAM = OptimizerSettings(name="adam", lr=3e-3, weight_decay=1e-5, schedule="constant", warmup=0.0)


@pytest.fixture(autouse=True)
def _same_numbers():
    with global_seed(0, "test"):
        yield


def make(signature=GREY, **settings):
    with global_seed(0, "autoencoder"):
        return Autoencoder(signature, AutoencoderSettings(**settings), ADAM)


def count(module):
    return sum(weight.numel() for weight in module.parameters())


@pytest.mark.parametrize(
    ("network", "shape", "latents", "encoder", "both"),
    [
        ("mnist28", (28, 28, 1), 4, 43_428, 87_125),  # as published
        ("lstm", (140, 1, 1), 64, 116_736, 249_473),  # as published
        ("lstm", (140, 1, 1), 16, 7_680, 16_289),  # as published
        (
            "cnn1d",
            (140, 1, 1),
            64,
            32 + 400 + 32 + 1_568 + 69_760 + 8_256,
            80_048 + 8_320 + 70_176 + 1_552 + 32 + 392 + 16 + 25,
        ),
        (
            "cifar32",
            (32, 32, 3),
            16,
            896 + 2 * 32**3 + 18_496 + 2 * 64 * 16**2 + 73_856 + 2 * 128 * 8**2 + 147_584 + 262_272 + 2_064,
            619_856 + 2_176 + 264_192 + 73_792 + 2 * 64 * 8**2 + 18_464 + 2 * 32 * 16**2 + 867,
        ),
    ],
)
def test_pairs_have_the_published_size(network, shape, latents, encoder, both):
    model = make(Signature((), shape, network, (0.0,) * shape[2], (1.0,) * shape[2]), latents=latents)
    assert (count(model.encoder), count(model)) == (encoder, both)
    height, width, channels = shape
    images = torch.rand(2, channels, height, width)
    codes = model.eval()(images)
    assert (codes.shape, model.decode(codes).shape) == ((2, latents), images.shape)


@pytest.mark.parametrize(
    ("network", "shape"),
    [("mnist28", (29, 30, 3)), ("cnn1d", (97, 1, 2)), ("cifar32", (16, 24, 1)), ("lstm", (9, 1, 3))],
)
def test_pairs_fit_other_sizes(network, shape):
    model = make(Signature((), shape, network, (0.0,) * shape[2], (1.0,) * shape[2])).eval()
    for n in (0, 2):
        assert model.decode(torch.zeros(n, 4)).shape == (n, shape[2], *shape[:2])


def test_images_stay_in_their_range_and_series_do_not():
    codes = 1e4 * torch.randn(8, 4)
    images = make(Signature((), (28, 28, 1), "mnist28")).eval().decode(codes)
    series = make(Signature((), (40, 1, 1), "cnn1d")).eval().decode(codes)
    assert 0 <= images.min() < images.max() <= 1
    assert series.min() < -1
    assert series.max() > 1


def test_the_code_of_the_lstm_is_the_last_state_by_its_equations():
    model = make(Signature((), (5, 1, 2), "lstm", (0.0, 0.0), (1.0, 1.0)), latents=3)
    series = torch.randn(4, 2, 5, 1)

    def layer(lstm, inputs):
        h = c = torch.zeros(4, lstm.hidden_size)
        states = []
        for moment in inputs.unbind(1):
            gates = moment @ lstm.weight_ih_l0.T + h @ lstm.weight_hh_l0.T + lstm.bias_ih_l0 + lstm.bias_hh_l0
            i, f, g, o = gates.chunk(4, dim=1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            states.append(h)
        return torch.stack(states, dim=1)

    wide = layer(model.encoder.wide, series[..., 0].transpose(1, 2))
    assert torch.allclose(model(series), layer(model.encoder.narrow, wide)[:, -1], atol=1e-6)


def test_losses_by_hand():
    images = torch.rand(5, 1, 8, 8)
    for loss, power in (("mse", 2), ("l1", 1)):
        model = make(loss=loss).eval()
        error = (model.decode(model(images)) - images).abs().pow(power)
        each = torch.stack([e.sum() / 64 for e in error])
        assert torch.allclose(model.example_losses(images), each)
        assert model.losses(images)["reconstruction"].item() == pytest.approx(each.mean().item())


def test_corruption_is_of_training_only_and_follows_the_global_generator():
    images = torch.rand(400, 1, 8, 8) + 0.1
    assert make().corrupted(images) is images
    for pretext in ("denoising", "inpainting"):
        model = make(pretext=pretext)
        with global_seed(3):
            seen = model.corrupted(images)
        with global_seed(3):
            loss = model.losses(images)["reconstruction"].item()
        by_hand = (model.decode(model(seen)) - images).square().mean()  # the clean image is what is wanted
        assert loss == pytest.approx(by_hand.item())
        clean = model.example_losses(images).mean()
        assert loss != pytest.approx(clean.item(), rel=1e-5)
        assert model.eval().losses(images)["reconstruction"].item() == pytest.approx(clean.item())
    noise = make(pretext="denoising").corrupted(images) - images
    assert noise.mean().item() == pytest.approx(0, abs=0.01)
    assert noise.std().item() == pytest.approx(0.3, rel=0.02)
    kept = make(pretext="inpainting").corrupted(images) / images
    assert set(kept.unique().tolist()) == {0.0, 1.0}
    assert kept.mean().item() == pytest.approx(0.8, abs=0.01)


def test_gradients_of_single_examples_by_vmap():
    """What label-free TracIn asks for, against one backward pass an example."""
    model = make(Signature((), (28, 28, 1), "mnist28")).eval()
    images = torch.rand(3, 1, 28, 28)
    weights = {f"model.{name}": value.detach() for name, value in model.named_parameters()}
    buffers = {f"model.{name}": value for name, value in model.named_buffers()}
    asked = Asked(model)

    def loss(parameters, image):
        return functional_call(asked, (parameters, buffers), (image[None],))[0]

    together = vmap(grad(loss), in_dims=(None, 0))(weights, images)
    for i in range(3):
        model.zero_grad()
        model.example_losses(images[i : i + 1]).sum().backward()
        for name, weight in model.named_parameters():
            assert torch.allclose(together[f"model.{name}"][i], weight.grad, atol=1e-6)


class Asked(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, inputs):
        return self.model.example_losses(inputs)


def test_an_lstm_learns_heartbeats_through_fit(shared_data, tmp_path):
    beats = load("ecg5000", shared_data / "ecg5000.npz").part("train").take(np.arange(64))
    model = make(Signature(beats.class_names, beats.image_shape, "lstm"), latents=8)
    model.optimizer_settings = replace(ADAM, lr=5e-3)
    settings = TrainingSettings(epochs=5, batch_size=8, patience=4)
    rows = fit(model, beats, settings, tmp_path, validation=beats, seed=0)
    losses = [row["validation/reconstruction"] for row in rows]
    assert losses[-1] < 0.85 * losses[0]
    assert represent(model, beats).codes.shape == (64, 8)


def test_denoising_learns_images_and_is_reproducible(tmp_path):
    chance = np.random.default_rng(0)
    squares = np.zeros((128, 8, 8), np.uint8)
    for image, (row, column) in zip(squares, chance.integers(0, 6, (128, 2)), strict=True):
        image[row : row + 3, column : column + 3] = 255
    data, settings = Dataset.from_arrays(squares), TrainingSettings(epochs=6, batch_size=32)
    models = [make(pretext="denoising"), make(pretext="denoising")]
    rows = [fit(m, data, settings, tmp_path / str(i), seed=1) for i, m in enumerate(models)]
    assert rows[0][-1]["train/reconstruction"] < 0.8 * rows[0][0]["train/reconstruction"]
    codes = [represent(m, data).codes for m in models]
    assert np.array_equal(*codes)


def test_a_classifier_with_the_same_encoder():
    """The softmax classifier on the body of the pair: as many latents, then class scores."""
    model = Softmax(
        Signature(tuple("0123456789"), (28, 28, 1), "mnist28"), SoftmaxSettings(features=4)
    ).eval()
    codes = model(torch.rand(2, 1, 28, 28))
    assert (codes.shape, model.logits(codes).shape) == ((2, 4), (2, 10))
    body = make(Signature((), (28, 28, 1), "mnist28")).encoder.body
    assert {n: w.shape for n, w in body.named_parameters()} == {
        n: w.shape for n, w in model.body.named_parameters()
    }


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"latents": 0}, r"autoencoder\.latents.*1 or more"),
        ({"noise": -0.1}, r"autoencoder\.noise"),
        ({"keep": 1.5}, r"autoencoder\.keep.*in \[0, 1\]"),
        ({"decoder": "mnist82"}, "no such decoder.*Did you mean 'mnist28'"),
        ({"decoder": "cifar32"}, r"makes no such images|fails on two codes"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, words):
    signature = Signature((), (28, 28, 1), "mnist28")
    with pytest.raises(ConfigError, match=words):
        Autoencoder(signature, AutoencoderSettings(**settings))


def test_images_too_small_for_the_network_are_refused():
    with pytest.raises(ConfigError, match=r"too small for this body \(in mnist28\).*got 4×4"):
        make(Signature((), (4, 4, 1), "mnist28"))
