"""What a finished run of the study ``discovery`` left in its folder, read back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightwell.core.files import load_arrays
from lightwell.core.representation import Representation
from lightwell.metrics.clustering import Matching, cluster_accuracy
from lightwell.studies.discovery import names
from lightwell.studies.discovery.gate import Floats, Ints, experts_of, gate_of
from lightwell.studies.discovery.watch import read_epochs
from lightwell.studies.finished import Finished
from lightwell.training.history import read_history


@dataclass(frozen=True)
class Stored(Finished):
    """What a finished run left in its folder.

    Attributes
    ----------
    folder, status, settings, findings
        As :class:`lightwell.studies.finished.Finished` has them.
    pictures : dict of str to array
        Contents of ``pictures.npz``.
    test : Representation
        Of the restart that is shown.
    given : mapping of (int, int) to str
        Names of cells, by coarse class and expert.
    epochs : list of dict
        What was measured after each epoch: ``restarts``, numbers by name; ``profiles``, by coarse class.
    """

    pictures: dict[str, NDArray[Any]]
    test: Representation
    given: names.Names
    epochs: list[dict[str, Any]]

    @classmethod
    def _kept(cls, folder: Path) -> dict[str, Any]:
        pictures = load_arrays(folder / "representation" / "pictures.npz")
        given = names.read(folder, pictures["coarse"].tolist(), pictures["exists"])
        test = Representation.load(folder / "representation" / "test.npz")
        epochs = read_epochs(folder, len(read_history(folder / "metrics.csv")))
        return {"pictures": pictures, "test": test, "given": given, "epochs": epochs}

    def rows(self, name: str) -> list[tuple[object, ...]]:
        """Return a table the run wrote, its header first."""
        table = self.table(name, "")
        return [table.columns, *table.rows]

    @property
    def coarse_names(self) -> list[str]:
        """Names of the coarse classes."""
        return [str(name) for name in self.pictures["coarse"]]

    @property
    def fine_names(self) -> list[str]:
        """Names of the fine classes; none where they are not known."""
        return [str(name) for name in self.pictures["fine_names"]]

    @property
    def shown(self) -> int:
        """Number of the restart that stands for all."""
        return int(self.pictures["shown"])

    @property
    def exists(self) -> NDArray[np.bool_]:
        """Whether an expert holds a sub-class of a coarse class, shape (C, K)."""
        return np.asarray(self.pictures["exists"], dtype=np.bool_)

    @property
    def n_experts(self) -> int:
        """K."""
        return int(self.exists.shape[1])

    @property
    def fine(self) -> Ints | None:
        """Fine labels of the test images."""
        return self.pictures["fine"] if self.fine_names else None

    @cached_property
    def gate(self) -> Floats:
        """The gate's distribution for each test image, shape (n, K)."""
        return gate_of(self.test, self.n_experts)

    @cached_property
    def experts(self) -> Ints:
        """The expert of each test image."""
        return experts_of(self.test, self.n_experts)

    @cached_property
    def matchings(self) -> dict[int, Matching]:
        """Fine class of each expert by coarse class; empty where they are not known."""
        return {} if self.fine is None else cluster_accuracy(self.fine, self.test.labels, self.experts)

    def cell(self, coarse: int, expert: int) -> str:
        """Return the name given to a cell, or its place."""
        return self.given.get((coarse, expert), f"{self.coarse_names[coarse]} / {expert}")

    def expert(self, expert: int) -> str:
        """Return the number of an expert with the names given to its cells."""
        own = [name for (_, k), name in sorted(self.given.items()) if k == expert]
        return f"{expert}: {', '.join(own)}" if own else str(expert)

    def match(self, coarse: int, expert: int) -> tuple[str, float | None]:
        """Return the fine class that a cell is matched with, and its share of the cell."""
        found = self.matchings.get(coarse)
        if found is None or expert >= len(found.pairs) or found.pairs[expert] < 0:
            return "", None
        held = found.counts[expert]
        if not held.sum():
            return "", None
        share = held[found.labels == found.pairs[expert]].sum() / held.sum()
        return self.fine_names[found.pairs[expert]], float(share)
