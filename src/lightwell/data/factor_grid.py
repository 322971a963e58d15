"""Data sets that hold every combination of their factors, numbered like the digits of a mixed radix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lightwell.core.arrays import rows_of
from lightwell.core.concepts import Concept
from lightwell.core.errors import DataError

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Factor:
    """One factor of a grid.

    Attributes
    ----------
    name : str
        Its name.
    size : int
        Number of its values.
    values : tuple of str
        Names of the values where it is categorical; empty where its values are ordered.
    """

    name: str
    size: int
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class FactorGrid:
    """Every combination of some factors, the last one running fastest.

    Attributes
    ----------
    members : tuple of Factor
        The factors.

    Examples
    --------
    >>> grid = FactorGrid((Factor("shape", 2, ("square", "heart")), Factor("scale", 3)))
    >>> grid.n, grid.factors([4]).tolist(), grid.rows([[1, 1]]).tolist()
    (6, [[1, 1]], [4])
    >>> grid.concept_names, grid.encode(np.array([[1, 1]])).tolist()
    (('shape=square', 'shape=heart', 'scale'), [[0.0, 1.0, 0.5]])
    """

    members: tuple[Factor, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the factors."""
        return tuple(factor.name for factor in self.members)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of values of each factor."""
        return tuple(factor.size for factor in self.members)

    @property
    def n(self) -> int:
        """Number of combinations."""
        return int(np.prod(self.sizes))

    @property
    def concepts(self) -> tuple[Concept, ...]:
        """A concept a factor: categorical where values have names, binary with two, else continuous."""
        return tuple(
            Concept(f.name, "categorical", f.size)
            if f.values
            else Concept(f.name, "binary" if f.size == 2 else "continuous")
            for f in self.members
        )

    @property
    def concept_names(self) -> tuple[str, ...]:
        """Names of the columns of :meth:`encode`."""
        return tuple(
            column for f in self.members for column in ([f"{f.name}={v}" for v in f.values] or [f.name])
        )

    def factors(self, rows: ArrayLike | None = None) -> Ints:
        """Return the class index of each factor, shape (n, factors), of these rows or of all.

        Raises
        ------
        DataError
            If a row is outside the grid.
        """
        chosen = np.arange(self.n) if rows is None else rows_of(np.asarray(rows), self.n, "factor grid")
        return np.stack(np.unravel_index(chosen % self.n, self.sizes), axis=1).astype(np.int64, copy=False)

    def rows(self, factors: ArrayLike) -> Ints:
        """Return the rows of combinations, shape (n,): the inverse of :meth:`factors`.

        Raises
        ------
        DataError
            If they are not one class index a factor, or one is outside.
        """
        array = np.asarray(factors)
        shaped = array.ndim == 2 and array.shape[1] == len(self.members) and array.dtype.kind in "iu"
        if not shaped or not ((array >= 0) & (array < self.sizes)).all():
            raise DataError(
                "these are no class indices of the factors",
                where="factors",
                expected=f"whole numbers, shape (n, {len(self.members)}), below {self.sizes}",
                got=f"{array.dtype} of shape {array.shape}",
            )
        return np.asarray(np.ravel_multi_index(tuple(array.T), self.sizes), dtype=np.int64)

    def encode(self, factors: Ints) -> NDArray[np.float32]:
        """Return the columns of the concepts: one-hot, or the class index over its largest."""
        blocks = [
            np.eye(f.size, dtype=np.float32)[values]
            if f.values
            else (values / (f.size - 1)).astype(np.float32)[:, np.newaxis]
            for f, values in zip(self.members, factors.T, strict=True)
        ]
        return np.concatenate(blocks, axis=1)
