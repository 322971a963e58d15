"""The contract of a study, and where its settings come from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar, Self

from lightwell.core.errors import ConfigError, nearest
from lightwell.core.files import read_json
from lightwell.core.findings import Findings
from lightwell.core.imports import import_named
from lightwell.data import Dataset
from lightwell.report import Figure, Page
from lightwell.studies.configure import configure, to_yaml
from lightwell.studies.validation import folds
from lightwell.training.run import Run


@dataclass(frozen=True)
class Study(ABC):
    """A question asked end to end: frozen settings, and ``run`` that answers into a run folder.

    Attributes
    ----------
    report : str
        ``module:function`` that makes the page of a run folder.
    commands : mapping of str to str
        Words that may follow the study's name on the command line in place of settings, each with its
        ``module:function``, which takes the words after it and returns the exit status.
    stages : tuple of str
        What a run does in turn, where each is stored by itself and a run may stop after any.

    Examples
    --------
    >>> from lightwell.studies import study
    >>> study("open-set").from_preset("smoke", split="arpl/1").training.epochs
    1
    """

    name: ClassVar[str]
    title: ClassVar[str]
    report: ClassVar[str]
    default_preset: ClassVar[str] = "small"
    commands: ClassVar[Mapping[str, str]] = {}
    stages: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def run(self, run: Run, dataset: Dataset | None = None) -> Findings:
        """Answer the question and write everything but the page into the run folder.

        Parameters
        ----------
        run : Run
            An open run folder.
        dataset : Dataset, optional
            A data set of the user's own in place of the one the settings name.
        """

    @property
    def objective(self) -> str:
        """Finding that a search over settings goes by where none is named; empty for none."""
        return ""

    def choosing(self, n_folds: int, seed: int, held_out: int | None = None) -> list[tuple[Self, Dataset]]:
        """Return studies with data whose "test" numbers may choose settings: training examples alone.

        Parameters
        ----------
        n_folds : int
            How many.
        seed : int
            Fixes how the training part is cut; not the seed of the training.
        held_out : int, optional
            Classes that each fold leaves out, in a study about unseen classes.

        Raises
        ------
        ConfigError
            If this study cannot be judged so.
        """
        if held_out is not None:
            raise ConfigError("no class is left out in this study", where="held-out classes", got=held_out)
        judged, training = self._judged()
        return [(judged, fold) for fold in folds(training, n_folds, seed)]

    def _judged(self) -> tuple[Self, Dataset]:
        """Return the study as a search runs it, and the examples it may see."""
        raise ConfigError("this study cannot be judged without its test examples", where=self.name)

    @classmethod
    def page(cls, folder: Path) -> Page:
        """Build the report from what :meth:`run` stored, without any model."""
        made: Page = import_named(cls.report, "report")(folder)
        return made

    @staticmethod
    def side_by_side(runs: Mapping[str, Sequence[Path]]) -> list[Figure]:
        """Return figures that only several finished runs make, for the page of a fleet.

        Parameters
        ----------
        runs : mapping of str to sequence of Path
            Run folders by their point of the grid, seeds together.
        """
        del runs
        return []

    @property
    def label(self) -> str:
        """Name of the run folder that these settings get by default."""
        return self.name

    def _named(self, words: str, *, safe: str = "-_", **told: Any) -> str:
        """Return words as the name of a folder, with a hash of what else is not the default preset.

        The settings that the words tell are given by name; of a path, which they tell in part, its stem.
        """
        plain = all(getattr(self, name) == value for name, value in told.items())
        if not plain or self != self.from_preset(**told):
            unseeded: dict[str, Any] = {"seed": 0}
            words += "_" + sha256(replace(self, **unseeded).to_yaml().encode()).hexdigest()[:6]
        return "".join(c if c.isalnum() or c in safe else "-" for c in words)

    def _check_ranges(self, shares: str = "", portions: str = "", **least: int) -> None:
        """Refuse settings out of range.

        Shares are between 0 and 1, portions above 0 and at most 1, both listed by name and parted by spaces;
        of the others the least value is given, and None is taken.
        """
        values = {name: getattr(self, name) for name in (*shares.split(), *portions.split(), *least)}
        checks = {name: (0 < values[name] < 1, "between 0 and 1") for name in shares.split()}
        checks |= {name: (0 < values[name] <= 1, "above 0, at most 1") for name in portions.split()}
        checks |= {k: (values[k] is None or values[k] >= n, f"{n} or more") for k, n in least.items()}
        for name, (holds, wanted) in checks.items():
            if not holds:
                raise ConfigError("setting is out of range", where=name, expected=wanted, got=values[name])

    @classmethod
    def parts(cls, chosen: Mapping[str, Any]) -> dict[str, type[Any]]:
        """Return settings whose type depends on other settings: their key and dataclass.

        Parameters
        ----------
        chosen : mapping
            Settings by dotted key, as far as they are known already.
        """
        del chosen
        return {}

    @classmethod
    def from_preset(cls, preset: str | None = None, **settings: Any) -> Self:
        """Return the study with the settings of a preset, some replaced.

        Parameters
        ----------
        preset : str, optional
            Its name, such as ``"smoke"``, or a YAML file; by default the study's ``default_preset``.
        **settings
            Settings by name; nested ones as mappings, such as ``training={"epochs": 3}``.

        Raises
        ------
        ConfigError
            If the preset or a setting is unknown, or a value does not fit.
        """
        return configure(cls, preset, settings)

    def to_yaml(self) -> str:
        """Return every setting as YAML; with ``--config`` it repeats the run."""
        return to_yaml(self)

    def __call__(
        self,
        folder: Path | str,
        *,
        dataset: Dataset | None = None,
        resume: bool = False,
        until: str = "",
        figure_formats: tuple[str, ...] = (),
    ) -> Findings:
        """Run the study into a folder and write its page.

        Parameters
        ----------
        folder : Path or str
            The run folder.
        dataset : Dataset, optional
            A data set of the user's own.
        resume : bool
            Go on with an interrupted run of the same settings; a finished one is left as it is.
        until : str
            Stop after this one of the study's ``stages``, without findings; ``resume`` goes on from there.
        figure_formats : tuple of str
            Besides PNG: ``"pdf"``, ``"svg"``.

        Returns
        -------
        Findings
            The numbers, also in ``findings.json``.
        """
        if until and until not in self.stages:
            fix = nearest(until, self.stages) if self.stages else f"The study '{self.name}' has none."
            raise ConfigError("no such stage", where="until", got=repr(until), fix=fix)
        if resume and dataset is None and self._finished(Path(folder)):
            if figure_formats:
                self.page(Path(folder)).write(Path(folder), figure_formats)
            found = Findings.read(Path(folder) / "findings.json")
            found.warnings += read_json(Path(folder) / "run.json").get("warnings", [])
            return found
        seed = int(getattr(self, "seed", 0))
        with Run(folder, self.name, seed=seed, config=self.to_yaml(), resume=resume, until=until) as run:
            findings = self.run(run, dataset)
            if not run.follower and len(findings):
                self.page(run.folder).write(run.folder, figure_formats)
        return findings

    def _finished(self, folder: Path) -> bool:
        """Say whether the folder holds a finished run of these settings: nothing is left to do."""
        wanted = [folder / name for name in ("run.json", "config.yaml", "findings.json", "report.html")]
        return (
            all(path.is_file() for path in wanted)
            and read_json(wanted[0]).get("status") == "finished"
            and wanted[1].read_text(encoding="utf-8") == self.to_yaml()
        )
