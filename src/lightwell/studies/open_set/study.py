"""The study ``open-set``: its settings, and its way from data to findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from lightwell.core.errors import ConfigError, DataError
from lightwell.core.files import MANIFEST, save_arrays
from lightwell.core.findings import Findings
from lightwell.core.representation import Representation
from lightwell.data import SOURCES, Dataset, OpenSetData, apply_split, load, open_set_split
from lightwell.data.augment import AugmentSettings
from lightwell.data.resize import resized
from lightwell.models import METHODS, method, saved
from lightwell.models.decisions.rejection import ConformalRule
from lightwell.models.model import Model, Signature
from lightwell.models.optimizer import OptimizerSettings
from lightwell.report import Page, project
from lightwell.studies.contract import Study
from lightwell.studies.learning import Recipe, as_settings, costs, signature_of
from lightwell.studies.open_set import cards, detectors, findings, measure, tables, weights
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
        for name in ("calibration", "false_refusal"):
            if not 0 < getattr(self, name) < 1:
                raise ConfigError(
                    "setting is out of range", where=name, expected="between 0 and 1", got=getattr(self, name)
                )
        for name, least in (("train_images", 2), ("image_size", 4), ("n_resamples", 40)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ConfigError(
                    "setting is out of range", where=name, expected=f"{least} or more", got=value
                )
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
        """Data, classes, method and seed, as one word; a hash of all else that is not preset ``small``."""
        name = Path(self.data).stem
        classes = self.split if self.known is None else "known-" + "-".join(map(str, self.known))
        words = f"{name}_{classes}"[:90] + f"_{self.method}_seed{self.seed}"
        plain = self.from_preset(
            "small", data=self.data, split=self.split, method=self.method, seed=self.seed
        )
        if self != plain or name != self.data:
            words += "_" + sha256(replace(self, seed=0).to_yaml().encode()).hexdigest()[:6]
        return "".join(c if c.isalnum() or c in "-_" else "-" for c in words)

    def run(self, run: Run, dataset: Dataset | None = None) -> Findings:
        """Train, represent, score and explain; write everything but the page."""
        _check_map(self.map)
        foreign = detectors.imported(self.detectors, {*method(self.method).scores, *_TAKEN})
        data = self.open_set_data(dataset)
        train, held_out = _hold_out(data.train, self.calibration)
        _check_hold_out(train, held_out, self.false_refusal)
        signature = signature_of(train, self.network, self.encoder)
        warnings = _seen_before(self.encoder, data)
        run.record(
            data={
                "name": self.data if dataset is None else dataset.name,
                "fingerprint": "-".join(p.fingerprint[:12] for p in (data.train, data.test, data.unknown)),
                "split": data.split.name,
                "split_digest": data.split.digest[:16],
                "known": list(data.split.known),
                "unknown": list(data.split.unknown),
                "remarks": list(data.split.remarks),
                "sizes": {
                    "train": len(train),
                    "calibration": len(held_out),
                    "known test": len(data.test),
                    "unknown test": len(data.unknown),
                },
            }
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
            saved.save(model, folder / "model", decision=done.decision, card=_card(model, data, done, self))
            if name == self.method:  # the model is saved: where a detector breaks off, nothing is lost
                parts = {"calibration": [held_out], "test": [data.test, data.unknown]}
                done = done.with_scores(detectors.scores(foreign, model, train, parts, self.seed))
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
        run.record(warnings=found.warnings)
        found.add(*costs(run))
        found.write(run.path("findings.json"))
        return found

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
        whole = self._load() if dataset is None else dataset
        if whole.inputs.ndim != 4:
            raise DataError("this study is about images", where=whole.name, got="series")
        if not whole.class_names:
            raise DataError("this data set has no labels", where=whole.name, expected="a class an example")
        official = "train" in whole.parts and not {"test", "val"}.isdisjoint(whole.parts)
        if self.train_images is not None and official:
            rows = whole.parts["train"]
            rows = rows[_first(whole.labels[rows], self.train_images)]
            whole = replace(whole, parts=dict(whole.parts) | {"train": rows})
        split = (
            open_set_split(whole, self.split)
            if self.known is None
            else open_set_split(whole, known=self.known)
        )
        other = load(split.unknown_dataset, self.data_dir) if split.unknown_dataset else None
        data = apply_split(whole, split, other)
        if self.train_images is not None and not official:
            data = replace(data, train=data.train.take(_first(data.train.labels, self.train_images)))
        if self.image_size is None:
            return data
        size = self.image_size
        return replace(
            data,
            train=resized(data.train, size),
            test=resized(data.test, size),
            unknown=resized(data.unknown, size),
        )

    def _load(self) -> Dataset:
        # Files of the user's own may differ in size, so they are brought to one as they are read.
        arrays = self.data in SOURCES or self.data.endswith(".npz")
        return load(self.data, self.data_dir, image_size=None if arrays else self.image_size)

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


def _first(labels: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Return the rows of the first n examples, in turn from each class where they lie class by class."""
    rows = np.arange(len(labels))
    if np.count_nonzero(np.diff(labels)) >= len(np.unique(labels)):
        return rows[:n]
    starts = np.flatnonzero(np.diff(labels, prepend=labels[:1] - 1))
    rank = rows - np.repeat(starts, np.diff(starts, append=len(labels)))
    return np.sort(np.argsort(rank, kind="stable")[:n])


def _check_map(name: Literal["auto", "tsne", "pca", "pacmap", "umap"]) -> None:
    """Refuse a map whose package is missing before hours of training, not after."""
    project(np.zeros((1, 1)), method=name)


def _check_hold_out(train: Dataset, held_out: Dataset, rate: float) -> None:
    """Refuse parts too small to train on, or too small for the promised rate, before training."""
    needed = ConformalRule(rate).needed
    if len(held_out) < needed:
        raise ConfigError(
            "too few held-out known images: no threshold can promise this rate of false refusals",
            where="calibration",
            expected=f"at least {needed} images for false_refusal {rate:g}",
            got=len(held_out),
            fix="Raise calibration, train_images or false_refusal.",
        )
    counts = np.bincount(train.labels, minlength=len(train.class_names))
    if not counts.all():
        raise ConfigError(
            "too many images held out: a known class has none left to train on",
            where="calibration",
            got=", ".join(train.class_names[c] for c in np.flatnonzero(counts == 0)),
            fix="Lower calibration, or bring more images.",
        )


def _seen_before(encoder: str, data: OpenSetData) -> list[str]:
    """Warn where an encoder, the folder of a saved model, was trained on classes that play unknown."""
    if not (encoder and (Path(encoder) / MANIFEST).is_file()):
        return []
    seen = saved.classes_seen(Path(encoder))
    names = [name for name in data.split.unknown if name in seen]
    if not names:
        return []
    warning = (
        f"The encoder was trained on classes that play unknown here: {', '.join(names)}. What is called "
        "unknown was seen in training, so these numbers do not tell how unseen classes are refused. Choose a "
        "split whose unknown classes the encoder has never seen, or another encoder."
    )
    log.warning(warning)
    return [warning]


def _hold_out(train: Dataset, share: float) -> tuple[Dataset, Dataset]:
    """Part the known training images; the same images are held out whatever the seed of the run."""
    kept, held_out = train.split(1 - share, share, seed=0)
    return kept, held_out


def _views(model: Model, train: Dataset, held_out: Dataset, data: OpenSetData) -> dict[str, Representation]:
    """Return what the model makes of each part; the unknown test images follow the known ones."""
    known, unknown = represent(model, data.test), represent(model, data.unknown, known=False)
    return {
        "train": represent(model, train),
        "calibration": represent(model, held_out),
        "test": Representation.join(known, unknown),
    }


def _card(model: Model, data: OpenSetData, done: measure.Measured, study: OpenSet) -> str:
    """Return the model card: what it is, what it was made from, how good it is, what it is not for."""
    info = model.info
    limits = "".join(f"- {limit}\n" for limit in info.not_for)
    rule = done.decision.rule
    return (
        f"# {info.title}\n\n"
        f"Known classes: {', '.join(data.split.known)}. Data: {study.data}, split {data.split.name}, "
        f"seed {study.seed}.\n\n"
        f"Accuracy on known test images: {done.accuracy:.4f}. Unknown score that decides: "
        f"{done.decision.scorer.info.name}, refusing at a promised false-refusal rate of {rule.rate:g}.\n\n"
        f"Method: {info.paper} ({info.venue} {info.year}), {info.link}\n\n"
        f"## Not for\n\n{limits}\n"
        "## Use\n\n"
        "```python\n"
        "from lightwell.models import saved\n"
        "from lightwell.training import represent\n\n"
        "model, decision = saved.load('model'), saved.load_decision('model')\n"
        "predicted = decision.predict(represent(model, dataset))  # -1 is refused\n"
        "```\n"
    )
