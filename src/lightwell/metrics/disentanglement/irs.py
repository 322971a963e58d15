"""IRS: how little a code moves, at worst, while the factor it stands for is held.

Suter et al., "Robustly Disentangled Causal Mechanisms", 2019 (interventional robustness score).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from lightwell.core.errors import ConfigError
from lightwell.metrics.checks import Floats
from lightwell.metrics.disentanglement.arrays import Score, checked, scattered, varying
from lightwell.metrics.disentanglement.information import bin_codes


def irs(codes: ArrayLike, factors: ArrayLike, quantile: float = 0.99) -> Score:
    """Hold each factor at each of its values (20 bins), and see how far each code strays from its mean.

    Parameters
    ----------
    codes, factors : array, shapes (n, d) and (n, f)
        See :func:`lightwell.metrics.disentanglement.arrays.checked`.
    quantile : float
        Which deviation counts as the worst, in (0, 1]; the paper takes 1, the reference 0.99.

    Returns
    -------
    Score
        By code, for its best factor: 1 is best, chance near 0 (or below); NaN for a dead code. The value
        weighs codes by their largest deviation, and is 0 if all are dead. Constant factors are not held.

    Raises
    ------
    DataError, ConfigError
        As ``checked``; if ``quantile`` is out of range.

    Examples
    --------
    >>> factors = np.indices((4, 5)).reshape(2, -1).T
    >>> irs(factors / 5, factors).value
    1.0
    """
    if not 0 < quantile <= 1:
        raise ConfigError("not a share", where="quantile", expected="in (0, 1]", got=quantile)
    points = checked(codes, factors)
    alive = varying(points.codes)
    if not alive.any():
        return Score(0.0, scattered([], alive))
    z = points.codes[:, alive]
    widest = np.abs(z - z.mean(axis=0)).max(axis=0)
    bins = bin_codes(points.factors[:, varying(points.factors)].astype(np.float64))
    strayed = [
        np.mean([_strayed(z[column == value], quantile) for value in np.unique(column)], axis=0)
        for column in bins.T
    ]
    each = 1 - np.min(strayed, axis=0) / widest
    return Score(float(np.average(each, weights=widest)), scattered(each, alive))


def _strayed(group: Floats, quantile: float) -> Floats:
    return np.asarray(np.quantile(np.abs(group - group.mean(axis=0)), quantile, axis=0))
