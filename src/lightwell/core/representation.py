"""What one model made of one data set, as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightwell.core.errors import DataError
from lightwell.core.files import load_arrays, save_arrays

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Representation:
    """Codes of one model on one data set. Metrics and figures take this, never a model.

    Attributes
    ----------
    codes : array, shape (n, d)
        The representation, float.
    labels : array of int, shape (n,)
        True class in the model's numbering, -1 for an unknown.
    predictions : array of int, shape (n,), or None
        Predicted class in 0 .. k-1.
    logits : array, shape (n, k), or None
        Class scores, larger is more likely.
    concepts : array, shape (n, c), or None
        Concept activations in [0, 1].
    scores : mapping of str to array, shape (n,)
        Unknown scores by name; larger is always more unknown.
    ids : array of int, shape (n,)
        Rows in the data set that was loaded.
    origins : array of str, shape (n,)
        Name of the true class, known or not.
    class_names : tuple of str
        Names of the known classes, in the model's numbering.

    Raises
    ------
    DataError
        If the arrays disagree about n.

    Examples
    --------
    >>> r = Representation(np.zeros((2, 3)), np.array([0, -1]), class_names=("cat",))
    >>> r.n, r.known.tolist()
    (2, [True, False])
    """

    codes: Floats
    labels: Ints
    predictions: Ints | None = None
    logits: Floats | None = None
    concepts: Floats | None = None
    scores: Mapping[str, Floats] = field(default_factory=dict)
    ids: Ints | None = None
    origins: NDArray[np.str_] | None = None
    class_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.labels)
        for name, array in self._rows().items():
            if len(array) != n:
                raise DataError(
                    "arrays of a representation differ in length", where=name, expected=n, got=len(array)
                )

    def _rows(self) -> dict[str, NDArray[Any]]:
        """Return every array that has one row an example, under the name it is stored by."""
        fixed = {"codes": self.codes, "labels": self.labels}
        maybe = {
            "predictions": self.predictions,
            "logits": self.logits,
            "concepts": self.concepts,
            "ids": self.ids,
            "origins": self.origins,
        }
        scores = {f"score.{name}": score for name, score in self.scores.items()}
        return fixed | {k: v for k, v in maybe.items() if v is not None} | scores

    @property
    def n(self) -> int:
        """Number of examples."""
        return len(self.labels)

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which examples are of a known class, shape (n,)."""
        return np.asarray(self.labels >= 0)

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Which examples are known and predicted right, shape (n,)."""
        if self.predictions is None:
            raise DataError("this representation holds no predictions", where="Representation.correct")
        return np.asarray(self.known & (self.predictions == self.labels))

    def take(self, rows: NDArray[Any]) -> Representation:
        """Return the examples at these rows (indices or a mask)."""
        return self._from_rows({k: v[rows] for k, v in self._rows().items()}, self.class_names)

    def with_scores(self, scores: Mapping[str, Floats]) -> Representation:
        """Return a copy that also holds these unknown scores."""
        rows = self._rows() | {f"score.{k}": v for k, v in scores.items()}
        return self._from_rows(rows, self.class_names)

    def save(self, path: Path) -> None:
        """Write everything to one ``.npz`` without objects."""
        save_arrays(path, self._rows() | {"class_names": np.array(self.class_names, dtype=np.str_)})

    @classmethod
    def load(cls, path: Path) -> Representation:
        """Read a file written by :meth:`save`.

        Raises
        ------
        DataError
            If it is missing, damaged, or something else.
        """
        arrays = load_arrays(path)
        plain = {name for name in arrays if not name.startswith("score.")}
        known = {field.name for field in fields(cls)} - {"scores"}
        if not {"codes", "labels", "class_names"} <= plain <= known:
            raise DataError("not a saved representation", where=path, got=sorted(arrays))
        names = tuple(str(name) for name in arrays.pop("class_names"))
        return cls._from_rows(arrays, names)

    @classmethod
    def join(cls, first: Representation, second: Representation) -> Representation:
        """Return the examples of both, one after the other.

        Raises
        ------
        DataError
            If they hold different arrays, or know different classes.
        """
        if first.class_names != second.class_names:
            raise DataError(
                "representations know different classes", expected=first.class_names, got=second.class_names
            )
        a, b = first._rows(), second._rows()
        if a.keys() != b.keys():
            raise DataError("representations hold different arrays", expected=sorted(a), got=sorted(b))
        return cls._from_rows({k: np.concatenate([a[k], b[k]]) for k in a}, first.class_names)

    @classmethod
    def _from_rows(cls, rows: Mapping[str, NDArray[Any]], names: tuple[str, ...]) -> Representation:
        plain = {k: v for k, v in rows.items() if not k.startswith("score.")}
        scores = {k.removeprefix("score."): v for k, v in rows.items() if k.startswith("score.")}
        return cls(**plain, scores=scores, class_names=names)
