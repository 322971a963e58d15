"""Explicitness: how well a linear rule on all codes tells each value of a factor from the others.

Ridgeway and Mozer, "Learning Deep Disentangled Embeddings with the F-Statistic Loss", 2018, section 3.
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from lightwell.metrics.checks import Floats, Ints, Mask
from lightwell.metrics.disentanglement.arrays import Score, checked_split, score, varying


class Explicitness(NamedTuple):
    """Area under the ROC curve by factor, on the training and on the test rows."""

    train: Score
    test: Score


def explicitness(
    codes: ArrayLike, factors: ArrayLike, test_codes: ArrayLike, test_factors: ArrayLike
) -> Explicitness:
    """Fit a logistic regression a factor on standardised codes; mean area of one value against the rest.

    Parameters
    ----------
    codes, factors, test_codes, test_factors : array
        See :func:`lightwell.metrics.disentanglement.arrays.checked_split`.

    Returns
    -------
    Explicitness
        By factor, in [0, 1], chance 0.5 (not rescaled). Dead codes are left out; if all are dead it is
        0.5. A factor constant in training, or without two known values in the test, is NaN.

    Raises
    ------
    DataError
        As ``checked_split``.

    Examples
    --------
    >>> factors = np.indices((4, 5)).reshape(2, -1).T
    >>> explicitness(factors[:, ::-1], factors, factors[:, ::-1], factors).test.each[1] > 0.8
    np.True_
    """
    train, test = checked_split(codes, factors, test_codes, test_factors)
    alive = varying(train.codes)
    middle, spread = train.codes[:, alive].mean(axis=0), train.codes[:, alive].std(axis=0)
    sides = [(p.codes[:, alive] - middle) / spread for p in (train, test)]
    areas = np.full((2, train.factors.shape[1]), np.nan)
    for j in np.flatnonzero(varying(train.factors)):
        areas[:, j] = _areas(sides, train.factors[:, j], test.factors[:, j]) if alive.any() else 0.5
    return Explicitness(score(areas[0]), score(areas[1]))


def _areas(sides: list[Floats], train: Ints, test: Ints) -> list[float]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        # The default hundred steps are part of the definition.
        warnings.simplefilter("ignore", ConvergenceWarning)
        rule = LogisticRegression().fit(sides[0], train)
    pairs = zip(sides, (train, test), strict=True)
    return [_area(rule.predict_proba(side), answers[:, None] == rule.classes_) for side, answers in pairs]


def _area(chances: Floats, truth: Mask) -> float:
    """Return the mean area of the columns that hold both answers."""
    yes = truth.sum(axis=0)
    both = (yes > 0) & (yes < len(truth))
    chances, truth, yes = chances[:, both], truth[:, both], yes[both]
    ranks = (rankdata(chances, axis=0) * truth).sum(axis=0)
    return score((ranks - yes * (yes + 1) / 2) / (yes * (len(truth) - yes))).value
