"""The state of a gate: how many experts it uses, how sure it is, what its choice tells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import entr

from lightwell.core.errors import DataError
from lightwell.metrics.checks import Floats, as_table, same_length
from lightwell.metrics.clustering.matching import as_ids


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
    chosen = as_ids(clusters, "clusters")
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
    table, groups = _distributions(probabilities), as_ids(coarse, "coarse")
    same_length(probabilities=table, coarse=groups)
    return {int(c): gate_information(table[groups == c]) for c in np.unique(groups)}


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
