"""What a search over settings tries, and how a trial is judged: by held-out training examples alone."""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lightwell.core.errors import ConfigError, nearest
from lightwell.core.findings import Estimate, Findings
from lightwell.fleet.space import Dimension, Value
from lightwell.studies import study as find_study
from lightwell.studies.configure import parse
from lightwell.training import Run

SAMPLERS = ("tpe", "random", "grid")


@dataclass(frozen=True)
class Search:
    """A search over settings.

    Attributes
    ----------
    study : str
        Name of the study.
    dimensions : tuple of Dimension
        What is tried.
    preset : str
        Where all trials start from; by default the study's ``default_preset``.
    words : tuple of str
        Settings all trials share, as on the command line.
    objective : str
        Finding to go by, as it is on held-out training examples, made large or small as it says itself; by
        default the study's own. A name without its variant means the first, and ``auroc`` and ``oscr`` those
        of the score that decides.
    n_folds : int
        Cuts of the training part a trial is averaged over.
    held_out : int or None
        Classes left out in each, where the study is about unseen classes; None for a third.
    sampler : {"tpe", "random", "grid"}
        How trials are drawn; ``grid`` tries every combination of lists once.
    seed : int
        Of the sampler and of the parts.

    Raises
    ------
    ConfigError
        If there is nothing to search or to go by, a setting is unknown or a value does not fit it, or the
        sampler or the study cannot be used.

    Examples
    --------
    >>> from lightwell.fleet.space import parse_dimension
    >>> Search("open-set", (parse_dimension("model.features=5,10"),), "smoke").size
    2
    """

    study: str
    dimensions: tuple[Dimension, ...]
    preset: str = ""
    words: tuple[str, ...] = ()
    objective: str = ""
    n_folds: int = 3
    held_out: int | None = None
    sampler: str = "tpe"
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.preset:
            object.__setattr__(self, "preset", find_study(self.study).default_preset)
        if self.sampler not in SAMPLERS:
            raise ConfigError("unknown sampler", got=self.sampler, fix=nearest(self.sampler, SAMPLERS))
        if not self.dimensions:
            raise ConfigError("nothing to search over", fix="Give --space KEY=VALUES, or --space PRESET.")
        names = [dimension.name for dimension in self.dimensions]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ConfigError("a setting is searched over twice", where="--space", got=", ".join(twice))
        ranges = [d.name for d in self.dimensions if d.kind != "choice"]
        if self.sampler == "grid" and ranges:
            raise ConfigError("a grid needs lists, not ranges", where="--space", got=", ".join(ranges))
        for dimension in self.dimensions:
            for value in dimension.samples:
                self.settings({dimension.name: value})
        if not self.objective:
            object.__setattr__(self, "objective", self.settings({}).objective)
        if not self.objective:
            raise ConfigError(
                "nothing says which settings are better here",
                where=self.study,
                fix="Name a finding: --objective.",
            )

    @property
    def size(self) -> int | None:
        """Number of combinations; None where there is a range."""
        total = 1
        for dimension in self.dimensions:
            if dimension.kind != "choice":
                return None
            total *= len(dimension.choices)
        return total

    def settings(self, values: dict[str, Value]) -> Any:
        """Return the study with these values of the dimensions.

        Raises
        ------
        ConfigError
            If a setting is unknown or a value does not fit.
        """
        words = [word for d in self.dimensions if d.name in values for word in d.words(values[d.name])]
        return parse(find_study(self.study), [*self.words, *words], preset=self.preset)

    def to_json(self) -> str:
        """Return the search as JSON, for :meth:`from_json`."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Search:
        """Return the search of :meth:`to_json`."""
        record = json.loads(text)
        dimensions = [Dimension(**d | {"choices": tuple(d["choices"])}) for d in record.pop("dimensions")]
        return cls(**record | {"dimensions": tuple(dimensions), "words": tuple(record["words"])})

    def identity(self) -> str:
        """Return what must stay the same when trials are added, as JSON."""
        space = {dimension.name: str(dimension) for dimension in self.dimensions}
        facts = {"preset": self.preset, "settings": self.settings({}).to_yaml(), "space": space}
        judged = {"objective": self.objective, "folds": self.n_folds, "held out": self.held_out}
        return json.dumps({"study": self.study, **facts, **judged, "seed": self.seed})


def judge(search: Search, values: dict[str, Value], folder: Path) -> tuple[list[Estimate], list[str]]:
    """Train with these values on every fold; return the objective of each, and every warning once.

    Parameters
    ----------
    search : Search
        What is searched.
    values : mapping of str to value
        Of each dimension.
    folder : Path
        Where ``fold-<i>.json`` goes, with all findings of the fold.

    Raises
    ------
    ConfigError
        If there is no such finding, it has no better end, or the study cannot be judged so.
    """
    estimates: list[Estimate] = []
    said: dict[str, str] = {}
    folds = search.settings(values).choosing(search.n_folds, search.seed, search.held_out)
    for i, (study, data) in enumerate(folds):
        with (
            tempfile.TemporaryDirectory(prefix="lightwell-") as scratch,
            Run(Path(scratch) / "run", study.name, seed=study.seed, config=study.to_yaml()) as run,
        ):
            findings = study.run(run, data)
        findings.write(folder / f"fold-{i}.json")
        estimates.append(_objective(findings, search.objective, getattr(study, "score", None)))
        for warning in findings.warnings:  # of folds that differ in numbers only, the first
            said.setdefault(re.sub(r"[\d.]+", "", warning), f"fold {i}: {warning}")
    return estimates, list(said.values())


def _objective(findings: Findings, wanted: str, score: str | None) -> Estimate:
    """Return the finding of this name; of ``auroc`` alone that of the score that decides, the first."""
    names = [wanted, f"{wanted}.{score}"] if score else [wanted]
    names += [e.name for e in findings if e.name.startswith(f"{wanted}.")]
    found = findings[next((name for name in names if name in findings), wanted)]
    if found.higher_is_better is None:
        raise ConfigError("neither end of this finding is the better one", where="objective", got=found.name)
    return found
