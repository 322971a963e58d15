"""Training the DCGAN of GASTeN at batch 64 against a bare PyTorch loop on the same networks."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from benchmarks.timing import ratio
from lightwell.data import Dataset
from lightwell.data.batches import to_images
from lightwell.models.boundary.gan import ADAM, Gan, GanSettings
from lightwell.models.model import Signature
from lightwell.nets.gan import build_gan
from lightwell.training import TrainingSettings, fit
from lightwell.training.machine import keep_freed_memory

BATCH, STEPS, ROUNDS = 64, 8, 3
LR, BETAS, NOISE = 2e-4, (0.5, 0.999), 64


def lines() -> Iterator[str]:
    """Give the only line."""
    keep_freed_memory()
    torch.set_num_threads(1)
    images = np.random.default_rng(0).integers(0, 256, (BATCH * STEPS, 28, 28, 1), dtype=np.uint8)
    data = Dataset.from_arrays(images, np.arange(len(images)) % 2)
    ours, bare, share = ratio(lambda: _ours(data), lambda: _bare(data), ROUNDS)
    yield (
        f"training dcgan {STEPS / ours:5.2f} steps/CPU-s, bare loop {STEPS / bare:5.2f}, "
        f"ratio {share:.3f} (at least 0.95)"
    )


def _ours(data: Dataset) -> None:
    gan = Gan(
        Signature(("a", "b"), (28, 28, 1)), GanSettings("dcgan", NOISE, betas=BETAS), replace(ADAM, lr=LR)
    )
    with tempfile.TemporaryDirectory() as folder:
        fit(gan, data, TrainingSettings(epochs=1, batch_size=BATCH), Path(folder))


def _bare(data: Dataset) -> None:
    """Do the same work as anyone would write it down."""
    generator, discriminator = (
        part.to(memory_format=torch.channels_last) for part in build_gan("dcgan", NOISE, (28, 28, 1))
    )
    move_generator = torch.optim.Adam(generator.parameters(), lr=LR, betas=BETAS)
    move_discriminator = torch.optim.Adam(discriminator.parameters(), lr=LR, betas=BETAS)
    inputs = torch.tensor(data.inputs)
    real, fake = torch.ones(BATCH), torch.zeros(BATCH)
    loss_of = functional.binary_cross_entropy_with_logits
    for rows in torch.randperm(len(inputs)).split(BATCH):
        with torch.no_grad():
            made = generator(torch.randn(BATCH, NOISE))
        loss = loss_of(discriminator(to_images(inputs[rows])), real) + loss_of(discriminator(made), fake)
        move_discriminator.zero_grad()
        loss.backward()
        move_discriminator.step()
        loss = loss_of(discriminator(generator(torch.randn(BATCH, NOISE))), real)
        move_generator.zero_grad()
        loss.backward()
        move_generator.step()
