"""What a finished run of the study ``explanations`` left in its folder, read back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightwell.core.files import load_arrays
from lightwell.studies.finished import Finished


@dataclass(frozen=True)
class Stored(Finished):
    """What a finished run left in its folder.

    Attributes
    ----------
    folder, status, settings, findings
        As of every finished run.
    runs : list of dict of str to array
        What each repetition measured and pictured.
    """

    runs: list[dict[str, NDArray[Any]]]

    @classmethod
    def _kept(cls, folder: Path) -> dict[str, Any]:
        paths = sorted((folder / "representation").glob("run*.npz"), key=lambda p: int(p.stem[3:]))
        return {"runs": [load_arrays(path) for path in paths]}

    def those(self, prefix: str) -> dict[str, NDArray[Any]]:
        """Return the first run's arrays whose names begin so, by the rest of the name."""
        kept = self.runs[0]
        return {name.removeprefix(prefix): kept[name] for name in kept if name.startswith(prefix)}

    def pooled(self, name: str) -> NDArray[Any]:
        """Return an array of all runs, one below the other."""
        return np.concatenate([run[name] for run in self.runs])

    @property
    def titles(self) -> list[str]:
        """Classes of the pictured examples."""
        return [str(name) for name in self.runs[0]["classes"]]
