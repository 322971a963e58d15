"""What a finished leakage run left in its folder, read back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightwell.core.files import load_arrays
from lightwell.core.representation import Representation
from lightwell.studies.finished import Finished
from lightwell.studies.leakage.measure import TESTS
from lightwell.studies.leakage.tables import reasons, shown


class Stored(Finished):
    """What a finished run left in its folder."""

    @property
    def methods(self) -> list[str]:
        """Models in the order they were measured."""
        parts = [estimate.name.split(".") for estimate in self.findings]
        return [p[1] for p in parts if len(p) == 3 and p[0] == "leakage" and p[2] == "none"]

    @property
    def main(self) -> str:
        """The model whose gate is shown in detail: GlanceNet, or the last."""
        return shown(self.methods)

    def view(self, method: str, part: str) -> Representation:
        """Return a stored part of a model."""
        return Representation.load(self.folder / "representation" / method / f"{part}.npz")

    def why(self, method: str, part: str = "open_test") -> NDArray[np.int64]:
        """Return for each example of a part what the model's gate decides, as a place in ``WHY``."""
        scores = self.view(method, part).scores
        names = {test: f"refused.{test}" for test in TESTS}
        return reasons({test: scores[name] > 0.5 for test, name in names.items() if name in scores})

    def gate_of(self, method: str) -> str:
        """Return the name of a model's whole gate: ``both`` where it has two tests."""
        return "both" if f"leakage.{method}.both" in self.findings else "distance"

    def array(self, *path: str) -> dict[str, NDArray[Any]]:
        """Return the arrays of a file below ``representation``."""
        return load_arrays(self.folder.joinpath("representation", *path))
