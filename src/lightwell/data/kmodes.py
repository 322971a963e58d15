"""k-modes: clusters of categorical rows about their commonest values (Z. Huang, 1998)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lightwell.core.errors import DataError
from lightwell.core.seeds import generator

_Ints = NDArray[np.int64]


def nearest_mode(rows: ArrayLike, modes: ArrayLike) -> _Ints:
    """Return the mode each row differs least from (Hamming distance; the lowest index where they tie).

    Parameters
    ----------
    rows : array of int, shape (n, d)
    modes : array of int, shape (k, d)

    Returns
    -------
    array of int64, shape (n,)

    Examples
    --------
    >>> nearest_mode([[0, 1], [1, 1]], [[0, 0], [1, 1]]).tolist()
    [0, 1]
    """
    return np.asarray(_distances(np.asarray(rows), np.asarray(modes)).argmin(axis=1), dtype=np.int64)


def _distances(rows: NDArray[np.int64], modes: NDArray[np.int64]) -> _Ints:
    return np.stack([(rows != mode).sum(axis=1) for mode in modes], axis=1)


def k_modes(rows: ArrayLike, k: int, *, seed: int = 0, n_init: int = 10, max_iter: int = 100) -> _Ints:
    """Fit k modes from several starts at random distinct rows, and keep the closest fit.

    Parameters
    ----------
    rows : array of int, shape (n, d)
        Small non-negative codes.
    k : int
        Number of modes.
    seed : int
        Of the starts.
    n_init : int
        Number of starts.
    max_iter : int
        Most rounds of assigning rows and taking the commonest value of each column (the lowest on ties; a
        mode without rows stays).

    Returns
    -------
    array of int64, shape (k, d)
        The largest cluster first.

    Raises
    ------
    DataError
        If there are fewer than k distinct rows.

    Examples
    --------
    >>> k_modes([[0, 0, 0]] * 5 + [[1, 1, 1]] * 4 + [[1, 1, 0]], 2).tolist()
    [[0, 0, 0], [1, 1, 1]]
    """
    distinct, counts = np.unique(np.asarray(rows, dtype=np.int64), axis=0, return_counts=True)
    if len(distinct) < k:
        raise DataError(
            "too few distinct rows to cluster", where="k-modes", expected=f"{k}", got=len(distinct)
        )
    fits = []
    for start in range(n_init):
        chosen = generator(seed, "k-modes", start).choice(len(distinct), k, replace=False)
        modes = distinct[np.sort(chosen)]
        for _ in range(max_iter):
            owner = nearest_mode(distinct, modes)
            moved = np.stack([_mode(distinct[owner == c], counts[owner == c], modes[c]) for c in range(k)])
            if (moved == modes).all():
                break
            modes = moved
        cost = int(_distances(distinct, modes).min(axis=1) @ counts)
        fits.append((cost, start, modes))
    best = min(fits)[2]
    sizes = np.bincount(nearest_mode(distinct, best), weights=counts, minlength=k)
    return np.asarray(best[np.argsort(-sizes, kind="stable")])


def _mode(rows: _Ints, counts: _Ints, before: _Ints) -> _Ints:
    if not len(rows):
        return before
    return np.array([np.bincount(column, weights=counts).argmax() for column in rows.T], dtype=np.int64)
