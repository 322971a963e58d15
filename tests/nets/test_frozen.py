"""A frozen encoder in place of a body."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from lightwell.core import ConfigError, ModelFileError
from lightwell.core.dataset import Dataset
from lightwell.core.seeds import global_seed
from lightwell.models import saved
from lightwell.models.classifiers.difair import Difair
from lightwell.models.classifiers.softmax import Softmax
from lightwell.models.model import Signature
from lightwell.models.optimizer import OptimizerSettings
from lightwell.nets.frozen import frozen_body
from lightwell.training import TrainingSettings, fit

NAMES = ("a", "b", "c")


@pytest.fixture(autouse=True)
def _importable() -> Iterator[None]:
    folder = str(Path(__file__).parent)
    sys.path.insert(0, folder)
    yield
    sys.path.remove(folder)


def signature(encoder: str) -> Signature:
    return Signature(NAMES, (8, 8, 1), encoder=encoder)


def data() -> Dataset:
    images = np.random.default_rng(0).integers(0, 256, (30, 8, 8), dtype=np.uint8)
    return Dataset.from_arrays(images, np.arange(30) % 3, class_names=NAMES)


def test_features_become_maps_of_one_place_and_maps_stay() -> None:
    images = torch.rand(2, 1, 8, 8)
    assert frozen_body("frozen_encoders:noisy", (8, 8, 1))(images).shape == (2, 4, 1, 1)
    body = frozen_body("frozen_encoders:maps", (8, 8, 1))
    assert body(images).shape == (2, 6, 8, 8)
    assert body.out_channels == 6


@pytest.mark.parametrize("kind", [Difair, Softmax])
def test_training_changes_the_head_and_nothing_of_the_encoder(kind: type, tmp_path: Path) -> None:
    with global_seed(0):
        model = kind(signature("frozen_encoders:noisy"), None, OptimizerSettings(lr=0.05))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    fit(model, data(), TrainingSettings(epochs=2, batch_size=8), tmp_path)
    after = model.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert all(name.startswith("head.") for name in changed)


def test_a_saved_model_serves_as_encoder_and_survives_a_round_trip(tmp_path: Path) -> None:
    with global_seed(1):
        first = Softmax(Signature(NAMES, (8, 8, 1), "small", (0.4,), (0.3,)))
        saved.save(first, tmp_path / "first")
        second = Difair(signature(str(tmp_path / "first")))
    images = torch.rand(4, 1, 8, 8)
    assert torch.equal(first.eval().feature_map(images), second.eval().feature_map(images))
    saved.save(second, tmp_path / "second")
    again = saved.load(tmp_path / "second")
    assert torch.equal(again(images), second(images))


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("frozen_encoders:pair", "gives no features"),
        ("frozen_encoders:picky", "fails on two black images"),
        ("frozen_encoders:nosy", "Did you mean 'noisy'"),
        ("no_such_module:f", "cannot import"),
    ],
)
def test_what_is_no_encoder_is_refused_in_words(name: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        Difair(signature(name))


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="holds no saved model"):
        Difair(signature(str(tmp_path)))
