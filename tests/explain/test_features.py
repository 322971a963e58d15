"""Feature attributions by hand: an encoder so small that each score can be worked out on paper."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from lightwell.core.dataset import Dataset
from lightwell.core.errors import ConfigError, DataError
from lightwell.explain.features import FEATURES, attribute, baseline_for, blurred, mean_of
from lightwell.explain.features.relax import _masks
from lightwell.explain.targets import Pair, SelfSimilarity, Units

IMAGE = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
OTHER = torch.tensor([[[[0.0, 1.0], [1.0, 0.0]]]])
# Codes are (p0 + p1, p2 - p3), that of IMAGE (3, -1): the slope of the self-similarity is (3, 3, -1, 1).
WEIGHT = torch.tensor([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, -1.0]])
SLOPE = np.array([[[3.0, 3.0], [-1.0, 1.0]]], np.float32)
TIMES_INPUT = np.array([[[3.0, 6.0], [-3.0, 4.0]]], np.float32)


def linear() -> nn.Sequential:
    layer = nn.Linear(4, 2, bias=False)
    layer.weight.data = WEIGHT.clone()
    return nn.Sequential(nn.Flatten(), layer)


@pytest.mark.parametrize(
    ("method", "wanted", "options"),
    [
        ("integrated_gradients", TIMES_INPUT, {"nodes": 1}),
        ("integrated_gradients", TIMES_INPUT, {"tolerance": 1e-3}),
        ("gradient_shap", TIMES_INPUT, {"draws": 3}),
        ("saliency", np.abs(SLOPE), {}),
        ("input_x_gradient", TIMES_INPUT, {}),
        ("deep_lift", TIMES_INPUT, {}),
        ("smooth_grad", SLOPE, {"draws": 3}),
        ("occlusion", TIMES_INPUT, {"window": 1}),
        ("occlusion", np.full((1, 2, 2), 10, np.float32), {"window": 2}),
        ("feature_ablation", TIMES_INPUT, {}),
        ("kernel_shap", TIMES_INPUT, {"draws": 60, "patch": 1}),
    ],
)
def test_linear_encoder_by_hand(method, wanted, options):
    found = attribute(linear(), torch.cat([IMAGE, 0 * IMAGE + 1]), method=method, **options)
    assert np.allclose(found.scores[0], wanted, atol=2e-4)
    assert (found.target, found.method, found.seconds > 0) == ("self", method, True)
    if FEATURES[method].complete:  # they add up to ||f(x)||² - <f(x), f(0)> = 10
        assert found.error["completeness_residual"].max() < 1e-4
    if "monte_carlo_error" in found.error:
        assert found.error["monte_carlo_error"].max() < 1e-4


@pytest.mark.parametrize("method", ["integrated_gradients", "gradient_shap", "deep_lift", "feature_ablation"])
def test_scores_are_against_the_baseline(method):
    found = attribute(linear(), torch.cat([IMAGE, IMAGE]), method=method, baseline=torch.cat([OTHER, IMAGE]))
    assert np.allclose(found.scores[0], SLOPE * (IMAGE - OTHER)[0].numpy(), atol=1e-5)
    assert np.allclose(found.scores[1], 0)
    assert all(values[1] == 0 for values in found.error.values())  # nothing to explain, and nothing off


def test_channels_are_hidden_together_and_share_what_is_spread():
    colour = torch.cat([IMAGE, OTHER], dim=1)

    def sums(inputs):
        return inputs.sum(dim=1).flatten(1) @ WEIGHT.T  # of (1, 3, 4, 4): codes (4, 0)

    ablated = attribute(sums, colour, method="feature_ablation").scores
    assert np.allclose(ablated, [[[[4, 12], [0, 0]]] * 2])
    shap = attribute(sums, colour, method="kernel_shap", draws=60, patch=1)
    assert np.allclose(shap.pixels, [[[4, 12], [0, 0]]], atol=1e-3)
    assert np.array_equal(shap.scores[:, 0], shap.scores[:, 1])


def test_grad_cam_by_hand():
    conv = nn.Conv2d(1, 1, 1, bias=False)
    conv.weight.data.fill_(2.0)
    net = nn.Sequential(conv, nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    # The code is 2 · mean = 5, the slope on each of four pixels 5 / 4, the maps 2 x.
    wanted = 1.25 * 2 * IMAGE.numpy()
    assert np.allclose(attribute(net, IMAGE, method="grad_cam").scores, wanted)
    assert np.allclose(attribute(net, IMAGE, method="grad_cam", layer="1").scores, wanted)
    with pytest.raises(DataError, match="makes no maps"):
        attribute(net, IMAGE, method="grad_cam", layer="3")
    net[0].aside = nn.Conv2d(1, 1, 1)
    with pytest.raises(DataError, match="does not pass this layer"):
        attribute(net, IMAGE, method="grad_cam")


def test_relax_is_the_weighted_mean_over_views():
    images = torch.rand(2, 3, 9, 8, generator=torch.Generator().manual_seed(1))
    net = nn.Sequential(nn.Flatten(), nn.Linear(3 * 9 * 8, 3))
    target = SelfSimilarity("cosine")
    found = attribute(net, images, target, "relax", masks=50, max_rows=7, seed=3)

    class Shape:
        inputs, max_rows, seed = images, 50, 3

    views = next(_masks(Shape, 50, 0.5)).double()
    assert views.shape == (50, 9, 8)
    assert 0 <= views.min() < 0.05 < 0.95 < views.max() <= 1
    with torch.no_grad():
        codes = net(images)
        for i, image in enumerate(images):
            seen = torch.stack(
                [torch.cosine_similarity(net((image * m.float())[None]), codes[i : i + 1])[0] for m in views]
            ).double()[:, None, None]
            mean = (views * seen).sum(0) / views.sum(0)
            variance = (views * (seen - mean) ** 2).sum(0) / views.sum(0)
            assert np.allclose(found.pixels[i], mean, atol=1e-5)
            assert np.allclose(found.uncertainty[i], variance, atol=1e-5)
    assert found.uncertainty.shape == found.scores.shape


def test_monte_carlo_error_is_what_repetition_shows():
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2))
    for method, options in (
        ("gradient_shap", {"draws": 8}),
        ("smooth_grad", {"draws": 8, "spread": 0.5}),
        ("relax", {"masks": 60}),
        ("kernel_shap", {"draws": 24, "patch": 1}),
    ):
        runs = [attribute(net, IMAGE, method=method, seed=seed, **options) for seed in range(24)]
        scores = np.stack([run.scores[0] for run in runs])
        mean = scores.mean(0) - (scores.mean() if method == "relax" else 0)
        shown = np.sqrt((scores.var(0, ddof=1).sum()) / (mean**2).sum())
        told = np.sqrt(np.mean([run.error["monte_carlo_error"][0] ** 2 for run in runs]))
        assert told == pytest.approx(shown, rel=0.4), method


def test_targets_are_what_is_explained():
    both = torch.cat([IMAGE, OTHER])
    unit = attribute(linear(), both, Units((1,)), "input_x_gradient")
    assert np.array_equal(unit.scores[0], [[[0, 0], [3, -4]]])
    assert unit.target == "unit 1"
    partners = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    paired = attribute(linear(), both, Pair(partners), "saliency", max_rows=1)
    assert np.array_equal(paired.scores[:, 0].reshape(2, 4), [[1, 1, 0, 0], [0, 0, 2, 2]])


def test_random_control_is_of_the_example_alone():
    draws = [attribute(linear(), IMAGE, method="random", seed=seed).scores for seed in (0, 0, 1)]
    assert np.array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])
    many = attribute(lambda x: x.flatten(1), torch.rand(1, 1, 100, 100), method="random").scores
    assert abs(many.mean()) < 0.04
    assert many.std() == pytest.approx(1, abs=0.03)


def test_draws_follow_the_content_or_the_id():
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 6), nn.Tanh())
    ask = {"method": "gradient_shap", "draws": 4}
    first, second = (attribute(net, batch, **ask).scores for batch in (IMAGE, torch.cat([OTHER, IMAGE])))
    assert np.allclose(first[0], second[1], atol=1e-6)
    assert np.allclose(attribute(net, torch.cat([IMAGE, IMAGE]), ids=[7, 7], **ask).scores.std(axis=0), 0)
    assert attribute(net, torch.cat([IMAGE, IMAGE]), ids=[7, 8], **ask).scores.std(axis=0).max() > 1e-4
    near = attribute(net, torch.cat([IMAGE, IMAGE + 1e-4]), ids=[7, 7], **ask).scores
    assert np.abs(near[0] - near[1]).max() < 1e-3


def test_published_pairing_is_that_of_other_examples():
    batch = torch.cat([IMAGE, OTHER])
    found = attribute(linear(), batch, method="gradient_shap", draws=3, legacy_pairing=True)
    # Rows lie x0 x0 x0 x1 x1 x1, anchors a0 a1 a0 a1 a0 a1: two thirds and one third are the own.
    slopes = [(batch[i].flatten() @ WEIGHT.T @ WEIGHT).reshape(1, 2, 2) for i in (0, 1)]
    wanted = [batch[0] * (2 * slopes[0] + slopes[1]) / 3, batch[1] * (2 * slopes[1] + slopes[0]) / 3]
    assert np.allclose(found.scores, torch.stack(wanted), atol=1e-6)
    assert found.error["completeness_residual"].max() == pytest.approx(
        0.8 / 3, abs=1e-5
    )  # (20 + 2) / 3 of 10
    baselines = torch.cat([IMAGE, OTHER])  # its own baseline would leave nothing
    drawn = attribute(linear(), batch, None, "gradient_shap", baselines, draws=5, legacy_pairing=True)
    assert np.abs(drawn.scores).max() > 0
    again = attribute(linear(), batch, None, "gradient_shap", baselines, draws=5, legacy_pairing=True)
    assert np.array_equal(drawn.scores, again.scores)


def test_blur_is_a_gaussian_that_fits_the_image():
    dot = torch.zeros(1, 1, 41, 41)
    dot[..., 20, 20] = 1
    one = np.exp(-(np.arange(-10, 11) ** 2) / 50)
    kernel = np.outer(one, one) / one.sum() ** 2
    assert np.allclose(blurred(dot)[0, 0, 10:31, 10:31], kernel, atol=1e-7)
    assert np.allclose(blurred(torch.full((2, 3, 5, 7), 0.3)), 0.3)
    series = torch.arange(6.0)[None, None, :, None]
    assert blurred(series).shape == series.shape
    assert blurred(series).std() < series.std()


def test_mean_of_a_class_is_a_baseline():
    images = np.stack([np.full((2, 2, 1), value, np.uint8) for value in (0, 100, 200)])
    data = Dataset.from_arrays(images, [0, 1, 1])
    assert torch.allclose(mean_of(data, "1"), torch.full((1, 1, 2, 2), 150 / 255))
    assert torch.allclose(baseline_for(IMAGE, mean_of(data)), torch.full((1, 1, 2, 2), 100 / 255))
    series = Dataset.from_arrays(np.arange(8, dtype=np.float32).reshape(2, 4, 1), [0, 0])
    assert mean_of(series)[0, 0, :, 0].tolist() == [2, 3, 4, 5]


@pytest.mark.parametrize(
    ("settings", "kind", "sentence"),
    [
        ({"method": "integrated_gradient"}, ConfigError, "Did you mean 'integrated_gradients'"),
        ({"node": 3}, ConfigError, "integrated_gradients has no such option.*Did you mean 'nodes'"),
        ({"method": "random", "draws": 3}, ConfigError, "It has no options"),
        ({"nodes": 0}, ConfigError, "nodes of 1 or more"),
        ({"tolerance": 0.0}, ConfigError, "tolerance above 0"),
        ({"max_rows": 0}, ConfigError, "the encoder needs a row"),
        ({"method": "gradient_shap", "draws": 1}, ConfigError, "one draw has no error"),
        ({"method": "smooth_grad", "spread": 0}, ConfigError, "noise has a spread"),
        ({"method": "occlusion", "window": 0}, ConfigError, "1 or more"),
        ({"method": "kernel_shap", "draws": 15}, ConfigError, "16 draws or more for these 4, got 15"),
        ({"method": "kernel_shap", "patch": 2}, ConfigError, "2 patches or more"),
        ({"method": "relax", "visible": 1}, ConfigError, r"visible in \(0, 1\)"),
        ({"method": "grad_cam"}, ConfigError, "no convolution"),
        ({"method": "grad_cam", "layer": "3"}, ConfigError, "no such layer"),
        ({"baseline": "blurr"}, ConfigError, "Did you mean 'blur'"),
        ({"baseline": torch.zeros(1, 3, 3)}, DataError, "1×2×2 .one for all. or 2×1×2×2 .*got 1×3×3"),
        ({"baseline": torch.zeros(3, 1, 2, 2)}, DataError, "got 3×1×2×2"),
        ({"baseline": torch.tensor(0.0)}, DataError, "a single number"),
        ({"baseline": IMAGE * torch.inf}, DataError, "baseline is not finite"),
        ({"ids": [1]}, DataError, "expected 2 integers"),
        ({"ids": [0.5, 1]}, DataError, "expected 2 integers"),
    ],
)
def test_bad_settings_are_refused_in_words(settings, kind, sentence):
    with pytest.raises(kind, match=sentence):
        attribute(linear(), torch.cat([IMAGE, OTHER]), **settings)


def test_empty_class_is_refused():
    data = Dataset.from_arrays(np.zeros((1, 2, 2, 1), np.uint8), [0], class_names=("a", "b"))
    with pytest.raises(DataError, match="nothing to take the mean of"):
        mean_of(data, "b")
