"""Bodies: sizes, parameter counts, initial weights, Keras' padding, lookup by name."""

from __future__ import annotations

import sys
import types

import pytest
import torch
from torch import nn
from torch.nn import functional

from lightwell.core import seeds
from lightwell.core.errors import ConfigError
from lightwell.nets import Body, PooledHead, PooledLinear, build, small, vgg32

torch.set_num_threads(1)


def count(*modules: nn.Module) -> tuple[int, int]:
    """Total (as Keras counts: running statistics included) and trainable."""
    trainable = sum(p.numel() for m in modules for p in m.parameters())
    statistics = sum(b.numel() for m in modules for n, b in m.named_buffers() if "running" in n)
    return trainable + statistics, trainable


@pytest.mark.parametrize(
    ("classes", "channels", "total", "trainable"),
    [
        (20, 3, 1_116_352, 1_114_304),
        (6, 3, 1_035_712, 1_033_664),
        (4, 3, 1_024_192, 1_022_144),
        (6, 1, 1_034_560, 1_032_512),
    ],
)
def test_vgg32_has_the_parameters_of_the_reference(classes, channels, total, trainable):
    assert count(vgg32(channels), PooledHead(128, classes * 5, "relu", False)) == (total, trainable)


@pytest.mark.parametrize(("size", "map_size"), [(64, 8), (32, 4), (28, 4), (33, 5)])
def test_vgg32_feature_map_sizes(size, map_size):
    assert vgg32(3).eval()(torch.zeros(1, 3, size, size)).shape == (1, 128, map_size, map_size)


def test_vgg32_layers_are_as_specified():
    body = vgg32(3)
    kinds = [type(layer).__name__.removeprefix("_") for layer in body]
    block = ["Dropout"] + ["Conv2d", "BatchNorm2d", "LeakyReLU"] * 2
    block += ["HalvingConv", "BatchNorm2d", "LeakyReLU"]
    assert kinds == block * 3
    convolutions = [layer for layer in body if isinstance(layer, nn.Conv2d)]
    assert [c.out_channels for c in convolutions] == [64, 64] + [128] * 7
    assert all(c.bias is None and c.kernel_size == (3, 3) for c in convolutions)
    assert [c.stride[0] for c in convolutions] == [1, 1, 2] * 3
    norms = [layer for layer in body if isinstance(layer, nn.BatchNorm2d)]
    assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-3, 0.01)}
    assert {layer.p for layer in body if isinstance(layer, nn.Dropout)} == {0.2}
    assert {layer.negative_slope for layer in body if isinstance(layer, nn.LeakyReLU)} == {0.2}


def test_vgg32_weights_are_normal_with_std_005():
    with seeds.global_seed(0, "weights"):
        body = vgg32(3)
    weights = [layer.weight.detach() for layer in body if isinstance(layer, nn.Conv2d)]
    assert len(weights) == 9
    for weight in weights:
        assert abs(float(weight.mean())) < 4 * 0.05 / weight.numel() ** 0.5
        assert float(weight.std()) == pytest.approx(0.05, rel=0.05)


def test_vgg32_dropout_drops_single_elements_in_training_only():
    dropout = vgg32(3)[0]
    images = torch.ones(8, 3, 32, 32)
    with seeds.global_seed(0, "dropout"):
        dropped = dropout.train()(images) == 0
    assert float(dropped.float().mean()) == pytest.approx(0.2, abs=0.02)
    assert 0 < float(dropped[0, 0].float().mean()) < 1
    assert torch.equal(dropout.eval()(images), images)


@pytest.mark.parametrize("size", [4, 5, 32, (6, 7), (1, 2)])
def test_halving_convolution_pads_as_keras_same(size):
    height, width = (size, size) if isinstance(size, int) else size
    convolution = next(layer for layer in vgg32(3) if isinstance(layer, nn.Conv2d) and layer.stride == (2, 2))
    images = torch.rand(2, 64, height, width)
    out = convolution(images)
    assert out.shape[2:] == (-(-height // 2), -(-width // 2))
    # Keras' rule, written out: what the windows need in all, the smaller half of it before.
    pads = []
    for n in (width, height):
        need = max((-(-n // 2) - 1) * 2 + 3 - n, 0)
        pads += [need // 2, need - need // 2]
    expected = functional.conv2d(functional.pad(images, pads), convolution.weight, stride=2)
    torch.testing.assert_close(out, expected)


def test_halving_convolution_on_an_even_size_by_hand():
    convolution = next(layer for layer in vgg32(3) if isinstance(layer, nn.Conv2d) and layer.stride == (2, 2))
    with torch.no_grad():
        convolution.weight.fill_(1 / 64)
    image = torch.arange(16.0).view(1, 1, 4, 4).expand(1, 64, 4, 4)
    # Windows start at pixels 0 and 2: nine pixels, then those that hang over the right and lower edges.
    assert convolution(image)[0, 0].tolist() == [[45.0, 39.0], [66.0, 50.0]]


@pytest.mark.parametrize(("size", "map_size"), [(28, 7), (32, 8), (30, 7)])
def test_small_feature_map_sizes(size, map_size):
    assert small(1).eval()(torch.zeros(1, 1, size, size)).shape == (1, 64, map_size, map_size)


def test_small_pools_before_batch_norm_and_keeps_torch_defaults():
    body = small(1)
    assert [type(layer).__name__ for layer in body] == [
        *["Conv2d", "MaxPool2d", "BatchNorm2d", "LeakyReLU"] * 2,
        *["Conv2d", "BatchNorm2d", "LeakyReLU"],
    ]
    assert {(n.eps, n.momentum) for n in body if isinstance(n, nn.BatchNorm2d)} == {(1e-5, 0.1)}
    # 288 + 18,432 + 36,864 weights, 2 x 160 scales and shifts, 2 x 160 running statistics
    assert count(body) == (56_224, 55_904)
    assert {layer.negative_slope for layer in body if isinstance(layer, nn.LeakyReLU)} == {0.1}


@pytest.mark.parametrize("make", [vgg32, small])
def test_weights_follow_the_global_seed_and_leave_it(make):
    state = torch.get_rng_state()
    bodies = []
    for _ in range(2):
        with seeds.global_seed(3, "weights"):
            bodies.append(make(3))
    assert torch.equal(torch.get_rng_state(), state)
    first, second = (body.state_dict() for body in bodies)
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("make", [vgg32, small])
def test_channels_last_gives_the_same_maps_in_the_same_layout(make):
    body = make(3).eval()
    images = torch.rand(2, 3, 32, 32)
    expected = body(images)
    maps = body.to(memory_format=torch.channels_last)(images.to(memory_format=torch.channels_last))
    assert maps.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(maps, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("make", [vgg32, small])
def test_bodies_take_an_empty_batch(make):
    body = make(1).eval()
    assert body(torch.zeros(0, 1, 32, 32)).shape[:2] == (0, body.out_channels)


@pytest.mark.parametrize("dropout", [-0.1, 1.0, float("nan")])
def test_vgg32_refuses_a_dropout_out_of_range(dropout):
    with pytest.raises(ConfigError, match=r"dropout.*\[0, 1\)"):
        vgg32(3, dropout=dropout)


@pytest.mark.parametrize("channels", [0, -1, 1.5, True, "3"])
@pytest.mark.parametrize("make", [vgg32, small, lambda channels: build("small", channels)])
def test_bodies_refuse_a_bad_channel_count(make, channels):
    with pytest.raises(ConfigError, match="in_channels"):
        make(channels)


# --- build by name -------------------------------------------------------------------------------------


class Doubling(nn.Module):
    """A user's body that does not say how many maps it makes, and draws numbers as it runs."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, 2 * channels, 3)
        self.norm = nn.BatchNorm2d(2 * channels).eval()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.norm(self.convolution(images)) + torch.rand(1)


class Said(nn.Identity):
    """A user's body with the attribute, which could not pass the trial."""

    out_channels = 7

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        raise AssertionError("not to be run")


@pytest.fixture
def user_module(monkeypatch):
    module = types.ModuleType("house_of_a_user")
    module.Doubling = Doubling
    module.said = lambda channels: Said()
    module.body = lambda channels: Body(nn.Conv2d(channels, 4, 1), out_channels=4)
    module.text = lambda channels: "a network"
    module.flat = lambda channels: nn.Flatten()
    module.listing = lambda channels: nn.ModuleList([nn.ReLU()])
    module.pair = lambda channels: nn.GRU(64, 8)
    module.misled = lambda channels: PooledLinear(channels, 3)
    module.wrong_channels = lambda channels: nn.Sequential(nn.Conv2d(channels + 1, 4, 3))
    module.number = 3
    monkeypatch.setitem(sys.modules, "house_of_a_user", module)


@pytest.mark.parametrize(("name", "kind"), [("small", 64), ("vgg32", 128)])
def test_build_finds_our_own(name, kind):
    body = build(name, 3)
    assert (type(body), body.out_channels) == (Body, kind)


def test_build_counts_the_maps_of_a_users_body_and_leaves_it_as_it_was(user_module):
    state = torch.get_rng_state()
    with seeds.global_seed(0, "weights"):
        body = build("house_of_a_user:Doubling", 3)
        after_build = torch.rand(1)
    with seeds.global_seed(0, "weights"):
        own = Doubling(3)
        after_own = torch.rand(1)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(after_build, after_own), "the trial drew from the generator"
    assert body.out_channels == 6
    assert body[0].training
    assert not body[0].norm.training, "a part the user froze was thawed"
    assert all(torch.equal(a, b) for a, b in zip(body[0].parameters(), own.parameters(), strict=True))
    assert all(p.grad is None for p in body.parameters())


def test_build_believes_the_attribute(user_module):
    assert build("house_of_a_user:said", 3).out_channels == 7


def test_build_takes_a_body_as_it_is(user_module):
    body = build("house_of_a_user:body", 3)
    assert (len(body), body.out_channels) == (1, 4)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("vgg23", "Did you mean 'vgg32'"),
        (
            "inception",
            r"Choose one of: cifar32, .*conv64, deep-linear, light32, .*module:function .*vgg32, wide64",
        ),
        ("no_such_module_of_a_user:f", "cannot import.*PYTHONPATH"),
        (":f", "cannot import"),
        ("house_of_a_user:doubling", "no function 'doubling'.*Did you mean 'Doubling'"),
        ("house_of_a_user:number", "no function 'number'"),
        ("house_of_a_user:text", "does not return a network.*'a network'"),
        ("house_of_a_user:flat", r"makes no feature maps.*\(2, 12288\)"),
        ("house_of_a_user:listing", "fails on two black images of 3×64×64 .*out_channels"),
        ("house_of_a_user:pair", "fails on two black images"),
        ("house_of_a_user:misled", r"makes no feature maps.*\(2, 3\)"),
        ("house_of_a_user:wrong_channels", "fails on two black images of 3×64×64"),
    ],
)
def test_build_refuses_in_words(user_module, name, words):
    with pytest.raises(ConfigError, match=words):
        build(name, 3)


def test_build_refuses_an_attribute_that_is_no_count(user_module, monkeypatch):
    monkeypatch.setattr(Said, "out_channels", "seven")
    with pytest.raises(ConfigError, match=r"out_channels of house_of_a_user:said.*got seven"):
        build("house_of_a_user:said", 3)
