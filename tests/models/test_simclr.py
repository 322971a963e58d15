"""SimCLR: its loss by hand, its views, its training."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from lightwell.core import ConfigError
from lightwell.core.dataset import Dataset
from lightwell.core.seeds import global_seed, torch_generator
from lightwell.models.autoencoders.simclr import Simclr, SimclrSettings, nt_xent
from lightwell.models.autoencoders.views import random_views
from lightwell.models.model import Signature
from lightwell.models.optimizer import OptimizerSettings
from lightwell.training.fit import fit
from lightwell.training.represent import represent
from lightwell.training.settings import TrainingSettings

COLOUR = Signature((), (16, 16, 3), "resnet8", (0.5,) * 3, (0.25,) * 3)
ADAM = OptimizerSettings(name="adam", lr=1e-3, weight_decay=0.0, schedule="constant", warmup=0.0)


@pytest.fixture(autouse=True)
def _same_numbers():
    with global_seed(0, "test"):
        yield


def make(signature=COLOUR, **settings):
    with global_seed(0, "simclr"):
        return Simclr(signature, SimclrSettings(**{"hidden": 32, "projection": 16} | settings), ADAM)


def test_nt_xent_row_by_row():
    draw = torch.Generator().manual_seed(0)
    first, second = torch.randn(5, 7, generator=draw), torch.randn(5, 7, generator=draw)
    rows = [r.tolist() for r in torch.cat((first, second)).double()]

    def cosine(a, b):
        return sum(x * y for x, y in zip(a, b, strict=True)) / math.hypot(*a) / math.hypot(*b)

    wanted = 0.0
    for i, row in enumerate(rows):
        alike = {j: math.exp(cosine(row, other) / 0.5) for j, other in enumerate(rows) if j != i}
        wanted -= math.log(alike[(i + 5) % 10] / sum(alike.values())) / 10
    assert nt_xent(first, second, 0.5).item() == pytest.approx(wanted, rel=1e-5)
    assert nt_xent(3 * first, second, 0.5).item() == pytest.approx(wanted, rel=1e-5)  # directions only
    assert nt_xent(first[:1], second[:1], 0.5).item() == 0


def test_nt_xent_of_known_angles():
    rows = torch.eye(2)
    assert nt_xent(rows, rows, 0.5).item() == pytest.approx(math.log(math.exp(2) + 2) - 2)
    assert nt_xent(rows, -rows, 0.5).item() == pytest.approx(math.log(math.exp(-2) + 2) + 2)  # not clamped


@pytest.mark.parametrize("channels", [1, 3])
def test_views_differ_in_their_range_and_follow_the_generator(channels):
    images = torch.rand(64, channels, 16, 16, generator=torch.Generator().manual_seed(0))
    before = images.clone()
    views = random_views(images, torch_generator(0, "test"))
    assert torch.equal(views, random_views(images, torch_generator(0, "test")))
    assert not torch.equal(views, random_views(images, torch_generator(1, "test")))
    assert torch.equal(images, before)
    assert (views.shape, views.dtype) == (images.shape, images.dtype)
    assert 0 <= views.min() < views.max() <= 1
    assert (views - images).abs().flatten(1).max(dim=1).values.min() > 0.01
    if channels == 3:
        grey = ((views - views.mean(dim=1, keepdim=True)).abs().flatten(1).amax(dim=1) < 1e-5).float().mean()
        assert 0.08 < grey < 0.35  # a fifth


def test_whole_crops_without_colour_only_mirror():
    images = torch.rand(64, 3, 16, 16)
    settings = {"smallest": 1.0, "jitter": 0.0}
    draws = [random_views(images, torch_generator(s, "test"), **settings) for s in range(2)]
    same = random_views(images * 0 + 0.3, torch_generator(0, "test"), **settings)
    assert torch.allclose(same, images * 0 + 0.3, atol=1e-6)
    # An area of 1 at another aspect than 1 is cut at the border: one side stays whole.
    columns = torch.linspace(0, 1, 16).expand(64, 1, 16, 16)
    rising = random_views(columns, torch_generator(0, "test"), **settings)[:, 0, 0].diff(dim=1)
    up, down = (rising >= -1e-6).all(dim=1), (rising <= 1e-6).all(dim=1)
    assert bool((up ^ down).all())
    assert 0.3 < up.float().mean() < 0.7
    kept = random_views(columns, torch_generator(0, "test"), mirror=False, **settings)[:, 0, 0].diff(dim=1)
    assert bool((kept >= -1e-6).all())
    assert not torch.equal(*draws)


def test_two_views_go_through_the_projector_in_training_anew_and_in_evaluation_the_same():
    images, model = torch.rand(6, 3, 16, 16), make()
    with global_seed(5):
        loss = model.losses(images)["nt_xent"]
    with global_seed(5):
        views = random_views(torch.cat((images, images)))
        z = model.projector(model.body((views - 0.5) / 0.25).mean(dim=(2, 3)))
    assert loss.item() == pytest.approx(nt_xent(z[:6], z[6:], 0.5).item(), rel=1e-5)
    model.eval()
    assert model.losses(images)["nt_xent"].item() == model.losses(images)["nt_xent"].item()


def test_training_tells_images_apart(tmp_path):
    draw = np.random.default_rng(0)
    images = draw.integers(0, 256, (64, 4, 4, 3), dtype=np.uint8).repeat(4, axis=1).repeat(4, axis=2)
    data, model = Dataset.from_arrays(images), make(smallest_crop=0.6, jitter=0.0, mirror=False)
    settings = TrainingSettings(epochs=6, batch_size=32)
    rows = fit(model, data, settings, tmp_path, validation=data, seed=0)
    losses = [row["train/nt_xent"] for row in rows]
    assert losses[-1] < losses[0] - 0.2
    assert rows[-1]["validation/nt_xent"] < math.log(127) - 0.3  # chance: 128 views, one of them itself
    assert represent(model, data).codes.shape == (64, 64)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"temperature": 0.0}, r"simclr\.temperature.*above 0"),
        ({"smallest_crop": 0.0}, r"simclr\.smallest_crop"),
        ({"jitter": 1.5}, r"simclr\.jitter"),
        ({"projection": 0}, r"simclr\.projection"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, words):
    with pytest.raises(ConfigError, match=words):
        SimclrSettings(**settings)


def test_series_have_no_such_views():
    with pytest.raises(ConfigError, match="views of SimCLR are of images"):
        make(Signature((), (140, 1, 1), "lstm"))
