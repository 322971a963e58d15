"""The study ``explanations``: its settings, and its way from data to findings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from lightning.pytorch import LightningModule
from safetensors.torch import load_file
from safetensors.torch import save as as_bytes
from torch import Tensor

from lightwell.core.dataset import Dataset
from lightwell.core.errors import ConfigError
from lightwell.core.files import save_arrays, write_bytes
from lightwell.core.findings import Findings
from lightwell.core.seeds import derive
from lightwell.data import load
from lightwell.explain.examples import EXAMPLES
from lightwell.models import saved
from lightwell.models.autoencoders.autoencoder import AutoencoderSettings
from lightwell.models.autoencoders.simclr import SimclrSettings
from lightwell.models.concepts.vae import VaeSettings
from lightwell.models.model import Model
from lightwell.models.optimizer import OptimizerSettings
from lightwell.report import Page
from lightwell.studies.contract import Study
from lightwell.studies.explanations import tables
from lightwell.studies.explanations.experiments import EXPERIMENTS
from lightwell.studies.explanations.over_runs import over_runs
from lightwell.studies.explanations.parts import Parts, parts_of
from lightwell.studies.explanations.task import Measured, Task, Wanted, check_methods
from lightwell.studies.learning import Recipe, signature_of
from lightwell.studies.writing import conclude, join_metrics, model_card, record_data
from lightwell.training import Run, TrainingSettings
from lightwell.training.run import log

ExperimentName = Literal[
    "features", "examples", "pretexts", "units", "visualisation", "classifier", "trust", "roar"
]
Quirk = Literal["anchors", "squared_shift", "inverse_square", "lissa", "simplex", "raw_inputs"]


@dataclass(frozen=True)
class Explanations(Study):
    """Train encoders, explain their codes without labels, and measure what the explanations are worth.

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
        usual = EXPERIMENTS[self.experiment].methods
        if self.encoder == "simclr":
            usual = tuple(method for method in usual if not _reads_gradients(method))
        return check_methods(self.methods, usual)

    @property
    def label(self) -> str:
        """Experiment, data and seed as one word; a hash of what else is not the default preset."""
        stem = Path(self.data).stem
        shared: dict[str, Any] = {"experiment": self.experiment, "data": self.data, "seed": self.seed}
        plain = self == self.from_preset(**shared) and stem == self.data
        return self._named(f"{self.experiment}_{stem}_seed{self.seed}", plain=plain)

    def run(self, run: Run, dataset: Dataset | None = None) -> Findings:
        """Train, explain and measure, one repetition after the other; write everything but the page."""
        parts, experiment = self.data_parts(dataset), EXPERIMENTS[self.experiment]
        wanted = experiment.models(self)
        record_data(
            run, parts.train.name, parts.all.values(), {n: part.n for n, part in parts.all.items()},
            classes=list(parts.train.class_names),
        )  # fmt: skip
        methods = self.compared
        done: list[Measured] = []
        trainings: list[Path] = []
        for number in range(self.runs):
            task = self._task(number, wanted, parts, methods, run)
            trainings += [run.path("models", f"{n}_run{number}", "metrics.csv") for n in wanted]
            if run.follower:
                continue
            join_metrics(run.path("metrics.csv"), trainings)
            done.append(experiment.measure(task))
            save_arrays(run.path("representation", f"run{number}.npz"), dict(done[-1].arrays))
            log.info("run %d of %d: measured", number + 1, self.runs)
        if run.follower:
            return Findings()
        found = over_runs(done, self)
        tables.write(run.path("tables"), found, done, self)
        return conclude(run, found, *trainings)

    @staticmethod
    def page(folder: Path) -> Page:
        """Build the report of a run folder."""
        from lightwell.studies.explanations.page import build

        return build(folder)

    def data_parts(self, dataset: Dataset | None = None) -> Parts:
        """Return the parts of this study.

        Parameters
        ----------
        dataset : Dataset, optional
            A data set of the user's own in place of the one the settings name.
        """
        whole = load(self.data, self.data_dir) if dataset is None else dataset
        return parts_of(
            whole, normal=self.normal, apart=self.experiment == "features", n_train=self.train_images,
            n_corpus=self.corpus_images, n_test=self.test_images, image_size=self.image_size,
            validation=self.validation, seed=self.seed,
        )  # fmt: skip

    def _task(
        self,
        number: int,
        wanted: dict[str, Wanted],
        parts: Parts,
        methods: tuple[str, ...],
        run: Run,
    ) -> Task:
        signature = signature_of(parts.train, self.network, standardise=False)
        models, steps = {}, {}
        for name, one in wanted.items():
            folder = run.path("models", f"{name}_run{number}")
            # Equal first weights would make encoders agree for no reason of their own.
            seed = derive(self.seed, name, number) % 2**31
            recipe = Recipe(one.method, one.settings, self.optimizer, self.training, seed=seed)
            keep = self._keeper(folder) if "tracin" in methods else None
            if not run.resume:
                _forget(folder)
            models[name] = recipe.model(signature, parts.train, parts.validation, folder, run, keep)
            steps[name] = _steps(folder, models[name])
            if not run.follower:
                said = f"Trained as '{name}' on {parts.train.name}, run {number}, seed {self.seed}."
                saved.save(models[name], folder / "model", card=model_card(models[name], said))
        return Task(self, parts, models, steps, methods, derive(self.seed, "run", number) % 2**31)

    def _keeper(self, folder: Path) -> Callable[[LightningModule, int], None]:
        def keep(model: LightningModule, epoch: int) -> None:
            if epoch % self.checkpoint_every == 0:
                weights = {name: t.detach().cpu().contiguous() for name, t in model.state_dict().items()}
                write_bytes(folder / "steps" / f"{epoch:05}.safetensors", as_bytes(weights))

        return keep


def _reads_gradients(method: str) -> bool:
    return method in EXAMPLES and EXAMPLES[method].reads == "gradients"


def _forget(folder: Path) -> None:
    for stale in (folder / "steps").glob("*.safetensors"):
        stale.unlink()


def _steps(folder: Path, model: Model) -> list[dict[str, Tensor]]:
    """Return the weights kept along the training; those at its end where none were."""
    kept = sorted((folder / "steps").glob("*.safetensors"))
    return [load_file(path) for path in kept] or [dict(model.state_dict())]
