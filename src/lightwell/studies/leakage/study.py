"""The study ``leakage``: its way from data to findings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Self

from lightwell.core.dataset import Dataset
from lightwell.core.files import save_arrays
from lightwell.core.findings import Findings
from lightwell.models import saved
from lightwell.models.model import Model
from lightwell.studies.leakage import measure, subjects, tables
from lightwell.studies.leakage.cases import Case, load_case, training_classes
from lightwell.studies.leakage.settings import METHODS, LeakageSettings
from lightwell.studies.learning import Recipe, signature_of
from lightwell.studies.validation import RESAMPLES, folds, left_out
from lightwell.studies.writing import conclude, join_metrics, record_data
from lightwell.training import Run
from lightwell.training.run import log


class LeakageStudy(LeakageSettings):
    """Train on some things, probe the concepts for others, without a gate and with one.

    Every setting is told in :class:`lightwell.studies.leakage.settings.LeakageSettings`.
    """

    def run(self, run: Run, dataset: Dataset | None = None) -> Findings:
        """Train what is to be trained, gate it, probe it; write everything but the page."""
        case, asked = self.case(dataset), self.folders()
        mine = {name: subjects.loaded(path, case) for name, path in asked.items() if path is not None}
        record_data(
            run,
            case.data.train.name,
            case.parts.values(),
            {name: len(part) for name, part in case.parts.items()},
            test=case.name,
            known=list(case.data.train.class_names),
            probed=list(case.data.open_test.class_names),
            concepts=list(case.data.train.concept_names),
        )
        found = Findings()
        measured: list[measure.Gated] = []
        trainings = [run.path("models", name, "metrics.csv") for name in asked if name not in mine]
        for name, path in asked.items():
            folder = run.path("models", name)
            if not run.follower:  # before the first training too: from then on a run keeps its settings
                join_metrics(run.path("metrics.csv"), trainings)
            model = mine[name] if name in mine else self._trained(name, case, folder, run)
            if run.follower:
                continue
            done = measure.gated(name, model, case, self.gate)
            if name not in mine:
                saved.save(model, folder / "model", gate=done.gate, card=subjects.card(name, model, case))
            log.info("%s: measured", name)
            found.add(*measure.estimates(done, case, self))
            found.warnings += subjects.seen_before(path, case)
            for part in ("validation", "open_test"):
                done.scored(part, case).save(run.path("representation", name, f"{part}.npz"))
            save_arrays(run.path("representation", name, "gate.npz"), done.gate.state)
            measured.append(done)
        if run.follower:
            return Findings()
        join_metrics(run.path("metrics.csv"), trainings)
        tables.write(run.path("tables"), measured, case)
        save_arrays(run.path("representation", "examples.npz"), tables.examples(measured, case))
        save_arrays(run.path("representation", "probed.npz"), {"labels": case.data.open_test.labels})
        return conclude(run, found, *trainings)

    @property
    def objective(self) -> str:
        """Of the method named first; a model that learns nothing leaks nothing."""
        return "concept_accuracy"

    def choosing(self, n_folds: int, seed: int, held_out: int | None = None) -> list[tuple[Self, Dataset]]:
        """Return studies that probe for some of the classes trained on, left out in turn."""
        training = training_classes(self)
        outs = left_out(training.class_names, n_folds, held_out, seed, least=2)
        plain = replace(self, n_resamples=RESAMPLES)
        return [
            (
                replace(
                    plain,
                    known=",".join(n for n in training.class_names if n not in out),
                    probe="|".join(out),
                ),
                fold,
            )
            for out, fold in zip(outs, folds(training, n_folds, seed), strict=True)
        ]

    def case(self, dataset: Dataset | None = None) -> Case:
        """Return what is trained on and probed for; ``dataset`` as in :meth:`run`."""
        return load_case(self, dataset)

    def _trained(self, name: str, case: Case, folder: Path, run: Run) -> Model:
        """Return the trained model, read from the folder where a resumed run has it already."""
        train, validation = case.data.train, case.data.validation
        # Images stay in [0, 1]: what is rebuilt is what went in.
        signature = signature_of(train, self.network, concepts=train.concept_groups, standardise=False)
        recipe = Recipe(METHODS[name], getattr(self, name), self.optimizer, self.training, seed=self.seed)
        return recipe.model(signature, train, validation, folder, run)
