"""The settings of the study ``discovery``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from lightwell.core.errors import ConfigError
from lightwell.data.augment import AugmentSettings
from lightwell.models import method
from lightwell.models.optimizer import OptimizerSettings
from lightwell.studies.contract import Study
from lightwell.studies.learning import as_settings
from lightwell.training import TrainingSettings


@dataclass(frozen=True)
class DiscoverySettings(Study):
    """Settings of the study ``discovery``; :class:`lightwell.studies.discovery.Discovery` is the study.

    Attributes
    ----------
    data : str
        Name of a data set, or a path of your own (in the seed: ``dataset``).
    data_dir : Path or None
        Where files lie; else ``LIGHTWELL_DATA``, else the user's cache folder.
    train_images : int or None
        Images drawn at random for training; None for all there are.
    test_images : int or None
        Images drawn at random for the test; without an official part a fifth of all are set aside for it.
    image_size : int or None
        Resize images to this many pixels a side.
    coarse : str
        Classes of each coarse class, ``"low=0,1,2;high=3,4"``; classes in none are left out. ``"auto"``: of
        the official data sets of ten classes the first five against the others, as in the seed; of all other
        data the classes as they are, without fine labels.
    validation : float
        Further training images that are only watched, as a share of those trained on.
    method : {"clustnet"}
        What is trained.
    model : mapping
        Settings of the method.
    network : str
        Body of the encoder by name, or ``module:function``.
    encoder : str
        A trained encoder in place of the body, never changed: ``module:function`` or the folder of a saved
        model.
    optimizer : OptimizerSettings
        How the weights move.
    augment : AugmentSettings
        The copies that the gate is to treat alike.
    training : TrainingSettings
        How long and on what machine.
    restarts : int
        Trainings from different weights, orders and draws, side by side in one process; shown is the
        one most like the others.
    scores : {"each", "last"}
        Whether the scores of each image are kept after each epoch, or only at the end.
    n_resamples : int
        Bootstrap resamples of each interval.
    seed : int
        Fixes parts, weights, order and draws (in the seed: ``seed``).
    """

    name: ClassVar[str] = "discovery"
    title: ClassVar[str] = "Find the sub-classes behind coarse labels; say how many and how stable they are."
    report: ClassVar[str] = "lightwell.studies.discovery.page:build"
    default_preset: ClassVar[str] = "stable"

    data: str = "mnist-mini"
    data_dir: Path | None = None
    train_images: int | None = 4000
    test_images: int | None = 1000
    image_size: int | None = None
    coarse: str = "auto"
    validation: float = 0.05
    method: Literal["clustnet"] = "clustnet"
    model: Any = None
    network: str = "tiny"
    encoder: str = ""
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    restarts: int = 5
    scores: Literal["each", "last"] = "each"
    n_resamples: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        self._check_ranges(
            "validation", train_images=4, test_images=4, image_size=4, restarts=1, n_resamples=40
        )
        if self.restarts > 1 and self.training.clip_gradient:
            raise ConfigError(
                "restarts trained together share one gradient norm, so none can be clipped by itself",
                where="training.clip_gradient",
                expected="0",
                got=self.training.clip_gradient,
                fix="Set it to 0, or restarts to 1.",
            )
        kind = method(self.method)
        object.__setattr__(self, "model", as_settings(self.model, kind.Settings))

    @classmethod
    def parts(cls, chosen: Mapping[str, Any]) -> dict[str, type[Any]]:
        """Return the settings of the chosen method."""
        return {"model": method(chosen.get("method") or "clustnet").Settings}

    @property
    def label(self) -> str:
        """Data, method and seed as one word; a hash of all else that is not the default preset."""
        name = Path(self.data).stem
        words = f"{name}_{self.method}_seed{self.seed}"
        return self._named(words, data=name, method=self.method, seed=self.seed)
