"""Asking any classifier about two classes: the same answer from every form of output, and no trace left."""

from __future__ import annotations

import contextlib
import math

import numpy as np
import pytest
import torch
from torch import nn

from lightwell.core import ConfigError, DataError
from lightwell.core.seeds import global_seed
from lightwell.models import method
from lightwell.models.boundary.subject import Subject, SubjectSettings
from lightwell.models.boundary.undecided import Undecided
from lightwell.models.model import Signature
from lightwell.testing.state import differences, disturb, observe

PAIR = Signature(("one", "seven"), (8, 8, 1), mean=(0.5,), std=(0.5,))


class Says(nn.Module):
    """Somebody's classifier: z = 6 (mean pixel) - 3, in any form of output; its embedding is (mean, 1)."""

    def __init__(self, form):
        super().__init__()
        self.form = form
        self.first = nn.Linear(1, 2)
        self.last = nn.Linear(2, 1)
        with torch.no_grad():
            for weight, values in (
                (self.first.weight, [[1.0], [0.0]]), (self.first.bias, [0.0, 1.0]),
                (self.last.weight, [[6.0, -3.0]]), (self.last.bias, [0.0]),
            ):  # fmt: skip
                weight.copy_(torch.tensor(values))

    def forward(self, images):
        z = self.last(self.first(images.mean(dim=(1, 2, 3))[:, None]))
        return self.form(z)


def three(z):
    """Logits of three classes, the pair's first and last."""
    return torch.cat([1 + z, torch.full_like(z, 0.5), torch.ones_like(z)], dim=1)


FORMS = {
    "logit (B,)": (lambda z: z[:, 0], (1, 0), "logits"),
    "logit B×1": (lambda z: z, (1, 0), "logits"),
    "probability (B,)": (lambda z: z[:, 0].sigmoid(), (1, 0), "probabilities"),
    "probability B×1": (lambda z: z.sigmoid(), (1, 0), "probabilities"),
    "squeezed": (lambda z: z.squeeze(), (1, 0), "logits"),
    "logits B×2": (lambda z: torch.cat([0.3 - z, torch.full_like(z, 0.3)], dim=1), (1, 0), "logits"),
    "turned": (lambda z: torch.cat([z + 2, torch.full_like(z, 2)], dim=1), (0, 1), "logits"),
    "probabilities B×2": (lambda z: torch.cat([-z, z], 1).div(2).softmax(1), (1, 0), "probabilities"),
    "logits B×3": (three, (0, 2), "logits"),
    "probabilities B×3": (lambda z: three(z).softmax(1), (0, 2), "probabilities"),
}


def images_of(n=11):
    """Images whose mean pixel runs from 0 to 1."""
    return torch.linspace(0, 1, n)[:, None, None, None].expand(n, 1, 4, 4).clone()


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("told", ["auto", "told"])
def test_every_form_of_output_gives_the_same_answer(name, told):
    form, pair, kind = FORMS[name]
    asked = Undecided(Says(form), pair, outputs=kind if told == "told" else "auto")
    images = images_of().requires_grad_()
    answer = asked.ask(images)
    z = 6 * np.linspace(0, 1, 11) - 3
    np.testing.assert_allclose(answer.log_odds.detach(), z, atol=1e-4)
    np.testing.assert_allclose(answer.p.detach(), 1 / (1 + np.exp(-z)), atol=1e-5)
    others = np.exp(0.5) if "×3" in name else 0.0
    both = np.e * (1 + np.exp(z))
    np.testing.assert_allclose(answer.mass.detach(), both / (both + others), atol=1e-5)
    if not others:
        assert (answer.mass == 1).all()
    embedding = np.stack([np.linspace(0, 1, 11), np.ones(11)], axis=1)
    np.testing.assert_allclose(answer.embedding.detach(), embedding, atol=1e-6)
    (slope,) = torch.autograd.grad(answer.log_odds.sum(), images)
    np.testing.assert_allclose(slope, 6 / 16, atol=1e-4)  # z by one of 16 pixels
    assert asked.outputs == kind


def test_chunks_single_images_and_none_give_the_same():
    asked = Undecided(Says(FORMS["squeezed"][0]))
    images = images_of(9)
    whole = asked.ask(images)
    parts = asked.predict(images, max_rows=8)  # the last chunk is one image, squeezed to a number
    for name in ("log_odds", "mass", "embedding", "p"):
        torch.testing.assert_close(getattr(parts, name), getattr(whole, name))
    assert not parts.log_odds.requires_grad
    none = asked.predict(images[:0])
    assert (none.p.shape, none.mass.shape, none.embedding.shape) == ((0,), (0,), (0, 2))


def test_temperature_divides_the_logits_of_all_classes():
    answer = Undecided(Says(three), (0, 2), "logits", temperature=2.0).ask(images_of())
    z = 6 * np.linspace(0, 1, 11) - 3
    np.testing.assert_allclose(answer.log_odds.detach(), z / 2, atol=1e-5)
    parts = np.exp(np.stack([(1 + z) / 2, np.full(11, 0.25), np.full(11, 0.5)]))
    np.testing.assert_allclose(answer.mass, (parts[0] + parts[2]) / parts.sum(axis=0), atol=1e-5)


def test_certain_probabilities_have_finite_log_odds_and_gradients():
    asked = Undecided(Says(lambda z: (1000 * z).sigmoid()), outputs="probabilities")
    images = images_of().requires_grad_()
    answer = asked.ask(images)
    (slope,) = torch.autograd.grad(answer.log_odds.sum(), images)
    assert torch.isfinite(answer.log_odds).all()
    assert torch.isfinite(slope).all()
    assert answer.p[[0, -1]].tolist() == pytest.approx([0, 1], abs=1e-6)


def test_a_model_of_ours_gives_codes_and_logits():
    with global_seed(0, "test"):
        model = Subject(PAIR, SubjectSettings(filters=2))
    images = torch.rand(300, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    answer = Undecided(model, (0, 1)).predict(images, max_rows=7)
    codes = model(images).detach()
    z = (codes @ model.last.weight[0] + model.last.bias).detach()
    torch.testing.assert_close(answer.embedding, codes)
    torch.testing.assert_close(answer.log_odds, -z)
    near = Undecided(model, temperature=0.05).predict(images)
    inside = (near.p - 0.5).abs() <= 0.1
    slab = (z / 0.05).abs() <= math.log(0.6 / 0.4)  # the band is a slab of the embedding
    assert torch.equal(inside, slab)
    assert 0 < inside.sum() < 300


def test_the_embedding_of_a_network_without_linear_layers_is_its_output():
    net = nn.Sequential(nn.Conv2d(1, 3, 4), nn.Flatten())
    answer = Undecided(net, (2, 0), "logits").ask(images_of(2))
    torch.testing.assert_close(answer.embedding, net(images_of(2)))


def test_a_calibrated_temperature_is_the_one_logits_were_multiplied_by():
    chance = torch.Generator().manual_seed(0)
    z = 3 * torch.randn(20_000, generator=chance)
    labels = (torch.rand(20_000, generator=chance) < z.sigmoid()).long()
    images = z[:, None, None, None]  # B×1×1×1: any float goes in
    asked = Undecided(nn.Sequential(nn.Flatten(), Times(2.5)), outputs="logits", temperature=7.0)
    warm = asked.calibrated(images, labels)
    assert warm.temperature == pytest.approx(2.5, rel=0.03)
    assert asked.temperature == 7.0
    torch.testing.assert_close(warm.predict(images).log_odds, 2.5 * z / warm.temperature)
    again = warm.calibrated(images, labels)
    assert again.temperature == pytest.approx(warm.temperature, rel=1e-4)


def test_a_calibrated_temperature_has_the_smallest_loss_of_a_grid():
    z = torch.tensor([4.0, 3.0, 1.0, -0.5, 2.0, -3.0, -2.0, 0.5])
    labels = torch.tensor([1, 1, 1, 1, 0, 0, 0, 0])
    asked = Undecided(nn.Flatten(), outputs="logits").calibrated(z[:, None, None, None], labels)
    temperatures = np.exp(np.linspace(-3, 4, 7001))
    wanted = np.where(labels == 1, 5 / 6, 1 / 6)
    scaled = z.numpy() / temperatures[:, None]
    losses = (np.log1p(np.exp(scaled)) - wanted * scaled).sum(axis=1)
    assert asked.temperature == pytest.approx(temperatures[losses.argmin()], rel=2e-3)


def test_a_perfect_classifier_keeps_a_temperature():
    z = torch.tensor([5.0, 4.0, -4.0, -5.0])
    asked = Undecided(nn.Flatten(), outputs="logits").calibrated(
        z[:, None, None, None], torch.tensor([1, 1, 0, 0])
    )
    p = asked.predict(z[:, None, None, None]).p
    assert p[0] > 0.75 > p[1] > p[2]  # Platt's targets of two images each: 3/4 and 1/4


class Times(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, codes):
        return self.factor * codes


def foreign():
    """In training mode, with batch norm, dropout, a layer in place, and somebody's hook."""
    with global_seed(0, "test"):
        return nn.Sequential(
            nn.ReLU(inplace=True), nn.BatchNorm2d(1), nn.Dropout(), nn.Flatten(), nn.Linear(16, 3)
        )


@pytest.mark.parametrize("make", [foreign, lambda: Subject(PAIR)])
def test_the_classifier_and_the_images_are_left_as_they_were(make):
    net = make()
    disturb(net)
    side = 8 if isinstance(net, Subject) else 4
    images = torch.randn(9, 1, side, side)
    images.requires_grad_()
    kept, before = images.detach().clone(), observe(net)
    asked = Undecided(net, outputs="logits")
    asked.ask(images).log_odds.sum().backward()
    assert images.grad.abs().sum() > 0
    log_odds = asked.predict(images.detach()).log_odds
    assert asked.calibrated(images.detach(), (log_odds > log_odds.median()).long()).temperature > 0
    for broken in (images[:, :, 1:], images * torch.nan):
        with contextlib.suppress(DataError):
            asked.ask(broken)
    assert torch.equal(images, kept)
    assert not differences(before, observe(net))
    assert not any(part._forward_pre_hooks for part in asked._network.modules())
    assert all(weight.grad is None for weight in asked._network.parameters())


def test_training_the_classifier_on_does_not_change_who_is_asked():
    net = foreign()
    asked = Undecided(net, outputs="logits")
    before = asked.predict(images_of()).log_odds
    with torch.no_grad():
        net[-1].weight.mul_(5)
    assert torch.equal(asked.predict(images_of()).log_odds, before)
    torch.testing.assert_close(
        asked.to("cpu").ask(images_of().double()).log_odds, before
    )  # other float types go in


class Kept(nn.Module):
    """Keeps a tensor of its last forward pass."""

    def __init__(self):
        super().__init__()
        self.last = torch.ones(2, requires_grad=True) * 2


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Undecided(foreign(), (1, 1)), "this is no pair.*two different columns"),
        (lambda: Undecided(foreign(), (1, -1)), "this is no pair"),
        (lambda: Undecided(Subject(PAIR), (2, 0)), r"no such classes \(in pair\): expected columns below 2"),
        (lambda: Undecided(foreign(), outputs="odds"), "no such outputs"),
        (lambda: Undecided(foreign(), temperature=0.0), r"out of range \(in temperature\)"),
        (lambda: Undecided(lambda images: images), r"no classifier: expected a torch\.nn\.Module"),
        (lambda: Undecided(nn.LazyLinear(2)), "layers without weights yet"),
        (lambda: Undecided(Kept()), "cannot be copied.*as it was loaded"),
        (lambda: Undecided(method("vae")(Signature((), (32, 32, 1), "light32"))), "no class scores"),
    ],
)
def test_a_classifier_or_setting_that_cannot_be_is_refused(make, words):
    with global_seed(0, "test"), pytest.raises(ConfigError, match=words):
        make()


@pytest.mark.parametrize(
    ("form", "outputs", "words"),
    [
        (lambda z: (z, z), "auto", r"no class scores.*got tuple\. Wrap it"),
        (lambda z: z[1:], "auto", r"no class scores.*\(11,\), 11×1 or 11×K, got torch\.float32 \(10, 1\)"),
        (lambda z: z[:, :, None, None].expand(-1, 3, 2, 2), "auto", "no class scores"),
        (lambda z: (z > 0).long(), "auto", r"no class scores.*got torch\.int64"),
        (lambda z: z / 0 * 0, "auto", "outputs are not finite.*11 of 11"),
        (lambda z: torch.cat([z, z], 1).sigmoid(), "auto", "could be logits or probabilities.*Say which"),
        (lambda z: torch.cat([z, z], 1).sigmoid(), "probabilities", "outputs are no probabilities"),
        (lambda z: z, "probabilities", "outputs are no probabilities.*got -3 to 3"),
    ],
)
def test_outputs_that_are_no_class_scores_are_refused(form, outputs, words):
    with pytest.raises((ConfigError, DataError), match=words):
        Undecided(Says(form), outputs=outputs).ask(images_of())


def test_a_pair_that_the_outputs_do_not_have_is_refused():
    for form, pair in ((three, (3, 0)), (lambda z: z, (2, 0))):
        with pytest.raises(ConfigError, match="no such classes"):
            Undecided(Says(form), pair, "logits").ask(images_of())


def test_few_single_outputs_are_not_guessed_and_probing_decides():
    asked = Undecided(Says(torch.sigmoid))
    with pytest.raises(ConfigError, match=r"1 numbers in \[0, 1\] for each of 3 images"):
        asked.ask(images_of(3))
    asked.probe(images_of(8))
    assert asked.outputs == "probabilities"
    assert asked.ask(images_of(3)).p[1].item() == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (np.zeros((2, 1, 4, 4), np.float32), "these are no images.*got .*ndarray"),
        (torch.zeros(2, 1, 4, 4, dtype=torch.uint8), r"no images.*got torch\.uint8 \(2, 1, 4, 4\)"),
        (torch.zeros(1, 4, 4), "these are no images"),
        (torch.full((2, 1, 4, 4), torch.nan), "images must be finite"),
        (torch.zeros(2, 1, 5, 5), r"the classifier fails on these images \(RuntimeError.*2×1×5×5.*size"),
    ],
)
def test_images_that_cannot_be_are_refused(images, words):
    asked = Undecided(foreign(), outputs="logits")
    for call in (asked.ask, asked.predict):
        with pytest.raises(DataError, match=words):
            call(images)
    if isinstance(images, torch.Tensor) and images.shape[-1] == 5:
        with pytest.raises(DataError, match="do not fit the model"):
            Undecided(Subject(PAIR)).ask(images)


def test_a_chunk_of_none_is_refused():
    with pytest.raises(ConfigError, match=r"max_rows.*1 or more, got 0"):
        Undecided(foreign()).predict(images_of(), max_rows=0)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (torch.ones(11), "both classes.*0 and 1, both among 11"),
        (torch.arange(11), "both classes"),
        (torch.tensor([0, 1]), r"both classes.*of shape \(2,\)"),
        ((torch.arange(11) < 5).long(), "no better than chance.*turn it round"),
    ],
)
def test_labels_that_tell_no_temperature_are_refused(labels, words):
    with pytest.raises(DataError, match=words):
        Undecided(Says(lambda z: z)).calibrated(images_of(), labels)
