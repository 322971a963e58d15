"""How alike the clusters of several restarts are; no label is needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lightwell.core.errors import DataError
from lightwell.metrics.checks import Floats, same_length
from lightwell.metrics.clustering.matching import adjusted_rand, as_ids, matching


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
    found = matching(as_ids(clusters_a, "clusters_a"), as_ids(clusters_b, "clusters_b"))
    return adjusted_rand(found.counts), found.accuracy


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
    runs = [as_ids(run, f"clusterings[{i}]") for i, run in enumerate(clusterings)]
    groups = np.zeros(len(runs[0]), np.int64) if coarse is None else as_ids(coarse, "coarse")
    same_length(coarse=groups, **{f"clusterings[{i}]": run for i, run in enumerate(runs)})
    masks = [groups == c for c in np.unique(groups)]
    values = np.ones((2, len(runs), len(runs)))
    for i, first in enumerate(runs):
        for j, second in enumerate(runs[:i]):
            pair = np.mean([agreement(first[rows], second[rows]) for rows in masks], axis=0)
            values[:, i, j] = values[:, j, i] = pair
    return Agreement(*values)
