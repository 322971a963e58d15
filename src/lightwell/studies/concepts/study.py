"""The study ``concepts``: its way from data to findings."""

from __future__ import annotations

from dataclasses import replace
from typing import Self

import numpy as np

from lightwell.core.files import save_arrays
from lightwell.core.findings import Findings
from lightwell.data import Dataset
from lightwell.models import saved
from lightwell.models.model import Model
from lightwell.studies.concepts import findings, pictures, tables
from lightwell.studies.concepts.measure import Measured, encode, epochs_done
from lightwell.studies.concepts.parts import Parts, parts_of
from lightwell.studies.concepts.settings import ConceptsSettings
from lightwell.studies.learning import Recipe, signature_of
from lightwell.studies.validation import RESAMPLES
from lightwell.studies.writing import conclude, model_card, record_data
from lightwell.training import Run
from lightwell.training.run import log


class Concepts(ConceptsSettings):
    """Train latents that are named concepts; say how well they align, predict and rebuild.

    The run folder holds, beside what every study writes: ``representation/train.npz`` and ``test.npz`` (codes
    and concept activations), ``representation/arrays.npz`` (of the test images ``epoch``, ``codes``,
    ``factors``, ``y_true``, ``y_pred``, ``accepted``), ``representation/pictures.npz`` (all that the page
    draws), ``tables/`` and the model with its open-set gate. Every setting is told in
    :class:`lightwell.studies.concepts.settings.ConceptsSettings`.
    """

    def run(self, run: Run, dataset: Dataset | None = None) -> Findings:
        """Train, encode, measure and draw; write everything but the page."""
        parts = self.data_parts(dataset)
        train, concepts = parts.train, parts.train.concept_groups
        trio = {"train": train, "validation": parts.validation, "test": parts.test}
        record_data(
            run,
            train.name,
            trio.values(),
            {name: part.n for name, part in trio.items()} | {"annotated": parts.annotated},
            classes=list(train.class_names),
            concepts=[concept.name for concept in concepts],
        )
        signature = signature_of(train, self.network, concepts=concepts, standardise=False)
        recipe = Recipe(self.method, self.model, self.optimizer, self.training, seed=self.seed)
        model = recipe.model(signature, train, parts.validation, run.folder, run)
        if run.follower:
            return Findings()
        log.info("%s: trained", self.method)
        done = encode(model, parts, self.gate)
        saved.save(model, run.path("model"), gate=done.gate, card=self._card(model, done))
        self._keep(run, done)
        pictures.keep(
            model, done, parts, run.path("representation", "pictures.npz"), self.traversal, self.seed
        )
        found, importance = findings.collect(done, parts, self)
        tables.write(run.path("tables"), found, importance, done, parts)
        conclude(run, found)
        tables.write_findings(run.path("tables", "dis_metrics.csv"), found)
        return found

    @property
    def objective(self) -> str:
        """How well the concepts are read off the codes by a line; of every method."""
        return "explicitness"

    def _judged(self) -> tuple[Self, Dataset]:
        """Return the study and its training images: annotated no further than a training sees them."""
        known = replace(self.data_parts().train, factors=None, factor_names=())
        return replace(self, train_images=None, test_images=None, n_resamples=RESAMPLES), known

    def data_parts(self, dataset: Dataset | None = None) -> Parts:
        """Return the three parts of this study; ``dataset`` as in :meth:`run`."""
        return parts_of(self, dataset)

    def _keep(self, run: Run, done: Measured) -> None:
        done.train.save(run.path("representation", "train.npz"))
        done.test.save(run.path("representation", "test.npz"))
        predicted = done.test.predictions
        arrays = {
            "epoch": np.array(epochs_done(run.path("metrics.csv"))),
            "codes": done.test.codes,
            "factors": done.factors,
            "y_true": done.test.labels,
            "y_pred": np.full(done.test.n, -1) if predicted is None else predicted,
            "accepted": done.accepted,
        }
        save_arrays(run.path("representation", "arrays.npz"), arrays)

    def _card(self, model: Model, done: Measured) -> str:
        right = "" if done.test.predictions is None else f"Label accuracy: {done.test.correct.mean():.4f}. "
        return model_card(
            model,
            f"Concepts: {', '.join(done.concept_names)}. Data: {self.data}, supervision "
            f"{self.supervision:.0%}, seed {self.seed}. {right}The open-set gate accepts "
            f"{done.accepted.mean():.1%} of the test images.",
            "model, gate = saved.load('model'), saved.load_gate('model')\n"
            "view = represent(model, dataset)  # view.concepts, view.predictions\n"
            "accepted = gate.accept(view)\n",
        )
