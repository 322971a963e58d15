"""Visualisation: the image that each unit of a VAE responds to most."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from lightwell.core.findings import Estimate, Null
from lightwell.explain.targets import Units
from lightwell.explain.units import Climb, visualise
from lightwell.studies.explanations.experiments import units
from lightwell.studies.explanations.parts import batch
from lightwell.studies.explanations.settings import ExplanationsSettings
from lightwell.studies.explanations.task import Measured, Task, Wanted


def models(study: ExplanationsSettings) -> dict[str, Wanted]:
    """Return a β-VAE for each β."""
    return {name: wanted for name, wanted in units.models(study).items() if name.startswith("beta")}


def measure(task: Task) -> Measured:
    """Climb to what each unit wants, and compare with the real image it likes best."""
    real = torch.cat([batch(task.parts.corpus), task.inputs])
    limits = (0.0, 1.0) if task.parts.test.is_images else (float(real.min()), float(real.max()))
    climb = Climb(steps=task.study.climb_steps, limits=limits)
    estimates, warnings = [], []
    arrays: dict[str, Any] = {}
    for name, model in task.models.items():
        every = []
        for unit in range(task.study.vae.latents):
            found = visualise(model, Units((unit,)), real, climb, seed=task.seed)
            label = f"visualised.{name}.unit{unit}"
            null = Null("best real example", found.best_value)
            estimates.append(Estimate(label, float(found.values[0]), n=len(found.values), null=null))
            every.append(found)
            if found.values[0] < found.best_value:
                warnings.append(
                    f"{name}, unit {unit}: the search ended at {found.values[0]:.2f}, below a real example "
                    f"({found.best_value:.2f}); it failed. Raise climb_steps."
                )
        arrays[f"made.{name}"] = np.stack([found.images for found in every])
        arrays[f"values.{name}"] = np.stack([found.values for found in every])
        arrays[f"best.{name}"] = np.stack([real[found.best].numpy() for found in every])
        arrays[f"best_values.{name}"] = np.array([found.best_value for found in every])
    return Measured(estimates, arrays, warnings)
