"""ARPL: its loss by hand, and confusing samples that resume bit for bit and leave real statistics alone."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from lightwell.core import ConfigError
from lightwell.core.dataset import Dataset
from lightwell.core.seeds import global_seed
from lightwell.models.classifiers.arpl import Arpl, ArplSettings, confusion, margin_term, squared_distances
from lightwell.models.model import Signature
from lightwell.models.optimizer import OptimizerSettings
from lightwell.nets.dual_norm import DualNorm
from lightwell.training import TrainingSettings, fit

CLASSES = ("cat", "dog", "owl")


def arpl(signature=None, **settings):
    with global_seed(0, "test"):
        return Arpl(
            signature or Signature(CLASSES, (8, 8, 1)), ArplSettings(**settings), OptimizerSettings(lr=0.05)
        )


def batch(n=6):
    images = torch.rand(n, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    return images, torch.arange(n) % 3


def data(n=24):
    images = np.random.default_rng(0).integers(0, 256, (n, 8, 8, 1), dtype=np.uint8)
    return Dataset("toy", images, np.arange(n) % 3, CLASSES)


def train(folder, epochs, resume=False, **settings):
    model = arpl(confusing_samples=True, noise_size=5, **settings)
    how = TrainingSettings(epochs=epochs, batch_size=8, accelerator="cpu")
    rows = fit(model, data(), how, Path(folder), seed=3, resume=resume)
    return model, rows


# Loss.


def test_loss_by_hand(signature):
    model = arpl(signature, head="pooled", margin_weight=0.5).eval()
    codes = torch.tensor([[1.0, 2.0], [0.0, -1.0]])
    model.forward = lambda images: codes
    model.points = torch.nn.Parameter(torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 3.0]]))
    model.margin = torch.nn.Parameter(torch.tensor(2.0))
    # First: mean squares 5/2, 4/2, 2/2, dot products 0, 1, 6. Second: 1/2, 2/2, 16/2 and 0, 0, -3.
    logits = [[2.5, 1.0, -5.0], [0.5, 1.0, 11.0]]
    assert model.logits(codes).tolist() == logits
    terms = model.losses(codes, torch.tensor([0, 1]))
    entropy = [math.log(sum(map(math.exp, row))) - row[y] for row, y in zip(logits, (0, 1), strict=True)]
    assert terms["cross_entropy"].item() == pytest.approx(sum(entropy) / 2, rel=1e-6)
    # Distances to the own point 2.5 and 1 against a margin of 2: max(0, 2.5 - 2 + 1) and max(0, 1 - 2 + 1).
    assert terms["margin"].item() == pytest.approx(0.5 * (1.5 + 0) / 2)
    assert set(terms) == {"cross_entropy", "margin"}


def test_margin_term_is_the_margin_ranking_loss_of_torch():
    own = torch.tensor([0.0, 0.5, 3.0])
    theirs = torch.nn.functional.margin_ranking_loss(torch.full((3,), 0.7), own, torch.ones(3), margin=1.0)
    assert margin_term(own, torch.tensor(0.7)).item() == pytest.approx(theirs.item())


def test_margin_is_learnt_and_starts_at_0():
    model = arpl()
    assert model.margin.item() == 0
    sum(model.losses(*batch()).values()).backward()
    assert model.margin.grad.item() == pytest.approx(-0.1)  # every example lies outside at first


def test_confusion_by_hand():
    sure = torch.tensor([[200.0, 0.0, 0.0]])
    assert confusion(sure).item() == pytest.approx(1)
    assert confusion(torch.zeros(5, 3)).item() == pytest.approx(1 / 3)
    # Odds 3 to 1: 3/4 log 3/4 + 1/4 log 1/4, averaged with log 1/2 before the exponential.
    mixed = torch.tensor([[math.log(3), 0.0], [1.0, 1.0]])
    entropy = 0.75 * math.log(0.75) + 0.25 * math.log(0.25)
    assert confusion(mixed).item() == pytest.approx(math.exp((entropy - math.log(2)) / 2))


def test_squared_distances_against_numpy():
    draw = np.random.default_rng(0)
    codes, points = draw.normal(size=(7, 5)), draw.normal(size=(3, 5))
    wanted = np.square(codes[:, None] - points).mean(axis=2)
    found = squared_distances(torch.tensor(codes), torch.tensor(points))
    np.testing.assert_allclose(found, wanted)


def test_points_start_small():
    model = arpl(Signature(tuple("abcdefghij"), (8, 8, 1)), features=500)
    assert model.points.shape == (10, 500)
    assert model.points.std().item() == pytest.approx(0.1, rel=0.05)


@pytest.mark.parametrize(("head", "width"), [("bottleneck", 12), ("pooled", 64)])
def test_heads(head, width):
    model = arpl(head=head, features=12)
    assert model(batch()[0]).shape == (6, width)
    assert model.axes[0].width == width


@pytest.mark.parametrize(
    "settings",
    [{"features": 0}, {"margin_weight": -1}, {"confusing_weight": -1}, {"noise_size": 0}, {"gan_lr": 0}],
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ConfigError, match=rf"arpl\.{next(iter(settings))}"):
        ArplSettings(**settings)


# Confusing samples.


def test_without_confusing_samples_there_is_no_generator():
    model = arpl()
    assert model.automatic_optimization
    assert not [name for name in model.state_dict() if "generator" in name or "others" in name]


def test_generated_images_move_their_own_statistics_only():
    model = arpl(confusing_samples=True).train()
    norms = [part for part in model.body.modules() if isinstance(part, DualNorm)]
    assert len(norms) == 3
    before = [norm.real.running_mean.clone() for norm in norms]
    model._indecision(model._fakes(4))
    assert all(torch.equal(norm.real.running_mean, old) for norm, old in zip(norms, before, strict=True))
    assert all(norm.others.running_mean.abs().sum() > 0 for norm in norms)
    assert not any(norm.sees_others for norm in norms)


def test_statistics_are_put_back_after_an_error():
    model = arpl(confusing_samples=True)
    with pytest.raises(RuntimeError):
        model._indecision(torch.zeros(2, 1, 8, 8, dtype=torch.float32, requires_grad=False).to("meta"))
    assert not any(part.sees_others for part in model.modules() if isinstance(part, DualNorm))


def test_confusing_term_is_there_in_training_only_and_leaves_the_generator_alone():
    model = arpl(confusing_samples=True, confusing_weight=0.3)
    images, labels = batch()
    with global_seed(0, "step"):
        terms = model.train().losses(images, labels)
    assert 0.3 / 3 * 0.99 <= terms["confusing"].item() <= 0.3
    sum(terms.values()).backward()
    assert all(weight.grad is None for weight in model.generator.parameters())
    assert set(model.eval().losses(images, labels)) == {"cross_entropy", "margin"}


def test_optimizers_share_no_weight_and_leave_none_out():
    model = arpl(confusing_samples=True)
    classifier = {id(weight) for weight in model.main_parameters()}
    gan = {id(w) for part in (model.generator, model.discriminator) for w in part.parameters()}
    assert not classifier & gan
    assert classifier | gan == {id(weight) for weight in model.parameters()}
    assert id(model.points) in classifier
    assert id(model.margin) in classifier


def test_a_training_moves_all_three_networks(tmp_path):
    fresh = arpl(confusing_samples=True, noise_size=5).state_dict()
    model, rows = train(tmp_path, 2)
    for part in ("body", "head", "points", "margin", "generator", "discriminator"):
        moved = [
            n for n, w in model.state_dict().items() if n.startswith(part) and not torch.equal(w, fresh[n])
        ]
        assert moved, part
    terms = {"cross_entropy", "margin", "confusing", "discriminator", "generator", "generator_confusing"}
    assert {f"train/{name}" for name in terms} <= set(rows[-1])
    assert all(weight.grad is None or not weight.grad.any() for weight in model.parameters())


def test_learning_rate_follows_the_schedule(tmp_path):
    _, rows = train(tmp_path, 3)
    rates = [row["learning_rate"] for row in rows]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 0.1 * 0.05


def test_an_interrupted_training_ends_as_an_uninterrupted_one(tmp_path):
    class StopError(Exception):
        pass

    whole, _ = train(tmp_path / "whole", 3)
    model = arpl(confusing_samples=True, noise_size=5)
    calls = iter(range(100))

    def stopping(images, chance):
        if next(calls) == 4:  # within the second of three epochs of three batches
            raise StopError
        return images

    how = TrainingSettings(epochs=3, batch_size=8, accelerator="cpu")
    with pytest.raises(StopError):
        fit(model, data(), how, tmp_path / "parts", seed=3, augment=stopping)
    resumed, _ = train(tmp_path / "parts", 3, resume=True)
    for name, weight in whole.state_dict().items():
        assert torch.equal(weight, resumed.state_dict()[name]), name


def test_gradient_clipping_is_refused_in_words(tmp_path):
    how = TrainingSettings(epochs=1, batch_size=8, accelerator="cpu", clip_gradient=1.0)
    with pytest.raises(ConfigError, match="do not work here"):
        fit(arpl(confusing_samples=True), data(), how, tmp_path)
