"""Downstream accuracy: how well each factor is predicted from the codes of few or many examples.

Locatello et al., "Challenging Common Assumptions in the Unsupervised Learning of Disentangled
Representations", 2019. With 10,000 examples a factor of many values takes minutes: no report runs it unasked.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from lightwell.core.errors import ConfigError, DataError, nearest
from lightwell.metrics.checks import Floats, Ints
from lightwell.metrics.disentanglement.arrays import checked_split

_FOLDS = 5


@dataclass(frozen=True)
class Downstream:
    """Accuracies in [0, 1].

    Attributes
    ----------
    sizes : tuple of int, length s
        Training examples.
    train, test : array, shape (s, f)
        Share predicted right, by size and factor.
    """

    sizes: tuple[int, ...]
    train: Floats
    test: Floats


def downstream(
    codes: ArrayLike,
    factors: ArrayLike,
    test_codes: ArrayLike,
    test_factors: ArrayLike,
    sizes: Sequence[int] = (10, 100, 1000, 10_000),
    by: Literal["logistic", "trees"] = "logistic",
    seed: int = 0,
) -> Downstream:
    """Learn each factor from the first rows of the codes, and test it.

    Parameters
    ----------
    codes, factors, test_codes, test_factors : array
        See :func:`lightwell.metrics.disentanglement.arrays.checked_split`; rows in random order.
    sizes : sequence of int
        How many training rows, each 5 or more.
    by : {"logistic", "trees"}
        Logistic regression, its strength (1e-4 to 1e4) chosen by five folds; or
        :func:`lightwell.metrics.disentanglement.boosting.boosted_trees`.
    seed : int
        Of the trees.

    Returns
    -------
    Downstream
        A factor that is constant in the rows learnt from is predicted as that constant.

    Raises
    ------
    DataError, ConfigError
        As ``checked_split``; if a size is out of range or ``by`` is unknown.

    Examples
    --------
    >>> factors = np.tile(np.indices((2, 3)).reshape(2, -1).T, (10, 1))
    >>> downstream(factors / 2, factors, factors / 2, factors, sizes=[30]).test.tolist()
    [[1.0, 1.0]]
    """
    if by not in ("logistic", "trees"):
        raise ConfigError("no such learner", where="by", got=repr(by), fix=nearest(by, ["logistic", "trees"]))
    train, test = checked_split(codes, factors, test_codes, test_factors)
    if not sizes or min(sizes) < _FOLDS or max(sizes) > len(train.codes):
        raise DataError(
            "not a number of rows to learn from",
            where="sizes",
            expected=f"{_FOLDS} to {len(train.codes)}, the rows there are",
            got=list(sizes),
        )
    shape = (len(sizes), train.factors.shape[1])
    accuracy = np.empty((2, *shape))
    for i, j in np.ndindex(*shape):
        known = train.factors[: sizes[i], j]
        predict = _learn(train.codes[: sizes[i]], known, by, seed)
        accuracy[0, i, j] = (predict(train.codes[: sizes[i]]) == known).mean()
        accuracy[1, i, j] = (predict(test.codes) == test.factors[:, j]).mean()
    return Downstream(tuple(sizes), accuracy[0], accuracy[1])


def _learn(codes: Floats, classes: Ints, by: str, seed: int) -> Callable[[Floats], Ints]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, KFold

    if np.ptp(classes) == 0:
        return lambda rows: np.full(len(rows), classes[0])
    if by == "trees":
        from lightwell.metrics.disentanglement.boosting import boosted_trees

        return boosted_trees(codes, classes, seed).predict
    search = GridSearchCV(
        LogisticRegression(), {"C": np.logspace(-4, 4, 10)}, cv=KFold(_FOLDS), error_score=0.0
    )
    with warnings.catch_warnings():
        # With few rows a fold may lack a class (and scores 0 then); a hundred steps are the definition.
        warnings.simplefilter("ignore")
        search.fit(codes, classes)
    return lambda rows: np.asarray(search.predict(rows))
