"""The baseline: cross-entropy by hand, both heads, smoothing in training only."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lightwell.core import ConfigError
from lightwell.core.seeds import global_seed
from lightwell.models import method
from lightwell.models.classifiers.softmax import Softmax, SoftmaxSettings, smooth_targets
from lightwell.models.model import Signature


def softmax(signature, **settings):
    with global_seed(0, "test"):
        return Softmax(signature, SoftmaxSettings(**settings))


def batch(n=6):
    images = torch.rand(n, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    return images, torch.arange(n) % 3


def log_probabilities(model, images):
    logits = model.logits(model(images)).detach().double().numpy()
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


@pytest.mark.parametrize("head", ["bottleneck", "linear"])
def test_loss_is_the_cross_entropy(signature, head):
    model = softmax(signature, head=head).eval()
    images, labels = batch()
    wanted = -log_probabilities(model, images)[np.arange(6), labels].mean()
    terms = model.losses(images, labels)
    assert set(terms) == {"cross_entropy"}
    assert terms["cross_entropy"].item() == pytest.approx(wanted, rel=1e-5)


def test_label_smoothing_spreads_mass_over_all_classes_in_training(signature):
    model = softmax(signature, label_smoothing=0.3).train()
    images, labels = batch()
    log_p = log_probabilities(model, images)
    target = np.full((6, 3), 0.1)
    target[np.arange(6), labels] += 0.7
    wanted = -(target * log_p).sum(axis=1).mean()
    assert model.losses(images, labels)["cross_entropy"].item() == pytest.approx(wanted, rel=1e-5)


def test_label_smoothing_over_the_others_keeps_exactly_the_rest(signature):
    model = softmax(signature, label_smoothing=0.3, smoothing_over="others").train()
    images, labels = batch()
    log_p = log_probabilities(model, images)
    target = np.full((6, 3), 0.15)
    target[np.arange(6), labels] = 0.7
    wanted = -(target * log_p).sum(axis=1).mean()
    assert model.losses(images, labels)["cross_entropy"].item() == pytest.approx(wanted, rel=1e-5)


def test_smooth_targets_by_hand():
    labels = torch.tensor([0, 3])
    assert smooth_targets(labels, 4, 0.4, "all")[0].tolist() == pytest.approx([0.7, 0.1, 0.1, 0.1])
    others = smooth_targets(labels, 4, 0.9, "others")
    assert others[0].tolist() == pytest.approx([0.1, 0.3, 0.3, 0.3])
    assert others[1].tolist() == pytest.approx([0.3, 0.3, 0.3, 0.1])


def test_smoothing_over_all_is_that_of_torch():
    logits, labels = torch.randn(9, 5, generator=torch.Generator().manual_seed(0)), torch.arange(9) % 5
    theirs = torch.nn.functional.cross_entropy(logits, labels, label_smoothing=0.2)
    ours = torch.nn.functional.cross_entropy(logits, smooth_targets(labels, 5, 0.2, "all"))
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-6)
    # The two conventions are one with another mass: s over the others is s K / (K - 1) over all.
    torch.testing.assert_close(
        smooth_targets(labels, 5, 0.2, "others"), smooth_targets(labels, 5, 0.25, "all")
    )


def test_label_smoothing_is_off_in_evaluation(signature):
    images, labels = batch()
    plain, smooth = softmax(signature).eval(), softmax(signature, label_smoothing=0.3).eval()
    assert plain.losses(images, labels) == smooth.losses(images, labels)


def test_bottleneck_has_as_many_features_as_asked_for(signature):
    model = softmax(signature, features=12)
    assert model(batch()[0]).shape == (6, 12)
    assert model.axes[0].indices == tuple(range(12))
    assert model.axes[0].kind == "opaque"


def test_linear_head_reads_the_pooled_body(signature):
    model = softmax(signature, head="linear").eval()
    images, _ = batch()
    torch.testing.assert_close(model(images), model.feature_map(images).mean(dim=(2, 3)))
    assert model.axes[0].width == 64


@pytest.mark.parametrize("head", ["bottleneck", "linear"])
def test_logits_have_no_bias(signature, head):
    model = softmax(signature, head=head)
    assert model.logits(torch.zeros(1, model.axes[0].width)).tolist() == [[0, 0, 0]]


def test_linear_head_on_the_published_network_has_the_parameters_of_its_layers():
    model = softmax(Signature(("a", "b", "c", "d"), (32, 32, 1), "vgg32"), head="linear")
    body = sum(p.numel() for p in model.body.parameters())
    assert sum(p.numel() for p in model.parameters()) == body + 128 * 4


def test_it_is_scored_by_logits_and_has_no_geometry(signature):
    model = softmax(signature)
    assert model.scores == ("msp", "mls", "energy", "openmax", "mahalanobis", "knn", "class_means")
    assert model.anchors is None


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"features": 0}, r"softmax\.features.*1 or more, got 0"),
        ({"label_smoothing": 1.0}, r"softmax\.label_smoothing.*\[0, 1\), got 1.0"),
        ({"label_smoothing": -0.1}, r"softmax\.label_smoothing"),
    ],
)
def test_settings_out_of_range_are_refused(settings, words):
    with pytest.raises(ConfigError, match=words):
        SoftmaxSettings(**settings)


def test_methods_are_found_by_name():
    assert method("softmax") is Softmax
    with pytest.raises(ConfigError, match=r"unknown method: got 'softmx'\. Did you mean 'softmax'"):
        method("softmx")
