"""Several restarts of one recipe, trained in one process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from lightning.pytorch import LightningModule

from lightwell.core.files import MANIFEST
from lightwell.core.seeds import derive, global_seed
from lightwell.data.augment import make_augment
from lightwell.models import method, saved
from lightwell.models.discovery.clustnet import ClustNet
from lightwell.models.discovery.members import Members
from lightwell.models.model import Signature
from lightwell.studies.discovery.parts import Parts
from lightwell.studies.discovery.watch import Watch
from lightwell.studies.learning import Recipe, check_network
from lightwell.training import Run, fit


def seeds_of(seed: int, restarts: int) -> tuple[int, ...]:
    """Return a seed for each restart, the first being the run's own."""
    return (seed, *(derive(seed, "restart", i) % 2**31 for i in range(1, restarts)))


def folder_of(folder: Path, restart: int) -> Path:
    """Return where a restart keeps model and codes: the first, which is shown, in the run folder itself."""
    return folder if restart == 0 else folder / "restarts" / str(restart)


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
    models = []
    for seed in seeds:
        with global_seed(seed, "weights", recipe.method):
            models.append(
                cast("ClustNet", method(recipe.method)(signature, recipe.settings, recipe.optimizer))
            )
    check_network(models[0])
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
