"""The settings of the study ``open-set``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from lightwell.core.errors import ConfigError
from lightwell.data.augment import AugmentSettings
from lightwell.models import METHODS, method
from lightwell.models.optimizer import OptimizerSettings
from lightwell.models.scorers.contract import check_setting
from lightwell.studies.contract import Study
from lightwell.studies.learning import as_settings
from lightwell.training import TrainingSettings

BASELINE = "softmax"


@dataclass(frozen=True)
class ScoringSettings:
    """Settings of the unknown scores that have any.

    Attributes
    ----------
    energy_temperature : float
        Temperature of ``energy``, above 0.
    neighbours : int
        Which neighbour ``knn`` measures the distance to, at least 1; at most the size of the smallest class.
    openmax_tail : int
        Largest distances of a class that the Weibull of ``openmax`` is fitted to, at least 2.
    openmax_alpha : int
        How many of the largest logits ``openmax`` revises, at least 1.
    """

    energy_temperature: float = 1.0
    neighbours: int = 50
    openmax_tail: int = 20
    openmax_alpha: int = 3

    def __post_init__(self) -> None:
        check_setting("scoring.energy_temperature", self.energy_temperature, 0, above=True)
        for name, least in (("neighbours", 1), ("openmax_tail", 2), ("openmax_alpha", 1)):
            check_setting(f"scoring.{name}", getattr(self, name), least, whole=True)

    def of(self, score: str) -> dict[str, float]:
        """Return the settings of one score, by the names it has for them."""
        own: dict[str, dict[str, float]] = {
            "energy": {"temperature": self.energy_temperature},
            "knn": {"k": self.neighbours},
            "openmax": {"tail": self.openmax_tail, "alpha": self.openmax_alpha},
        }
        return own.get(score, {})


@dataclass(frozen=True)
class OpenSetSettings(Study):
    """Settings of the study ``open-set``; :class:`lightwell.studies.open_set.OpenSet` is the study.

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
    unknown : list of str, or one text with commas, or None
        Names of the unknown classes, beside ``known``; by default all others. A class in neither is left out.
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
    scoring : ScoringSettings
        Settings of the unknown scores that have any.
    detectors : str
        Foreign unknown scores to measure beside our own: ``module:name``, several with commas. Each is called
        with the trained network (images to logits) and gives an object with ``fit(loader)`` and
        ``predict(images)``, larger = more unknown: the shape of pytorch-ood's detectors.
    map : {"auto", "tsne", "pca", "pacmap", "umap"}
        How the map is drawn; ``auto`` is t-SNE of at most 2,000 test codes.
    n_resamples : int
        Bootstrap resamples of each interval.
    seed : int
        Fixes weights, order, augmentation and dropout (in the seed: ``seed``).
    """

    name: ClassVar[str] = "open-set"
    title: ClassVar[str] = "Train on some classes, refuse the others, and say why."
    report: ClassVar[str] = "lightwell.studies.open_set.page:build"

    data: str = "mnist-mini"
    data_dir: Path | None = None
    train_images: int | None = None
    image_size: int | None = None
    split: str = "arpl/0"
    known: str | tuple[str | int, ...] | None = None
    unknown: str | tuple[str | int, ...] | None = None
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
    scoring: ScoringSettings = field(default_factory=ScoringSettings)
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
        if self.unknown is not None and self.known is None:
            raise ConfigError(
                "unknown classes are listed and known ones are not", where="unknown", got=self.unknown,
                fix="List the known classes too: --known.",
            )  # fmt: skip
        for key in ("known", "unknown"):
            names = getattr(self, key)
            if names is not None:
                listed = names.split(",") if isinstance(names, str) else names
                object.__setattr__(self, key, tuple(str(name).strip() for name in listed))
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
        if self.unknown is not None:
            classes += "_unknown-" + "-".join(map(str, self.unknown))
        words = f"{name}_{classes}"[:90] + f"_{self.method}_seed{self.seed}"
        return self._named(words, data=name, split=self.split, method=self.method, seed=self.seed)
