"""The settings of the study ``leakage``."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Literal

from lightwell.core import slug
from lightwell.core.errors import ConfigError, nearest
from lightwell.core.files import MANIFEST
from lightwell.models.concepts.concept_bottleneck import CbnmSettings
from lightwell.models.concepts.glancenet import GlanceNetSettings
from lightwell.models.optimizer import OptimizerSettings
from lightwell.studies.contract import Study
from lightwell.studies.leakage.gates import GateSettings
from lightwell.training import TrainingSettings

NAMED = ("mnist-parity", "dsprites-corners")
METHODS = {"cbnm": "cbnm", "vae": "glancenet", "glancenet": "glancenet"}
"""What can be trained, and the method of the house that it is; the VAE has no class prior."""


@dataclass(frozen=True)
class LeakageSettings(Study):
    """Settings of the study ``leakage``; :class:`lightwell.studies.leakage.LeakageStudy` is the study.

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
    report: ClassVar[str] = "lightwell.studies.leakage.page:build"

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
        """Return what is measured, by its name in the findings: None to train it, or a saved model's folder.

        Raises
        ------
        ConfigError
            If there is none, one is unknown, or two have one name.
        """
        words = [word for word in (part.strip() for part in self.methods.split(",")) if word]
        found: dict[str, Path | None] = {}
        for word in words:
            path = Path(word)
            if word in METHODS:
                found[word] = None
            elif (path / MANIFEST).is_file():
                found[slug(path.resolve().parent.name if path.name == "model" else path.name)] = path
            else:
                raise ConfigError(
                    "no such method, and no folder of a saved model",
                    where="methods",
                    got=repr(word),
                    fix=nearest(word, METHODS),
                )
        if not words or len(found) < len(words):
            raise ConfigError(
                "methods are named once each, at least one", where="methods", got=repr(self.methods)
            )
        return found

    @property
    def label(self) -> str:
        """Data, test and seed, as one word; a hash of all else that is not the default preset."""
        test = self.test if not self.known else "classes"
        words = f"{Path(self.data).stem}_{test}_seed{self.seed}"
        return self._named(words, data=self.data, seed=self.seed)
