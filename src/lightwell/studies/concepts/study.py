"""The study ``concepts``: its settings, and its way from data to findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from lightwell.core.files import save_arrays
from lightwell.core.findings import Findings
from lightwell.data import Dataset
from lightwell.models import method, saved
from lightwell.models.model import Model
from lightwell.models.optimizer import OptimizerSettings
from lightwell.report import Page
from lightwell.studies.concepts import findings, pictures, tables
from lightwell.studies.concepts.accuracies import Options
from lightwell.studies.concepts.measure import Measured, encode, epochs_done
from lightwell.studies.concepts.parts import Parts, load_whole, parts_of
from lightwell.studies.contract import Study
from lightwell.studies.learning import Recipe, as_settings, signature_of
from lightwell.studies.writing import conclude, model_card, record_data
from lightwell.training import Run, TrainingSettings
from lightwell.training.run import log


@dataclass(frozen=True)
class Concepts(Study):
    """Train latents that are named concepts; say how well they align, predict and rebuild.

    The run folder holds, beside what every study writes: ``representation/train.npz`` and ``test.npz`` (codes
    and concept activations), ``representation/arrays.npz`` (of the test images ``epoch``, ``codes``,
    ``factors``, ``y_true``, ``y_pred``, ``accepted``), ``representation/pictures.npz`` (all that the page
    draws), ``tables/`` and the model with its open-set gate.

    Attributes
    ----------
    data : str
        Name of a data set with concepts (``dsprites``, ``mpi3d-toy``, ``celeba``, ...) or an ``.npz`` with
        them (in the seed: ``dset_name``).
    data_dir : Path or None
        Where files lie; else ``LIGHTWELL_DATA``, else the user's cache folder (in the seed: ``dset_dir``).
    train_images : int or None
        Images drawn at random for training (what is only watched included); None for all there are.
    test_images : int or None
        Images drawn at random for the test; without official parts None stands for a fifth of all.
    image_size : int or None
        Resize images to this many pixels a side.
    validation : float
        Share of the training images that is only watched (and tells when to stop, if ``training.patience``
        is set); data with an official part for it use that.
    method : {"glancenet", "cbnm", "vae"}
        What is trained (in the seed: ``alg``).
    model : mapping
        Settings of the method.
    network : str
        The encoder by name, or ``module:function`` (in the seed: ``encoder``).
    optimizer : OptimizerSettings
        How the weights move.
    training : TrainingSettings
        How long and on what machine.
    supervision : float
        Share of the training images whose concepts are annotated, above 0 (in the seed: ``masking_fact``, in
        percent). Labels are always known.
    per_concept : bool
        Whether each concept of an image is annotated or not by itself.
    gate : float
        Share of the training images that each test of the open-set gate keeps, in (0, 1].
    dci : {"none", "linear", "fast", "exact"}
        How DCI is measured: not, by Lasso, by forests (not to compare with published values), as published.
    traversal : {"fitted", "gaussian", "interval", "std", "minmax"}
        Values a latent takes in the traversals: quantiles 5 to 95 % of a Gaussian fitted to its codes, or of
        the standard Gaussian; -2 to 2; two deviations about its mean; from its least to its largest code.
    n_resamples : int
        Bootstrap resamples of each interval.
    seed : int
        Fixes parts, masks, weights and order (in the seed: ``seed``).
    """

    name: ClassVar[str] = "concepts"
    title: ClassVar[str] = "Train latents that are named concepts; say how well they align and predict."

    data: str = "dsprites"
    data_dir: Path | None = None
    train_images: int | None = 20_000
    test_images: int | None = 10_000
    image_size: int | None = 32
    validation: float = 0.05
    method: Literal["glancenet", "cbnm", "vae"] = "glancenet"
    model: Any = None
    network: str = "light32"
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    supervision: float = 1.0
    per_concept: bool = False
    gate: float = 0.95
    dci: Literal["none", "linear", "fast", "exact"] = "linear"
    traversal: pictures.Mode = "fitted"
    n_resamples: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        images = {"train_images": 4, "test_images": 4, "image_size": 4}
        self._check_ranges("validation", "supervision gate", **images, n_resamples=40)
        kind = method(self.method)
        object.__setattr__(self, "model", as_settings(self.model, kind.Settings))

    @classmethod
    def parts(cls, chosen: Mapping[str, Any]) -> dict[str, type[Any]]:
        """Return the settings of the chosen method."""
        return {"model": method(chosen.get("method") or "glancenet").Settings}

    @property
    def label(self) -> str:
        """Data, method, supervision and seed as one word; a hash of what else is not the default preset."""
        name = Path(self.data).stem
        words = f"{name}_{self.method}_supervision{self.supervision:g}_seed{self.seed}"
        shared: dict[str, Any] = {"data": self.data, "method": self.method, "supervision": self.supervision}
        plain = self == self.from_preset(**shared, seed=self.seed) and name == self.data
        return self._named(words, plain=plain, safe="-_.")

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
        options = Options(self.dci, self.n_resamples, self.seed)
        found, importance = findings.collect(done, parts, options)
        tables.write(run.path("tables"), found, importance, done, parts)
        conclude(run, found)
        tables.write_findings(run.path("tables", "dis_metrics.csv"), found)
        return found

    @staticmethod
    def page(folder: Path) -> Page:
        """Build the report of a run folder."""
        from lightwell.studies.concepts.page import build

        return build(folder)

    def data_parts(self, dataset: Dataset | None = None) -> Parts:
        """Return the three parts of this study.

        Parameters
        ----------
        dataset : Dataset, optional
            A data set of the user's own in place of the one the settings name.
        """
        whole = dataset
        if whole is None:
            whole = load_whole(self.data, self.data_dir, self.image_size, self.train_images, self.test_images)
        return parts_of(
            whole,
            n_train=self.train_images,
            n_test=self.test_images,
            image_size=self.image_size,
            validation=self.validation,
            supervision=self.supervision,
            per_concept=self.per_concept,
            seed=self.seed,
        )

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
