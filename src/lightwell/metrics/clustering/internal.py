"""How far apart and how tight clusters are, from the points alone.

Wrong to read without :func:`matched_gaussian`: a search over reductions and cluster counts finds high values
in points without structure too.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from lightwell.metrics.checks import Floats, Ints, as_labels, as_table, same_length

_MEGABYTES = 64  # of distances at once


def silhouette(points: ArrayLike, labels: ArrayLike) -> float:
    """Return the mean silhouette with Euclidean distances (Rousseeuw 1987), in [-1, 1], higher is better.

    Parameters
    ----------
    points : array, shape (n, d)
        Finite.
    labels : array of int, shape (n,)
        Cluster of each point; -1 is noise and left out.

    Returns
    -------
    float
        NaN where it is not defined: less than two clusters, or a cluster for each point.

    Raises
    ------
    DataError
        If the points are no such table, a label is below -1, or lengths differ.

    Examples
    --------
    >>> round(silhouette([[0.0], [1.0], [9.0], [10.0], [5.0]], [0, 0, 1, 1, -1]), 3)
    0.889
    """
    from sklearn.metrics import silhouette_score

    return _defined(silhouette_score, points, labels)


def davies_bouldin(points: ArrayLike, labels: ArrayLike) -> float:
    """Return the index of Davies and Bouldin 1979, at least 0, lower is better.

    Takes, returns and raises as :func:`silhouette` does.

    Examples
    --------
    >>> davies_bouldin([[0.0], [2.0], [9.0], [11.0]], [0, 0, 1, 1])
    0.2222222222222222
    """
    from sklearn.metrics import davies_bouldin_score

    return _defined(davies_bouldin_score, points, labels)


def calinski_harabasz(points: ArrayLike, labels: ArrayLike) -> float:
    """Return the index of Caliński and Harabasz 1974, at least 0, higher is better; it grows with n.

    Takes, returns and raises as :func:`silhouette` does.

    Examples
    --------
    >>> calinski_harabasz([[0.0], [2.0], [9.0], [11.0]], [0, 0, 1, 1])
    40.5
    """
    from sklearn.metrics import calinski_harabasz_score

    return _defined(calinski_harabasz_score, points, labels)


def _defined(score: Callable[[Floats, Ints], float], points: ArrayLike, labels: ArrayLike) -> float:
    import sklearn
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    table, clusters = as_table(points, "points"), as_labels(labels, "labels")
    same_length(points=table, labels=clusters)
    table, clusters = table[clusters >= 0], clusters[clusters >= 0]
    if not 2 <= len(np.unique(clusters)) < len(clusters):
        return float("nan")
    with threadpool_limits(1), sklearn.config_context(working_memory=_MEGABYTES):
        return float(score(table, clusters))
