"""What a finished run of the study ``concepts`` left in its folder, read back."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from lightwell.core.files import load_arrays
from lightwell.core.findings import Findings
from lightwell.studies.finished import read_finished


@dataclass(frozen=True)
class Stored:
    """What a finished run left in its folder.

    Attributes
    ----------
    folder : Path
        The run folder.
    status, settings : dict
        Contents of ``run.json`` and ``config.yaml``.
    findings : Findings
        The numbers.
    pictures : dict of str to array
        Contents of ``pictures.npz``.
    """

    folder: Path
    status: dict[str, Any]
    settings: dict[str, Any]
    findings: Findings
    pictures: dict[str, NDArray[Any]]

    @classmethod
    def read(cls, folder: Path) -> Stored:
        """Read a run folder; a run without findings is refused."""
        status, settings, found = read_finished(folder)
        pictures = load_arrays(folder / "representation" / "pictures.npz")
        return cls(folder, status, settings, found, pictures)

    def rows(self, name: str) -> list[list[str]]:
        """Return a table the run wrote, its header first."""
        with (self.folder / "tables" / f"{name}.csv").open(newline="", encoding="utf-8") as handle:
            return list(csv.reader(handle))

    def names(self, key: str) -> list[str]:
        """Return names kept with the pictures."""
        return [str(name) for name in self.pictures[key]]
