"""UDR: do models trained alike from other seeds agree on their axes? Needs no factors.

Duan et al., "Unsupervised Model Selection for Variational Disentangled Representation Learning", 2020.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from lightwell.core.errors import ConfigError, DataError, nearest
from lightwell.metrics.checks import Floats, as_floats, as_table, same_length
from lightwell.metrics.disentanglement.arrays import varying

_LEAST_KL = 0.01  # nats; a code that carries less is taken for switched off


@dataclass(frozen=True)
class Udr:
    """Agreement of models.

    Attributes
    ----------
    models : array, shape (m,)
        Median agreement of the other models with this one, in [0, 1].
    pairs : array, shape (m, m)
        Row: the model predicted from; column: the model predicted. 0 on the diagonal.
    """

    models: Floats
    pairs: Floats


def udr(
    codes: Sequence[ArrayLike],
    kl: Sequence[ArrayLike] | None = None,
    by: Literal["lasso", "spearman"] = "lasso",
) -> Udr:
    """Compare the codes of several models on the same examples.

    Parameters
    ----------
    codes : sequence of arrays, each of shape (n, d)
        One a model; widths may differ.
    kl : sequence of arrays, each of shape (d,), optional
        Mean Kullback-Leibler term of each code; those of 0.01 nats or less are left out, as dead ones are.
    by : {"lasso", "spearman"}
        Coefficients of a Lasso (alpha 0.1) on standardised codes, or rank correlation.

    Returns
    -------
    Udr
        1 is best: axes agree up to order and sign. A model without live codes agrees with none: 0.

    Raises
    ------
    DataError, ConfigError
        If models are fewer than two, lengths differ, a value is not finite, or ``by`` is unknown.

    Examples
    --------
    >>> codes = np.indices((4, 5)).reshape(2, -1).T
    >>> udr([codes, -codes[:, ::-1]], by="spearman").models.round(6).tolist()
    [1.0, 1.0]
    """
    if by not in ("lasso", "spearman"):
        raise ConfigError(
            "no such comparison", where="by", got=repr(by), fix=nearest(by, ["lasso", "spearman"])
        )
    tables = [as_table(table, f"codes[{i}]") for i, table in enumerate(codes)]
    if len(tables) < 2:
        raise DataError(
            "one model agrees with itself", where="codes", expected="two or more", got=len(tables)
        )
    same_length(**{f"codes[{i}]": table for i, table in enumerate(tables)})
    alive = [_live(table, None if kl is None else kl[i], i) for i, table in enumerate(tables)]
    pairs = np.zeros((len(tables), len(tables)))
    for i, j in np.argwhere(~np.eye(len(tables), dtype=bool)):
        pairs[i, j] = _agreement(alive[i], alive[j], by)
    return Udr(np.array([np.median(np.delete(column, i)) for i, column in enumerate(pairs.T)]), pairs)


def _live(table: Floats, kl: ArrayLike | None, model: int) -> Floats:
    alive = varying(table)
    if kl is not None:
        terms = as_floats(kl, f"kl[{model}]")
        if len(terms) != len(alive):
            raise DataError("one term a code", where=f"kl[{model}]", expected=len(alive), got=len(terms))
        alive &= terms > _LEAST_KL
    kept = table[:, alive]
    return np.asarray((kept - kept.mean(axis=0)) / kept.std(axis=0))


def _agreement(one: Floats, other: Floats, by: str) -> float:
    """Return the mean, over rows and over columns, of how much the strongest tie stands out."""
    if not one.shape[1] or not other.shape[1]:
        return 0.0
    ties = _lasso(one, other) if by == "lasso" else _spearman(one, other)
    return float(np.mean([_relative(ties, axis) for axis in (0, 1)]))


def _relative(ties: Floats, axis: int) -> float:
    sums = ties.sum(axis=axis)
    return float(np.divide(ties.max(axis=axis) ** 2, sums, out=np.zeros_like(sums), where=sums > 0).mean())


def _lasso(one: Floats, other: Floats) -> Floats:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import Lasso

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        weights = Lasso(alpha=0.1).fit(one, other).coef_
    return np.abs(np.reshape(weights, (other.shape[1], one.shape[1]))).T


def _spearman(one: Floats, other: Floats) -> Floats:
    a, b = (rankdata(side, axis=0) for side in (one, other))
    a, b = ((side - side.mean(axis=0)) / side.std(axis=0) for side in (a, b))
    return np.asarray(np.abs(a.T @ b / len(a)))
