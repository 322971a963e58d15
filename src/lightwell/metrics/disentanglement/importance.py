"""From a code-by-factor table of importances to disentanglement and completeness.

Eastwood and Williams, "A framework for the quantitative evaluation of disentangled representations", 2018.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import xlogy

from lightwell.metrics.checks import Floats, as_table
from lightwell.metrics.disentanglement.arrays import Score


def disentanglement(importance: ArrayLike) -> Score:
    """Say whether each code matters to one factor only.

    Parameters
    ----------
    importance : array, shape (d, f)
        Importances >= 0 of codes for factors.

    Returns
    -------
    Score
        In [0, 1]: 1 less the normalised entropy of each row, and their mean weighed by the rows' sums. A row
        of zeros scores 0; a table of zeros too. NaN with a single factor, where the entropy has no base.

    Raises
    ------
    DataError
        If it is not a finite table.

    Examples
    --------
    >>> disentanglement([[1.0, 0.0], [1.0, 1.0]]).each.tolist()
    [1.0, 0.0]
    """
    return completeness(as_table(importance, "importance").T)


def completeness(importance: ArrayLike) -> Score:
    """Say whether each factor rests on one code only: :func:`disentanglement` of the transposed table.

    Examples
    --------
    >>> completeness([[1.0, 0.0], [1.0, 1.0]]).each.tolist()
    [0.0, 1.0]
    """
    table = as_table(importance, "importance")
    if len(table) == 1:
        return Score(float("nan"), np.full(table.shape[1], np.nan))
    sums = table.sum(axis=0)
    shares: Floats = np.where(sums > 0, table / np.where(sums > 0, sums, 1), 1 / len(table))
    each = np.clip(1 + xlogy(shares, shares).sum(axis=0) / np.log(len(table)), 0, 1)
    return Score(float(np.average(each, weights=sums if sums.any() else None)), each)
