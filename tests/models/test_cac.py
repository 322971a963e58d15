"""Class anchor clustering: loss and both scores by hand, and the blind spot of the published one."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from scipy.special import softmax

from lightwell.core import ConfigError, Representation
from lightwell.core.seeds import global_seed
from lightwell.models.classifiers.cac import Cac, CacSettings, anchor_distances, cac_terms
from lightwell.models.scorers import AnchorClusters, CorrectedAnchorClusters


def cac(signature, **settings):
    with global_seed(0, "test"):
        return Cac(signature, CacSettings(**settings))


def of(logits, labels=None):
    logits = np.asarray(logits, float)
    labels = np.full(len(logits), -1) if labels is None else np.asarray(labels)
    names = tuple(f"class {c}" for c in range(logits.shape[1]))
    return Representation(logits[:, :1], labels, logits.argmax(axis=1), logits, class_names=names)


def at_anchors(kind, classes=6, a=10.0):
    """Return a score whose class centres are the anchors."""
    return kind().fit(of(a * np.eye(classes), np.arange(classes)))


# Loss.


def test_loss_at_an_anchor_of_two():
    logits = torch.tensor([[10.0, 0.0]], dtype=torch.float64)
    distances = anchor_distances(logits, 10 * torch.eye(2, dtype=torch.float64))
    assert distances[0].tolist() == pytest.approx([0, math.sqrt(200)])
    tuplet, anchor = cac_terms(distances, torch.tensor([0]))
    assert tuplet.item() == pytest.approx(math.log1p(math.exp(-14.142135623730951)), rel=1e-6)
    assert tuplet.item() == pytest.approx(7.2e-7, rel=0.01)
    assert anchor.item() == 0


def test_loss_by_hand_for_each_sample():
    distances = torch.tensor([[1.0, 2.0, 4.0], [3.0, 1.0, 2.0]], dtype=torch.float64)
    tuplet, anchor = cac_terms(distances, torch.tensor([0, 2]))
    first = math.log(1 + math.exp(1 - 2) + math.exp(1 - 4))
    second = math.log(1 + math.exp(2 - 3) + math.exp(2 - 1))  # the true class is not among the others
    assert tuplet.item() == pytest.approx((first + second) / 2)
    assert anchor.item() == pytest.approx((1 + 2) / 2)


def test_every_other_class_is_pushed_away():
    # The last class too, whose index a wrong list of others leaves out.
    for other in (1, 2):
        distances = torch.tensor([[1.0, 2.0, 2.0]], requires_grad=True)
        cac_terms(distances, torch.tensor([0]))[0].backward()
        assert distances.grad[0, other] < 0 < distances.grad[0, 0]


def test_slope_at_an_anchor_is_finite():
    logits = torch.tensor([[10.0, 0.0]], requires_grad=True)
    tuplet, anchor = cac_terms(anchor_distances(logits, 10 * torch.eye(2)), torch.tensor([0]))
    (tuplet + anchor).backward()
    assert torch.isfinite(logits.grad).all()


def test_terms_of_the_model_are_weighted(signature):
    model = cac(signature, anchor=4.0, anchor_weight=0.25)
    images, labels = torch.rand(5, 1, 8, 8), torch.arange(5) % 3
    terms = model.eval().losses(images, labels)
    logits = model.logits(model(images)).detach().double().numpy()
    distances = cdist(logits, 4 * np.eye(3))
    own = distances[np.arange(5), labels]
    assert set(terms) == {"tuplet", "anchor"}
    assert terms["anchor"].item() == pytest.approx(0.25 * own.mean(), rel=1e-5)
    wanted = -np.log(softmax(-distances, axis=1)[np.arange(5), labels]).mean()
    assert terms["tuplet"].item() == pytest.approx(wanted, rel=1e-5)


def test_nearest_anchor_is_the_largest_logit(signature):
    model = cac(signature).eval()
    codes = torch.randn(200, 30, generator=torch.Generator().manual_seed(0))
    assert torch.equal(model.distances(codes).argmin(dim=1), model.logits(codes).argmax(dim=1))


@pytest.mark.parametrize(("head", "width"), [("bottleneck", 12), ("linear", 64)])
def test_both_heads_have_a_bias(signature, head, width):
    model = cac(signature, head=head, features=12)
    assert model.axes[0].width == width
    assert model.head.linear.bias.shape == (3,)
    assert model.anchors is None
    assert "anchor_rows" not in model.state_dict()


@pytest.mark.parametrize("settings", [{"anchor": 0}, {"anchor_weight": -1}, {"features": 0}])
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ConfigError, match=rf"cac\.{next(iter(settings))}"):
        CacSettings(**settings)


# Scores.


def test_published_score_at_anchor_origin_and_far_away():
    found = at_anchors(AnchorClusters).score(of([10 * np.eye(6)[2], [0] * 6, [-20] * 6, [10] * 6]))
    assert found[0] == 0
    assert found[1] == pytest.approx(10 * (1 - 1 / 6)) == pytest.approx(8.333, abs=1e-3)
    assert found[2:] == pytest.approx([44.9, 18.6], abs=0.05)


def test_published_score_against_its_formula():
    draw = np.random.default_rng(0)
    labels = np.arange(60) % 4
    known = of(10 * np.eye(4)[labels] + draw.normal(size=(60, 4)), labels)
    test = of(draw.normal(3, 5, (80, 4)))
    centres = np.stack([known.logits[labels == c].mean(axis=0) for c in range(4)])
    distances = cdist(test.logits, centres)
    softmin = softmax(-distances, axis=1)
    np.testing.assert_allclose(
        AnchorClusters().fit(known).score(test), (distances * (1 - softmin)).min(axis=1), rtol=1e-9
    )
    reach = np.array([cdist(known.logits[labels == c], centres[[c]]).max() for c in range(4)])
    excess = np.maximum(distances.min(axis=1) - reach[distances.argmin(axis=1)], 0)
    np.testing.assert_allclose(
        CorrectedAnchorClusters().fit(known).score(test),
        (distances * (1 - softmin)).min(axis=1) + excess,
        rtol=1e-9,
    )
    assert (excess > 0).any()


def test_blind_spot_of_the_published_score_and_not_of_ours():
    axis = 10 * np.eye(6)[0]
    inputs = of([axis, 3 * axis, 30 * axis, 0 * axis])
    published = at_anchors(AnchorClusters).score(inputs)
    assert published[1] < 0.01
    assert published[2] < 0.1
    corrected = at_anchors(CorrectedAnchorClusters).score(inputs)
    assert corrected[0] == 0
    assert corrected[1] == pytest.approx(20, abs=0.01)
    assert corrected[3] == pytest.approx(10 * (2 - 1 / 6))
    assert corrected[1] > corrected[3]  # three times the anchor: no better known than nothing at all
    assert corrected[2] == pytest.approx(290, abs=0.1)


def test_corrected_score_is_the_published_one_where_training_has_been():
    draw = np.random.default_rng(0)
    labels = np.arange(60) % 4
    known = of(10 * np.eye(4)[labels] + draw.normal(size=(60, 4)), labels)
    published, corrected = (
        kind().fit(known).score(known) for kind in (AnchorClusters, CorrectedAnchorClusters)
    )
    np.testing.assert_allclose(corrected, published, atol=1e-12)


def test_sure_examples_are_not_tied():
    found = at_anchors(AnchorClusters, a=100.0).score(of([[100, 1e-3] + [0] * 4, [100, 2e-3] + [0] * 4]))
    assert 0 < found[0] < found[1] < 1e-50
