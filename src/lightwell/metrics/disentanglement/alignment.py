"""Alignment, completeness and explicitness of concepts, by linear regression.

Marconato, Passerini and Teso, "GlanceNets: interpretable, leak-proof concept-based models", 2022, appendix B.
Codes and factors are scaled to [0, 1]; each factor is regressed on the codes; absolute coefficients are the
importances. Lasso sets weak coefficients to zero and so can call an empty model aligned: read it only beside
ordinary least squares (OLS), the explicitness and the number of empty columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from lightwell.core.errors import ConfigError, DataError, nearest
from lightwell.core.findings import Estimate, Null
from lightwell.core.seeds import generator
from lightwell.metrics.bootstrap import check_resamples, interval
from lightwell.metrics.checks import Floats, as_table, same_length
from lightwell.metrics.disentanglement.arrays import varying
from lightwell.metrics.disentanglement.importance import completeness, disentanglement

Method = Literal["lasso", "ols"]
_ALPHA = 0.01
_NUMBERS = {"alignment": True, "completeness": True, "explicitness": True, "empty_columns": False}


@dataclass(frozen=True)
class Alignment:
    """How codes line up with factors; see :func:`alignment`.

    Attributes
    ----------
    alignment, completeness : float
        In [0, 1]; NaN where fewer than two factors vary, or there is one code.
    explicitness : float
        1 - 6 MSE, at most 1; about 0.5 for a constant guess of a uniform factor, and below 0 for worse.
    empty_columns : int
        Varying factors without a single coefficient.
    importance : array, shape (d, f)
        Absolute coefficients, code by factor; the column of a constant factor is NaN.
    """

    alignment: float
    completeness: float
    explicitness: float
    empty_columns: int
    importance: Floats


def alignment(
    codes: ArrayLike,
    factors: ArrayLike,
    method: Method = "lasso",
    groups: Sequence[Sequence[int]] = (),
) -> Alignment:
    """Regress factors on codes and read the coefficients, on the same rows.

    Parameters
    ----------
    codes : array, shape (n, d)
        Finite numbers. A constant code has no importance.
    factors : array, shape (n, f)
        Numbers. A constant factor is left out of all numbers.
    method : {"lasso", "ols"}
        Lasso with penalty 0.01, or ordinary least squares.
    groups : sequence of sequences of int
        Columns that together are one-hot, in codes and factors alike: each group becomes one column, the
        index of its largest, in the place of its first. Without it the columns of a group are collinear.

    Returns
    -------
    Alignment
        With the importances of the columns that remain.

    Raises
    ------
    DataError
        If the arrays are no tables of equal length, no factor varies, or a group is out of range or overlaps.
    ConfigError
        If the method is unknown.

    Examples
    --------
    >>> factors = np.indices((4, 5)).reshape(2, -1).T
    >>> found = alignment(factors[:, ::-1], factors, "ols")
    >>> round(found.alignment, 6), found.importance.round(6).tolist()
    (1.0, [[0.0, 1.0], [1.0, 0.0]])
    """
    known, wanted = collapse(codes, groups, "codes"), collapse(factors, groups, "factors")
    weights, explained = linear_fit(known, wanted, method)
    alive = ~np.isnan(weights[0])
    used = weights[:, alive]
    return Alignment(
        disentanglement(used).value,
        completeness(used).value,
        explained(known, wanted),
        int((used == 0).all(axis=0).sum()),
        weights,
    )


def alignment_estimates(
    codes: ArrayLike,
    factors: ArrayLike,
    groups: Sequence[Sequence[int]] = (),
    n_resamples: int = 100,
    seed: int = 0,
) -> list[Estimate]:
    """Measure both alignments with bootstrap intervals, beside the same measure of shuffled codes.

    Parameters
    ----------
    codes, factors, groups
        As in :func:`alignment`. The order of the rows changes nothing.
    n_resamples, seed : int
        Bootstrap replicates, at least 40, and their seed.

    Returns
    -------
    list of Estimate
        ``alignment``, ``completeness``, ``explicitness`` and ``empty_columns``, each ``.lasso`` and ``.ols``.

    Raises
    ------
    DataError, ConfigError
        As in :func:`alignment`, or for too few resamples.

    Examples
    --------
    >>> factors = np.indices((4, 5)).reshape(2, -1).T
    >>> found = alignment_estimates(factors, factors, n_resamples=40)
    >>> found[0].name, round(found[0].value, 6), found[0].null.name
    ('alignment.lasso', 1.0, 'shuffled codes')
    """
    check_resamples(n_resamples)
    known, wanted = collapse(codes, groups, "codes"), collapse(factors, groups, "factors")
    same_length(codes=known, factors=wanted)
    order = np.lexsort(np.c_[known, wanted].T)
    known, wanted, n = known[order], wanted[order], len(order)
    draw = generator(seed, "alignment")
    shuffled = known[draw.permutation(n)]
    resamples = [draw.integers(0, n, n) for _ in range(n_resamples)]
    estimates = []
    for method in get_args(Method):
        found, null = alignment(known, wanted, method), alignment(shuffled, wanted, method)
        again = [alignment(known[rows], wanted[rows], method) for rows in resamples]
        for name, better in _NUMBERS.items():
            value = float(getattr(found, name))
            low, high = interval(np.array([getattr(one, name) for one in again]), value)
            beside = Null("shuffled codes", float(getattr(null, name)))
            estimates.append(Estimate(f"{name}.{method}", value, low, high, n, better, beside))
    return estimates


def linear_fit(
    codes: Floats, factors: Floats, method: Method
) -> tuple[Floats, Callable[[Floats, Floats], float]]:
    """Regress each varying factor on all codes, each scaled to [0, 1] by its own range.

    Parameters
    ----------
    codes, factors : array, shapes (n, d) and (n, f)
        Finite.
    method : {"lasso", "ols"}
        See :func:`alignment`.

    Returns
    -------
    array, shape (d, f)
        Absolute coefficients; NaN for constant factors.
    callable
        Explicitness, over the varying factors, of any codes and factors under this fit.

    Raises
    ------
    DataError, ConfigError
        If no factor varies, lengths differ, or the method is unknown.

    Examples
    --------
    >>> weights, explained = linear_fit(np.array([[0.0], [2.0]]), np.array([[1.0], [0.0]]), "ols")
    >>> weights.round(6).tolist(), round(explained(np.array([[1.0]]), np.array([[0.5]])), 6)
    ([[1.0]], 1.0)
    """
    from sklearn.linear_model import Lasso, LinearRegression

    if method not in get_args(Method):
        raise ConfigError(
            "no such regression", where="method", got=repr(method), fix=nearest(method, get_args(Method))
        )
    same_length(codes=codes, factors=factors)
    if not len(codes) or not varying(factors).any():
        raise DataError("no factor varies", where="factors", expected="two values or more", got=factors[:1])
    alive = varying(factors)
    low, span = codes.min(axis=0), np.where(varying(codes), np.ptp(codes, axis=0), 1.0)
    lowest, spread = factors.min(axis=0)[alive], np.ptp(factors, axis=0)[alive]
    model = Lasso(_ALPHA, max_iter=10_000) if method == "lasso" else LinearRegression()
    model.fit((codes - low) / span, (factors[:, alive] - lowest) / spread)

    def explicitness(codes: Floats, factors: Floats) -> float:
        guess = np.reshape(model.predict((codes - low) / span), (len(codes), -1))
        return float(1 - 6 * np.square(guess - (factors[:, alive] - lowest) / spread).mean())

    weights = np.full((codes.shape[1], factors.shape[1]), np.nan)
    weights[:, alive] = np.abs(np.reshape(model.coef_, (-1, codes.shape[1]))).T
    return weights, explicitness


def collapse(table: ArrayLike, groups: Sequence[Sequence[int]], where: str) -> Floats:
    """Replace each group of columns by the index of the largest, in the place of its first.

    Raises
    ------
    DataError
        If a group is out of range, has fewer than two columns, or overlaps another.

    Examples
    --------
    >>> collapse([[0, 1, 0, 7], [0, 0, 1, 8]], [(0, 1, 2)], "concepts").tolist()
    [[1.0, 7.0], [2.0, 8.0]]
    """
    columns = as_table(table, where)
    members = [c for group in groups for c in group]
    if len(set(members)) < len(members) or any(len(g) < 2 for g in groups) or not _inside(members, columns):
        raise DataError(
            "these are not groups of columns",
            where=f"{where}, groups",
            expected=f"two or more columns each, each once, in 0 .. {columns.shape[1] - 1}",
            got=[list(group) for group in groups],
        )
    kept = columns.copy()
    for group in groups:
        kept[:, group[0]] = columns[:, list(group)].argmax(axis=1)
    dropped = [c for group in groups for c in group[1:]]
    return np.delete(kept, dropped, axis=1)


def _inside(members: Sequence[int], columns: Floats) -> bool:
    return all(0 <= c < columns.shape[1] for c in members)
