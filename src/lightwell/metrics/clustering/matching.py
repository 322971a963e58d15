"""Clusters paired with fine classes, within the coarse classes that were trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linear_sum_assignment
from scipy.special import entr

from lightwell.core.errors import DataError
from lightwell.metrics.checks import Ints, as_labels, same_length


@dataclass(frozen=True)
class Matching:
    """Which cluster stands for which label.

    Attributes
    ----------
    counts : array of int, shape (k, l)
        Examples by cluster and label.
    labels : array of int, shape (l,)
        The label of each column.
    pairs : array of int, shape (k,)
        Label of each cluster, -1 for one left over. Where an empty cluster meets an unmatched label, they
        are a pair.
    accuracy : float
        Share of examples whose cluster is paired with their label, in [0, 1].
    """

    counts: Ints
    labels: Ints
    pairs: Ints
    accuracy: float


def matching(
    labels: ArrayLike, clusters: ArrayLike, n_labels: int | None = None, n_clusters: int | None = None
) -> Matching:
    """Pair clusters with labels, one to one, so that most examples agree.

    Parameters
    ----------
    labels, clusters : array of int, shape (n,)
        Of each example, each >= 0; there may be more of one than of the other.
    n_labels : int, optional
        Columns are the labels 0 .. n_labels - 1; without it, those that occur.
    n_clusters : int, optional
        Rows are the clusters 0 .. n_clusters - 1; without it, up to the largest that occurs.

    Raises
    ------
    DataError
        If there is no example, lengths differ, or a number is below 0 or too large.

    Examples
    --------
    >>> found = matching([7, 7, 8, 8], [1, 1, 0, 2])
    >>> found.pairs.tolist(), found.accuracy
    ([8, 7, -1], 0.75)
    """
    truth, chosen = as_ids(labels, "labels", n_labels), as_ids(clusters, "clusters", n_clusters)
    same_length(labels=truth, clusters=chosen)
    names = np.unique(truth) if n_labels is None else np.arange(n_labels)
    shape = (chosen.max() + 1 if n_clusters is None else n_clusters, len(names))
    cells = np.ravel_multi_index((chosen, np.searchsorted(names, truth)), shape)
    counts = np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)
    rows, columns = linear_sum_assignment(counts, maximize=True)
    pairs = np.full(shape[0], -1, np.int64)
    pairs[rows] = names[columns]
    return Matching(counts, names, pairs, float(counts[rows, columns].sum() / len(truth)))


def cluster_accuracy(fine: ArrayLike, coarse: ArrayLike, clusters: ArrayLike) -> dict[int, Matching]:
    """Match clusters with the fine classes of each *true* coarse class.

    Parameters
    ----------
    fine, coarse, clusters : array of int, shape (n,)
        Fine class, coarse class as trained on, and cluster of each example, each >= 0.

    Returns
    -------
    dict of int to Matching
        By coarse class; all have the same number of clusters. Raises as :func:`matching` does.

    Examples
    --------
    >>> found = cluster_accuracy([0, 1, 2, 3], [0, 0, 1, 1], [0, 1, 1, 1])
    >>> {c: m.accuracy for c, m in found.items()}
    {0: 1.0, 1: 0.5}
    """
    truth, groups = as_ids(fine, "fine"), as_ids(coarse, "coarse")
    chosen = as_ids(clusters, "clusters")
    same_length(fine=truth, coarse=groups, clusters=chosen)
    height = int(chosen.max()) + 1
    return {
        int(c): matching(truth[groups == c], chosen[groups == c], n_clusters=height)
        for c in np.unique(groups)
    }


def fine_predictions(
    coarse_predicted: ArrayLike, clusters: ArrayLike, matchings: Mapping[int, Matching]
) -> Ints:
    """Read the fine class off the *predicted* coarse class and the cluster.

    Parameters
    ----------
    coarse_predicted, clusters : array of int, shape (n,)
        Predicted coarse class (-1 for none) and cluster (>= 0) of each example.
    matchings : mapping of int to Matching
        By coarse class, from :func:`cluster_accuracy`.

    Returns
    -------
    array of int, shape (n,)
        Fine class, -1 where nothing is matched.

    Raises
    ------
    DataError
        If arrays are not such, or a fine class lies in two coarse classes.

    Examples
    --------
    >>> pairs = cluster_accuracy([0, 1, 2], [0, 0, 1], [0, 1, 1])
    >>> fine_predictions([0, 1, 1, -1], [1, 1, 0, 0], pairs).tolist()
    [1, 2, -1, -1]
    """
    said, chosen = as_labels(coarse_predicted, "coarse_predicted"), as_ids(clusters, "clusters")
    same_length(coarse_predicted=said, clusters=chosen)
    owners, times = np.unique([c for m in matchings.values() for c in m.labels], return_counts=True)
    if (times > 1).any():
        raise DataError(
            "a fine class lies in two coarse classes",
            where="matchings",
            expected="fine classes that divide the coarse ones",
            got=f"fine class {owners[times > 1][0]}",
        )
    answers = np.full(len(said), -1, np.int64)
    for c, found in matchings.items():
        rows = (said == c) & (chosen < len(found.pairs))
        answers[rows] = found.pairs[chosen[rows]]
    return answers


def fine_accuracy(
    fine: ArrayLike, coarse_predicted: ArrayLike, clusters: ArrayLike, matchings: Mapping[int, Matching]
) -> float:
    """Return the share of examples with the right fine class, thus the right coarse class *and* cluster.

    Parameters
    ----------
    fine : array of int, shape (n,)
        Fine classes, each >= 0.
    coarse_predicted, clusters, matchings
        As in :func:`fine_predictions`, also for what is raised.

    Examples
    --------
    >>> pairs = cluster_accuracy([0, 1, 2, 3], [0, 0, 1, 1], [0, 1, 0, 1])
    >>> fine_accuracy([0, 1, 2, 3], [0, 1, 1, 1], [0, 1, 0, 0], pairs)
    0.5
    """
    truth, answers = as_ids(fine, "fine"), fine_predictions(coarse_predicted, clusters, matchings)
    same_length(fine=truth, clusters=answers)
    return float((truth == answers).mean())


def cluster_scores(fine: ArrayLike, clusters: ArrayLike) -> dict[str, float]:
    """Return ``accuracy``, ``nmi`` and ``ari`` of clusters against classes.

    Normalised mutual information (arithmetic mean of the entropies; Strehl and Ghosh 2002) in [0, 1], and
    the adjusted Rand index (Hubert and Arabie 1985), at most 1 and 0 on average by chance. Both are 1 where
    there is one class and one cluster.

    Parameters
    ----------
    fine, clusters : array of int, shape (n,)
        As in :func:`matching`, also for what is raised.

    Examples
    --------
    >>> cluster_scores([0, 0, 1, 1], [1, 1, 0, 0])
    {'accuracy': 1.0, 'nmi': 1.0, 'ari': 1.0}
    """
    found = matching(fine, clusters)
    return {"accuracy": found.accuracy, "nmi": _nmi(found.counts), "ari": adjusted_rand(found.counts)}


def as_ids(values: ArrayLike, where: str, count: int | None = None) -> Ints:
    """Return labels or clusters, each from 0 to below a count; refuse others."""
    numbers = as_labels(values, where)
    broken = numbers[(numbers < 0) | (numbers >= (np.inf if count is None else count))]
    if broken.size:
        raise DataError(
            "a number is out of range",
            where=where,
            expected="0 or more" if count is None else f"0 .. {count - 1}",
            got=f"{broken[0]} ({broken.size} of {numbers.size} values)",
            fix="Leave out examples without a label." if broken[0] < 0 else None,
        )
    return numbers


def _nmi(counts: Ints) -> float:
    share = counts / counts.sum()
    apart = entr(share.sum(axis=0)).sum() + entr(share.sum(axis=1)).sum()
    return float(np.clip(2 * (1 - entr(share).sum() / apart), 0, 1)) if apart else 1.0


def adjusted_rand(counts: Ints) -> float:
    """Return the adjusted Rand index of a count table of two clusterings."""
    # Ordered pairs in one cell, column, row, and all of them. Python's integers: their products overflow.
    cell, column, row, every = (
        int((n * (n - 1)).sum()) for n in (counts, counts.sum(axis=0), counts.sum(axis=1), counts.sum())
    )
    spread = (column + row) * every - 2 * column * row
    return 2 * (cell * every - column * row) / spread if spread else 1.0
