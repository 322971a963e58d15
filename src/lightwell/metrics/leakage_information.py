"""Leakage as information: what soft concepts tell beyond what the true ones do (CTL and ICL).

Parisini et al., "Leakage and interpretability in concept-based models", 2025. Mutual information in nats by
nearest neighbours (Kraskov et al. 2004, Ross 2014; 3 neighbours) where a column is continuous, by counting
where all its values are whole numbers. The entropy of a continuous column is its information about itself, as
in the authors' code. No bootstrap: repeated rows would be each other's nearest neighbours.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from lightwell.core.errors import DataError
from lightwell.core.findings import Estimate, Null
from lightwell.core.seeds import derive
from lightwell.metrics.checks import Floats, Ints, as_labels, as_table, same_length

_NEIGHBOURS = 3


def concept_task_leakage(soft: ArrayLike, concepts: ArrayLike, labels: ArrayLike, seed: int = 0) -> Floats:
    """Return for each concept the information about the label that its true value does not have (CTL).

    ``max(0, I(soft; y) / H(y) - I(true; y) / H(y))``; the score is the mean.

    Parameters
    ----------
    soft, concepts : array, shape (n, k)
        Predicted and true concepts. A constant column tells nothing.
    labels : array of int, shape (n,)
        Two classes or more.
    seed : int
        Of the tiny noise that parts equal values.

    Returns
    -------
    array, shape (k,)
        In [0, 1], up to the error of the estimate.

    Raises
    ------
    DataError
        If arrays do not fit each other, have fewer than 5 rows, or there is one class only.

    Examples
    --------
    >>> concepts, labels = np.array([[0], [1]] * 9), np.array([0, 0, 1, 1, 0, 0] * 3)
    >>> concept_task_leakage(concepts, concepts, labels).tolist()
    [0.0]
    """
    told, true = _tables(soft, concepts)
    kinds = as_labels(labels, "labels")
    same_length(soft=told, labels=kinds)
    if len(np.unique(kinds)) < 2:
        raise DataError("the label never varies", where="labels", expected="two classes", got=kinds[:1])
    task = kinds.astype(np.float64)
    entropy = _information(task, task, seed)
    more = [
        _information(one, task, seed) - _information(other, task, seed)
        for one, other in zip(told.T, true.T, strict=True)
    ]
    return np.maximum(np.array(more) / entropy, 0.0)


def interconcept_leakage(soft: ArrayLike, concepts: ArrayLike, seed: int = 0) -> Floats:
    """Return for each pair the information soft concepts share and the true ones do not (ICL).

    ``I(i; j) / sqrt(H(i) H(j))`` of soft concepts less the same of true ones, at least 0; the score is the
    mean over pairs.

    Parameters
    ----------
    soft, concepts, seed
        As in :func:`concept_task_leakage`; two concepts or more.

    Returns
    -------
    array, shape (k (k - 1) / 2,)
        Pairs in the order (0, 1), (0, 2), ... A constant concept shares nothing.

    Raises
    ------
    DataError
        As there, or if there is one concept only.

    Examples
    --------
    >>> concepts = np.array([[0, 0], [0, 1], [1, 0], [1, 1]] * 5)
    >>> interconcept_leakage(concepts[:, [0, 0]], concepts).round(6).tolist()
    [1.0]
    """
    told, true = _tables(soft, concepts)
    if told.shape[1] < 2:
        raise DataError("no pair of concepts", where="soft", expected="two columns or more", got=1)
    pairs = np.triu_indices(told.shape[1], 1)
    return np.maximum((_shared(told, seed) - _shared(true, seed))[pairs], 0.0)


def information_leakage_estimates(
    soft: ArrayLike, concepts: ArrayLike, labels: ArrayLike, seed: int = 0
) -> list[Estimate]:
    """Return the findings ``leakage.ctl`` and ``leakage.icl``; arguments and errors as above.

    Examples
    --------
    >>> concepts = np.array([[0, 0], [0, 1], [1, 0], [1, 1]] * 5)
    >>> [one.value for one in information_leakage_estimates(concepts, concepts, concepts.max(axis=1))]
    [0.0, 0.0]
    """
    values = {
        "leakage.ctl": concept_task_leakage(soft, concepts, labels, seed),
        "leakage.icl": interconcept_leakage(soft, concepts, seed),
    }
    n, null = len(np.asarray(soft)), Null("the true concepts", 0.0)
    return [
        Estimate(name, float(each.mean()), n=n, higher_is_better=False, null=null)
        for name, each in values.items()
    ]


def _shared(table: Floats, seed: int) -> Floats:
    k = table.shape[1]
    told = np.zeros((k, k))
    for i in range(k):
        for j in range(i, k):
            told[i, j] = _information(table[:, i], table[:, j], seed)
    entropy = np.sqrt(np.outer(told.diagonal(), told.diagonal()))
    return np.divide(told, entropy, out=np.zeros_like(told), where=entropy > 0)


def _information(one: Floats, other: Floats, seed: int) -> float:
    from sklearn.feature_selection import mutual_info_classif, mutual_info_regression
    from sklearn.metrics import mutual_info_score

    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    whole = _numbered(one), _numbered(other)
    if whole[0] is not None and whole[1] is not None:
        return float(mutual_info_score(*whole))
    # Two streams: a column is compared with itself too, and its noise must not be the same twice.
    settings = {"n_neighbors": _NEIGHBOURS, "random_state": derive(seed, "neighbours") % 2**32}
    for numbers, values in ((whole[0], other), (whole[1], one)):
        if numbers is not None:
            return float(
                mutual_info_classif(values[:, None], numbers, discrete_features=False, **settings)[0]
            )
    return float(mutual_info_regression(one[:, None], other, **settings)[0])


def _numbered(values: Floats) -> Ints | None:
    if not (values == np.rint(values)).all():
        return None
    return np.unique(values, return_inverse=True)[1].astype(np.int64)


def _tables(soft: ArrayLike, concepts: ArrayLike) -> tuple[Floats, Floats]:
    told, true = as_table(soft, "soft"), as_table(concepts, "concepts")
    if told.shape != true.shape or len(told) <= _NEIGHBOURS + 1:
        raise DataError(
            "predicted and true concepts do not pair up",
            where="soft, concepts",
            expected=f"one shape, at least {_NEIGHBOURS + 2} rows",
            got=f"{told.shape} and {true.shape}",
        )
    return told, true
