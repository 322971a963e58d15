"""The classifier under test: its layers by hand, one logit for two classes, training that stops in time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.signal import correlate2d
from torch.nn import functional

from lightwell.core import ConfigError, DataError
from lightwell.core.dataset import Dataset
from lightwell.core.seeds import global_seed
from lightwell.models import method, saved
from lightwell.models.boundary.subject import Subject, SubjectSettings
from lightwell.models.model import Signature
from lightwell.models.optimizer import OptimizerSettings
from lightwell.training.fit import fit
from lightwell.training.represent import represent
from lightwell.training.settings import TrainingSettings

PAIR = Signature(("one", "seven"), (28, 28, 1), mean=(0.5,), std=(0.5,))
ADAM = OptimizerSettings(name="adam", lr=1e-2, weight_decay=0.0, schedule="constant", warmup=0.0)


def make(signature=PAIR, optimizer=None, **settings):
    with global_seed(0, "test"):
        return Subject(signature, SubjectSettings(**settings), optimizer)


def draw(*shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


def test_it_is_found_by_name():
    assert method("subject") is Subject


@pytest.mark.parametrize(
    ("filters", "codes", "parameters"),
    # (9 + 1) nf, (9 nf + 1) 2 nf, and a weight a code with one bias
    [(1, 98, 10 + 20 + 99), (2, 196, 20 + 76 + 197), (4, 392, 40 + 296 + 393), (16, 1568, 160 + 4640 + 1569)],
)
def test_sizes_of_the_cnn_are_the_seeds(filters, codes, parameters):
    model = make(filters=filters)
    assert model(draw(2, 1, 28, 28)).shape == (2, codes)
    assert sum(weight.numel() for weight in model.parameters()) == parameters
    assert model.axes[0].indices == tuple(range(codes))


def test_sizes_of_the_mlp_and_of_more_classes():
    model = make(architecture="mlp", filters=3)
    assert model(draw(2, 1, 28, 28)).shape == (2, 3)
    assert sum(weight.numel() for weight in model.parameters()) == (784 + 1) * 3 + 3 + 1
    model = make(Signature(("a", "b", "c"), (11, 9, 3), mean=(0.5,) * 3, std=(0.5,) * 3), filters=2)
    assert model.logits(model(draw(5, 3, 11, 9))).shape == (5, 3)
    assert model.last.weight.shape == (3, 2 * 2 * 2 * 2)  # 11×9, 5×4, 2×2
    assert model.last.bias.shape == (3,)


def pooled(maps):
    height, width = maps.shape
    return maps.reshape(height // 2, 2, width // 2, 2).max(axis=(1, 3))


def test_codes_and_logit_are_those_of_scipy():
    model = make(Signature(("a", "b"), (8, 8, 1), mean=(0.5,), std=(0.5,)), filters=2)
    image = draw(1, 1, 8, 8)
    weights = [(part.weight.detach().numpy(), part.bias.detach().numpy()) for part in model.embed[::2][:2]]
    maps = (image[0].numpy() - 0.5) / 0.5
    for kernels, biases in weights:
        maps = np.stack([
            pooled(sum(correlate2d(m, k, "same") for m, k in zip(maps, kernel, strict=True)) + bias)
            for kernel, bias in zip(kernels, biases, strict=True)
        ])  # fmt: skip
    codes = model(image)
    np.testing.assert_allclose(codes[0].detach(), maps.ravel(), atol=1e-6)
    z = float(model.last.weight.detach().numpy()[0] @ maps.ravel() + model.last.bias.item())
    assert model.logits(codes)[0].tolist() == pytest.approx([-z / 2, z / 2], abs=1e-6)
    assert model.logits(codes).softmax(dim=1)[0, 1].item() == pytest.approx(1 / (1 + np.exp(-z)), abs=1e-6)


@pytest.mark.parametrize("architecture", ["cnn", "mlp"])
def test_there_is_no_activation(architecture):
    """Without biases, codes grow as the pixels do; of the linear layer they also change sign with them."""
    model = make(architecture=architecture)
    for name, weight in model.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.zeros_(weight)
    images = draw(3, 1, 28, 28)
    pixels = 2 * images - 1
    torch.testing.assert_close(model.embed(7 * pixels), 7 * model.embed(pixels))
    torch.testing.assert_close(model(images), model.embed(pixels))
    assert model(images).min() < 0
    if architecture == "mlp":
        torch.testing.assert_close(model.embed(-pixels), -model.embed(pixels))


def test_the_loss_of_two_classes_is_that_of_the_one_logit():
    model = make()
    images, labels = draw(6, 1, 28, 28), torch.tensor([0, 1, 1, 0, 1, 0])
    z = model.last(model(images))[:, 0]
    wanted = functional.binary_cross_entropy_with_logits(z, labels.float())
    assert model.losses(images, labels)["cross_entropy"].item() == pytest.approx(wanted.item(), rel=1e-6)
    right = ((z > 0) == labels.bool()).float().mean().item()
    assert model.measures(images, labels)["accuracy"].item() == pytest.approx(right)


def test_it_learns_stops_in_time_and_is_saved(tmp_path):
    chance = np.random.default_rng(0)
    images = chance.integers(0, 60, (64, 8, 8)).astype(np.uint8)
    labels = np.arange(64) % 2
    images[labels == 1, :, 3] += 150
    data = Dataset.from_arrays(images, ["one" if label else "none" for label in labels])
    signature = Signature(data.class_names, (8, 8, 1), mean=(0.5,), std=(0.5,))
    model = make(signature, ADAM, filters=2)
    settings = TrainingSettings(epochs=6, batch_size=16, patience=2)
    fit(model, data, settings, tmp_path, validation=data, seed=0)
    found = represent(model, data)
    assert (found.predictions == found.labels).mean() > 0.95
    saved.save(model, tmp_path / "model")
    assert np.array_equal(represent(saved.load(tmp_path / "model"), data).codes, found.codes)
    with pytest.raises(DataError, match="training classes are not those"):
        make().training_data(data, seed=0)


@pytest.mark.parametrize(
    ("signature", "settings", "words"),
    [
        (PAIR, {"filters": 0}, r"subject\.filters.*1 or more, got 0"),
        (PAIR, {"architecture": "vit"}, r"no such architecture \(in subject\.architecture\).*got vit"),
        (Signature(("a",), (28, 28, 1)), {}, "two known classes or more"),
        (Signature(("a", "b"), (3, 8, 1)), {}, r"too small to be pooled twice.*4×4 or more, got 3×8"),
        (Signature(("a", "b"), (28, 28, 1), encoder="mine:net"), {}, "learns its own layers"),
    ],
)
def test_what_cannot_be_is_refused(signature, settings, words):
    with pytest.raises(ConfigError, match=words):
        make(signature, **settings)
