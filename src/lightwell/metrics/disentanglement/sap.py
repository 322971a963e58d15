"""SAP: how far the code that predicts a factor best, alone, is ahead of the second best.

Kumar et al., "Variational Inference of Disentangled Latent Concepts from Unlabeled Observations", 2018,
section 3.
"""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import ArrayLike

from lightwell.metrics.disentanglement.arrays import Score, checked, checked_split, score, varying
from lightwell.metrics.disentanglement.information import gap


def sap_continuous(codes: ArrayLike, factors: ArrayLike) -> Score:
    """SAP by squared correlation, for factors whose class numbers are in order.

    Parameters
    ----------
    codes, factors : array, shapes (n, d) and (n, f)
        See :func:`lightwell.metrics.disentanglement.arrays.checked`.

    Returns
    -------
    Score
        By factor, in [0, 1]. A code of variance <= 1e-12 predicts nothing; a single code is ahead of
        nothing; a constant factor is NaN.

    Raises
    ------
    DataError
        As ``checked``.

    Examples
    --------
    >>> factors = np.indices((4, 5)).reshape(2, -1).T
    >>> round(sap_continuous(factors / 5, factors).value, 6)
    1.0
    """
    points = checked(codes, factors)
    z = points.codes - points.codes.mean(axis=0)
    y = points.factors - points.factors.mean(axis=0)
    n = len(z)
    spread = (z**2).sum(axis=0)
    dead = spread <= 1e-12 * (n - 1)
    alive = varying(points.factors)
    product = np.outer(np.where(dead, 1.0, spread), np.where(alive, (y**2).sum(axis=0), 1.0))
    squares = np.where(dead[:, None], 0.0, (z.T @ y) ** 2 / product)
    return score(np.where(alive, gap(squares), np.nan))


def sap_discrete(
    codes: ArrayLike, factors: ArrayLike, test_codes: ArrayLike, test_factors: ArrayLike
) -> Score:
    """SAP by the test accuracy of a linear support vector machine on one code (C = 0.01, balanced).

    A straight cut cannot part many ordered classes, so that perfect codes of dSprites score 0.18, not 1.

    Parameters
    ----------
    codes, factors, test_codes, test_factors : array
        See :func:`lightwell.metrics.disentanglement.arrays.checked_split`.

    Returns
    -------
    Score
        By factor, in [0, 1]; a single code is ahead of nothing, a factor constant in training is NaN.

    Raises
    ------
    DataError
        As ``checked_split``.

    Examples
    --------
    >>> factors = np.tile(np.indices((2, 2)).reshape(2, -1).T, (50, 1))
    >>> sap_discrete(factors - 0.5, factors, factors - 0.5, factors).value
    0.5
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import LinearSVC

    train, test = checked_split(codes, factors, test_codes, test_factors)
    alive = varying(train.factors)
    accuracy = np.zeros((train.codes.shape[1], len(alive)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for i, j in np.ndindex(*accuracy.shape):
            if alive[j]:
                rule = LinearSVC(C=0.01, class_weight="balanced", dual=False)
                rule.fit(train.codes[:, [i]], train.factors[:, j])
                accuracy[i, j] = (rule.predict(test.codes[:, [i]]) == test.factors[:, j]).mean()
    return score(np.where(alive, gap(accuracy), np.nan))
