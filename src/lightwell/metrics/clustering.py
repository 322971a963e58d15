"""Clusters against classes, against each other, and the state of the gate that made them.

Cluster numbers mean nothing by themselves: a gate's experts are paired with fine classes by the assignment
that matches most examples (Kuhn, "The Hungarian method for the assignment problem", 1955), within the coarse
classes the gate was *trained* on. Any other grouping scores a perfect gate below 1, because an expert
rightly serves one fine class of each coarse class. The pairing is made on the examples it is scored on, so
chance lies above 1/K: read every accuracy beside :func:`lightwell.metrics.cluster_baselines.matched_random`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linear_sum_assignment
from scipy.special import entr

from lightwell.core.errors import DataError
from lightwell.metrics.checks import Floats, Ints, as_labels, as_table, same_length


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
    truth, chosen = _ids(labels, "labels", n_labels), _ids(clusters, "clusters", n_clusters)
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
    truth, groups = _ids(fine, "fine"), _ids(coarse, "coarse")
    chosen = _ids(clusters, "clusters")
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
    said, chosen = as_labels(coarse_predicted, "coarse_predicted"), _ids(clusters, "clusters")
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
    truth, answers = _ids(fine, "fine"), fine_predictions(coarse_predicted, clusters, matchings)
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
    return {"accuracy": found.accuracy, "nmi": _nmi(found.counts), "ari": _ari(found.counts)}


@dataclass(frozen=True)
class Agreement:
    """How alike clusterings of the same examples are, whatever they call their clusters.

    Attributes
    ----------
    ari, accuracy : array, shape (r, r)
        Adjusted Rand index and matched accuracy of each pair, 1 on the diagonal.
    """

    ari: Floats
    accuracy: Floats

    @property
    def mean_ari(self) -> Floats:
        """Mean index of each clustering with the others, shape (r,)."""
        return np.asarray((self.ari.sum(axis=1) - 1) / (len(self.ari) - 1))

    @property
    def mean_accuracy(self) -> Floats:
        """Mean matched accuracy of each clustering with the others, shape (r,)."""
        return np.asarray((self.accuracy.sum(axis=1) - 1) / (len(self.accuracy) - 1))


def agreement(clusters_a: ArrayLike, clusters_b: ArrayLike) -> tuple[float, float]:
    """Return the adjusted Rand index and the matched accuracy of two clusterings of the same examples.

    Two collapsed clusterings agree fully: read it beside the active clusters.

    Parameters
    ----------
    clusters_a, clusters_b : array of int, shape (n,)
        As in :func:`matching`, also for what is raised; which comes first makes no difference.

    Examples
    --------
    >>> agreement([0, 0, 1, 1], [2, 2, 0, 0])
    (1.0, 1.0)
    """
    found = matching(_ids(clusters_a, "clusters_a"), _ids(clusters_b, "clusters_b"))
    return _ari(found.counts), found.accuracy


def restart_agreement(clusterings: Sequence[ArrayLike], coarse: ArrayLike | None = None) -> Agreement:
    """Compare the clusterings of several restarts pair by pair; needs no fine label.

    Parameters
    ----------
    clusterings : sequence of array of int, each of shape (n,)
        Two restarts or more, on the same examples.
    coarse : array of int, shape (n,), optional
        Coarse classes: agreement is measured in each, and the classes averaged with equal weight. Give it
        where a cluster number means another class in another coarse class.

    Raises
    ------
    DataError
        If there are fewer than two restarts; and as in :func:`matching`.

    Examples
    --------
    >>> found = restart_agreement([[0, 0, 1, 1], [1, 1, 0, 0], [0, 0, 0, 0]])
    >>> found.mean_accuracy.tolist()
    [0.75, 0.75, 0.5]
    """
    if len(clusterings) < 2:
        raise DataError("nothing to compare", where="clusterings", expected=">= 2", got=len(clusterings))
    runs = [_ids(run, f"clusterings[{i}]") for i, run in enumerate(clusterings)]
    groups = np.zeros(len(runs[0]), np.int64) if coarse is None else _ids(coarse, "coarse")
    same_length(coarse=groups, **{f"clusterings[{i}]": run for i, run in enumerate(runs)})
    masks = [groups == c for c in np.unique(groups)]
    values = np.ones((2, len(runs), len(runs)))
    for i, first in enumerate(runs):
        for j, second in enumerate(runs[:i]):
            pair = np.mean([agreement(first[rows], second[rows]) for rows in masks], axis=0)
            values[:, i, j] = values[:, j, i] = pair
    return Agreement(*values)


@dataclass(frozen=True)
class GateState:
    """What a gate does on a group of examples.

    Attributes
    ----------
    information : float
        Mutual information of example and cluster in nats: 0 (collapsed, or the same mixture for every
        example) to log K (certain and balanced).
    confidence : float
        Mean of the largest probability, in [1/K, 1].
    active : int
        Clusters in use, see :func:`active_clusters`.
    n : int
        Examples.
    """

    information: float
    confidence: float
    active: int
    n: int


def active_clusters(clusters: ArrayLike, n_clusters: int) -> int:
    """Count the clusters that hold at least a tenth of an equal share, 1/K, of the examples.

    Parameters
    ----------
    clusters : array of int, shape (n,)
        Each >= 0; not bounded by K, since coarse classes may have experts of their own.
    n_clusters : int
        K, the clusters there could be.

    Examples
    --------
    >>> active_clusters([0] * 90 + [1] * 9 + [2], n_clusters=5)
    2
    """
    chosen = _ids(clusters, "clusters")
    return int((10 * np.bincount(chosen) * n_clusters >= len(chosen)).sum())


def gate_information(probabilities: ArrayLike) -> GateState:
    """Measure a gate on one group of examples: I = H(mean p) - mean H(p), confidence, active clusters.

    The information is that of Bridle, Heading and MacKay, "Unsupervised classifiers, mutual information and
    'phantom targets'", 1991. Wrong to read as accuracy: clusters that have nothing to do with the classes
    can reach log K.

    Parameters
    ----------
    probabilities : array, shape (n, K)
        The gate's probabilities; rows sum to 1.

    Raises
    ------
    DataError
        If there is no example, or a row is no distribution.

    Examples
    --------
    >>> gate_information([[1.0, 0.0], [0.0, 1.0]])
    GateState(information=0.6931471805599453, confidence=1.0, active=2, n=2)
    """
    table = _distributions(probabilities)
    information = entr(table.mean(axis=0)).sum() - entr(table).sum(axis=1).mean()
    active = active_clusters(table.argmax(axis=1), table.shape[1])
    return GateState(max(float(information), 0.0), float(table.max(axis=1).mean()), active, len(table))


def gate_state(probabilities: ArrayLike, coarse: ArrayLike) -> dict[int, GateState]:
    """Measure a gate on each coarse class apart (see :func:`gate_information`).

    Parameters
    ----------
    probabilities, coarse : array, shapes (n, K) and (n,)
        The gate's probabilities, and coarse classes, each >= 0.

    Examples
    --------
    >>> found = gate_state([[1.0, 0.0], [1.0, 0.0], [0.5, 0.5]], [0, 0, 1])
    >>> found[0].information, found[1].confidence
    (0.0, 0.5)
    """
    table, groups = _distributions(probabilities), _ids(coarse, "coarse")
    same_length(probabilities=table, coarse=groups)
    return {int(c): gate_information(table[groups == c]) for c in np.unique(groups)}


def _ids(values: ArrayLike, where: str, count: int | None = None) -> Ints:
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


def _distributions(probabilities: ArrayLike) -> Floats:
    table = as_table(probabilities, "probabilities")
    if not len(table) or table.min() < 0 or np.abs(table.sum(axis=1) - 1).max() > 1e-3:
        raise DataError(
            "these are not probabilities",
            where="probabilities",
            expected="rows of numbers >= 0 that sum to 1, at least one",
            got=f"sums {np.unique(table.sum(axis=1))[:3]}" if len(table) else "no row",
            fix="Pass the gate's softmax, not its scores.",
        )
    return table


def _nmi(counts: Ints) -> float:
    share = counts / counts.sum()
    apart = entr(share.sum(axis=0)).sum() + entr(share.sum(axis=1)).sum()
    return float(np.clip(2 * (1 - entr(share).sum() / apart), 0, 1)) if apart else 1.0


def _ari(counts: Ints) -> float:
    # Ordered pairs in one cell, column, row, and all of them. Python's integers: their products overflow.
    cell, column, row, every = (
        int((n * (n - 1)).sum()) for n in (counts, counts.sum(axis=0), counts.sum(axis=1), counts.sum())
    )
    spread = (column + row) * every - 2 * column * row
    return 2 * (cell * every - column * row) / spread if spread else 1.0
