"""FactorVAE score: the code that varies least in a group votes for the factor that was held.

Kim and Mnih, "Disentangling by Factorising", 2018.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from lightwell.core.errors import DataError
from lightwell.metrics.checks import Floats, Mask, as_floats
from lightwell.metrics.disentanglement.beta_vae import Accuracies, checked_groups
from lightwell.metrics.disentanglement.draws import Groups


def factor_vae(variance: ArrayLike, train: Groups, test: Groups, prune: float = 0.05) -> Accuracies:
    """Let each group vote for the code of least relative variance, and each code for a factor.

    Parameters
    ----------
    variance : array, shape (d,)
        Overall variance of each code.
    train, test : Groups
        From ``votes`` of :class:`lightwell.metrics.disentanglement.draws.Rows` or ``FactorSampler``.
    prune : float
        Codes of a smaller overall standard deviation (and dead ones always) have no vote.

    Returns
    -------
    Accuracies
        Share of votes for the factor that most training votes of that code are for; 0 if all are pruned.
        NaN where one factor only was held.

    Raises
    ------
    DataError
        If groups are none, not finite, or of another width than ``variance``.

    Examples
    --------
    >>> from lightwell.metrics.disentanglement.draws import Rows
    >>> factors = np.indices((4, 5)).reshape(2, -1).T
    >>> factor_vae(*Rows(factors / 5, factors).votes(200, 100))
    Accuracies(train=1.0, test=1.0)
    """
    overall = as_floats(variance, "variance")
    train, test = checked_groups(train, "train"), checked_groups(test, "test")
    for name, groups in (("train", train), ("test", test)):
        if groups.values.shape[1] != len(overall):
            raise DataError(
                "groups differ in width", where=name, expected=len(overall), got=groups.values.shape[1]
            )
    alive = (np.sqrt(overall) >= prune) & (overall > 0)
    if len(np.unique(train.factors)) < 2:
        return Accuracies(float("nan"), float("nan"))
    if not alive.any():
        return Accuracies(0.0, 0.0)
    n_factors = int(max(train.factors.max(), test.factors.max())) + 1
    votes = [_votes(g, overall, alive, n_factors) for g in (train, test)]
    elected, codes = votes[0].argmax(axis=0), np.arange(len(overall))
    return Accuracies(*(float(v[elected, codes].sum() / v.sum()) for v in votes))


def _votes(groups: Groups, overall: Floats, alive: Mask, f: int) -> Floats:
    least = np.flatnonzero(alive)[(groups.values[:, alive] / overall[alive]).argmin(axis=1)]
    counts = np.zeros((f, len(overall)))
    np.add.at(counts, (groups.factors, least), 1)
    return counts
