"""The contract: signatures, what goes in, training steps, and a mode that is put back."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from lightwell.core import ConfigError, DataError, TrainingDiverged
from lightwell.models.classifiers.difair import Difair, DifairSettings
from lightwell.models.classifiers.softmax import Softmax
from lightwell.models.model import Signature, evaluating
from lightwell.models.optimizer import OptimizerSettings

BATCH = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 2, 0])


# Signatures.


def test_signature_from_json_is_the_same():
    signature = Signature(("cat", "dog"), (8, 8, 3), "vgg32", (0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    record = {
        "class_names": ["cat", "dog"],
        "image_shape": [8, 8, 3],
        "network": "vgg32",
        "mean": [0.1, 0.2, 0.3],
        "std": [0.4, 0.5, 0.6],
    }
    assert Signature(**record) == signature
    assert signature.n_classes == 2


@pytest.mark.parametrize("names", [(), ("cat",)])
def test_fewer_than_two_classes_are_refused(names):
    with pytest.raises(ConfigError, match=r"two known classes or more \(in class_names\)"):
        Softmax(Signature(names, (8, 8, 1)))


@pytest.mark.parametrize(
    ("channels", "mean", "std"),
    [
        (3, (0.0,), (1.0,)),
        (1, (0.0,), (1.0, 1.0)),
        (1, (0.0, 0.0), (1.0,)),
        (1, (0.0,), (0.0,)),
        (1, (0.0,), (-1.0,)),
    ],
)
def test_statistics_that_do_not_fit_the_channels_are_refused(channels, mean, std):
    with pytest.raises(
        ConfigError, match=f"one mean and one positive std a channel.*expected {channels} of each"
    ):
        Signature(("a", "b"), (8, 8, channels), mean=mean, std=std)


# What goes in.


def test_images_are_standardised_inside():
    body = f"{__name__.rpartition('.')[0]}.plain_body:identity"
    model = Softmax(Signature(("a", "b"), (2, 2, 2), body, mean=(0.25, 0.5), std=(0.5, 2.0)))
    found = model.feature_map(torch.full((1, 2, 2, 2), 0.75))
    assert found[0, :, 0, 0].tolist() == [1.0, 0.125]


@pytest.mark.parametrize(
    ("shape", "got"),
    [((2, 1, 9, 8), "2×1×9×8"), ((2, 3, 8, 8), "2×3×8×8"), ((2, 8, 8, 1), "2×8×8×1"), ((1, 8, 8), "1×8×8")],
)
def test_images_of_another_shape_are_refused_in_words(difair, shape, got):
    with pytest.raises(DataError, match=rf"do not fit the model: expected B×1×8×8, got {got}\. Images go in"):
        difair()(torch.zeros(shape))


def test_images_of_bytes_are_refused_in_words(difair):
    with pytest.raises(DataError, match=r"floating point.*got torch\.uint8.*Divide"):
        difair()(torch.zeros((2, 1, 8, 8), dtype=torch.uint8))


# Rebuilding.


@pytest.mark.parametrize(
    "model",
    [
        Difair(
            Signature(("a", "b"), (8, 8, 1)),
            DifairSettings(features=2, loss="hard"),
            OptimizerSettings(lr=0.3, schedule="drop"),
        ),
        Softmax(Signature(("a", "b", "c"), (8, 8, 1))),
    ],
    ids=["difair", "softmax"],
)
def test_arguments_as_json_rebuild_the_model(model):
    again = type(model).from_arguments(json.loads(json.dumps(model.arguments())))
    assert again.signature == model.signature
    assert again.settings == model.settings
    assert again.optimizer_settings == model.optimizer_settings
    assert again.state_dict().keys() == model.state_dict().keys()


# Steps.


@pytest.fixture
def logged(monkeypatch):
    found = {}
    monkeypatch.setattr(Difair, "log_dict", lambda self, terms, **options: found.update(terms))
    return found


def test_training_step_logs_each_term_and_returns_their_sum(difair, logged):
    model = difair().eval()
    total = model.training_step(BATCH, 0)
    assert set(logged) == {"train/anchor", "train/tuplet", "train/correlation"}
    assert not any(term.requires_grad for term in logged.values())
    assert total.item() == pytest.approx(sum(term.item() for term in logged.values()), rel=1e-6)
    assert total.requires_grad


def test_validation_step_logs_terms_and_accuracy(difair, logged):
    model = difair().eval()
    model.validation_step(BATCH, 0)
    right = model.logits(model(BATCH[0])).argmax(dim=1) == BATCH[1]
    assert logged["validation/accuracy"] == right.float().mean()
    assert logged["validation/anchor"] == model.losses(*BATCH)["anchor"]


def test_a_broken_image_stops_the_training_naming_term_and_batch(difair):
    images = BATCH[0].clone()
    images[1, 0, 3, 3] = torch.nan
    with pytest.raises(
        TrainingDiverged, match=r"'anchor' is nan \(in epoch 0, batch 17\).*Lower optimizer\.lr"
    ):
        difair().training_step((images, BATCH[1]), 17)


def test_the_first_term_that_diverged_is_named(difair):
    model = difair()
    with torch.no_grad():
        model.head.last_conv.weight[0] = torch.inf
    model.losses = lambda images, labels: {
        "anchor": torch.tensor(1.0),
        "correlation": torch.tensor(torch.inf),
    }
    with pytest.raises(TrainingDiverged, match="'correlation' is inf"):
        model.training_step(BATCH, 0)


# Evaluation mode.


def mixed_network():
    net = nn.Sequential(nn.Sequential(nn.Dropout(), nn.BatchNorm1d(2)), nn.Linear(2, 1))
    net[0][1].eval()
    return net


def modes(net):
    return [part.training for part in net.modules()]


def test_evaluating_puts_every_mode_back():
    net = mixed_network()
    before = modes(net)
    with evaluating(net):
        assert not any(modes(net))
        assert torch.is_inference_mode_enabled()
    assert modes(net) == before
    assert before.count(True) == 4
    assert not torch.is_inference_mode_enabled()


def test_evaluating_puts_every_mode_back_after_an_error():
    net = mixed_network()
    before = modes(net)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"), evaluating(net):
        net[1](torch.zeros(1, 3))
    assert modes(net) == before
    assert not torch.is_inference_mode_enabled()
