"""Small data, a network of a user's own, and a study run without its page: what the tests here share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from lightwell.core.findings import Findings
from lightwell.data import Dataset
from lightwell.studies import study
from lightwell.studies.ambiguity import Ambiguity
from lightwell.training import Run

KNOWN = ("cat", "dog", "owl")
COSTS = {"cpu_seconds.training", "cpu_seconds", "wall_seconds", "peak_memory_mb"}


def toy(n: int = 240, size: int = 8) -> Dataset:
    """Four classes, each a bright bar in another place; no parts of its own."""
    rng = np.random.default_rng(0)
    labels = np.arange(n) % 4
    images = rng.integers(0, 90, (n, size, size, 1), dtype=np.uint8)
    for i, label in enumerate(labels):
        images[i, 2 * label] = 250
    return Dataset.from_arrays(images, [(*KNOWN, "fish")[label] for label in labels], name="toy")


def lights() -> Dataset:
    """180 images of 16 × 16: light on the left, light on the right, light below."""
    draw = np.random.default_rng(0)
    labels = np.arange(180) % 3
    images = draw.integers(0, 60, (180, 16, 16, 1))
    places = (np.s_[:, :8], np.s_[:, 8:], np.s_[8:, :])
    for image, label in zip(images, labels, strict=True):
        image[places[label]] += draw.integers(90, 180)
    return Dataset.from_arrays(images.astype(np.uint8), labels, ["left", "right", "below"], "lights")


def tiny_ambiguity(data: Path | str, **settings: Any) -> Ambiguity:
    """A run of seconds on the lights in a file, with a band that holds many of them."""
    own = {"data": str(data), "pair": "right,left", "noise": 40, "samples": 80, "band": 0.4,
           "latent_samples": 8, "latent_steps": 2, "rules": ["control", "huber:1"],
           "subject_training": {"epochs": 4, "batch_size": 16}, "judge_training": {"epochs": 1},
           "step1": {"epochs": 2, "batch_size": 32}, "step2": {"epochs": 2, "batch_size": 32}}  # fmt: skip
    return Ambiguity.from_preset("smoke", **{**own, **settings})


def toy_settings(**settings: Any) -> dict[str, Any]:
    return {"known": list(KNOWN), "calibration": 0.25, "n_resamples": 40, **settings}


def run_only(folder: Path, dataset: Dataset | None = None, resume: bool = False, **settings: Any) -> Findings:
    """Run a smoke study into a folder and draw no page, which would take most of the time."""
    chosen = study("open-set").from_preset("smoke", **settings)
    with Run(folder, chosen.name, seed=chosen.seed, config=chosen.to_yaml(), resume=resume) as run:
        return chosen.run(run, dataset)


def numbers(findings: Findings) -> list[dict[str, Any]]:
    """Every finding but the costs, to the last bit."""
    return [e.to_dict() for e in findings if e.name not in COSTS]


def body(channels: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(channels, 6, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2))


def flat(channels: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(channels))


def flat_and_sure(channels: int) -> nn.Module:
    module = nn.Sequential(nn.Flatten(), nn.Linear(64 * channels, 10))
    module.out_channels = 10
    return module


def boastful(channels: int) -> nn.Module:
    module = body(channels)
    module.out_channels = 9
    return module


def hungry(channels: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(channels, 6, 3, stride=2), nn.Conv2d(6, 6, 3, stride=2), nn.Conv2d(6, 6, 3)
    )


def stubborn() -> nn.Module:
    return body(1)
