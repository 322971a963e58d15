"""What every metric asks of its arrays before it counts anything."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lightwell.core.errors import DataError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


def as_floats(values: ArrayLike, where: str) -> Floats:
    """Return finite numbers as float64, shape (n,) with n >= 1.

    Raises
    ------
    DataError
        If they are not one-dimensional numbers, there are none, or one is not finite.

    Examples
    --------
    >>> as_floats([1, 2], "scores").tolist()
    [1.0, 2.0]
    """
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise DataError("these are not numbers", where=where, expected="real numbers", got=array.dtype)
    array = _vector(array, where).astype(np.float64)
    broken = np.flatnonzero(~np.isfinite(array))
    if broken.size:
        raise DataError(
            "a value is not a finite number",
            where=f"{where}[{broken[0]}]",
            expected="finite numbers",
            got=f"{array[broken[0]]} ({broken.size} of {array.size} values)",
            fix="Find out which input made the model answer NaN or infinity.",
        )
    return array


def as_table(values: ArrayLike, where: str) -> Floats:
    """Return codes as float64, shape (n, d) with d >= 1; n may be 0.

    Raises
    ------
    DataError
        If they are not a table of numbers, or one is not finite.

    Examples
    --------
    >>> as_table([[1, 2]], "codes").tolist()
    [[1.0, 2.0]]
    """
    table = np.asarray(values)
    if table.ndim != 2 or not table.shape[1] or table.dtype.kind not in "iuf":
        raise DataError(
            "a table of numbers is wanted",
            where=where,
            expected="shape (n, d) with d >= 1",
            got=f"{table.dtype} of shape {table.shape}",
        )
    if not np.isfinite(table).all():
        raise DataError("a code is not a finite number", where=where, got="NaN or infinity")
    return table.astype(np.float64)


def as_labels(values: ArrayLike, where: str) -> Ints:
    """Return class numbers as int64, shape (n,) with n >= 1; -1 stands for unknown.

    Raises
    ------
    DataError
        If they are not one-dimensional whole numbers >= -1, or there are none.

    Examples
    --------
    >>> as_labels([0, -1], "labels").tolist()
    [0, -1]
    """
    array = _vector(np.asarray(values), where)
    if array.dtype.kind not in "iu":
        raise DataError("class numbers are whole numbers", where=where, expected="integers", got=array.dtype)
    if array.min() < -1:
        raise DataError(
            "this is no class number", where=where, expected="0, 1, ... or -1 for unknown", got=array.min()
        )
    return array.astype(np.int64)


def as_mask(values: ArrayLike, where: str) -> Mask:
    """Return a mask as bool, shape (n,) with n >= 1.

    Raises
    ------
    DataError
        If it is not a one-dimensional array of booleans, or is empty.

    Examples
    --------
    >>> as_mask([True, False], "unknown").tolist()
    [True, False]
    """
    array = _vector(np.asarray(values), where)
    if array.dtype != np.bool_:
        raise DataError(
            "a mask holds booleans",
            where=where,
            expected="bool",
            got=array.dtype,
            fix="For labels pass `labels == -1`.",
        )
    return array


def same_length(**arrays: NDArray[Any]) -> None:
    """Refuse arrays of different length.

    Raises
    ------
    DataError
        If they differ; names every length.

    Examples
    --------
    >>> same_length(scores=np.zeros(2), unknown=np.zeros(2))
    """
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise DataError("arrays differ in length", expected="one row an example", got=lengths)


def both_groups(unknown: Mask) -> None:
    """Refuse a mask that holds only known or only unknown examples.

    Raises
    ------
    DataError
        If one of the groups is empty.

    Examples
    --------
    >>> both_groups(np.array([True, False]))
    """
    share = int(unknown.sum())
    if share in {0, len(unknown)}:
        raise DataError(
            f"there is no {'unknown' if share == 0 else 'known'} example to compare with",
            where="unknown",
            expected="at least one known and one unknown",
            got=f"{len(unknown) - share} known and {share} unknown",
        )


def _vector(array: NDArray[Any], where: str) -> NDArray[Any]:
    if array.ndim != 1 or array.size == 0:
        raise DataError(
            "nothing to measure" if array.size == 0 else "a list of numbers is wanted, not a table",
            where=where,
            expected="shape (n,) with n >= 1",
            got=f"shape {array.shape}",
        )
    return array
