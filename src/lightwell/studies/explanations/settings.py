"""The settings of the study ``explanations``, and the methods that each experiment compares."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from lightwell.core.errors import ConfigError, nearest
from lightwell.explain.examples import EXAMPLES
from lightwell.explain.features import FEATURES
from lightwell.models.autoencoders.autoencoder import AutoencoderSettings
from lightwell.models.autoencoders.simclr import SimclrSettings
from lightwell.models.concepts.vae import VaeSettings
from lightwell.models.optimizer import OptimizerSettings
from lightwell.studies.contract import Study
from lightwell.training import TrainingSettings

ExperimentName = Literal[
    "features", "examples", "pretexts", "units", "visualisation", "classifier", "trust", "roar"
]
Quirk = Literal["anchors", "squared_shift", "inverse_square", "lissa", "simplex", "raw_inputs"]

_MAPS = ("integrated_gradients", "gradient_shap", "saliency")
_USUAL: dict[ExperimentName, tuple[str, ...]] = {
    "features": _MAPS,
    "examples": ("tracin", "influence", "simplex", "deep_knn", "cosine_knn"),
    "pretexts": ("gradient_shap", "deep_knn"),
    "units": (),
    "visualisation": (),
    "classifier": _MAPS,
    "trust": _MAPS,
    "roar": _MAPS,
}


@dataclass(frozen=True)
class ExplanationsSettings(Study):
    """Settings of the study; :class:`lightwell.studies.explanations.Explanations` is the study.

    Attributes
    ----------
    experiment : {"features", "examples", "pretexts", "units", "visualisation", "classifier", "trust", "roar"}
        The question: do codes move without what was called important; are important examples of the same
        class; do encoders of other tasks agree; do units of VAEs look at different places; what does each
        unit want; does the encoder agree with the classifier on it; do maps stand noise, other weights and a
        turned code; does an autoencoder trained without what was called important rebuild less.
    encoder : {"autoencoder", "simclr"}
        What ``features``, ``examples`` and ``trust`` explain; the other experiments have models of their own.
    data : str
        Name of a data set (``lightwell data list``) or a path.
    data_dir : Path or None
        Where files lie; else ``LIGHTWELL_DATA``, else the user's cache folder.
    normal : str
        A class: labels become this one or not. In ``features`` it alone is trained on, and all else is
        explained (heartbeats).
    train_images : int or None
        Examples drawn at random for training (what is only watched included); None for all there are.
    corpus_images : int
        Training examples whose importance is asked for, of each class as many.
    test_images : int or None
        Examples that are explained, of each class as many; None for all there are.
    image_size : int or None
        Resize images to this many pixels a side.
    validation : float
        Share of the training examples that is only watched.
    methods : str
        What is compared, with commas; empty for those of the experiment.
    baseline : str
        What a removed value becomes: ``zero``, ``blur``, ``mean`` of the training examples, ``mean:CLASS``.
    network : str
        The body of all models: ``mnist28``, ``cifar32``, ``light32``, ``cnn1d``, ``module:function``, or
        ``lstm`` for autoencoders of series.
    autoencoder : AutoencoderSettings
        Of the autoencoders; ``pretexts`` sets the pretext itself, and the classifier takes the latents.
    simclr : SimclrSettings
        Of SimCLR, whose code is the network's features.
    vae : VaeSettings
        Of the VAEs, whose beta and terms the experiment sets.
    betas : list of float
        Weights of the KL divergence, and above 1 of the total correlation, too.
    climb_steps : int
        Steps of the visualisation.
    checkpoint_every : int
        Epochs between the weights that TracIn sees, from the first on.
    legacy : list of {"anchors", "squared_shift", "inverse_square", "lissa", "simplex", "raw_inputs"}
        Quirks of the published code to repeat: gradient SHAP with the anchors of other examples; the square
        of the shift; 1/d² as nearness; influence by a recursion that never turns; SimplEx stopped early;
        example importance (``pretexts``) from pixels 0 to 255.
    optimizer : OptimizerSettings
        How the weights move.
    training : TrainingSettings
        How long and on what machine.
    runs : int
        Repetitions with other weights; findings are means over them.
    seed : int
        Fixes parts, weights, order and all draws.
    """

    name: ClassVar[str] = "explanations"
    title: ClassVar[str] = "Explain encoders without labels; measure what the explanations are worth."
    report: ClassVar[str] = "lightwell.studies.explanations.page:build"

    experiment: ExperimentName = "features"
    encoder: Literal["autoencoder", "simclr"] = "autoencoder"
    data: str = "mnist-mini"
    data_dir: Path | None = None
    normal: str = ""
    train_images: int | None = None
    corpus_images: int = 1000
    test_images: int | None = 500
    image_size: int | None = None
    validation: float = 0.1
    methods: str = ""
    baseline: str = "zero"
    network: str = "mnist28"
    autoencoder: AutoencoderSettings = field(default_factory=AutoencoderSettings)
    simclr: SimclrSettings = field(default_factory=SimclrSettings)
    vae: VaeSettings = field(default_factory=VaeSettings)
    betas: tuple[float, ...] = (1.0, 5.0, 10.0)
    climb_steps: int = 256
    checkpoint_every: int = 10
    legacy: tuple[Quirk, ...] = ()
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    runs: int = 3
    seed: int = 0

    def __post_init__(self) -> None:
        self._check_ranges(
            "validation", train_images=10, corpus_images=2, test_images=2, image_size=4, climb_steps=1,
            checkpoint_every=1, runs=1,
        )  # fmt: skip
        self._check_models()
        kind, _, _ = self.baseline.partition(":")
        if self.baseline not in ("zero", "blur") and kind != "mean":
            raise ConfigError(
                "no such baseline", where="baseline", expected="zero, blur, mean or mean:CLASS",
                got=repr(self.baseline),
            )  # fmt: skip
        if not self.betas or min(self.betas) <= 0 or len(set(self.betas)) < len(self.betas):
            raise ConfigError("weights are above 0, each once", where="betas", got=self.betas)

    def _check_models(self) -> None:
        if self.encoder == "simclr" and self.experiment not in ("features", "examples", "trust"):
            raise ConfigError(
                "this experiment has models of its own", where="encoder", got=f"simclr for {self.experiment}",
                fix="SimCLR is for features, examples and trust.",
            )  # fmt: skip
        gradients = [method for method in self.compared if _reads_gradients(method)]
        if gradients and (self.experiment == "pretexts" or self.encoder == "simclr"):
            pairs = "the loss of SimCLR is of pairs: no example has one of its own"
            raise ConfigError(
                pairs if self.encoder == "simclr" else "the classifier has no loss without labels",
                where="methods", got=gradients[0],
                fix="Take methods that read codes: deep_knn, cosine_knn, simplex.",
            )  # fmt: skip
        if self.experiment == "roar" and self.training.devices > 1:
            raise ConfigError(
                "trainings of roar run in one process", where="training.devices", expected=1,
                got=self.training.devices,
            )  # fmt: skip

    @property
    def compared(self) -> tuple[str, ...]:
        """The methods that are compared: those asked for, else the usual ones that suit the encoder."""
        usual = _USUAL[self.experiment]
        if self.encoder == "simclr":
            usual = tuple(method for method in usual if not _reads_gradients(method))
        return check_methods(self.methods, usual)

    @property
    def label(self) -> str:
        """Experiment, data and seed as one word; a hash of what else is not the default preset."""
        stem = Path(self.data).stem
        words = f"{self.experiment}_{stem}_seed{self.seed}"
        return self._named(words, experiment=self.experiment, data=stem, seed=self.seed)


def _reads_gradients(method: str) -> bool:
    return method in EXAMPLES and EXAMPLES[method].reads == "gradients"


def listed(named: str) -> tuple[str, ...]:
    """Return the words of a list with commas.

    Examples
    --------
    >>> listed("saliency, relax,")
    ('saliency', 'relax')
    """
    return tuple(word for word in (part.strip() for part in named.split(",")) if word)


def check_methods(named: str, usual: tuple[str, ...]) -> tuple[str, ...]:
    """Return the methods to compare; refuse an unknown one, or one that the experiment cannot compare.

    Examples
    --------
    >>> check_methods("", ("saliency", "deep_knn"))
    ('saliency', 'deep_knn')
    """
    words = listed(named)
    kinds = [table for table in (FEATURES, EXAMPLES) if set(usual) & set(table)]
    known = sorted({name for table in kinds for name in table} - {"random"})
    for word in words:
        if word not in known:
            fix = nearest(word, known) if known else "This experiment compares no methods."
            raise ConfigError("no such method here", where="methods", got=repr(word), fix=fix)
    if len(set(words)) < len(words):
        raise ConfigError("a method is named once", where="methods", got=named)
    return words or usual
