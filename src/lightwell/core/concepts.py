"""Concepts by name and kind, and the columns they own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lightwell.core.errors import ConfigError, DataError

Kind = Literal["binary", "categorical", "continuous"]

_KINDS = ("binary", "categorical", "continuous")


@dataclass(frozen=True)
class Concept:
    """One concept as a data set annotates it.

    Attributes
    ----------
    name : str
        Distinct within a data set.
    kind : {"binary", "categorical", "continuous"}
        Values 0 or 1; one-hot columns; values in [0, 1].
    size : int
        Columns it owns: one for each value of a categorical concept (at least 2), else 1.

    Raises
    ------
    ConfigError
        If the kind is unknown, or the size does not fit it.

    Examples
    --------
    >>> Concept("shape", "categorical", 3)
    Concept(name='shape', kind='categorical', size=3)
    """

    name: str
    kind: Kind
    size: int = 1

    def __post_init__(self) -> None:
        where = f"concept {self.name}"
        if self.kind not in _KINDS:
            raise ConfigError("unknown kind", where=where, expected=", ".join(_KINDS), got=self.kind)
        if self.size < 2 if self.kind == "categorical" else self.size != 1:
            expected = "2 or more, one a value" if self.kind == "categorical" else "1"
            raise ConfigError("unfit number of columns", where=where, expected=expected, got=self.size)


def concept_columns(concepts: Sequence[Concept]) -> dict[str, slice]:
    """Return the columns each concept owns, by its name, in order.

    Examples
    --------
    >>> concept_columns([Concept("shape", "categorical", 3), Concept("scale", "continuous")])
    {'shape': slice(0, 3, None), 'scale': slice(3, 4, None)}
    """
    ends = np.cumsum([0, *(c.size for c in concepts)]).tolist()
    return {c.name: slice(a, b) for c, a, b in zip(concepts, ends[:-1], ends[1:], strict=True)}


def as_concepts(
    array: NDArray[Any], names: Sequence[str], declared: Sequence[Concept], where: str
) -> tuple[NDArray[np.float32], tuple[Concept, ...]]:
    """Return annotations as float32, and the concepts that own their columns.

    Parameters
    ----------
    array : array, shape (n, columns)
        Values in [0, 1]; NaN where not annotated.
    names : sequence of str
        One a column.
    declared : sequence of Concept
        Empty for a concept a column: binary where every known value is 0 or 1, else continuous.
    where : str
        Named in error messages.

    Raises
    ------
    DataError
        If a value leaves [0, 1], the concepts do not own these columns, or a value does not fit its kind.

    Examples
    --------
    >>> as_concepts(np.array([[1, 0.5], [0, np.nan]]), ["bald", "age"], [], "faces")[1]
    (Concept(name='bald', kind='binary', size=1), Concept(name='age', kind='continuous', size=1))
    """
    if array.dtype.kind not in "biuf":
        raise DataError("concepts must be numbers", where=where, got=array.dtype)
    values = array.astype(np.float32, copy=False)
    outside = (values < 0) | (values > 1)
    if outside.any():
        raise DataError(
            "concepts leave [0, 1]",
            where=where,
            expected="values in 0 .. 1, NaN where not annotated",
            got=float(values[outside][0]),
            fix="Rescale each column by its minimum and maximum.",
        )
    whole = ((values == 0) | (values == 1) | np.isnan(values)).all(axis=0)
    if not declared:
        declared = [Concept(n, "binary" if w else "continuous") for n, w in zip(names, whole, strict=True)]
    columns = concept_columns(declared)
    owned = sum(concept.size for concept in declared)
    if owned != values.shape[1] or len(columns) != len(declared):
        raise DataError(
            "the declared concepts do not own these columns",
            where=where,
            expected=f"distinct names and {values.shape[1]} columns in all",
            got=f"{', '.join(c.name for c in declared)} with {owned} columns",
        )
    for concept in declared:
        block = values[:, columns[concept.name]]
        _check_kind(concept, block, bool(whole[columns[concept.name]].all()), where)
    return values, tuple(declared)


def _check_kind(concept: Concept, block: NDArray[np.float32], whole: bool, where: str) -> None:
    if concept.kind != "continuous" and not whole:
        raise DataError(f"values of '{concept.name}' are not 0 or 1", where=where, expected=concept.kind)
    if concept.kind == "categorical":
        total = block.sum(axis=1)  # NaN where any column is
        wrong = ~((total == 1) | np.isnan(block).all(axis=1))
        if wrong.any():
            raise DataError(
                f"values of '{concept.name}' are not one-hot",
                where=f"{where}, row {int(wrong.argmax())}",
                expected="one 1 and zeros, or NaN in every column",
                got=block[wrong.argmax()].tolist(),
            )
