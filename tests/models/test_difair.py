"""DIFAIR: the loss, its terms and penalties by hand and against NumPy, the published numbers, noise."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from lightwell.core import ConfigError, DataError
from lightwell.core.dataset import Dataset
from lightwell.models.classifiers.difair import DifairSettings
from lightwell.models.classifiers.penalties import activation_correlation, correlation_penalty, std_penalty
from lightwell.models.model import Signature

ANCHOR_ONLY = {"tuplet": "none", "correlation_weight": 0.0}


def at_distance(model, distance, label=0):
    """Return a code that lies so far from the anchor of its class."""
    code = model.anchor_rows[label].clone()
    code[-1] += distance
    return code[None]


# The anchor term.


def test_radius_of_the_paper(difair):
    assert difair().radius == pytest.approx(18.97, abs=0.005)
    assert difair(radius_ratio=0.4).radius == pytest.approx(12.649, abs=5e-4)


def test_hard_loss_at_and_outside_the_sphere(difair, losses_of):
    model = difair(loss="hard", **ANCHOR_ONLY)
    assert losses_of(model, at_distance(model, model.radius - 1), [0])["anchor"] == 0
    assert losses_of(model, at_distance(model, model.radius), [0])["anchor"] == pytest.approx(0, abs=1e-5)
    assert losses_of(model, at_distance(model, model.radius + 1), [0])["anchor"] == pytest.approx(1, abs=1e-5)


def test_smooth_loss_at_and_outside_the_sphere(difair, losses_of):
    model = difair(**ANCHOR_ONLY)
    at = losses_of(model, at_distance(model, model.radius), [0])["anchor"]
    outside = losses_of(model, at_distance(model, model.radius + 1), [0])["anchor"]
    assert at == pytest.approx(1.8974, abs=5e-5)
    assert outside == pytest.approx(1.8974 + 1.1, abs=5e-5)


def test_anchor_loss_is_a_mean_over_the_batch(difair, losses_of):
    model = difair(**ANCHOR_ONLY)
    codes = torch.cat([at_distance(model, 3.0), at_distance(model, 7.0, label=1)])
    assert losses_of(model, codes, [0, 1])["anchor"] == pytest.approx(0.1 * 5, abs=1e-5)


@pytest.mark.parametrize(("distance", "slope"), [(0.0, 0.0), (5.0, 0.1), (25.0, 1.1)])
def test_gradient_is_finite_at_the_anchor_and_constant_in_and_out_of_the_sphere(
    difair, losses_of, distance, slope
):
    model = difair(**ANCHOR_ONLY)
    code = at_distance(model, distance).requires_grad_()
    losses_of(model, code, [0])["anchor"].backward()
    assert code.grad.norm() == pytest.approx(slope, abs=1e-5)


# Codes, distances, classes.


def test_predicted_class_is_the_nearest_anchor(difair):
    model = difair(features=2)
    codes = torch.randn(2000, 6, generator=torch.Generator().manual_seed(0)) * 8
    assert torch.equal(model.distances(codes).argmin(dim=1), model.logits(codes).argmax(dim=1))
    by_numpy = np.linalg.norm(codes.numpy()[:, None] - model.anchors.matrix()[None], axis=2)
    np.testing.assert_allclose(model.distances(codes), by_numpy, rtol=1e-5)
    np.testing.assert_allclose(model.unknown_score(codes), by_numpy.min(axis=1), rtol=1e-5)


def test_anchor_rows_are_the_anchors_and_the_origin(difair):
    model = difair(features=2, anchor=4.0)
    assert model.anchor_rows.tolist() == [
        [4, 4, 0, 0, 0, 0],
        [0, 0, 4, 4, 0, 0],
        [0, 0, 0, 0, 4, 4],
        [0, 0, 0, 0, 0, 0],
    ]
    assert [axis.indices for axis in model.axes] == [(0, 1), (2, 3), (4, 5)]
    assert [axis.name for axis in model.axes] == ["cat", "dog", "owl"]


@pytest.mark.parametrize(
    ("activation", "low", "high"),
    [("relu", 0, np.inf), ("sigmoid", 0, 1), ("none", -np.inf, np.inf), ("leaky_relu", -np.inf, np.inf)],
)
def test_codes_are_means_of_activated_maps(difair, activation, low, high):
    model = difair(activation=activation).eval()
    images = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    codes, maps = model(images), model.axis_maps(images)
    torch.testing.assert_close(codes, maps.mean(dim=(2, 3)))
    assert low <= maps.min() < maps.max() <= high
    assert (maps < 0).any() == (low < 0)


@pytest.mark.parametrize(
    ("n_classes", "channels", "total", "trainable"),
    [
        (20, 3, 1_116_352, 1_114_304),
        (6, 3, 1_035_712, 1_033_664),
        (4, 3, 1_024_192, 1_022_144),
        (6, 1, 1_034_560, 1_032_512),
    ],
)
def test_published_parameter_counts(difair, n_classes, channels, total, trainable):
    names = tuple(map(str, range(n_classes)))
    stats = {"mean": (0.0,) * channels, "std": (1.0,) * channels}
    model = difair(Signature(names, (32, 32, channels), "vgg32", **stats))
    assert sum(p.numel() for p in model.parameters()) == trainable
    moving = [b.numel() for name, b in model.named_buffers() if "running_" in name]
    assert trainable + sum(moving) == total


# The tuplet term.


@pytest.mark.parametrize("kind", ["block_sum", "distance"])
def test_tuplet_is_a_cross_entropy(difair, losses_of, kind):
    model = difair(features=2, anchor=4.0, tuplet=kind, tuplet_weight=0.5)
    codes = np.random.default_rng(0).uniform(0, 4, (5, 6)).astype(np.float32)
    labels = [0, 1, 2, 2, 0]
    if kind == "block_sum":
        logits = codes.reshape(5, 3, 2).mean(axis=2)
    else:
        logits = -np.linalg.norm(codes[:, None] - model.anchors.matrix(), axis=2)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    wanted = 0.5 * -np.log(p[np.arange(5), labels]).mean()
    assert losses_of(model, codes, labels)["tuplet"] == pytest.approx(wanted, rel=1e-5)


def test_tuplet_of_two_classes_at_an_anchor(difair, losses_of):
    model = difair(Signature(("a", "b"), (8, 8, 1)), features=1, anchor=10.0, tuplet="distance")
    # The other anchor lies 10·√2 away.
    term = losses_of(model, model.anchor_rows[:1].double(), [0])["tuplet"]
    assert term == pytest.approx(math.log1p(math.exp(-14.142)), rel=0.05)


# The penalties.


def test_correlation_penalty_of_identical_filters():
    alike = torch.randn(1, 1, 50, generator=torch.Generator().manual_seed(0)).expand(7, 5, 50)
    assert correlation_penalty(alike) == pytest.approx(0.4 * 7, abs=1e-5)
    signs = torch.tensor([1.0, -1, 1, -1, 1])[None, :, None]
    assert correlation_penalty(alike * signs) == pytest.approx(0.4 * 7, abs=1e-5)  # opposites count as much


def test_correlation_penalty_of_uncorrelated_filters():
    # Rows of a Hadamard matrix but the first: mean 0, orthogonal.
    h = torch.tensor([[1.0, 1], [1, -1]])
    filters = torch.kron(torch.kron(h, h), h)[1:6]
    assert correlation_penalty(filters.expand(3, 5, 8)) == pytest.approx(0, abs=1e-6)


def test_correlation_penalty_against_numpy():
    filters = np.random.default_rng(0).normal(size=(4, 5, 30))
    wanted = sum(np.abs(np.corrcoef(block)[np.triu_indices(5, 1)]).sum() / 25 for block in filters)
    assert correlation_penalty(torch.tensor(filters)) == pytest.approx(wanted, rel=1e-9)


def test_correlation_penalty_of_a_constant_filter_is_finite():
    filters = torch.randn(2, 3, 10, generator=torch.Generator().manual_seed(0))
    filters[0, 1] = 0.5
    filters.requires_grad_()
    penalty = correlation_penalty(filters)
    penalty.backward()
    assert torch.isfinite(penalty)
    assert torch.isfinite(filters.grad).all()


def test_std_penalties_by_hand():
    # Across the two filters: std 0.1 at the first weight, 0.5 at the second.
    filters = torch.tensor([[[0.0, 1.0], [0.2, 2.0]]])
    assert std_penalty(filters, "linear", 0.1) == pytest.approx(2 * ((0.1 - 0.1) + (0.1 - 0.5)) / 2, abs=1e-6)
    beta = math.log(2000) / 0.1
    wanted = (2 * math.exp(-beta * 0.1) + 2 * math.exp(-beta * 0.5)) / 2
    assert std_penalty(filters, "exponential", 0.1) == pytest.approx(wanted, rel=1e-4)


def test_exponential_std_penalty_is_2_at_0_and_a_thousandth_at_its_target():
    alike, at_target = torch.ones(3, 2, 4), torch.tensor([0.0, 0.4])[None, :, None].expand(3, 2, 4)
    assert std_penalty(alike, "exponential", 0.2) == pytest.approx(2, abs=1e-3)
    assert std_penalty(at_target, "exponential", 0.2) == pytest.approx(0.001, rel=1e-4)


def test_linear_std_penalty_falls_below_0_past_its_target():
    assert std_penalty(torch.tensor([[[0.0], [2.0]]]), "linear", 0.1) == pytest.approx(2 * (0.1 - 1.0))


@pytest.mark.parametrize("kind", ["exponential", "linear"])
def test_gradient_of_the_std_penalty_of_identical_filters_is_finite(kind):
    filters = torch.ones(2, 3, 4, requires_grad=True)
    std_penalty(filters, kind, 0.1).backward()
    assert torch.isfinite(filters.grad).all()


def test_penalties_read_the_filters_of_one_class(difair):
    model = difair(features=2, correlation_weight=3.0, std_penalty="linear", std_weight=0.5)
    terms = model.losses(torch.rand(2, 1, 8, 8), torch.tensor([0, 1]))
    weight = model.head.last_conv.weight.detach()
    blocks = torch.stack([weight[2 * c : 2 * c + 2].flatten(1) for c in range(3)])
    assert terms["correlation"].item() == pytest.approx(3 * correlation_penalty(blocks).item(), rel=1e-6)
    assert terms["std"].item() == pytest.approx(0.5 * std_penalty(blocks, "linear", 0.1).item(), rel=1e-6)


def test_one_feature_a_class_switches_the_penalties_off(difair):
    model = difair(features=1, std_penalty="exponential")
    assert set(model.losses(torch.rand(2, 1, 8, 8), torch.tensor([0, 1]))) == {"anchor", "tuplet"}


def test_terms_are_those_switched_on(difair):
    batch = torch.rand(2, 1, 8, 8), torch.tensor([0, 1])
    assert set(difair().losses(*batch)) == {"anchor", "tuplet", "correlation"}
    assert set(difair(**ANCHOR_ONLY).losses(*batch)) == {"anchor"}
    assert set(difair(tuplet_weight=0.0).losses(*batch)) == {"anchor", "correlation"}


def test_reconstruction_needs_a_map_of_4_by_4(difair, signature):
    with pytest.raises(ConfigError, match=r"4×4 feature map .*reconstruction_weight.*got 2×2"):
        difair(signature, reconstruction_weight=1.0)


def test_reconstruction_rebuilds_the_map_of_the_published_network(difair):
    model = difair(Signature(("a", "b"), (32, 32, 1), "vgg32"), features=2, reconstruction_weight=0.5).eval()
    images = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    term = model.losses(images, torch.tensor([0, 1]))["reconstruction"]
    maps = model.axis_maps(images)
    assert maps.shape == (2, 4, 4, 4)
    # A transposed convolution of one pixel is its kernel times the code, plus the bias.
    kernel = functional.pad(model.rebuild.weight, (0, 1, 0, 1))
    rebuilt = torch.relu(
        torch.einsum("bd,dehw->behw", model(images), kernel) + model.rebuild.bias[:, None, None]
    )
    assert term.item() == pytest.approx(0.5 * (rebuilt - maps).square().mean().item(), rel=1e-4)


# Noise.


def test_noise_is_pulled_to_the_origin_and_has_no_tuplet_term(difair, losses_of):
    model = difair(features=2, correlation_weight=0.0)
    code = np.array([[3.0, 0, 0, 4, 0, 0]])
    alone = losses_of(model, code, [3])
    assert alone["anchor"] == pytest.approx(0.1 * 5, abs=1e-5)
    assert alone["tuplet"] == 0
    known = np.array([[1.0, 2, 3, 4, 5, 6]])
    one = losses_of(model, known, [1])["tuplet"]
    both = losses_of(model, np.concatenate([known, code]), [1, 3])["tuplet"]
    assert both.item() == pytest.approx(one.item() / 2)  # one of two images has such a term


def some_images(n=7, class_names=("cat", "dog", "owl")):
    pixels = np.random.default_rng(0).integers(0, 9, (n, 8, 8, 1), dtype=np.uint8)
    return Dataset("toy", pixels, np.arange(n, dtype=np.int64) % 3, class_names)


def test_noise_images_follow_the_training_images_as_a_class_of_their_own(difair):
    train = some_images()
    noisy = difair(noise_images=500).training_data(train, seed=4)
    assert noisy.class_names == ("cat", "dog", "owl", "noise")
    assert noisy.labels.tolist() == [*train.labels.tolist(), *[3] * 500]
    assert np.array_equal(noisy.inputs[:7], train.inputs)
    noise = noisy.inputs[7:]
    assert noise.shape == (500, 8, 8, 1)
    assert (noise.min(), noise.max()) == (0, 255)
    assert noise.mean() == pytest.approx(127.5, abs=3)
    assert noise.std() == pytest.approx(math.sqrt((256**2 - 1) / 12), abs=2)


def test_noise_images_are_a_function_of_the_seed(difair):
    model = difair(noise_images=3)
    first, again, other = (model.training_data(some_images(), seed).inputs for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_without_noise_the_training_images_are_handed_back(difair):
    train = some_images()
    assert difair().training_data(train, seed=0) is train


def test_a_class_that_is_called_noise_keeps_its_name(difair):
    model = difair(Signature(("cat", "noise", "owl"), (8, 8, 1)), noise_images=2)
    noisy = model.training_data(some_images(class_names=("cat", "noise", "owl")), seed=0)
    assert noisy.class_names == ("cat", "noise", "owl", "noise_")


def test_training_data_of_other_classes_or_without_labels_are_refused(difair):
    model = difair(noise_images=2)
    with pytest.raises(DataError, match=r"not those of the model.*toy"):
        model.training_data(some_images(class_names=("dog", "cat", "owl")), seed=0)
    partly = Dataset("toy", some_images().inputs, np.array([0, 1, -1, 2, -1, 0, 1]), ("cat", "dog", "owl"))
    with pytest.raises(DataError, match=r"without a label.*2 of 7"):
        model.training_data(partly, seed=0)


# Settings, and learning at all.


@pytest.mark.parametrize("name", ["features", "anchor", "radius_ratio", "std_target"])
def test_settings_that_must_be_positive(name):
    with pytest.raises(ConfigError, match=rf"difair\.{name}.*above 0, got 0"):
        DifairSettings(**{name: 0})


@pytest.mark.parametrize(
    "name",
    ["pull", "tuplet_weight", "correlation_weight", "std_weight", "reconstruction_weight", "noise_images"],
)
def test_settings_that_must_not_be_negative(name):
    with pytest.raises(ConfigError, match=rf"difair\.{name}.*0 or more, got -1"):
        DifairSettings(**{name: -1})


@pytest.mark.parametrize("ratio", [1, 5, float("inf"), float("nan")])
def test_a_sphere_reaches_no_other_anchor(ratio):
    with pytest.raises(ConfigError, match=rf"difair\.radius_ratio.*below 1, got {ratio}"):
        DifairSettings(radius_ratio=ratio)


def test_a_plain_torch_loop_learns_bright_from_dark(difair):
    model = difair(Signature(("dark", "bright"), (8, 8, 1)), features=2)
    draw = torch.Generator().manual_seed(0)
    labels = torch.arange(32) % 2
    images = torch.rand(32, 1, 8, 8, generator=draw) * 0.3 + 0.6 * labels[:, None, None, None]
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(60):
        optimizer.zero_grad()
        sum(model.losses(images, labels).values()).backward()
        optimizer.step()
    codes = model.eval()(images)
    assert (model.logits(codes).argmax(dim=1) == labels).all()
    own = model.distances(codes)[torch.arange(32), labels]
    assert (own < model.radius).all()


def test_activation_correlation_is_the_mean_absolute_pearson_correlation_of_each_class() -> None:
    draw = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [40, 7, 2])  # the last class is too small to count
    blocks = draw.normal(size=(49, 4)) @ draw.normal(size=(4, 4))
    wanted = []
    for label in (0, 1):
        r = np.abs(np.corrcoef(blocks[labels == label].T))
        wanted.append(r[np.triu_indices(4, k=1)].mean())
    got = activation_correlation(torch.from_numpy(blocks), torch.from_numpy(labels)).item()
    assert got == pytest.approx(np.mean(wanted), abs=1e-9)


def test_activation_correlation_has_a_finite_gradient_where_a_feature_is_dead() -> None:
    blocks = torch.tensor([[0.0, 1.0], [0.0, 2.0], [0.0, 4.0]], requires_grad=True)
    activation_correlation(blocks, torch.zeros(3, dtype=torch.int64)).backward()
    assert blocks.grad is not None
    assert torch.isfinite(blocks.grad).all()
    assert activation_correlation(torch.ones(2, 3), torch.tensor([0, 1])).item() == 0.0
