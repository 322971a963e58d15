"""GlanceNet: its prior, its concept head, masks, the recipe of its decoder, and what it says of codes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import binary_cross_entropy, cross_entropy

from lightwell.core import ConfigError, DataError
from lightwell.core.concepts import Concept
from lightwell.core.dataset import Dataset
from lightwell.core.seeds import global_seed
from lightwell.models import saved
from lightwell.models.concepts.class_prior import ClassPrior
from lightwell.models.concepts.concept_head import concept_error
from lightwell.models.concepts.glancenet import GlanceNet, GlanceNetSettings
from lightwell.models.concepts.vae_terms import gaussian_kl
from lightwell.models.model import Signature
from lightwell.models.optimizer import OptimizerSettings
from lightwell.training.fit import fit
from lightwell.training.represent import represent
from lightwell.training.settings import TrainingSettings

CONCEPTS = (Concept("corner", "categorical", 2), Concept("size", "continuous"))
ANNOTATED = Signature(("left", "right"), (8, 8, 1), concepts=CONCEPTS)
ADAM = OptimizerSettings(name="adam", lr=3e-3, weight_decay=0.0, schedule="constant", warmup=0.0)


def make(signature=ANNOTATED, **settings):
    with global_seed(0, "glancenet"):
        return GlanceNet(signature, GlanceNetSettings(**settings), ADAM)


def squares(n=240):
    """White squares in the left or right half; concepts are the half and the size."""
    chance = np.random.default_rng(0)
    sides, sizes = chance.integers(0, 2, n), chance.integers(1, 4, n)
    images = np.zeros((n, 8, 8), np.uint8)
    for image, side, size in zip(images, sides, sizes, strict=True):
        image[2 : 2 + size, 4 * side : 4 * side + size] = 255
    concepts = np.column_stack([sides == 0, sides == 1, (sizes - 1) / 2]).astype(np.float32)
    return Dataset.from_arrays(
        images, sides, ANNOTATED.class_names, concepts=concepts, concept_names=["l", "r", "s"]
    )


def declared(data):
    return replace(data, concept_groups=CONCEPTS)


@pytest.fixture(scope="module")
def batch():
    chance = torch.Generator().manual_seed(0)
    labels = torch.tensor([0, 1, 1, 0, 1, 0])
    concepts = torch.tensor([[1.0, 0, 0.5], [0, 1, 0.2], [0, 1, 0], [1, 0, 1], [0, 1, 1], [1, 0, 0]])
    return torch.rand(6, 1, 8, 8, generator=chance), labels, concepts


def test_the_prior_of_a_class_by_hand():
    prior = ClassPrior(2, 3, 2, -2.0, True)
    with torch.no_grad():
        prior.prototypes.copy_(torch.tensor([[1.0, 2], [3, 4]]))
        prior.offsets.copy_(torch.tensor([[0.5, 0], [0, 0]]))
    mean, log_variance = prior(torch.tensor([1, 0]))
    assert mean.tolist() == [[3, 4, 0], [1, 2, 0]]
    assert log_variance.tolist() == [[-2, -2, -2], [-1.5, -2, -2]]
    assert prior.distances(torch.tensor([[4.0, 8, 9]]), 1).tolist() == [[3, 1]]
    assert prior.distances(torch.tensor([[4.0, 8, 9]]), 3)[0, 1].item() == pytest.approx(17**0.5)


def test_concept_error_is_over_annotated_entries_only():
    latents = torch.tensor([[0.0, 2.0], [1.0, -1.0]], requires_grad=True)
    wanted = torch.tensor([[1.0, torch.nan], [torch.nan, 0.25]])
    found = concept_error(latents, wanted, "bce")
    one = binary_cross_entropy(torch.tensor(0.5), torch.tensor(1.0))
    other = binary_cross_entropy(torch.sigmoid(torch.tensor(-1.0)), torch.tensor(0.25))
    assert found.item() == pytest.approx((one + other).item() / 2)
    found.backward()
    assert latents.grad[0, 1] == latents.grad[1, 0] == 0
    squared = (np.tanh(0.0) - 1) ** 2, (np.tanh(-0.5) + 0.5) ** 2
    assert concept_error(latents, wanted, "mse").item() == pytest.approx(np.mean(squared))


def test_every_term_by_its_formula(batch):
    images, labels, concepts = batch
    model = make(latents=5, prior_log_variance=-1.0, beta=2.0).eval()
    with torch.no_grad():
        model.class_prior.prototypes.normal_(generator=torch.Generator().manual_seed(1))
        terms, q = model.losses(*batch), model.posterior(images)
    own = model.prototypes[labels]
    kl = gaussian_kl(q.mean, q.log_variance, own, torch.tensor(-1.0)).sum(dim=1).mean()
    assert terms["kl"].item() == pytest.approx(2 * kl.item(), rel=1e-5)
    read = 2 * q.sample[:, :3].sigmoid() - 1
    logits = read @ model.classifier.weight.T + model.classifier.bias
    assert terms["label"].item() == pytest.approx(100 * cross_entropy(logits, labels).item(), rel=1e-5)
    error = binary_cross_entropy(q.sample[:, :3].sigmoid(), concepts)
    assert terms["concepts"].item() == pytest.approx(100 * error.item(), rel=1e-5)
    error = binary_cross_entropy(own[:, :3].sigmoid(), concepts)
    assert terms["prototypes"].item() == pytest.approx(100 * 100 * error.item(), rel=1e-5)


def test_a_batch_without_annotation_has_a_zero_concept_term(batch):
    images, labels, concepts = batch
    model = make()
    terms = model.losses(images, labels, torch.full_like(concepts, torch.nan))
    assert terms["concepts"].item() == terms["prototypes"].item() == 0
    torch.stack(list(terms.values())).sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


def test_without_class_prior_it_is_the_supervised_vae(batch):
    model = make(class_prior=False).eval()
    terms, q = model.losses(*batch), model.posterior(batch[0])
    kl = (q.mean.square() + q.log_variance.exp() - q.log_variance - 1).sum() / 2 / 6
    assert terms["kl"].item() == pytest.approx(kl.item(), rel=1e-5)
    assert "prototypes" not in terms
    assert model.prototypes is None
    assert "prototype_distance" not in model.scores


def test_axes_are_the_concepts_then_opaque_latents():
    axes = make(latents=5).axes
    assert [(axis.name, axis.kind, axis.indices) for axis in axes] == [
        ("corner", "concept", (0, 1)),
        ("size", "concept", (2,)),
        ("opaque 0", "opaque", (3,)),
        ("opaque 1", "opaque", (4,)),
    ]


def test_training_learns_concepts_and_label_by_the_recipe(tmp_path):
    data = declared(squares())
    model = make()
    rows = fit(model, data, TrainingSettings(epochs=10, batch_size=40), tmp_path, validation=data)
    rebuilt = [row["train/reconstruction"] for row in rows]
    assert all(error == 0 for error in rebuilt[:6])  # nothing is decoded before 60 % of the training
    assert all(error > 0 for error in rebuilt[6:])
    assert rows[-1]["validation/supervised"] < rows[0]["validation/supervised"] / 2
    r = represent(model, data)
    assert r.correct.mean() > 0.95
    assert np.abs(r.concepts - data.concepts)[:, :2].mean() < 0.1
    assert {"reconstruction", "reconstruction_l2", "prototype_distance"} == r.scores.keys()
    prototypes = 1 / (1 + np.exp(-model.prototypes.detach().numpy()))
    assert prototypes[0, 0] > prototypes[1, 0]


def test_half_of_a_training_batch_is_decoded(batch):
    model = make()
    model.decoder.register_forward_hook(lambda _, codes, __: sizes.append(len(codes[0])))
    sizes = []
    model.train().losses(*batch)
    model.eval().losses(*batch)
    assert sizes == [3, 6]


def test_without_concepts_it_trains_on_labels_alone(tmp_path):
    data = squares(80)
    model = make(replace(ANNOTATED, concepts=()))
    assert (model.fields, model.n_latents, model.read) == (("labels",), 10, 10)
    fit(model, replace(data, concepts=None, concept_names=(), concept_groups=()),
        TrainingSettings(epochs=1, batch_size=40), tmp_path)  # fmt: skip
    assert represent(model, data).concepts.shape == (80, 0)


def test_concepts_come_back_from_a_saved_model(tmp_path):
    saved.save(make(latents=4), tmp_path)
    assert saved.load(tmp_path).signature == ANNOTATED


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"latents": 2}, r"too few latents .*expected 3 or more, or 0.*got 2"),
        ({"decoder_share": 0.0}, r"glancenet.decoder_share\): expected above 0"),
        ({"decoder_from": 1.5}, r"glancenet.decoder_from\): expected in \[0, 1\]"),
        ({"terms": "nothing=1"}, "unknown loss term"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, words):
    with pytest.raises(ConfigError, match=words):
        make(**settings)


def test_other_concepts_than_the_signatures_are_refused():
    with pytest.raises(DataError, match=r"not those of the model.*\('corner', 2\)"):
        make().training_data(squares(), seed=0)
