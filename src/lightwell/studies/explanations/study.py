"""The study ``explanations``: its way from data to findings, one repetition after the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Self

from lightning.pytorch import LightningModule
from safetensors.torch import load_file
from safetensors.torch import save as as_bytes
from torch import Tensor

from lightwell.core.dataset import Dataset
from lightwell.core.files import save_arrays, write_bytes
from lightwell.core.findings import Findings
from lightwell.core.seeds import derive
from lightwell.models import saved
from lightwell.models.model import Model
from lightwell.studies.explanations import tables
from lightwell.studies.explanations.experiments import EXPERIMENTS
from lightwell.studies.explanations.over_runs import over_runs
from lightwell.studies.explanations.parts import Parts, parts_of
from lightwell.studies.explanations.settings import ExplanationsSettings
from lightwell.studies.explanations.task import Measured, Task, Wanted
from lightwell.studies.learning import Recipe, signature_of
from lightwell.studies.writing import conclude, join_metrics, model_card, record_data
from lightwell.training import Run
from lightwell.training.run import log

_OBJECTIVES = {"features": "shift_auc", "examples": "similarity_rate.top5", "roar": "roar_auc"}


class Explanations(ExplanationsSettings):
    """Train encoders, explain their codes without labels, and measure what the explanations are worth.

    Every setting is told in :class:`lightwell.studies.explanations.settings.ExplanationsSettings`.
    """

    def run(self, run: Run, dataset: Dataset | None = None) -> Findings:
        """Train, explain and measure, one repetition after the other; write everything but the page."""
        parts, experiment = self.data_parts(dataset), EXPERIMENTS[self.experiment]
        wanted = experiment.models(self)
        record_data(
            run, parts.train.name, parts.all.values(), {n: part.n for n, part in parts.all.items()},
            classes=list(parts.train.class_names),
        )  # fmt: skip
        methods = self.compared
        done: list[Measured] = []
        trainings: list[Path] = []
        for number in range(self.runs):
            task = self._task(number, wanted, parts, methods, run)
            trainings += [run.path("models", f"{n}_run{number}", "metrics.csv") for n in wanted]
            if run.follower:
                continue
            join_metrics(run.path("metrics.csv"), trainings)
            done.append(experiment.measure(task))
            save_arrays(run.path("representation", f"run{number}.npz"), dict(done[-1].arrays))
            log.info("run %d of %d: measured", number + 1, self.runs)
        if run.follower:
            return Findings()
        found = over_runs(done, self)
        tables.write(run.path("tables"), found, done, self)
        return conclude(run, found, *trainings)

    @property
    def objective(self) -> str:
        """Of the method compared first; some experiments have no better end."""
        return _OBJECTIVES.get(self.experiment, "")

    def _judged(self) -> tuple[Self, Dataset]:
        """Return the study and its training examples, merged classes as they are."""
        return replace(self, normal="", train_images=None), self.data_parts().train

    def data_parts(self, dataset: Dataset | None = None) -> Parts:
        """Return the parts of this study; ``dataset`` as in :meth:`run`."""
        return parts_of(self, dataset)

    def _task(
        self,
        number: int,
        wanted: dict[str, Wanted],
        parts: Parts,
        methods: tuple[str, ...],
        run: Run,
    ) -> Task:
        signature = signature_of(parts.train, self.network, standardise=False)
        models, steps = {}, {}
        for name, one in wanted.items():
            folder = run.path("models", f"{name}_run{number}")
            # Equal first weights would make encoders agree for no reason of their own.
            seed = derive(self.seed, name, number) % 2**31
            recipe = Recipe(one.method, one.settings, self.optimizer, self.training, seed=seed)
            keep = self._keeper(folder) if "tracin" in methods else None
            if not run.resume:
                _forget(folder)
            models[name] = recipe.model(signature, parts.train, parts.validation, folder, run, keep)
            steps[name] = _steps(folder, models[name])
            if not run.follower:
                said = f"Trained as '{name}' on {parts.train.name}, run {number}, seed {self.seed}."
                saved.save(models[name], folder / "model", card=model_card(models[name], said))
        return Task(self, parts, models, steps, methods, derive(self.seed, "run", number) % 2**31)

    def _keeper(self, folder: Path) -> Callable[[LightningModule, int], None]:
        def keep(model: LightningModule, epoch: int) -> None:
            if epoch % self.checkpoint_every == 0:
                weights = {name: t.detach().cpu().contiguous() for name, t in model.state_dict().items()}
                write_bytes(folder / "steps" / f"{epoch:05}.safetensors", as_bytes(weights))

        return keep


def _forget(folder: Path) -> None:
    for stale in (folder / "steps").glob("*.safetensors"):
        stale.unlink()


def _steps(folder: Path, model: Model) -> list[dict[str, Tensor]]:
    """Return the weights kept along the training; those at its end where none were."""
    kept = sorted((folder / "steps").glob("*.safetensors"))
    return [load_file(path) for path in kept] or [dict(model.state_dict())]
