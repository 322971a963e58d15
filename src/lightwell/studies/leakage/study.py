"""The study ``leakage``: its settings, and its way from data to findings."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Literal

from lightwell.core.dataset import Dataset
from lightwell.core.errors import ConfigError, nearest
from lightwell.core.files import save_arrays
from lightwell.core.findings import Findings
from lightwell.models import saved
from lightwell.models.concepts.concept_bottleneck import CbnmSettings
from lightwell.models.concepts.glancenet import GlanceNetSettings
from lightwell.models.model import Model
from lightwell.models.optimizer import OptimizerSettings
from lightwell.report import Page
from lightwell.studies.contract import Study
from lightwell.studies.leakage import measure, subjects, tables
from lightwell.studies.leakage.cases import NAMED, Case, load_case
from lightwell.studies.leakage.gates import GateSettings
from lightwell.studies.learning import Recipe, signature_of
from lightwell.studies.writing import conclude, join_metrics, record_data
from lightwell.training import Run, TrainingSettings
from lightwell.training.run import log


@dataclass(frozen=True)
class LeakageStudy(Study):
    """Train on some things, probe the concepts for others, without a gate and with one.

    Attributes
    ----------
    data : str
        Name of a data set (``lightwell data list``) or a path; ``dsprites`` brings its own test.
    data_dir : Path or None
        Where files lie; else ``LIGHTWELL_DATA``, else the user's cache folder.
    test : str
        ``mnist-parity`` (train on 4 and 5, probe for even or odd among the other digits),
        ``dsprites-corners`` (train at the centre, probe for the corner), or ``module:function`` that returns
        a :class:`lightwell.data.LeakageData` of your own.
    known : str
        In place of ``test``: classes to train on, with commas.
    probe : str
        And classes to probe for, with commas; a bar parts what the probe must tell apart: ``"0,2|1,3"``.
    n_open : int
        How many sprites of the corners are drawn.
    image_size : int or None
        Resize images to this many pixels a side.
    methods : str
        With commas: ``cbnm`` (concept bottleneck), ``vae`` (supervised concepts, one Gaussian prior),
        ``glancenet``, each trained once; or the folder of a saved model of yours.
    cbnm : CbnmSettings
        Settings of the concept bottleneck.
    vae : GlanceNetSettings
        Settings of the supervised VAE.
    glancenet : GlanceNetSettings
        Settings of GlanceNet.
    network : str
        Body of all: ``mlp``, ``light32``, ``conv64`` or ``module:function``.
    optimizer : OptimizerSettings
        How the weights move.
    training : TrainingSettings
        How long and on what machine.
    gate : GateSettings
        What the open-set gate is made of.
    policy : {"random", "abstain", "unknown"}
        A rejected example is answered at random (its expectation counts), left out, or answered -1.
    n_resamples : int
        Bootstrap resamples of each interval.
    seed : int
        Fixes weights, order, the draw of sprites and the shuffled labels (in the seed: ``seed``).
    """

    name: ClassVar[str] = "leakage"
    title: ClassVar[str] = (
        "Train on some things, then read others off the concepts: what leaks, gated or not."
    )

    data: str = "mnist-mini"
    data_dir: Path | None = None
    test: str = NAMED[0]
    known: str = ""
    probe: str = ""
    n_open: int = 5000
    image_size: int | None = None
    methods: str = "cbnm,vae,glancenet"
    cbnm: CbnmSettings = field(default_factory=CbnmSettings)
    vae: GlanceNetSettings = field(default_factory=lambda: GlanceNetSettings(class_prior=False))
    glancenet: GlanceNetSettings = field(default_factory=GlanceNetSettings)
    network: str = "mlp"
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    gate: GateSettings = field(default_factory=GateSettings)
    policy: Literal["random", "abstain", "unknown"] = "random"
    n_resamples: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.test not in NAMED and ":" not in self.test:
            raise ConfigError("no such leakage test", got=repr(self.test), fix=nearest(self.test, NAMED))
        self._check_ranges(n_open=2, image_size=4, n_resamples=40)
        object.__setattr__(self, "vae", replace(self.vae, class_prior=False))
        asked = self.folders()
        prior = "glancenet" in asked and self.glancenet.class_prior
        if self.gate.centres == "prototype" and not (prior or any(asked.values())):
            raise ConfigError(
                "none of these models has prototypes to measure distances from",
                where="gate.centres",
                got="prototype",
                fix="Add glancenet to methods, or set gate.centres to class_mean.",
            )

    def folders(self) -> dict[str, Path | None]:
        """Return what is measured, by its name in the findings: None to train it, or a saved model."""
        return subjects.folders(self.methods)

    @property
    def label(self) -> str:
        """Data, test and seed, as one word; a hash of all else that is not the default preset."""
        test = self.test if not self.known else "classes"
        words = f"{Path(self.data).stem}_{test}_seed{self.seed}"
        return self._named(words, plain=self == self.from_preset(data=self.data, seed=self.seed))

    def run(self, run: Run, dataset: Dataset | None = None) -> Findings:
        """Train what is to be trained, gate it, probe it; write everything but the page."""
        case, asked = self.case(dataset), self.folders()
        mine = {name: subjects.loaded(path, case) for name, path in asked.items() if path is not None}
        record_data(
            run,
            case.data.train.name,
            case.parts.values(),
            {name: len(part) for name, part in case.parts.items()},
            test=case.name,
            known=list(case.data.train.class_names),
            probed=list(case.data.open_test.class_names),
            concepts=list(case.data.train.concept_names),
        )
        options = measure.Options(self.policy, self.n_resamples, self.seed)
        found = Findings()
        measured: list[measure.Gated] = []
        trainings = [run.path("models", name, "metrics.csv") for name in asked if name not in mine]
        for name, path in asked.items():
            folder = run.path("models", name)
            if not run.follower:  # before the first training too: from then on a run keeps its settings
                join_metrics(run.path("metrics.csv"), trainings)
            model = mine[name] if name in mine else self._trained(name, case, folder, run)
            if run.follower:
                continue
            done = measure.gated(name, model, case, self.gate)
            if name not in mine:
                saved.save(model, folder / "model", gate=done.gate, card=subjects.card(name, model, case))
            log.info("%s: measured", name)
            found.add(*measure.estimates(done, case, options))
            found.warnings += subjects.seen_before(path, case)
            for part in ("validation", "open_test"):
                done.scored(part, case).save(run.path("representation", name, f"{part}.npz"))
            save_arrays(run.path("representation", name, "gate.npz"), done.gate.state)
            measured.append(done)
        if run.follower:
            return Findings()
        join_metrics(run.path("metrics.csv"), trainings)
        tables.write(run.path("tables"), measured, case)
        save_arrays(run.path("representation", "examples.npz"), tables.examples(measured, case))
        save_arrays(run.path("representation", "probed.npz"), {"labels": case.data.open_test.labels})
        return conclude(run, found, *trainings)

    @staticmethod
    def page(folder: Path) -> Page:
        """Build the report of a run folder."""
        from lightwell.studies.leakage.page import build

        return build(folder)

    def case(self, dataset: Dataset | None = None) -> Case:
        """Return what is trained on and probed for.

        Parameters
        ----------
        dataset : Dataset, optional
            A data set of the user's own in place of the one the settings name.
        """
        return load_case(
            self.test,
            self.data,
            self.data_dir,
            known=self.known,
            probe=self.probe,
            n_open=self.n_open,
            image_size=self.image_size,
            dataset=dataset,
            seed=self.seed,
        )

    def _trained(self, name: str, case: Case, folder: Path, run: Run) -> Model:
        """Return the trained model, read from the folder where a resumed run has it already."""
        train, validation = case.data.train, case.data.validation
        # Images stay in [0, 1]: what is rebuilt is what went in.
        signature = signature_of(train, self.network, concepts=train.concept_groups, standardise=False)
        recipe = Recipe(
            subjects.METHODS[name], getattr(self, name), self.optimizer, self.training, seed=self.seed
        )
        return recipe.model(signature, train, validation, folder, run)
