"""Metrics of labels and distances: what needs no threshold."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from lightwell.core.errors import ConfigError, DataError
from lightwell.core.seeds import generator
from lightwell.metrics.checks import Ints, as_labels, as_mask, both_groups, same_length


def accuracy(labels: ArrayLike, predictions: ArrayLike) -> float:
    """Closed-set accuracy: the share of known examples that are classified right, nothing refused.

    Wrong to use for the value of a model among unknowns (it never sees them), or where classes differ
    much in size and the rare ones matter.

    Parameters
    ----------
    labels : array of int, shape (n,)
        True classes; rows of label -1 (unknown) are left out.
    predictions : array of int, shape (n,)
        Predicted classes.

    Returns
    -------
    float
        In [0, 1], higher is better. Always naming the biggest class gives that class's share.

    Raises
    ------
    DataError
        If no example is known, the lengths differ, or an array is not made of class numbers.

    Examples
    --------
    >>> accuracy([0, 1, 1, -1], [0, 1, 0, 0])
    0.6666666666666666
    """
    truth, said = as_labels(labels, "labels"), as_labels(predictions, "predictions")
    same_length(labels=truth, predictions=said)
    known = truth >= 0
    if not known.any():
        raise DataError("accuracy needs a known example", where="labels", got="only -1")
    return float((truth == said)[known].mean())


def macro_f1(labels: ArrayLike, predictions: ArrayLike) -> float:
    """F1 of each class and of "unknown", averaged with equal weight: K + 1 classes with refusal.

    Wrong to use for comparing scores (it judges one threshold), or across data sets with other shares
    of unknowns.

    Parameters
    ----------
    labels : array of int, shape (n,)
        True classes, -1 for an unknown.
    predictions : array of int, shape (n,)
        Predicted classes, -1 where the example was refused.

    Returns
    -------
    float
        In [0, 1], higher is better. A class that is neither true nor predicted anywhere has no F1 and
        is left out, as in scikit-learn.

    Raises
    ------
    DataError
        If the lengths differ or an array is empty or not made of class numbers.

    Examples
    --------
    >>> macro_f1([0, 0, 1, -1], [0, -1, 1, -1])
    0.7777777777777777
    """
    truth, said = as_labels(labels, "labels") + 1, as_labels(predictions, "predictions") + 1
    same_length(labels=truth, predictions=said)
    size = int(max(truth.max(), said.max())) + 1
    hits = np.bincount(truth[truth == said], minlength=size)
    seen = np.bincount(truth, minlength=size) + np.bincount(said, minlength=size)
    return float((2 * hits[seen > 0] / seen[seen > 0]).mean())


def openness(n_train: int, n_test: int, n_target: int) -> float:
    """How open a problem is: 1 - sqrt(2 n_train / (n_test + n_target)) (Scheirer et al. 2013).

    Wrong to use as a measure of difficulty: it counts classes and does not know how alike they are.

    Parameters
    ----------
    n_train, n_test, n_target : int
        Number of classes in training, in testing (unknown ones included), and to be recognised.

    Returns
    -------
    float
        In [0, 1); 0 is a closed problem.

    Raises
    ------
    ConfigError
        If a count is below 1 or the test has fewer classes than the formula allows.

    Examples
    --------
    >>> round(openness(6, 10, 6), 4)
    0.134
    """
    if min(n_train, n_test, n_target) < 1 or n_test + n_target < 2 * n_train:
        raise ConfigError(
            "these class counts have no openness",
            expected="counts >= 1 with n_test + n_target >= 2 n_train",
            got={"n_train": n_train, "n_test": n_test, "n_target": n_target},
        )
    return 1.0 - math.sqrt(2 * n_train / (n_test + n_target))


def one_to_one(unknown: ArrayLike, seed: int) -> Ints:
    """Rows that make known and unknown equally many, drawn without replacement.

    Wrong to use where the natural ratio is what users will meet. Precision depends on the ratio, AUROC
    hardly does; published tables mix both, so say which one is shown.

    Parameters
    ----------
    unknown : array of bool, shape (n,)
        Which examples are unknown.
    seed : int
        Seed of the draw.

    Returns
    -------
    array of int, shape (2 * size of the smaller group,)
        Rising row numbers: all of the smaller group, a sample of the larger.

    Raises
    ------
    DataError
        If there is no known or no unknown example.

    Examples
    --------
    >>> rows = one_to_one([False, True, False, False], seed=0)
    >>> len(rows), 1 in rows
    (2, True)
    """
    mask = as_mask(unknown, "unknown")
    both_groups(mask)
    groups = np.flatnonzero(~mask), np.flatnonzero(mask)
    size = min(len(group) for group in groups)
    draw = generator(seed, "one-to-one")
    return np.sort(np.concatenate([draw.choice(g, size, replace=False) for g in groups])).astype(np.int64)
