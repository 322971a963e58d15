"""GASTeN: the control is the plain training bit for bit, the classifier stays out of it, trainings resume."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from lightwell.core import ConfigError
from lightwell.core.dataset import Dataset
from lightwell.core.seeds import global_seed
from lightwell.models.boundary.gan import ADAM, Gan, GanSettings
from lightwell.models.boundary.gasten import Gasten
from lightwell.models.boundary.rules import Rule
from lightwell.models.boundary.undecided import Undecided
from lightwell.models.model import Signature
from lightwell.training import TrainingSettings, fit
from lightwell.training.checkpoint import SafeCheckpointIO

RULES = ["control", "l1:5", "alternating:1", "mgda", "mgda-normed"]


def gan(**settings):
    small = {"noise_size": 6, "generator_filters": 8, "discriminator_filters": 8}
    with global_seed(0, "test"):
        return Gan(Signature((), (16, 16, 1)), GanSettings(**small | settings))


def classifier():
    """Says how much of an image's light is in its upper half; has dropout, a batch norm and three classes."""
    with global_seed(1, "test"):
        net = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.BatchNorm1d(256), nn.Linear(256, 3))
    rows = torch.linspace(-1, 1, 16).sign().repeat_interleave(16) / 16
    net[3].weight.data = torch.stack([rows, -rows, 0 * rows - 1])
    return net.train()


def gasten(rule="alternating:1", net=None, **settings):
    return Gasten(gan(**settings), Undecided(net or classifier(), outputs="logits"), Rule.parse(rule), 1e-3)


def data(n=24):
    images = np.random.default_rng(0).integers(0, 256, (n, 16, 16, 1), dtype=np.uint8)
    return Dataset("toy", images, np.zeros(n, dtype=np.int64), ("toy",))


def train(model, folder, epochs=2, n=24, **options):
    how = TrainingSettings(epochs=epochs, batch_size=8, accelerator="cpu")
    return fit(model, data(n), how, folder, seed=3, **options)


def equal(one, two):
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize(
    "settings", [{}, {"loss": "wgan-gp", "discriminator_steps": 2}, {"architecture": "dcgan", "blocks": 2}]
)
def test_control_is_the_plain_training_bit_for_bit(tmp_path, settings):
    assert ADAM.lr == 1e-3
    plain, control = gan(**settings), gasten("control", **settings)
    theirs = train(plain, tmp_path / "plain")
    ours = train(control, tmp_path / "control")
    assert equal(plain.state_dict(), control.gan.state_dict())
    for name in ("discriminator", "generator"):
        assert [row[f"train/{name}"] for row in ours] == [row[f"train/{name}"] for row in theirs]


@pytest.mark.parametrize("rule", RULES)
def test_the_gan_moves_and_the_classifier_does_not(tmp_path, rule):
    net = classifier()
    before = copy.deepcopy(net.state_dict())
    model = gasten(rule, net)
    fresh, asked = gan().state_dict(), copy.deepcopy(model.undecided)
    rows = train(model, tmp_path, epochs=1)
    for part in ("generator", "discriminator"):
        moved = [n for n, w in model.gan.state_dict().items() if n.startswith(part) and not w.equal(fresh[n])]
        assert moved, part
    assert equal(net.state_dict(), before)
    assert all(part.training for part in net.modules())
    assert all(weight.grad is None and weight.requires_grad for weight in net.parameters())
    images = torch.rand(4, 1, 16, 16)
    assert torch.equal(model.undecided.ask(images).log_odds, asked.ask(images).log_odds)
    stored = SafeCheckpointIO().load_checkpoint(tmp_path / "checkpoints" / "last.ckpt")["state_dict"]
    assert stored.keys() == model.state_dict().keys()
    assert {name.split(".")[1] for name in stored} == {
        "generator",
        "discriminator",
        "input_mean",
        "input_std",
    }
    assert all(weight.requires_grad for weight in model.gan.parameters())
    logged = {"discriminator", "generator", "pull", "band_share"} | ({"gamma"} if "mgda" in rule else set())
    assert {name.removeprefix("train/") for name in rows[-1] if name.startswith("train/")} == logged
    assert 0 <= rows[-1]["train/band_share"] <= 1


@pytest.mark.parametrize("rule", ["alternating:1", "mgda"])
def test_an_interrupted_training_ends_as_an_uninterrupted_one(tmp_path, rule):
    class StopError(Exception):
        pass

    calls = iter(range(100))

    def stopping(images, chance):
        if next(calls) == 4:  # within the second of three epochs of three batches
            raise StopError
        return images

    whole, resumed = gasten(rule), gasten(rule)
    rows = train(whole, tmp_path / "whole", 3)
    with pytest.raises(StopError):
        train(gasten(rule), tmp_path / "parts", 3, augment=stopping)
    again = train(resumed, tmp_path / "parts", 3, resume=True)
    assert equal(whole.state_dict(), resumed.state_dict())
    assert [row["train/pull"] for row in rows] == [row["train/pull"] for row in again]


class Watched(Gasten):
    """Notes the gradient norm of each optimiser step, and whose it is."""

    def on_before_optimizer_step(self, optimizer):
        super().on_before_optimizer_step(optimizer)
        weights = optimizer.param_groups[0]["params"]
        norm = torch.cat([weight.grad.flatten() for weight in weights]).norm().item()
        name = "generator" if weights[0] is next(self.gan.generator.parameters()) else "discriminator"
        self.notes = [*getattr(self, "notes", []), (name, norm)]


def test_alternating_takes_two_clipped_steps_a_batch(tmp_path):
    model = gasten("alternating:0.02:0.01:0.05")
    model.__class__ = Watched
    train(model, tmp_path, epochs=1)
    names, norms = zip(*model.notes, strict=True)
    assert names == ("discriminator", "generator", "generator") * 3
    assert norms[1::3] == pytest.approx([0.001] * 3, rel=1e-3)
    assert max(norms[2::3]) <= 0.05 * 1.001
    assert min(norms[::3]) > 0.05  # nobody clips the discriminator


def test_rules_with_a_pull_bring_images_nearer_to_the_boundary(tmp_path):
    # This classifier is sure that dark images are of its second class.
    net = nn.Sequential(nn.Flatten(), nn.Linear(256, 1))
    net[1].weight.data.fill_(0.1)
    net[1].bias.data.fill_(-10.0)
    distance = {}
    for rule in ("control", "huber:5", "alternating:1"):
        model = Gasten(gan(), Undecided(net, outputs="logits"), Rule.parse(rule), lr=1e-2)
        train(model, tmp_path / rule.partition(":")[0], epochs=1, n=200)
        answer = model.undecided.predict(model.gan.sample(64, seed=0))
        distance[rule] = (answer.p - 0.5).abs().mean().item()
    assert distance["huber:5"] < 0.5 * distance["control"]
    assert distance["alternating:1"] < 0.7 * distance["control"]


def test_a_learning_rate_out_of_range_is_refused():
    with pytest.raises(ConfigError, match=r"gasten\.lr"):
        Gasten(gan(), Undecided(classifier(), outputs="logits"), Rule(), lr=0)
