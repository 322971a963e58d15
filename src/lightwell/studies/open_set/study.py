"""The study ``open-set``: its settings, and its way from data to findings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from lightwell.core.files import save_arrays
from lightwell.core.findings import Findings
from lightwell.core.representation import Representation
from lightwell.data import Dataset, OpenSetData
from lightwell.models import method, saved
from lightwell.models.model import Model, Signature
from lightwell.report import project
from lightwell.studies.learning import Recipe, signature_of
from lightwell.studies.open_set import cards, detectors, findings, pseudo_unknown, tables, weights
from lightwell.studies.open_set.measure import Measured, measure
from lightwell.studies.open_set.parts import hold_out, parts_of, seen_before
from lightwell.studies.open_set.settings import BASELINE, OpenSetSettings
from lightwell.studies.writing import conclude, model_card, record_data
from lightwell.training import Run, represent
from lightwell.training.run import log

_TAKEN = (BASELINE, "linear_probe")  # last words of findings that a detector's score must not have


class OpenSet(OpenSetSettings):
    """Train on some classes, refuse the others, and say why each example was refused.

    Every setting is told in :class:`lightwell.studies.open_set.settings.OpenSetSettings`.
    """

    def run(self, run: Run, dataset: Dataset | None = None) -> Findings:
        """Train, represent, score and explain; write everything but the page."""
        project(np.zeros((1, 1)), method=self.map)  # refuses a map whose package is missing, before training
        foreign = detectors.imported(self.detectors, {*method(self.method).scores, *_TAKEN})
        data = self.open_set_data(dataset)
        train, held_out = hold_out(data.train, self.calibration, self.false_refusal)
        signature = signature_of(train, self.network, self.encoder)
        warnings = seen_before(self.encoder, data)
        sizes = {"train": len(train), "calibration": len(held_out)}
        record_data(
            run,
            self.data if dataset is None else dataset.name,
            (data.train, data.test, data.unknown),
            sizes | {"known test": len(data.test), "unknown test": len(data.unknown)},
            split=data.split.name,
            split_digest=data.split.digest[:16],
            known=list(data.split.known),
            unknown=list(data.split.unknown),
            remarks=list(data.split.remarks),
        )
        names = [self.method] + [BASELINE] * (self.train_baseline and self.method != BASELINE)
        measured: list[Measured] = []
        for name in names:
            folder = run.folder if name == self.method else run.path("baseline")
            model = self._trained(name, signature, train, held_out, folder, run)
            if run.follower:
                continue
            log.info("%s: trained", name)
            views = _views(model, train, held_out, data)
            done = measure(model, views, self)
            saved.save(model, folder / "model", decision=done.decision, card=self._card(model, data, done))
            if name == self.method:  # the model is saved: where a detector breaks off, nothing is lost
                images = {"calibration": [held_out], "test": [data.test, data.unknown]}
                done = done.with_scores(detectors.scores(foreign, model, train, images, self.seed))
            for part, view in done.views.items():
                view.save(folder / "representation" / f"{part}.npz")
            measured.append(done)
            if name == self.method:
                save_arrays(
                    run.path("representation", "cards.npz"), cards.choose(model, done, data, self.seed)
                )
                weights.keep(model, run.path("representation"))
        if run.follower:
            return Findings()
        found = findings.collect(measured, data, self)
        tables.write(run.path("tables"), measured[0], data)
        found.warnings += warnings
        return conclude(run, found)

    @property
    def objective(self) -> str:
        """AUROC of the score that decides."""
        return "auroc"

    def choosing(self, n_folds: int, seed: int, held_out: int | None = None) -> list[tuple[OpenSet, Dataset]]:
        """Return studies in which known classes play unknown."""
        return pseudo_unknown.folds(self, n_folds, held_out, seed)

    def open_set_data(self, dataset: Dataset | None = None) -> OpenSetData:
        """Return known training and test images, and unknown test images; ``dataset`` as in :meth:`run`."""
        return parts_of(self, dataset)

    def _trained(
        self, name: str, signature: Signature, train: Dataset, held_out: Dataset, folder: Path, run: Run
    ) -> Model:
        """Return the trained model, read from the folder where a resumed run has it already."""
        optimizer = self.optimizer
        if name == BASELINE and self.baseline_lr is not None:
            optimizer = replace(optimizer, lr=self.baseline_lr)
        settings = self.model if name == self.method else self.baseline
        recipe = Recipe(name, settings, optimizer, self.training, self.augment, self.seed)
        return recipe.model(signature, train, held_out, folder, run)

    def _card(self, model: Model, data: OpenSetData, done: Measured) -> str:
        return model_card(
            model,
            f"Known classes: {', '.join(data.split.known)}. Data: {self.data}, split {data.split.name}, "
            f"seed {self.seed}.\n\nAccuracy on known test images: {done.accuracy:.4f}. Unknown score that "
            f"decides: {done.decision.scorer.info.name}, refusing at a promised false-refusal rate of "
            f"{done.decision.rule.rate:g}.",
            "model, decision = saved.load('model'), saved.load_decision('model')\n"
            "predicted = decision.predict(represent(model, dataset))  # -1 is refused\n",
        )


def _views(model: Model, train: Dataset, held_out: Dataset, data: OpenSetData) -> dict[str, Representation]:
    """Return what the model makes of each part; the unknown test images follow the known ones."""
    known, unknown = represent(model, data.test), represent(model, data.unknown, known=False)
    return {
        "train": represent(model, train),
        "calibration": represent(model, held_out),
        "test": Representation.join(known, unknown),
    }
