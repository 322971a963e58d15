"""Latent saliency: whether units of a VAE look at different places when disentangling is paid for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from lightwell.core.findings import Estimate
from lightwell.explain.units import unit_saliency
from lightwell.metrics.agreement import unit_overlap
from lightwell.studies.explanations.settings import ExplanationsSettings
from lightwell.studies.explanations.task import Measured, Task, Wanted, few, tied


def models(study: ExplanationsSettings) -> dict[str, Wanted]:
    """Return a β-VAE and a β-TCVAE for each β; with β = 1 they are one and the same."""
    wanted = {}
    for beta in study.betas:
        name = f"{beta:g}".replace(".", "_")
        wanted[f"beta{name}"] = Wanted("vae", replace(study.vae, beta=beta))
        if beta != 1:
            wanted[f"tc{name}"] = Wanted("vae", replace(study.vae, beta=1.0, terms=f"tcvae={beta:g}"))
    return wanted


def measure(task: Task) -> Measured:
    """Map every unit and measure how far the maps overlap."""
    estimates: list[Estimate] = []
    arrays: dict[str, Any] = task.pictured()
    warnings: list[str] = []
    for name, model in task.models.items():
        maps = unit_saliency(model, task.inputs, baseline=task.baseline, weighted=True)
        places = np.abs(maps).mean(axis=2)  # channels of a pixel are one place
        estimates += [replace(e, name=f"{e.name}.{name}") for e in unit_overlap(places, seed=task.seed)]
        arrays[f"map.{name}"] = few(places)
        warnings += _unused(name, places)
    warnings += tied(places.swapaxes(0, 1), "no unit")
    return Measured(estimates, arrays, warnings)


def _unused(name: str, places: np.ndarray[Any, Any]) -> Iterator[str]:
    share = places.mean(axis=(0, *range(2, places.ndim)))
    idle = np.flatnonzero(share <= 0.01 * share.max())
    if len(idle):
        units = ", ".join(map(str, idle))
        yield f"{name}: units {units} do not respond to any place; their correlations are of noise."
