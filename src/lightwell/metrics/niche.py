"""Impurity of concepts: what a concept's code knows of other concepts (OIS), and all others of it (NIS).

Espinosa Zarlenga et al., "Towards robust metrics for concept representation evaluation", 2023. The networks
are scikit-learn's: expect other libraries to differ in the second digit.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lightwell.core.errors import DataError
from lightwell.core.findings import Estimate, Null
from lightwell.core.seeds import derive, generator
from lightwell.metrics.checks import Floats, Ints, as_table, same_length
from lightwell.metrics.open_set import auroc

_TEST_SHARE = 0.2
_STEP, _STEPS = 0.05, 20  # niche thresholds 0, 0.05, ..., 0.95


def oracle_impurity(codes: ArrayLike, concepts: ArrayLike, seed: int = 0) -> float:
    """Compare how well each code predicts each concept with how well the true concept does (OIS).

    Small networks (32 ReLU units, 25 epochs) give two tables of AUROC on a fifth of the rows; the score is
    the Frobenius norm of their difference, divided by k/2.

    Parameters
    ----------
    codes : array, shape (n, k)
        One code a concept, in the concepts' order.
    concepts : array of 0 and 1, shape (n, k)
        Two concepts or more, each with both values in both parts of the rows.
    seed : int
        Of the split and the networks.

    Returns
    -------
    float
        0 where codes know as much of other concepts as the true concepts do, up to about 1.

    Raises
    ------
    DataError
        If arrays do not fit each other, or a concept is not binary or too rare.

    Examples
    --------
    >>> concepts = np.indices((2, 2, 10)).reshape(3, -1).T[:, :2]
    >>> oracle_impurity(concepts, concepts) < 0.1
    True
    """
    known, true, test = _split(codes, concepts, seed)
    if known.shape != true.shape:
        raise DataError("not one code a concept", where="codes", expected=true.shape, got=known.shape)
    ideal = _table(true.astype(np.float64), true, test, seed)
    np.fill_diagonal(ideal, 1.0)
    return float(np.linalg.norm(_table(known, true, test, seed) - ideal) / (true.shape[1] / 2))


def niche_impurity(codes: ArrayLike, concepts: ArrayLike, seed: int = 0) -> float:
    """Measure how well each concept is predicted without the codes that correlate with it (NIS).

    A network (20 and 20 units) learns all concepts from all codes. For thresholds 0 to 0.95, the codes whose
    absolute correlation with a concept is above it are set to 0 and the concept's AUROC is taken on a fifth
    of the rows; the score is the area under the mean over concepts.

    Parameters
    ----------
    codes : array, shape (n, d)
        Any number of codes.
    concepts, seed
        As in :func:`oracle_impurity`.

    Returns
    -------
    float
        About 0.475 where nothing leaks (AUROC 0.5 over a width of 0.95), at most 0.95; lower where a network
        that unmixes codes is misled by the zeros.

    Raises
    ------
    DataError
        As in :func:`oracle_impurity`.

    Examples
    --------
    >>> concepts = generator(0, "example").integers(0, 2, (500, 2))
    >>> 0.35 < niche_impurity(concepts, concepts) < 0.6
    True
    """
    from sklearn.neural_network import MLPClassifier

    known, true, test = _split(codes, concepts, seed)
    network = MLPClassifier((20, 20), max_iter=1000, random_state=derive(seed, "nis") % 2**32)
    _fit(network, known[~test], true[~test])
    correlation = _correlation(known[~test], true[~test])
    means = []
    for step in range(_STEPS):
        each = []
        for j in range(true.shape[1]):
            outside = np.where(correlation[:, j] <= step * _STEP, known[test], 0.0)
            each.append(auroc(network.predict_proba(outside)[:, j], true[test, j] == 1))
        means.append(np.mean(each))
    return float(np.trapezoid(means, dx=_STEP))


def impurity_estimates(codes: ArrayLike, concepts: ArrayLike, seed: int = 0) -> list[Estimate]:
    """Return the findings ``leakage.ois`` and ``leakage.nis``; arguments and errors as above.

    Examples
    --------
    >>> concepts = np.indices((2, 2, 10)).reshape(3, -1).T[:, :2]
    >>> [one.null.value for one in impurity_estimates(concepts, concepts)]
    [0.0, 0.475]
    """
    n = len(np.asarray(codes))
    clean = Null("the true concepts", 0.0), Null("nothing leaks", 0.475)
    values = oracle_impurity(codes, concepts, seed), niche_impurity(codes, concepts, seed)
    return [
        Estimate(f"leakage.{name}", value, n=n, higher_is_better=False, null=null)
        for name, value, null in zip(("ois", "nis"), values, clean, strict=True)
    ]


def _table(inputs: Floats, true: Ints, test: NDArray[np.bool_], seed: int) -> Floats:
    """AUROC of concept j from column i, shape (k, k)."""
    from sklearn.neural_network import MLPClassifier

    k, batch = true.shape[1], min(512, int((~test).sum()))
    found = np.empty((k, k))
    for i in range(k):
        for j in range(k):
            random_state = derive(seed, "ois", i, j) % 2**32
            network = MLPClassifier(32, batch_size=batch, max_iter=25, random_state=random_state)
            _fit(network, inputs[~test, i : i + 1], true[~test, j])
            found[i, j] = auroc(network.predict_proba(inputs[test, i : i + 1])[:, 1], true[test, j] == 1)
    return found


def _fit(network: Any, inputs: Floats, targets: Ints) -> None:
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the number of epochs is part of the definition
        network.fit(inputs, targets)


def _correlation(codes: Floats, concepts: Ints) -> Floats:
    """Absolute correlation of codes and concepts, shape (d, k); 0 for a constant code."""
    one, other = codes - codes.mean(axis=0), concepts - concepts.mean(axis=0)
    scale = np.outer(np.linalg.norm(one, axis=0), np.linalg.norm(other, axis=0))
    found: Floats = np.divide(one.T @ other, scale, out=np.zeros(scale.shape), where=scale > 0)
    return np.abs(found)


def _split(codes: ArrayLike, concepts: ArrayLike, seed: int) -> tuple[Floats, Ints, NDArray[np.bool_]]:
    known, true = as_table(codes, "codes"), as_table(concepts, "concepts")
    same_length(codes=known, concepts=true)
    if true.shape[1] < 2 or not np.isin(true, (0, 1)).all():
        raise DataError(
            "concepts are binary here",
            where="concepts",
            expected="two columns or more of 0 and 1",
            got=f"{true.shape[1]} columns, values {np.unique(true)[:5].tolist()}",
        )
    order = np.lexsort(np.c_[known, true].T)  # the order of the rows changes nothing
    known, true = known[order], true[order]
    test = generator(seed, "niche").permutation(len(true)) < _TEST_SHARE * len(true)
    for part in (true[test], true[~test]):
        rare = np.flatnonzero(np.ptp(part, axis=0) == 0) if len(part) else np.zeros(1)
        if rare.size:
            raise DataError(
                "a concept has one value in a part of the rows",
                where=f"concepts[:, {int(rare[0])}]",
                expected="both values among the tested fifth and among the rest",
                fix="Give more rows, leave the concept out, or change the seed.",
            )
    return known, true.astype(np.int64), test
