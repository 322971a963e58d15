"""Units of a code: saliency against one-by-one gradients, visualisation against a known optimum."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lightwell.core import ConfigError, DataError
from lightwell.core.axes import Axis
from lightwell.core.seeds import global_seed
from lightwell.explain.targets import Corpus, Norm, Units
from lightwell.explain.units import Climb, unit_saliency, visualise


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(1, 4, batch_first=True)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.lstm(inputs[:, 0])[0][:, -1]


def encoders() -> dict[str, tuple[nn.Module, Tensor]]:
    with global_seed(0, "encoders"):
        conv = nn.Sequential(
            nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(inplace=True), nn.Flatten(), nn.Dropout(),
            nn.Linear(48, 4), nn.Tanh(),
        )  # fmt: skip
        return {
            "in place": (conv, torch.rand(5, 1, 6, 6)),
            "recurrent": (Recurrent(), torch.randn(5, 1, 9, 1)),
        }


@pytest.mark.parametrize("kind", ["in place", "recurrent"])
def test_maps_are_the_slopes_one_by_one(kind: str) -> None:
    net, x = encoders()[kind]
    maps = unit_saliency(net, x)
    assert net.training
    net.eval()
    for i in range(len(x)):
        slopes = torch.autograd.functional.jacobian(lambda one: net(one.clone())[0], x[i : i + 1])
        assert maps[i] == pytest.approx(slopes[:, 0].numpy(), abs=1e-6)
    some = unit_saliency(net, x, [3, 1], max_rows=3)
    assert some == pytest.approx(maps[:, [3, 1]], abs=1e-6)
    codes = net(x).detach().abs().numpy()
    weighted = unit_saliency(net, x, weighted=True)
    assert weighted == pytest.approx(maps * codes[..., None, None, None], abs=1e-6)


def test_integrated_maps_add_up_to_what_the_unit_changes() -> None:
    net, x = encoders()["in place"]
    net.eval()
    base = torch.full((1, 1, 6, 6), 0.2)
    maps = unit_saliency(net, x, baseline=base, nodes=64)
    change = (net(x) - net(base)).detach().numpy()
    assert maps.sum(axis=(2, 3, 4)) == pytest.approx(change, abs=0.02)
    alone = unit_saliency(net, x[2:3], baseline=base, nodes=64, max_rows=1)
    assert alone[0] == pytest.approx(maps[2], abs=1e-6)


@pytest.mark.parametrize("form", ["fourier", "pixel"])
def test_visualisation_finds_the_image_of_a_linear_unit(form: str) -> None:
    # The best image in [0, 1] is white on the left and black on the right, whatever is real.
    weight = torch.ones(2, 8, 8)
    weight[0, :, 4:] = -1
    images = torch.rand(30, 1, 8, 8, generator=torch.Generator().manual_seed(0))

    def encode(inputs: Tensor) -> Tensor:
        return inputs.flatten(1) @ weight.flatten(1).T

    climb = Climb(form=form, jitter=0, steps=150, learning_rate=0.1)
    found = visualise(encode, Units.of(Axis("left", "class", (0,))), images, climb, starts=2)
    assert found.target == "left"
    assert (found.images[0, 0, :, :4] > 0.8).mean() > 0.9
    assert (found.images[0, 0, :, 4:] < 0.2).mean() > 0.9
    assert found.values[0] >= found.values[1] > found.best_value
    codes = encode(images)[:, 0]
    assert (found.best, found.best_value) == (int(codes.argmax()), pytest.approx(codes.max().item()))
    again = encode(torch.from_numpy(found.images))[:, 0]
    assert again.numpy() == pytest.approx(found.values, abs=1e-5)


def test_a_start_does_not_depend_on_how_many_there_are() -> None:
    net, x = encoders()["in place"]
    climb = Climb(steps=5)
    many = visualise(net, Norm(), x, climb, starts=3)
    chunks = visualise(net, Norm(), x, climb, starts=3, max_rows=2)
    alone = visualise(net, Norm(), x, climb, starts=1)
    assert chunks.images == pytest.approx(many.images, abs=1e-5)
    assert np.abs(many.images - alone.images).max(axis=(1, 2, 3)).min() < 1e-5
    assert net.training
    assert all(weight.grad is None for weight in net.parameters())


def test_colours_and_series_are_visualised_too() -> None:
    colours = visualise(lambda x: x.mean(dim=(2, 3)), Corpus(torch.tensor([[1.0, -1.0, 0.0]])),
                        torch.rand(4, 3, 5, 5), Climb(steps=60, learning_rate=0.2), starts=1)  # fmt: skip
    assert colours.images[0, 0].mean() > 0.7 > 0.3 > colours.images[0, 1].mean()
    net, series = encoders()["recurrent"]
    found = visualise(net, Units((0,)), series, Climb(steps=10, limits=(-3.0, 3.0)), starts=2)
    assert found.images.shape == (2, 1, 9, 1)
    assert np.abs(found.images).max() <= 3


@pytest.mark.parametrize(
    ("work", "words"),
    [
        (lambda net, x: unit_saliency(net, x, [4]), "no such unit"),
        (lambda net, x: unit_saliency(net, x, []), "no such unit"),
        (lambda net, x: unit_saliency(net, x, nodes=0), "has a node"),
        (lambda net, x: unit_saliency(net, x[..., :5]), "cannot read the inputs"),
        (lambda net, x: unit_saliency(lambda x: net(x).detach(), x), "no gradient"),
        (lambda net, x: visualise(lambda x: net(x).detach(), Norm(), x), "no gradient"),
        (lambda net, x: visualise(lambda x: (net(x), 0), Norm(), x), "does not return codes"),
        (lambda net, x: visualise(net, Units((9,)), x), "no such unit"),
        (lambda net, x: visualise(net, Norm(), x, starts=0), "nothing to start"),
        (lambda net, x: visualise(net, Norm(), x, Climb(steps=0)), "out of range"),
        (lambda net, x: visualise(net, Norm(), x, Climb(form="wave")), "out of range"),
        (lambda net, x: visualise(net, Norm(), x, Climb(limits=(1.0, 0.0))), "out of range"),
    ],
)
def test_what_cannot_be_asked_of_a_unit_is_refused(work, words: str) -> None:
    net, x = encoders()["in place"]
    with pytest.raises((DataError, ConfigError), match=words):
        work(net, x)
