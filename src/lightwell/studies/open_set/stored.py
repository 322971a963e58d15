"""What a finished open-set run left in its folder, read back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightwell.core.representation import Representation
from lightwell.models.saved import Decision, load_decision
from lightwell.studies.finished import Finished


@dataclass(frozen=True)
class Stored(Finished):
    """What a finished run left in its folder.

    Attributes
    ----------
    train, test : Representation
        Views of the method's model, with scores.
    decision : Decision
        The score and rule that decide.
    """

    train: Representation
    test: Representation
    decision: Decision

    @classmethod
    def _kept(cls, folder: Path) -> dict[str, Any]:
        views = folder / "representation"
        train, test = (Representation.load(views / f"{part}.npz") for part in ("train", "test"))
        return {"train": train, "test": test, "decision": load_decision(folder / "model")}

    @property
    def score(self) -> str:
        """Name of the score that decides."""
        return self.decision.scorer.info.name

    @property
    def detectors(self) -> list[str]:
        """Scores of foreign detectors: those that training images have not."""
        return [name for name in self.test.scores if name not in self.train.scores]

    @property
    def names(self) -> tuple[str, ...]:
        """Known classes, in the model's numbering."""
        return self.test.class_names

    @property
    def refused(self) -> NDArray[np.bool_]:
        """Which test examples are refused, shape (n,)."""
        return self.decision.predict(self.test) < 0

    @property
    def known_means(self) -> NDArray[np.float64]:
        """Mean code of each class over correctly classified training examples, shape (K, D)."""
        return class_means(self.train, self.train.correct)

    def baseline(self) -> Representation | None:
        """Return the baseline's test view, where there is one."""
        file = self.folder / "baseline" / "representation" / "test.npz"
        return Representation.load(file) if file.is_file() else None

    def counts(self, name: str) -> tuple[NDArray[np.int64], list[str]]:
        """Return the counts of a confusion table, and the names of its rows."""
        table = self.table(name, "")
        numbers = np.array([[int(float(str(c))) for c in row[1:]] for row in table.rows], dtype=np.int64)
        return numbers.reshape(len(table.rows), len(self.names)), [str(row[0]) for row in table.rows]


def class_means(view: Representation, rows: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the mean code of each class, over the chosen examples or all of it where none is chosen."""
    means = []
    for c in range(len(view.class_names)):
        own = view.labels == c
        chosen = own & rows if (own & rows).any() else own
        means.append(
            view.codes[chosen].astype(np.float64).mean(axis=0)
            if chosen.any()
            else np.zeros(view.codes.shape[1])
        )
    return np.stack(means)


def true_classes(view: Representation) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return the number of each example's true class, and the names: known classes, then unknown ones."""
    assert view.origins is not None  # noqa: S101 - stored views hold them
    groups = view.labels.astype(np.int64)
    strangers, codes = np.unique(view.origins[~view.known], return_inverse=True)
    groups[~view.known] = len(view.class_names) + codes
    return groups, (*view.class_names, *map(str, strangers))
