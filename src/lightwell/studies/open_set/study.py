"""The study ``open-set``: its settings, and its way from data to findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from lightwell.core.errors import ConfigError
from lightwell.core.files import save_arrays
from lightwell.core.findings import Findings
from lightwell.core.representation import Representation
from lightwell.data import Dataset, OpenSetData
from lightwell.data.augment import AugmentSettings
from lightwell.models import METHODS, method, saved
from lightwell.models.model import Model, Signature
from lightwell.models.optimizer import OptimizerSettings
from lightwell.report import Page, project
from lightwell.studies.contract import Study
from lightwell.studies.learning import Recipe, as_settings, signature_of
from lightwell.studies.open_set import cards, detectors, findings, measure, tables, weights
from lightwell.studies.open_set.parts import hold_out, parts_of, seen_before
from lightwell.studies.writing import conclude, model_card, record_data
from lightwell.training import Run, TrainingSettings, represent
from lightwell.training.run import log

BASELINE = "softmax"
_TAKEN = (BASELINE, "linear_probe")  # last words of findings that a detector's score must not have


@dataclass(frozen=True)
class OpenSet(Study):
    """Train on some classes, refuse the others, and say why each example was refused.

    Attributes
    ----------
    data : str
        Name of a data set (``lightwell data list``), or a folder of class folders, an ``.npz`` or a
        ``.csv`` (in the seed: ``dataset``).
    data_dir : Path or None
        Where files lie; else ``LIGHTWELL_DATA``, else the user's cache folder.
    train_images : int or None
        Use only the first so many training images (unknown classes counted where there are official parts);
        the first of each class where files are sorted by class.
    image_size : int or None
        Resize images to this many pixels a side (in the seed: ``image_size``).
    split : str
        Which classes are known: ``arpl/0`` .. ``arpl/4``, ``neal/0`` .., ``drawn/<known>/<seed>``, ...
        (in the seed: ``config``).
    known : list of str, or one text with commas, or None
        Names of the known classes, in place of a named split.
    method : str
        What is trained: ``difair``, ``cac``, ``arpl`` or ``softmax`` (in the seed: ``loss``). The softmax
        classifier is trained beside it as the baseline.
    model : mapping
        Settings of the method.
    train_baseline : bool
        Whether the softmax classifier is trained beside the method.
    baseline : mapping
        Settings of the softmax baseline.
    baseline_lr : float or None
        Learning rate of the softmax classifier where it differs from ``optimizer.lr``, alone or beside.
    network : str
        Body of both: ``small``, ``vgg32`` or ``module:function`` (in the seed: ``model``).
    encoder : str
        A trained encoder in place of the network, never changed: ``module:function`` (it takes nothing and
        returns a ``torch.nn.Module`` from images in [0, 1] to features) or the folder of a saved model. The
        method then learns on its features; with ``difair`` that is class blocks on a model that was never
        trained for them.
    optimizer : OptimizerSettings
        How the weights move.
    augment : AugmentSettings
        Changes of training images (in the seed: ``data_augmentation``).
    training : TrainingSettings
        How long and on what machine.
    calibration : float
        Share of the known training images held out for the threshold and for watching (in the seed:
        ``split_train_val``, with 0.2).
    false_refusal : float
        Promised share of known examples refused by mistake.
    score : str or None
        Unknown score that decides; None is the method's default (in the seed: ``osr_score``).
    detectors : str
        Foreign unknown scores to measure beside our own: ``module:name``, several with commas. Each is called
        with the trained network (images to logits) and gives an object with ``fit(loader)`` and
        ``predict(images)``, larger = more unknown: the shape of pytorch-ood's detectors.
    map : {"auto", "tsne", "pca", "pacmap", "umap"}
        How the map is drawn.
    n_resamples : int
        Bootstrap resamples of each interval.
    seed : int
        Fixes weights, order, augmentation and dropout (in the seed: ``seed``).
    """

    name: ClassVar[str] = "open-set"
    title: ClassVar[str] = "Train on some classes, refuse the others, and say why."

    data: str = "mnist-mini"
    data_dir: Path | None = None
    train_images: int | None = None
    image_size: int | None = None
    split: str = "arpl/0"
    known: str | tuple[str | int, ...] | None = None
    method: str = "difair"
    model: Any = None
    train_baseline: bool = True
    baseline: Any = None
    baseline_lr: float | None = None
    network: str = "small"
    encoder: str = ""
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    calibration: float = 0.1
    false_refusal: float = 0.05
    score: str | None = None
    detectors: str = ""
    map: Literal["auto", "tsne", "pca", "pacmap", "umap"] = "auto"
    n_resamples: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        self._check_ranges("calibration false_refusal", train_images=2, image_size=4, n_resamples=40)
        if not self.data.strip():
            raise ConfigError(
                "no data set is named", where="data", fix="`lightwell data list` tells the names; or a path."
            )
        if self.known is not None:
            names = self.known.split(",") if isinstance(self.known, str) else self.known
            object.__setattr__(self, "known", tuple(str(name).strip() for name in names))
        kind = method(self.method)
        if not kind.scores:
            raise ConfigError(
                "this method names no unknown scores: it makes no class scores of images and labels alone",
                where="method",
                expected=" or ".join(name for name in METHODS if method(name).scores),
                got=self.method,
            )
        object.__setattr__(self, "model", as_settings(self.model, kind.Settings))
        object.__setattr__(self, "baseline", as_settings(self.baseline, method(BASELINE).Settings))
        if self.score is not None and self.score not in kind.scores:
            raise ConfigError(
                "this method has no such score",
                where="score",
                expected=" or ".join(kind.scores),
                got=self.score,
            )

    @classmethod
    def parts(cls, chosen: Mapping[str, Any]) -> dict[str, type[Any]]:
        """Return the settings of the chosen method and of the baseline."""
        name = chosen.get("method") or "difair"
        return {"model": method(name).Settings, "baseline": method(BASELINE).Settings}

    @property
    def label(self) -> str:
        """Data, classes, method and seed, as one word; a hash of all else that is not the default preset."""
        name = Path(self.data).stem
        classes = self.split if self.known is None else "known-" + "-".join(map(str, self.known))
        words = f"{name}_{classes}"[:90] + f"_{self.method}_seed{self.seed}"
        plain = self.from_preset(data=self.data, split=self.split, method=self.method, seed=self.seed)
        return self._named(words, plain=self == plain and name == self.data)

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
        options = measure.Options(self.score, self.false_refusal, self.n_resamples, self.seed)
        measured: list[measure.Measured] = []
        for name in names:
            folder = run.folder if name == self.method else run.path("baseline")
            model = self._trained(name, signature, train, held_out, folder, run)
            if run.follower:
                continue
            log.info("%s: trained", name)
            views = _views(model, train, held_out, data)
            done = measure.measure(model, views, options)
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
        found = findings.collect(measured, data, options)
        tables.write(run.path("tables"), measured[0], data)
        found.warnings += warnings
        return conclude(run, found)

    @staticmethod
    def page(folder: Path) -> Page:
        """Build the report of a run folder."""
        from lightwell.studies.open_set.page import build

        return build(folder)

    def open_set_data(self, dataset: Dataset | None = None) -> OpenSetData:
        """Return the data of this study: known training and test images, and unknown test images.

        Parameters
        ----------
        dataset : Dataset, optional
            A data set of the user's own in place of the one the settings name.
        """
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

    def _card(self, model: Model, data: OpenSetData, done: measure.Measured) -> str:
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
