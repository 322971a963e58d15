"""Training the networks of `concepts`: `paper` against a bare loop, and what unpacking sprites costs."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lightwell.core.packed import PackedImages
from lightwell.data import Dataset, load
from lightwell.data.batches import to_images
from lightwell.data.resize import resized
from lightwell.models import method
from lightwell.models.model import Model
from lightwell.models.optimizer import build_optimizer
from lightwell.studies import study
from lightwell.studies.learning import signature_of
from lightwell.training import TrainingSettings, fit
from lightwell.training.machine import keep_freed_memory

PAPER = {"dsprites": (1, 2, 7, 8), "mpi3d-toy": (3, 10, 21, 6), "celeba": (3, 10, 10, 3)}
"""Channels, classes, concept columns, and steps to take, since one of CelebA's takes seconds."""

ROUNDS = 2
BATCHES = 60  # of sprites in the preset small


def lines() -> Iterator[str]:
    """Give one line a data set, then one about unpacking."""
    keep_freed_memory()
    torch.set_num_threads(1)
    for name, (channels, classes, columns, steps) in PAPER.items():
        settings = study("concepts").from_preset("paper", data=name)
        data = _noise(settings.training.batch_size * steps, channels, classes, columns)
        pairs = [(_ours(data, settings), _bare(data, settings)) for _ in range(ROUNDS)]
        ours, bare = (statistics.median(side) for side in zip(*pairs, strict=True))
        share = statistics.median(b / a for a, b in pairs)
        yield (
            f"training GlanceNet, paper, {name:<9} ({settings.network}) {data.n / ours:6.1f} images/CPU-s, "
            f"bare loop {data.n / bare:6.1f}, ratio {share:.3f} (at least 0.9)"
        )
    yield _unpacking()


def _noise(n: int, channels: int, classes: int, columns: int) -> Dataset:
    draw = np.random.default_rng(0)
    return Dataset.from_arrays(
        draw.integers(0, 256, (n, 64, 64, channels), dtype=np.uint8),
        np.arange(n) % classes,
        concepts=draw.integers(0, 2, (n, columns)).astype(np.float32),
        concept_names=[f"concept {i}" for i in range(columns)],
    )


def _model(data: Dataset, settings: Any) -> Model:
    signature = signature_of(data, settings.network, concepts=data.concept_groups, standardise=False)
    return method("glancenet")(signature, settings.model, settings.optimizer)


def _ours(data: Dataset, settings: Any) -> float:
    """Return the CPU seconds of an epoch; its checkpoint, once in thousands of steps, is not counted."""
    options = TrainingSettings(epochs=1, batch_size=settings.training.batch_size)
    with tempfile.TemporaryDirectory() as folder:
        return fit(_model(data, settings), data, options, Path(folder))[-1]["cpu_seconds"]


def _bare(data: Dataset, settings: Any) -> float:
    """Return the CPU seconds of the same work as anyone would write it down."""
    model = _model(data, settings).to(memory_format=torch.channels_last)
    optimizer = build_optimizer(settings.optimizer, model.parameters())
    inputs, labels, concepts = map(torch.tensor, (data.inputs, data.labels, data.concepts))
    start = time.process_time()
    for rows in torch.randperm(data.n).split(settings.training.batch_size):
        loss = torch.stack(
            list(model.losses(to_images(inputs[rows]), labels[rows], concepts[rows]).values())
        ).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return time.process_time() - start


class _Timed(PackedImages):
    """Packed images that count the CPU seconds of their unpacking."""

    seconds = 0.0

    def __getitem__(self, key: Any) -> NDArray[np.uint8]:
        start = time.process_time()
        images = super().__getitem__(key)
        _Timed.seconds += time.process_time() - start
        return images


def _unpacking() -> str:
    settings = study("concepts").from_preset("small")
    size = settings.training.batch_size
    sprites = resized(load("dsprites", n=size * BATCHES), settings.image_size)
    packed = sprites.inputs
    timed = replace(
        sprites, inputs=_Timed(packed.store, packed.image_shape, packed.steps, packed.rows, packed.numbers)
    )
    _Timed.seconds = 0.0
    step = 1e3 * _ours(timed, settings) / BATCHES
    unpacking = 1e3 * _Timed.seconds / BATCHES
    return (
        f"unpacking {size} sprites at {settings.image_size} pixels {unpacking:.2f} CPU-ms, a step of the "
        f"preset small {step:.1f}: {unpacking / step:.2%} (at most 2%)"
    )
