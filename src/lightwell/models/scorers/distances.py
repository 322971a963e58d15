"""Distances as fast as a matrix product, yet the same to the last bit whatever rows come with a row.

A matrix product by BLAS rounds differently for batches of different shape. The two ways around it here are
proofs, not settings of a library: let the product only choose candidates, or let it add whole numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightwell.core.errors import DataError

Floats = NDArray[np.float64]

_PAIRS = 2**17  # numbers of candidates gathered at a time


def kth_nearest(values: Floats, points: Floats, squares: Floats, k: int = 1) -> Floats:
    """Return the distance of each row to its k-th nearest point.

    The product finds rough squared distances and how far they can be off by rounding. What is surely
    nearer is only counted; what might be the k-th is computed anew, difference by difference, and the k-th
    is taken from that. So cancellation costs no digits either.

    Parameters
    ----------
    values : array, shape (n, d)
        Rows.
    points : array, shape (m, d)
        Points, m >= k.
    squares : array, shape (m,)
        Their squared norms: :func:`squared_norms`.
    k : int
        Which neighbour, 1 is the nearest.

    Returns
    -------
    array, shape (n,)
        Euclidean distances.

    Raises
    ------
    DataError
        If the square of a value overflows.

    Examples
    --------
    >>> corners = np.array([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]])
    >>> kth_nearest(np.zeros((1, 2)), corners, squared_norms(corners), 2).tolist()
    [5.0]
    """
    own = squared_norms(values)
    # Four times the bound of a sum of products in any order (Higham, Accuracy and Stability, section 3.1).
    slack = 8 * (values.shape[1] + 8) * np.finfo(np.float64).eps * (own + squares.max())
    if not np.isfinite(slack).all():
        raise DataError("these codes are too large for a distance", where="codes", expected="below 1e150")
    rough = values @ points.T
    rough *= -2
    rough += squares  # the row's own square is left out: it moves all its distances alike
    kth = rough.min(axis=1) if k == 1 else np.partition(rough, k - 1, axis=1)[:, k - 1]
    nearer = np.zeros(len(values), dtype=np.int64)
    possible = rough <= (kth + 2 * slack)[:, None]
    if k > 1:
        sure = rough < (kth - 2 * slack)[:, None]
        nearer = np.count_nonzero(sure, axis=1)
        possible &= ~sure
    rows, columns = np.nonzero(possible)
    squared = _pair_distances(values, points, rows, columns)
    order = np.lexsort((squared, rows))
    first = np.searchsorted(rows, np.arange(len(values)))
    return np.asarray(np.sqrt(squared[order[first + (k - 1 - nearer)]]))


def _pair_distances(values: Floats, points: Floats, rows: NDArray[Any], columns: NDArray[Any]) -> Floats:
    """Return squared distances of pairs, each summed on its own."""
    squared = np.empty(len(rows))
    step = max(_PAIRS // max(values.shape[1], 1), 1)
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        gaps = values[rows[part]]
        gaps -= points[columns[part]]
        squared[part] = np.square(gaps, out=gaps).sum(axis=1)
    return squared


def squared_norms(values: Floats) -> Floats:
    """Return the squared norm of each row, to rounding."""
    with np.errstate(over="ignore"):
        return np.asarray(np.einsum("ij,ij->i", values, values))


class SteadyMatrix:
    """A matrix whose products are exact sums, so that no order of adding can change them.

    Its rows and the vectors it is applied to are rounded to whole numbers times a power of two. With D
    columns they have (53 - log2 D) / 2 bits (22 at 512 columns), so that any sum of their products is a
    whole number below 2**53, which float64 holds exactly. The rounding of a vector is that of a float32 to
    within a few bits of its largest entry.

    Parameters
    ----------
    numbers : array, shape (m, d)
        Whole numbers.
    units : array, shape (m,)
        A power of two for each row.

    Examples
    --------
    >>> turn = SteadyMatrix.rounded(np.array([[0.0, -1.0], [1.0, 0.0]]))
    >>> turn.times(np.array([[3.0, 4.0]])).tolist()
    [[-4.0, 3.0]]
    """

    def __init__(self, numbers: Floats, units: Floats) -> None:
        self.numbers, self.units = numbers, units

    @classmethod
    def rounded(cls, matrix: Floats) -> SteadyMatrix:
        """Return the nearest such matrix."""
        return cls(*_to_whole_numbers(matrix))

    def times(self, values: Floats) -> Floats:
        """Return the product with each row, shape (n, m)."""
        numbers, units = _to_whole_numbers(values)
        product = numbers @ self.numbers.T
        product *= units[:, None]
        product *= self.units
        return np.asarray(product)


def _to_whole_numbers(values: Floats) -> tuple[Floats, Floats]:
    """Return rows of whole numbers and the power of two that each row is to be multiplied by."""
    bits = (53 - int(np.ceil(np.log2(max(values.shape[1], 1))))) // 2
    largest = np.maximum(values.max(axis=1, initial=0), -values.min(axis=1, initial=0))
    _, exponents = np.frexp(largest)
    numbers = values * np.ldexp(1.0, bits - exponents)[:, None]
    return np.rint(numbers, out=numbers), np.ldexp(1.0, exponents - bits)
