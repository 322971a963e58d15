"""Training `vgg32` at batch 128 against a bare PyTorch loop on the same network, loss and optimiser."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from benchmarks.timing import ratio
from lightwell.data import Dataset
from lightwell.data.augment import AugmentSettings, make_augment
from lightwell.data.batches import to_images
from lightwell.models.classifiers.difair import Difair
from lightwell.models.model import Signature
from lightwell.models.optimizer import OptimizerSettings, build_optimizer
from lightwell.training import TrainingSettings, fit
from lightwell.training.machine import keep_freed_memory

BATCH, STEPS, ROUNDS = 128, 8, 3
SEED_RECIPE = AugmentSettings(randaugment_operations=1, randaugment_magnitude=6, pad_crop=4, flip=True)


def lines() -> Iterator[str]:
    """Give one line a variant."""
    keep_freed_memory()
    torch.set_num_threads(1)
    draw = np.random.default_rng(0)
    images = draw.integers(0, 256, (BATCH * STEPS, 32, 32, 3), dtype=np.uint8)
    data = Dataset.from_arrays(images, draw.integers(0, 6, BATCH * STEPS))
    for name, settings, least in (("plain", AugmentSettings(), 0.9), ("augmented", SEED_RECIPE, 0.8)):
        ours, bare, share = ratio(lambda s=settings: _ours(data, s), lambda: _bare(data), ROUNDS)
        yield (
            f"training vgg32 {name:<10} {len(images) / ours:7.1f} images/CPU-s, bare loop "
            f"{len(images) / bare:7.1f}, ratio {share:.3f} (at least {least})"
        )


def _model() -> Difair:
    signature = Signature(("a", "b", "c", "d", "e", "f"), (32, 32, 3), "vgg32", (0.5,) * 3, (0.25,) * 3)
    return Difair(signature, None, OptimizerSettings(schedule="constant"))


def _ours(data: Dataset, settings: AugmentSettings) -> None:
    with tempfile.TemporaryDirectory() as folder:
        options = TrainingSettings(epochs=1, batch_size=BATCH)
        fit(_model(), data, options, Path(folder), augment=make_augment(settings))


def _bare(data: Dataset) -> None:
    """Do the same work as anyone would write it down."""
    model = _model().to(memory_format=torch.channels_last)
    optimizer = build_optimizer(model.optimizer_settings, model.parameters())
    inputs, labels = torch.tensor(data.inputs), torch.tensor(data.labels)
    for rows in torch.randperm(len(labels)).split(BATCH):
        loss = torch.stack(list(model.losses(to_images(inputs[rows]), labels[rows]).values())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
