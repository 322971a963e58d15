"""Members: several models in one training end where each would have ended alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.func import stack_module_state

from lightwell.core.dataset import Dataset
from lightwell.core.errors import ConfigError
from lightwell.core.seeds import generator, global_seed
from lightwell.data.augment import AugmentSettings, make_augment
from lightwell.models.discovery.clustnet import ClustNet
from lightwell.models.discovery.members import Members
from lightwell.models.discovery.settings import ClustNetSettings
from lightwell.models.model import Signature
from lightwell.models.optimizer import OptimizerSettings
from lightwell.training import TrainingSettings, fit

SEEDS = (3, 8)
ADAM = OptimizerSettings("adam", lr=2e-3, weight_decay=0.0)
VIEWS = make_augment(AugmentSettings(rotate_degrees=15, shift_pixels=1))


def data(n=64):
    labels = np.arange(n) % 2
    images = generator(0, "toy").integers(0, 100, (n, 8, 8, 1)) + 80 * labels[:, None, None, None]
    return Dataset("toy", images.astype(np.uint8), labels, ("low", "high"))


def nets(optimizer=ADAM, network="tiny", **settings):
    made = []
    for seed in SEEDS:
        with global_seed(seed, "weights"):
            signature = Signature(("low", "high"), (8, 8, 1), network)
            made.append(ClustNet(signature, ClustNetSettings(subclasses=3, **settings), optimizer))
    return made


def train(model, folder, seed=0, epochs=2, augment=VIEWS, validation=None, **more):
    # 64 images in batches of 24: the last is smaller.
    settings = TrainingSettings(epochs=epochs, batch_size=24, accelerator="cpu")
    return fit(model, data(), settings, folder, augment=augment, seed=seed, validation=validation, **more)


def distance(model, other):
    pairs = zip(model.state_dict().values(), other.state_dict().values(), strict=True)
    return max((ours.double() - theirs.double()).abs().max().item() for ours, theirs in pairs)


@pytest.mark.parametrize(
    "settings",
    [
        {"z_loss": 0.01, "expert": "mlp"},
        {"gate": "gumbel", "temperature": 2.0, "temperature_end": 0.5, "alternate": 2},
        {"gate": "reinmax", "balance_memory": 0.5, "optimizer": OptimizerSettings("sgd", lr=0.05)},
        {"training_mode": "separated", "encoders": "separate", "expert": "conv", "pretrain": 0.4},
        {"network": "small", "augment": None},  # with batch norm
    ],
    ids=["views", "gumbel alternating", "memory", "separated", "batch norm"],
)
def test_members_end_where_each_ends_alone(settings, tmp_path):
    augment = settings.pop("augment", VIEWS)
    alone = nets(**settings)
    members = Members(alone, SEEDS)
    rows = [
        train(model, tmp_path / str(s), s, augment=augment, validation=data(10))
        for s, model in zip(SEEDS, alone, strict=True)
    ]
    mean = train(members, tmp_path / "members", augment=augment, validation=data(10))
    found = members.models()
    untrained = nets(**settings)
    for ours, theirs, start in zip(found, alone, untrained, strict=True):
        assert distance(ours, theirs) < 1e-5
        assert distance(start, theirs) > 1e-3
        assert ours._trainer is None
    for name in rows[0][-1]:
        if name.startswith(("train/", "validation/")):
            assert mean[-1][name] == pytest.approx((rows[0][-1][name] + rows[1][-1][name]) / 2, abs=1e-4)


def test_resumed_members_end_like_uninterrupted_ones(tmp_path):
    def stop(_module, epoch):
        if epoch == 1:
            raise KeyboardInterrupt

    settings = {"balance_memory": 0.5, "gate": "gumbel", "temperature_end": 0.5}
    whole, broken, resumed = (Members(nets(**settings), SEEDS) for _ in range(3))
    train(whole, tmp_path / "whole", epochs=3)
    with pytest.raises(KeyboardInterrupt):
        train(broken, tmp_path / "broken", epochs=3, each_epoch=stop)
    assert all(torch.isfinite(model(torch.zeros(1, 1, 8, 8))).all() for model in broken.models())
    train(resumed, tmp_path / "broken", epochs=3, resume=True)
    for ours, theirs in zip(resumed.models(), whole.models(), strict=True):
        assert distance(ours, theirs) == 0


def test_members_can_be_looked_at_after_each_epoch_and_leave_the_models_alone(tmp_path):
    seen, start = [], nets()
    before = stack_module_state(start)[0]
    members = Members(start, SEEDS)
    train(members, tmp_path, each_epoch=lambda module, _: seen.append(module.models()))
    assert distance(seen[0][0], seen[1][0]) > 0
    assert distance(seen[1][1], members.models()[1]) == 0
    assert all(torch.equal(tensor, before[name]) for name, tensor in stack_module_state(start)[0].items())


def test_a_body_with_dropout_trains(tmp_path):
    members = Members(nets(network="vgg32"), SEEDS)
    assert np.isfinite(train(members, tmp_path, epochs=1)[0]["train/coarse"])


def test_numbers_that_do_not_fit_are_refused():
    with pytest.raises(ConfigError, match="2 models, 3 seeds"):
        Members(nets(), (1, 2, 3))
    with pytest.raises(ConfigError, match="two or more"):
        Members(nets()[:1], (1,))
