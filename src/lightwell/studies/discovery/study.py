"""The study ``discovery``: its settings, and its way from data to findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from lightwell.core.errors import ConfigError
from lightwell.core.findings import Findings, Reference
from lightwell.data import Dataset
from lightwell.data.augment import AugmentSettings
from lightwell.models import method, saved
from lightwell.models.optimizer import OptimizerSettings
from lightwell.report import Figure, Page
from lightwell.studies.contract import Study
from lightwell.studies.discovery import findings, names, pictures, tables
from lightwell.studies.discovery.measure import Measured, measure
from lightwell.studies.discovery.parts import Parts, load_whole, parts_of
from lightwell.studies.discovery.restarts import folder_of, seeds_of, trained
from lightwell.studies.discovery.scores import write_scores, write_test_table
from lightwell.studies.discovery.stored import Stored
from lightwell.studies.discovery.watch import read_epochs
from lightwell.studies.learning import Recipe, as_settings, signature_of
from lightwell.studies.writing import conclude, model_card, record_data
from lightwell.training import Run, TrainingSettings
from lightwell.training.history import read_history
from lightwell.training.run import log

_PUBLISHED = Reference(
    0.736, "Subclass Distillation, an MLP, mean of 5 seeds: yaroslavvb/hinton-problems, mnist-2x5-subclass"
)


@dataclass(frozen=True)
class Discovery(Study):
    """Find the sub-classes behind coarse labels; say how many, how stable, and how well they match.

    The run folder holds, beside what every study writes: ``model/`` and ``representation/`` of the restart
    that is shown, those of each in ``restarts/<i>/``; ``subclasses.yaml`` to name what was found;
    ``epochs/<n>.json`` and ``.npz`` (numbers, and scores of each image, after each epoch); ``tables/`` with
    ``epochs``, ``restarts``, ``cells``, ``baselines`` and ``scores`` (test images at the end).

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
        plain = self == self.from_preset(data=self.data, method=self.method, seed=self.seed)
        return self._named(f"{name}_{self.method}_seed{self.seed}", plain=plain and name == self.data)

    def run(self, run: Run, dataset: Dataset | None = None) -> Findings:
        """Train, measure and draw; write everything but the page."""
        parts = self.data_parts(dataset)
        trio = {"train": parts.train, "watched": parts.watched, "test": parts.test}
        sizes = {name: part.n for name, part in trio.items()}
        facts = {"classes": list(parts.coarse_names), "subclasses": list(parts.fine_names)}
        record_data(run, parts.train.name, trio.values(), sizes, **facts)
        signature = signature_of(parts.train, self.network, self.encoder)
        recipe = Recipe(self.method, self.model, self.optimizer, self.training, self.augment, self.seed)
        seeds = seeds_of(self.seed, self.restarts)
        models = trained(recipe, seeds, signature, parts, run, scores=self.scores == "each")
        if run.follower:
            return Findings()
        log.info("%s: trained %d restarts", self.method, self.restarts)
        done = measure(models, seeds, parts, self.augment, self.seed)
        options = findings.Options(self.n_resamples, self.seed, self._published(dataset))
        found, each = findings.collect(done, parts, options)
        self._keep(run, done, parts, found)
        self._tell(run, done, parts, found, each)
        conclude(run, found)
        tables.write_cells(Stored.read(run.folder))
        return found

    @staticmethod
    def page(folder: Path) -> Page:
        """Build the report of a run folder."""
        from lightwell.studies.discovery.page import build

        return build(folder)

    @staticmethod
    def side_by_side(runs: Mapping[str, Sequence[Path]]) -> list[Figure]:
        """Return the sparsity of the activations by setting."""
        from lightwell.studies.discovery.drawings import sparsity_by_setting

        return [sparsity_by_setting(runs)]

    def data_parts(self, dataset: Dataset | None = None) -> Parts:
        """Return the three parts of this study.

        Parameters
        ----------
        dataset : Dataset, optional
            A data set of the user's own in place of the one the settings name.
        """
        whole = load_whole(self.data, self.data_dir, self.image_size) if dataset is None else dataset
        return parts_of(
            whole,
            coarse=self.coarse,
            n_train=self.train_images,
            n_test=self.test_images,
            image_size=self.image_size,
            validation=self.validation,
            seed=self.seed,
        )

    def _published(self, dataset: Dataset | None) -> Reference | None:
        whole = dataset is None and self.train_images is None and self.test_images is None
        return _PUBLISHED if whole and self.data == "mnist" and self.coarse == "auto" else None

    def _keep(self, run: Run, done: Measured, parts: Parts, found: Findings) -> None:
        """Write models, representations and what the page draws."""
        places = [(i, folder_of(run.folder, i)) for i in range(self.restarts)]
        for i, folder in (*places, (done.shown, run.folder)):
            done.train[i].save(folder / "representation" / "train.npz")
            done.test[i].save(folder / "representation" / "test.npz")
            saved.save(done.models[i], folder / "model", card=self._card(done, found, i))
        pictures.keep(done, parts, run.path("representation", "pictures.npz"), self.seed)
        names.offer(run.folder, parts.coarse_names, done.cells)

    def _tell(self, run: Run, done: Measured, parts: Parts, found: Findings, each: list[list[Any]]) -> None:
        """Write the tables, and the scores of each image at the end."""
        folder, epochs = run.path("tables"), len(read_history(run.path("metrics.csv")))
        if self.scores == "last":
            write_scores(run.folder, epochs - 1, parts, done.train, done.test)
        write_test_table(folder / "scores.csv", parts.test, done.test)
        tables.write_epochs(folder / "epochs.csv", read_epochs(run.folder, epochs))
        tables.write_restarts(folder / "restarts.csv", done, each, findings.agreement_of(done, parts))
        tables.write_baselines(folder / "baselines.csv", found, parts.coarse_names)

    def _card(self, done: Measured, found: Findings, restart: int) -> str:
        asked = zip(done.cells.class_names, done.k_per_class.values(), strict=True)
        of = ", ".join(f"{k} behind '{name}'" for name, k in asked)
        return model_card(
            done.models[restart],
            f"Restart {restart} of {self.restarts}, seed {done.seeds[restart]}. Data: {self.data}. "
            f"Sub-classes asked for: {of}. Coarse accuracy, mean of all: "
            f"{found['coarse_accuracy'].value:.4f}.",
            "model = saved.load('model')\nview = represent(model, dataset)  # view.predictions: the classes\n"
            "# The sub-classes, by their numbers in subclasses.yaml:\n"
            "experts = view.codes[:, : model.n_experts].argmax(axis=1)\n",
        )
