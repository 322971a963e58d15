"""Concept bottlenecks: joint, sequential and independent training."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy

from lightwell.core import ConfigError
from lightwell.core.concepts import Concept
from lightwell.core.seeds import global_seed
from lightwell.models.concepts.concept_bottleneck import Cbnm, CbnmSettings
from lightwell.models.model import Signature
from lightwell.models.optimizer import OptimizerSettings

CONCEPTS = (Concept("corner", "categorical", 2), Concept("size", "continuous"))
SIGNATURE = Signature(("left", "right"), (8, 8, 1), concepts=CONCEPTS)
IMAGES = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 1, 1, 0])
ANNOTATIONS = torch.tensor([[1.0, 0, 0.5], [0, 1, 0.25], [0, 1, torch.nan], [1, 0, 0]])


def make(mode, done=1.0):
    """A model of which a share of the training is done."""

    class Moment(Cbnm):
        progress = done

    with global_seed(0, "cbnm"):
        return Moment(SIGNATURE, CbnmSettings(training_mode=mode, concept_share=0.5), OptimizerSettings())


def slopes(model):
    """Which parts of the model the loss moves."""
    terms = model.train().losses(IMAGES, LABELS, ANNOTATIONS)
    torch.stack(list(terms.values())).sum().backward()
    return {name.partition(".")[0] for name, w in model.named_parameters() if w.grad is not None}


def test_joint_moves_all_at_once():
    assert slopes(make("joint", 0.0)) == slopes(make("joint", 1.0)) == {"encoder", "classifier"}


@pytest.mark.parametrize("mode", ["sequential", "independent"])
def test_concepts_come_first_then_the_label_alone(mode):
    assert slopes(make(mode, 0.49)) == {"encoder"}
    model = make(mode, 0.5)
    before = {name: part.clone() for name, part in model.named_buffers()}
    assert slopes(model) == {"classifier"}
    assert all(torch.equal(part, before[name]) for name, part in model.named_buffers())
    assert all(part.training for part in model.modules())


def test_what_the_label_is_read_from():
    sequential, independent = (
        make(mode).losses(IMAGES, LABELS, ANNOTATIONS)["label"].item()
        for mode in ("sequential", "independent")
    )
    model = make("joint")
    with torch.no_grad():
        predicted = cross_entropy(model.eval().logits(model(IMAGES)), LABELS).item()
        rows = [0, 1, 3]  # the third is not annotated in full
        true = cross_entropy(model.classifier(2 * ANNOTATIONS[rows] - 1), LABELS[rows]).item()
    assert sequential == pytest.approx(100 * predicted, rel=1e-5)
    assert independent == pytest.approx(100 * true, rel=1e-5)


def test_the_classifier_reads_contrasts_without_bias():
    model = make("joint").eval()
    codes = torch.tensor([[0.0, 0, 0], [2.0, -1, 1]])
    assert model.logits(codes)[0].tolist() == [0, 0]
    assert torch.allclose(model.logits(codes)[1], model.classifier.weight @ torch.tanh(codes[1] / 2))
    assert torch.allclose(model.concepts(codes), codes.sigmoid())


def test_no_concepts_no_bottleneck():
    with pytest.raises(ConfigError, match=r"needs two classes or more, and concepts.*2 classes, 0 concepts"):
        Cbnm(Signature(("a", "b"), (8, 8, 1)))
    with pytest.raises(ConfigError, match=r"nothing is left for the label .*below 1"):
        CbnmSettings(concept_share=1.0)
