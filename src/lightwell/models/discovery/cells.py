"""Cells: which expert holds a sub-class of which coarse class, and how large each is expected to be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lightwell.core.dataset import Dataset
from lightwell.core.errors import ConfigError, DataError


@dataclass(frozen=True)
class Cells:
    """The table of coarse classes by experts.

    Attributes
    ----------
    class_names : tuple of str
        Coarse classes, one a row.
    exists : array of bool, shape (C, K)
        Whether an expert holds a sub-class of a class.
    sizes : array of float, shape (C, K)
        Expected shares; each row sums to 1.
    """

    class_names: tuple[str, ...]
    exists: NDArray[np.bool_]
    sizes: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        subclasses: int | tuple[int, ...],
        sizes: tuple[tuple[float, ...], ...],
        class_names: tuple[str, ...],
    ) -> Cells:
        """Return the table of settings.

        Raises
        ------
        ConfigError
            If numbers or sizes do not fit the classes.

        Examples
        --------
        >>> Cells.of((2, 3), (), ("pass", "fail")).sizes.round(2)
        array([[0.5 , 0.5 , 0.  ],
               [0.33, 0.33, 0.33]])
        """
        counts = (subclasses,) * len(class_names) if isinstance(subclasses, int) else subclasses
        if len(counts) != len(class_names) or min(counts) < 1 or max(counts) < 2:
            raise ConfigError(
                "sub-classes are needed, a number for each coarse class",
                where="clustnet.subclasses",
                expected=f"{len(class_names)} numbers of at least 1, one of them 2 or more",
                got=subclasses,
            )
        exists = np.arange(max(counts)) < np.array(counts)[:, np.newaxis]
        if not sizes:
            return cls(class_names, exists, exists / exists.sum(axis=1, keepdims=True))
        if [len(row) for row in sizes] != list(counts) or min(map(min, sizes)) <= 0:
            raise ConfigError(
                "expected sizes do not fit the sub-classes",
                where="clustnet.sizes",
                expected=f"rows of {' and '.join(map(str, counts))} numbers above 0",
                got=sizes,
            )
        table = np.zeros(exists.shape)
        for row, shares in enumerate(sizes):
            table[row, : len(shares)] = np.array(shares) / np.sum(shares)
        return cls(class_names, exists, table)

    @property
    def n_experts(self) -> int:
        """Number of experts."""
        return int(self.exists.shape[1])

    def check_counts(self, train: Dataset) -> None:
        """Refuse a coarse class with fewer images than it should have sub-classes."""
        for number, name in enumerate(self.class_names):
            images, wanted = int((train.labels == number).sum()), int(self.exists[number].sum())
            if images < wanted:
                raise DataError(
                    f"the coarse class '{name}' has fewer images than sub-classes",
                    where=train.name,
                    expected=f"{wanted} or more",
                    got=images,
                    fix="Bring more images, or lower model.subclasses.",
                )
