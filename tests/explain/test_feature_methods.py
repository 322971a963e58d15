"""Feature attributions on real layers: equal to captum's one by one, complete, within memory."""

from __future__ import annotations

import contextlib
import warnings

import captum.attr
import numpy as np
import pytest
import torch
from torch import nn

from lightwell.core.errors import ConfigError, DataError
from lightwell.core.seeds import global_seed
from lightwell.explain.borrowed import borrowed, networks_of
from lightwell.explain.features import FEATURES, attribute
from lightwell.explain.targets import SelfSimilarity

N, SIDE = 4, 14
SMALL = {"kernel_shap": {"draws": 200}, "relax": {"masks": 40}, "feature_ablation": {"patch": 3}}


@pytest.fixture
def images():
    return torch.rand(N, 2, SIDE, SIDE, generator=torch.Generator().manual_seed(0)).double()


@pytest.fixture
def net():
    with global_seed(0, "test"):
        made = nn.Sequential(
            nn.Conv2d(2, 6, 3, 2, 1), nn.ReLU(), nn.Conv2d(6, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(),
            nn.Flatten(), nn.Linear(8 * 16, 12), nn.Softplus(), nn.Linear(12, 4),
        )  # fmt: skip
        made(torch.rand(8, 2, SIDE, SIDE))
    return made.double()


class OneTarget(nn.Module):
    """captum as anyone would call it, an example at a time."""

    def __init__(self, net, image):
        super().__init__()
        self.net = net.eval()
        self.anchor = net(image).detach()

    def forward(self, inputs):
        return (self.net(inputs) * self.anchor).sum(1)


CAPTUM = {
    "integrated_gradients": ({}, lambda f, x, b: captum.attr.IntegratedGradients(f).attribute(x, b)),
    "saliency": ({}, lambda f, x, b: captum.attr.Saliency(f).attribute(x)),
    "input_x_gradient": ({}, lambda f, x, b: captum.attr.InputXGradient(f).attribute(x)),
    "deep_lift": ({}, lambda f, x, b: captum.attr.DeepLift(f).attribute(x, b)),
    "occlusion": (
        {"window": 4},
        lambda f, x, b: captum.attr.Occlusion(f).attribute(x, (2, 4, 4), strides=(2, 2, 2), baselines=b),
    ),
    "feature_ablation": (
        {"patch": SIDE // 2},
        lambda f, x, b: captum.attr.FeatureAblation(f).attribute(x, b, feature_mask=quarters()),
    ),
    "grad_cam": (
        {"layer": "2"},
        lambda f, x, b: (
            captum.attr.LayerAttribution.interpolate(
                captum.attr.LayerGradCam(f, f.net[2]).attribute(x), (SIDE, SIDE), "bilinear"
            ).expand_as(x)
            / 2
        ),
    ),
}


def quarters():
    half = torch.arange(SIDE) // (SIDE // 2)
    return (half[:, None] * 2 + half)[None, None]


@pytest.mark.parametrize("method", CAPTUM)
def test_equal_to_captum_one_by_one(method, net, images):
    options, alone = CAPTUM[method]
    baselines = images.flip(3) / 2
    found = attribute(net, images, None, method, baselines, max_rows=9, **options).scores
    for i in range(N):
        image = images[i : i + 1].clone().requires_grad_()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wanted = alone(OneTarget(net, image), image, baselines[i : i + 1]).detach().numpy()
        assert np.abs(found[i] - wanted[0]).max() < 1e-6 * np.abs(wanted).max()


def test_kernel_shap_is_the_mean_of_two_of_captum(net, images):
    image = images[:1]
    found = attribute(net, image, method="kernel_shap", patch=7, draws=64, ids=[5], max_rows=7)
    wanted = []
    for half in (0, 1):
        with global_seed(0, "kernel_shap", half, 5):
            ask = captum.attr.KernelShap(OneTarget(net, image))
            wanted.append(ask.attribute(image, feature_mask=quarters(), n_samples=32))
    share = 1 / (49 * 2)
    assert np.allclose(found.scores, sum(wanted) / 2 * share, atol=1e-7)


def test_sampled_slopes_come_to_what_they_estimate(net, images):
    exact = attribute(net, images, nodes=64).scores
    found = attribute(net, images, method="gradient_shap", draws=400)
    off = np.linalg.norm((found.scores - exact).reshape(N, -1), axis=1)
    length = np.linalg.norm(found.scores.reshape(N, -1), axis=1)
    assert (off / length < 3 * found.error["monte_carlo_error"]).all()
    assert found.error["monte_carlo_error"].max() < 0.1
    with global_seed(1, "captum"):
        tunnel = captum.attr.NoiseTunnel(captum.attr.Saliency(OneTarget(net, images[:1])))
        spread = 0.15 * float(images[0].max() - images[0].min())
        wanted = tunnel.attribute(
            images[:1].clone().requires_grad_(), nt_samples=400, stdevs=spread, abs=False
        )
    smooth = attribute(net, images[:1], method="smooth_grad", draws=400)
    off = np.linalg.norm(smooth.scores - wanted.numpy()) / np.linalg.norm(smooth.scores)
    assert off < 3 * np.sqrt(2) * smooth.error["monte_carlo_error"][0]


def test_more_nodes_leave_less_over_and_a_tolerance_is_met(net, images):
    net[1] = net[4] = nn.Softplus()  # where a rule of few nodes can be exact
    rows = []
    net.register_forward_pre_hook(lambda _, given: rows.append(len(given[0])))

    def ask(batch=images, **options):
        rows.clear()
        return attribute(net, batch, **options), sum(rows)

    few, _ = ask(nodes=2)
    many, cost = ask(nodes=64)
    met, cheaper = ask(tolerance=1e-5)
    off = [one.error["completeness_residual"].max() for one in (few, met, many)]
    assert off[0] > 1e-5 >= off[1] >= off[2]
    assert cheaper < cost / 2
    assert np.allclose(met.scores, many.scores, atol=1e-4 * np.abs(many.scores).max())
    alone = [ask(image[None], tolerance=1e-5)[0].scores[0] for image in images]
    assert np.allclose(np.stack(alone), met.scores, atol=1e-6 * np.abs(met.scores).max())


@pytest.mark.parametrize("method", FEATURES)
def test_no_more_rows_at_once_than_asked_for(method, net, images):
    rows = []
    net.register_forward_pre_hook(lambda _, given: rows.append(len(given[0])))
    attribute(net, images, method=method, max_rows=5, **SMALL.get(method, {}))
    assert 0 < max(rows) <= 5


@pytest.mark.parametrize("method", FEATURES)
def test_single_precision_is_the_same_in_any_company(method, net, images):
    options = SMALL.get(method, {})
    net, images = net.float(), images.float()
    numbers = net.eval()(images).square().sum(1).tolist()
    whole = attribute(net, images, method=method, **options).scores
    for i, image in enumerate(images):
        alone = attribute(net, image[None], method=method, max_rows=3, **options).scores[0]
        # A fall of the number is a small difference of large ones, whose digits it has.
        assert np.abs(alone - whole[i]).max() < 1e-6 * max(np.abs(whole[i]).max(), numbers[i])


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(2, 5, batch_first=True)

    def forward(self, series):
        return self.lstm(series[..., 0].transpose(1, 2))[1][0][0]


@pytest.mark.parametrize("method", [name for name in FEATURES if name != "grad_cam"])
def test_series_through_a_recurrent_encoder(method):
    with global_seed(0, "lstm"):
        encoder, series = Recurrent(), torch.randn(3, 2, 30, 1)
    found = attribute(encoder.train(), series, method=method, baseline="blur", **SMALL.get(method, {}))
    assert found.scores.shape == (3, 2, 30, 1)
    assert np.isfinite(found.scores).all()
    assert encoder.lstm.training


def test_maps_of_a_one_dimensional_convolution():
    class Signals(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv1d(1, 3, 5, 2)

        def forward(self, series):
            return self.conv(series[..., 0]).relu().mean(2)

    assert attribute(Signals(), torch.randn(2, 1, 20, 1), method="grad_cam").scores.shape == (2, 1, 20, 1)


def in_place(inputs):
    return inputs.mul_(2).flatten(1)[:, :3].relu_()


def test_encoder_in_place_leaves_the_inputs(images):
    kept = images.clone()
    plain = attribute(lambda x: (2 * x).flatten(1)[:, :3].relu(), images)
    assert np.array_equal(attribute(in_place, images).scores, plain.scores)
    assert torch.equal(images, kept)


@pytest.mark.parametrize("method", ["deep_lift", "grad_cam"])
def test_steps_in_place_do_not_hide_what_a_layer_answered(method, net, images):
    wanted = attribute(net, images, method=method).scores
    for part in (net[1], net[4]):
        part.inplace = True
    assert np.allclose(attribute(net, images, method=method).scores, wanted, atol=1e-7)
    assert net[1].inplace


@pytest.mark.parametrize("method", ["deep_lift", "grad_cam"])
def test_functions_have_no_layers(method, images):
    with pytest.raises(ConfigError, match=f"{method} looks into the layers.*got function"):
        attribute(lambda x: x.flatten(1), images, method=method)


def test_a_module_used_twice_is_refused_by_deep_lift(images):
    relu = nn.ReLU()
    net = nn.Sequential(nn.Conv2d(2, 2, 3), relu, nn.Conv2d(2, 2, 3), relu, nn.Flatten()).double()
    with pytest.raises(DataError, match="DeepLift cannot follow"):
        attribute(net, images, method="deep_lift")
    assert not relu._forward_hooks
    assert not {"input", "output"} & set(vars(relu))


def test_functional_activations_show_in_the_residual(net, images):
    class Functional(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.Flatten(), nn.Linear(2 * SIDE * SIDE, 4))

        def forward(self, inputs):
            return torch.tanh(4 * self.net(inputs))

    assert attribute(net, images, method="deep_lift").error["completeness_residual"].max() < 1e-3
    assert (
        attribute(Functional().double(), images, method="deep_lift").error["completeness_residual"].min()
        > 1e-2
    )


def test_encoder_without_a_gradient_is_told_what_to_take(net, images):
    def blocked(inputs):
        return net(inputs).detach()

    with pytest.raises(DataError, match=r"no gradient comes back.*occlusion"):
        attribute(blocked, images)
    assert attribute(blocked, images, method="occlusion").scores.std() > 0


def test_encoder_that_cannot_read_the_inputs_says_so(net, images):
    with pytest.raises(DataError, match=r"the encoder cannot read the inputs.*RuntimeError"):
        attribute(net, images[:, :1])
    with pytest.raises(ConfigError, match="called with a batch"):
        attribute("encoder", images)


def test_cosine_target_is_bounded(net, images):
    found = attribute(net, images, SelfSimilarity("cosine"), "relax", masks=30)
    assert np.abs(found.pixels).max() <= 1 + 1e-5


class Holder:
    def __init__(self, net):
        self.net = net

    def codes(self, inputs):
        return self.net(inputs)

    def __call__(self, inputs):
        return self.net(inputs)


def test_networks_behind_a_function_are_quiet_and_come_back():
    net = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(4, 2))
    holder = Holder(net)
    inputs = torch.rand(3, 1, 2, 2)
    wanted = net.eval()(inputs)
    net.train()
    for encoder in (net, lambda x: net(x), net.forward, holder, lambda x, inner=net: inner(x)):
        assert networks_of(encoder) == [net]
        with contextlib.suppress(KeyError), borrowed(encoder) as ask:
            assert torch.equal(ask(inputs), wanted)
            net[1].cache = inputs
            raise KeyError
        assert net.training
        assert net[1].training
        assert "cache" not in vars(net[1])
