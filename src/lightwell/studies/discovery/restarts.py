"""Several restarts of one recipe, trained in one process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from lightning.pytorch import LightningModule
from numpy.typing import NDArray

from lightwell.core.files import MANIFEST
from lightwell.core.seeds import derive
from lightwell.data.augment import make_augment
from lightwell.metrics.clustering import active_clusters, restart_agreement
from lightwell.models import saved
from lightwell.models.discovery.clustnet import ClustNet
from lightwell.models.discovery.members import Members
from lightwell.models.model import Signature
from lightwell.studies.discovery.parts import Parts
from lightwell.studies.discovery.watch import Watch
from lightwell.studies.learning import Recipe
from lightwell.training import Run, fit

Ints = NDArray[np.integer[Any]]


def seeds_of(seed: int, restarts: int) -> tuple[int, ...]:
    """Return a seed for each restart, the first being the run's own."""
    return (seed, *(derive(seed, "restart", i) % 2**31 for i in range(1, restarts)))


def folder_of(folder: Path, restart: int) -> Path:
    """Return where a restart keeps model and codes; the run folder holds those of the one that is shown."""
    return folder / "restarts" / str(restart)


def most_alike(clusters: Sequence[Ints], coarse: Ints, k_per_class: Mapping[int, int]) -> int:
    """Return the restart that stands for all: most like the others, of those that use most experts.

    It needs no fine label. A restart in a poor optimum is poor in its own way, and the good ones are alike:
    of five restarts on MNIST the rule found the best, or one within .003 of it, for each of eight recipes,
    and the coarse loss told nothing (docs/results.md). Where restarts do not agree it tells nothing either.
    Of two restarts it is the first.

    Parameters
    ----------
    clusters : sequence of array of int, shape (n,)
        Experts of the same images, a restart each.
    coarse : array of int, shape (n,)
        Their coarse classes.
    k_per_class : mapping of int to int
        Sub-classes of each.

    Examples
    --------
    >>> good, same, poor = np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0]), np.array([0, 1, 0, 1])
    >>> most_alike([poor, good, same], np.zeros(4, np.int64), {0: 2})
    1
    """
    if len(clusters) < 3:
        return 0
    used = [
        sum(active_clusters(chosen[coarse == c], k) for c, k in k_per_class.items() if (coarse == c).any())
        for chosen in clusters
    ]
    alike = restart_agreement(clusters, coarse).mean_ari
    return max(range(len(clusters)), key=lambda i: (used[i], alike[i]))


def trained(
    recipe: Recipe, seeds: Sequence[int], signature: Signature, parts: Parts, run: Run, *, scores: bool
) -> list[ClustNet]:
    """Return the trained restarts, read from the run folder where a resumed run has them all.

    Parameters
    ----------
    recipe : Recipe
        How each is made and trained; its seed is not used.
    seeds : sequence of int
        One a restart; each ends as a training of its own with its seed would have.
    signature : Signature
        What goes in.
    parts : Parts
        Images.
    run : Run
        The open run.
    scores : bool
        Whether the scores of each image are kept after each epoch.
    """
    folders = [folder_of(run.folder, i) / "model" for i in range(len(seeds))]
    if run.resume and all((folder / MANIFEST).is_file() for folder in folders):
        return [cast("ClustNet", saved.load(folder)) for folder in folders]
    models = [cast("ClustNet", replace(recipe, seed=seed).untrained(signature)) for seed in seeds]
    train = models[0].training_data(parts.train, seeds[0])
    numbers = [derive(seed, "training") % 2**31 for seed in seeds]
    module: LightningModule = models[0] if len(models) == 1 else Members(models, numbers)
    fit(
        module,
        train,
        recipe.training,
        run.folder,
        validation=parts.watched,
        augment=make_augment(recipe.augment),
        seed=numbers[0],
        resume=run.resume,
        each_epoch=Watch(models, parts, run.folder, recipe.training.epochs, scores=scores),
    )
    return module.models() if isinstance(module, Members) else models
