"""BetaVAE score: a linear rule guesses which factor the pairs of a group share.

Higgins et al., "beta-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework", 2017.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lightwell.core.errors import DataError
from lightwell.metrics.checks import as_labels, as_table, same_length
from lightwell.metrics.disentanglement.draws import Groups


class Accuracies(NamedTuple):
    """Accuracy on the groups a rule was made from, and on others: the score proper."""

    train: float
    test: float


def beta_vae(train: Groups, test: Groups) -> Accuracies:
    """Fit a logistic regression from the mean code difference of a group to the factor its pairs share.

    Parameters
    ----------
    train, test : Groups
        From ``pairs`` of :class:`lightwell.metrics.disentanglement.draws.Rows` or ``FactorSampler``.

    Returns
    -------
    Accuracies
        In [0, 1]; chance is one over the number of factors. Dead codes do no harm. NaN where one factor
        only was held, for then there is nothing to tell.

    Raises
    ------
    DataError
        If groups are none, unlike in width or not finite.

    Examples
    --------
    >>> from lightwell.metrics.disentanglement.draws import Rows
    >>> factors = np.indices((4, 5)).reshape(2, -1).T
    >>> beta_vae(*Rows(factors / 2, factors).pairs(200, 100))
    Accuracies(train=1.0, test=1.0)
    """
    from sklearn.linear_model import LogisticRegression

    train, test = checked_groups(train, "train"), checked_groups(test, "test")
    if train.values.shape[1] != test.values.shape[1]:
        raise DataError(
            "groups differ in width", where="test", expected=train.values.shape[1], got=test.values.shape[1]
        )
    if len(np.unique(train.factors)) < 2:
        return Accuracies(float("nan"), float("nan"))
    rule = LogisticRegression().fit(train.values, train.factors)
    return Accuracies(*(float((rule.predict(g.values) == g.factors).mean()) for g in (train, test)))


def checked_groups(groups: Groups, where: str) -> Groups:
    """Return groups as finite numbers and factor numbers, one or more.

    Raises
    ------
    DataError
        If they are not.

    Examples
    --------
    >>> checked_groups(Groups([[0.5]], [1]), "train").factors.tolist()
    [1]
    """
    values, factors = as_table(groups.values, where), as_labels(groups.factors, f"{where}.factors")
    same_length(values=values, factors=factors)
    return Groups(values, factors)
