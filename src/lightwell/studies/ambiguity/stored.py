"""What a finished run of the study ``ambiguity`` left in its folder, read back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightwell.core.files import load_arrays
from lightwell.explain.patterns import Patterns
from lightwell.studies.ambiguity.candidates import Candidate, read, the_pick
from lightwell.studies.ambiguity.eyes import Arrays
from lightwell.studies.ambiguity.patterns import read_patterns, source_of
from lightwell.studies.ambiguity.samples import band_of, read_samples
from lightwell.studies.finished import Finished


@dataclass(frozen=True)
class Stored(Finished):
    """What a finished run left in its folder.

    Attributes
    ----------
    folder, status, settings, findings
        As of every finished run.
    candidates : list of Candidate
        Every stored generator.
    sets : dict of str to dict
        Images of every set with what was seen of them.
    patterns : Patterns
        Of the images in the band of :attr:`source`.
    rows : array of int
        Those images among the samples.
    prototypes : dict of str to array
        Contents of ``prototypes.npz``.
    """

    candidates: list[Candidate]
    sets: dict[str, Arrays]
    patterns: Patterns
    rows: NDArray[np.int64]
    prototypes: Arrays

    @classmethod
    def _kept(cls, folder: Path) -> dict[str, Any]:
        patterns, rows = read_patterns(folder)
        return {
            "candidates": read(folder / "tables" / "candidates.csv"),
            "sets": read_samples(folder),
            "patterns": patterns,
            "rows": rows,
            "prototypes": load_arrays(folder / "representation" / "prototypes.npz"),
        }

    @property
    def names(self) -> tuple[str, str]:
        """Names of the positive and of the negative class."""
        return str(self.data["positive"]), str(self.data["negative"])

    @property
    def width(self) -> float:
        """Half the width of the band."""
        return float(self.settings["band"])

    @property
    def pick(self) -> Candidate:
        """The generator that was picked."""
        return the_pick(self.candidates)

    @property
    def source(self) -> str:
        """Whose images patterns were looked for in."""
        return source_of(self.folder)

    @property
    def outputs(self) -> dict[str, NDArray[Any]]:
        """The classifier's outputs on each set."""
        return {name: seen["p"] for name, seen in self.sets.items()}

    @property
    def others(self) -> list[str]:
        """Names of the classifiers it is compared with."""
        return [key.removeprefix("p.") for key in self.sets["real"] if key.startswith("p.")]

    def band(self, name: str) -> NDArray[np.bool_]:
        """Return which images of a set lie in the band."""
        return band_of(self.sets[name], self.width)
