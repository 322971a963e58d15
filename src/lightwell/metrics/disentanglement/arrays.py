"""What every disentanglement metric asks of its arrays, and the form of its answer."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from lightwell.core.errors import DataError
from lightwell.metrics.checks import Floats, Ints, Mask, as_table, same_length


class Points(NamedTuple):
    """Codes, shape (n, d), and the class number of each factor, int, shape (n, f)."""

    codes: Floats
    factors: Ints


class Score(NamedTuple):
    """A score and what it is the mean of: one value a factor (or a code), NaN where it has none."""

    value: float
    each: Floats


def checked(codes: ArrayLike, factors: ArrayLike, where: str = "codes") -> Points:
    """Return codes and factors as arrays fit for counting.

    Parameters
    ----------
    codes : array, shape (n, d)
        Finite numbers, n >= 2. A constant ("dead") code is welcome; each metric says what it makes of it.
    factors : array of int, shape (n, f)
        Class numbers. A constant factor is welcome: it scores NaN and no mean counts it.
    where : str
        What an error calls the codes.

    Returns
    -------
    Points
        Codes as float64, factors as int64.

    Raises
    ------
    DataError
        If an array is no such table, lengths differ, rows are fewer than 2, or no factor varies.

    Examples
    --------
    >>> checked([[0.5], [1.0]], [[0], [3]]).factors.tolist()
    [[0], [3]]
    """
    table, values = as_table(codes, where), np.asarray(factors)
    if values.ndim != 2 or values.dtype.kind not in "iu":
        raise DataError(
            "factors are class numbers",
            where="factors",
            expected="integers of shape (n, f)",
            got=f"{values.dtype} of shape {values.shape}",
            fix="Number the values of each factor: numpy.unique(column, return_inverse=True)[1].",
        )
    same_length(codes=table, factors=values)
    if len(table) < 2:
        raise DataError("too few rows to compare", where=where, expected="at least 2", got=len(table))
    if not varying(values).any():
        raise DataError("no factor varies", where="factors", expected="two values or more", got=values[:1])
    return Points(table, values.astype(np.int64))


def checked_split(
    codes: ArrayLike, factors: ArrayLike, test_codes: ArrayLike, test_factors: ArrayLike
) -> tuple[Points, Points]:
    """Return :func:`checked` training and test arrays; refuse those of unlike width.

    Examples
    --------
    >>> len(checked_split([[0.0], [1.0]], [[0], [1]], [[0.5], [0.1]], [[0], [1]]))
    2
    """
    train, test = checked(codes, factors), checked(test_codes, test_factors, "test_codes")
    for name, one, other in zip(Points._fields, train, test, strict=True):
        if one.shape[1] != other.shape[1]:
            raise DataError(
                f"{name} differ in width", where=f"test_{name}", expected=one.shape[1], got=other.shape[1]
            )
    return train, test


def varying(table: Floats | Ints) -> Mask:
    """Return which columns hold more than one value, shape (columns,).

    Examples
    --------
    >>> varying(np.array([[0, 1], [0, 2]])).tolist()
    [False, True]
    """
    mask: Mask = np.ptp(table, axis=0) > 0
    return mask


def scattered(values: ArrayLike, places: Mask) -> Floats:
    """Return an array as long as ``places``: the values where it is true, NaN elsewhere.

    Examples
    --------
    >>> scattered([0.5], np.array([False, True])).tolist()
    [nan, 0.5]
    """
    whole = np.full(len(places), np.nan)
    whole[places] = values
    return whole


def score(each: ArrayLike) -> Score:
    """Return values with the mean of those that are not NaN (NaN where none is).

    Examples
    --------
    >>> score([1.0, np.nan, 0.5]).value
    0.75
    """
    values = np.asarray(each, dtype=np.float64)
    known = values[~np.isnan(values)]
    return Score(float(known.mean()) if known.size else float("nan"), values)
