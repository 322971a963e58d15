"""The settings of the study ``ambiguity``."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from lightwell.core.errors import ConfigError
from lightwell.explain.patterns import PatternSettings
from lightwell.models.boundary.gan import ADAM, GanSettings
from lightwell.models.boundary.rules import Rule
from lightwell.models.boundary.subject import SubjectSettings
from lightwell.models.optimizer import OptimizerSettings
from lightwell.studies.contract import Study
from lightwell.training import TrainingSettings

CONTROL = "control"
"""The rule of step 2 that does not pull."""


@dataclass(frozen=True)
class AmbiguitySettings(Study):
    """Settings of the study ``ambiguity``; :class:`lightwell.studies.ambiguity.Ambiguity` is the study.

    Attributes
    ----------
    pair : str
        Positive and negative class by name or number (in the seed: ``dataset.binary.pos``, ``neg``).
    data : str
        Name of a data set (``lightwell data list``) or a path (in the seed: ``dataset.name``).
    data_dir : Path or None
        Where files lie; else ``LIGHTWELL_DATA``, else the user's cache folder.
    image_size : int or None
        Resize images to this many pixels a side.
    train_images : int or None
        Training images of all classes, drawn at random; those of the pair among them are generated. None for
        all there are.
    model : str
        Classifier under test: a run or model folder, or ``module:function``; "" trains one.
    outputs : {"auto", "logits", "probabilities"}
        What a module of your own returns.
    calibrate : bool
        Whether its temperature is set on images of the pair that were only watched.
    subject : SubjectSettings
        The classifier that is trained (in the seed: ``train.step-2.classifier``).
    others : list of int
        Filters of further classifiers; what they find undecided is compared.
    subject_training : TrainingSettings
        How long each of these classifiers is trained.
    judge_training : TrainingSettings
        How long the judge is trained.
    judge_network : str
        Body of the judge, which learns all classes of the training part and measures realism.
    classifier_lr : float
        Adam's learning rate for all of these.
    gan : GanSettings
        The GAN (in the seed: ``model``).
    optimizer : OptimizerSettings
        Of step 1 (in the seed: ``optimizer``).
    step1 : TrainingSettings
        How long the plain GAN is trained.
    step2 : TrainingSettings
        How long it is trained on by each rule.
    step1_every : int
        Epochs of step 1 between stored networks (in the seed: ``checkpoint-every``).
    step2_every : int
        Epochs of step 2 between stored networks.
    starts : list of int
        Epochs of step 1 that step 2 starts from; -1 for the last (in the seed: ``step-1-epochs``).
    rules : list of str
        Rules of step 2 with their weight (in the seed: ``weight``); ``control`` is the plain GAN trained on.
    step2_lr : float
        Adam's learning rate of step 2.
    noise : int
        Noise vectors on which generators are compared (in the seed: ``test-noise``).
    samples : int
        Fresh images of each generator (in the seed: ``fixed-noise``).
    latent_samples : int
        Images of the latent search, which is slower by far.
    latent_steps : int
        Steps of the latent search for each image.
    band : float
        An output within this of 0.5 counts as undecided (in the seed: ``acd``).
    noise_from : Path or None
        ``noise.npz`` of ``lightwell ambiguity noise`` to compare them on instead.
    least_guard : float
        Realism guard: least mean score of step 1's frozen discriminator; fits the architecture ``small``.
    most_frechet : float
        Realism guard: most Fréchet distance, as a share of the variance of the pair's training images.
    patterns : PatternSettings
        How patterns are looked for (in the seed: ``clustering``).
    prototype_space : {"embedding", "reduced"}
        Where medoids are taken; the seed's is ``reduced``.
    criticisms : int
        Images a cluster that its prototype speaks for least.
    step1_from : Path or None
        A run of this study whose plain GAN is taken.
    step2_from : Path or None
        A run of this study all of whose networks are taken.
    seed : int
        Fixes parts, weights, order and all draws.
    """

    name: ClassVar[str] = "ambiguity"
    title: ClassVar[str] = "Make images a classifier cannot decide; say what they have in common."
    report: ClassVar[str] = "lightwell.studies.ambiguity.page:build"
    commands: ClassVar[Mapping[str, str]] = {
        word: f"lightwell.studies.ambiguity.commands.{word}:command"
        for word in ("classifier", "statistics", "noise", "export", "retrain")
    }
    stages: ClassVar[tuple[str, ...]] = (
        "classifier", "judge", "step-1", "step-2", "samples", "clusters", "prototypes", "page",
    )  # fmt: skip

    pair: str = "7,1"
    data: str = "mnist-mini"
    data_dir: Path | None = None
    image_size: int | None = None
    train_images: int | None = None
    model: str = ""
    outputs: Literal["auto", "logits", "probabilities"] = "auto"
    calibrate: bool = True
    subject: SubjectSettings = field(default_factory=SubjectSettings)
    others: tuple[int, ...] = (1, 2)
    subject_training: TrainingSettings = field(default_factory=TrainingSettings)
    judge_training: TrainingSettings = field(default_factory=TrainingSettings)
    judge_network: str = "small"
    classifier_lr: float = 1e-3
    gan: GanSettings = field(default_factory=GanSettings)
    optimizer: OptimizerSettings = ADAM
    step1: TrainingSettings = field(default_factory=TrainingSettings)
    step2: TrainingSettings = field(default_factory=TrainingSettings)
    step1_every: int = 5
    step2_every: int = 1
    starts: tuple[int, ...] = (-1,)
    rules: tuple[str, ...] = ("control", "alternating:1")
    step2_lr: float = 1e-3
    noise: int = 2048
    noise_from: Path | None = None
    samples: int = 6000
    latent_samples: int = 512
    latent_steps: int = 60
    band: float = 0.1
    least_guard: float = -0.3
    most_frechet: float = 0.4
    patterns: PatternSettings = field(default_factory=PatternSettings)
    prototype_space: Literal["embedding", "reduced"] = "embedding"
    criticisms: int = 1
    step1_from: Path | None = None
    step2_from: Path | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        self._check_ranges(
            portions="classifier_lr step2_lr", image_size=4, train_images=10, step1_every=1, step2_every=1,
            noise=2, samples=2, latent_samples=2, latent_steps=1, criticisms=0,
        )  # fmt: skip
        if "," not in self.pair:
            raise ConfigError(
                "a pair is two classes",
                where="pair",
                expected="POSITIVE,NEGATIVE such as 7,1",
                got=repr(self.pair),
            )
        if not 0 < self.band < 0.5:
            raise ConfigError("setting is out of range", where="band", expected="in (0, 0.5)", got=self.band)
        for name in ("subject_training", "judge_training", "step1", "step2"):
            devices = getattr(self, name).devices
            if devices > 1:
                raise ConfigError(
                    "this study trains in one process", where=f"{name}.devices", expected="1", got=devices
                )
        outside = [start for start in self.start_epochs if not 0 <= start <= self.step1.epochs]
        if outside or not self.starts or len(set(self.start_epochs)) < len(self.starts):
            raise ConfigError(
                "step 2 starts from epochs of step 1", where="starts", got=self.starts,
                expected=f"0 to {self.step1.epochs} or -1, each once",
            )  # fmt: skip
        named = [str(rule) for rule in self.parsed_rules]
        if set(named) <= {CONTROL} or len(set(named)) < len(named):
            raise ConfigError(
                "step 2 needs a rule that pulls", where="rules", got=self.rules,
                expected="each once, such as control, alternating:1",
            )  # fmt: skip
        if any(filters < 1 for filters in self.others) or len(set(self.others)) < len(self.others):
            raise ConfigError("filters are 1 or more, each once", where="others", got=self.others)

    @property
    def start_epochs(self) -> tuple[int, ...]:
        """Epochs of step 1 that step 2 starts from."""
        return tuple(self.step1.epochs if start == -1 else start for start in self.starts)

    @property
    def parsed_rules(self) -> tuple[Rule, ...]:
        """Rules of step 2."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the run says so
            return tuple(Rule.parse(rule) for rule in self.rules)

    @staticmethod
    def kept(epochs: int, every: int) -> set[int]:
        """Return the epochs after which networks are stored, the last always.

        Examples
        --------
        >>> sorted(AmbiguitySettings.kept(7, 3))
        [3, 6, 7]
        """
        return {*range(every, epochs + 1, every), epochs}

    @property
    def label(self) -> str:
        """Data, pair and seed as one word; a hash of what else is not the default preset."""
        stem = Path(self.data).stem
        words = f"{stem}_{self.pair.replace(',', 'v')}_seed{self.seed}"
        return self._named(words, data=stem, pair=self.pair, seed=self.seed)
