"""The settings of the study ``concepts``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from lightwell.models import method
from lightwell.models.optimizer import OptimizerSettings
from lightwell.studies.contract import Study
from lightwell.studies.learning import as_settings
from lightwell.training import TrainingSettings

Mode = Literal["fitted", "gaussian", "interval", "std", "minmax"]


@dataclass(frozen=True)
class ConceptsSettings(Study):
    """Settings of the study ``concepts``; :class:`lightwell.studies.concepts.Concepts` is the study.

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
    report: ClassVar[str] = "lightwell.studies.concepts.page:build"

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
    traversal: Mode = "fitted"
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
        told = {"data": name, "method": self.method, "supervision": self.supervision, "seed": self.seed}
        return self._named(words, safe="-_.", **told)
