"""Groups of examples, by four ways behind one function."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lightwell.core.errors import ConfigError
from lightwell.core.seeds import derive
from lightwell.explain.patterns.settings import Clusterer, check_option
from lightwell.metrics.checks import as_table

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
# Share of the largest variance added to all variances of a mixture: of four values from 1e-4 to 0.3 the one
# that serves pooled pairs of digits best, in 5 to 70 principal components.
_FLOOR = 1e-2
# Gain in nats an example below which a mixture is done: a third of the time of 1e-3, and on pooled digits the
# labels are the same (.97).
_TOLERANCE = 1e-2


def cluster(
    points: ArrayLike,
    method: Clusterer = "gmm",
    k: int = 2,
    seed: int = 0,
    *,
    min_cluster_size: int = 5,
    epsilon: float = 0.0,
) -> Ints:
    """Cluster points.

    Parameters
    ----------
    points : array, shape (n, d)
        Finite; n may be 0.
    method : {"gmm", "hdbscan", "kmeans", "ward"}
        A mixture of Gaussians with full covariances that starts from k-means; HDBSCAN with leaf selection and
        ``min_samples`` 3 (Campello et al. 2013), as in the paper; the best of four k-means; Ward's tree.
    k : int
        Clusters, at most one a point; not of HDBSCAN.
    seed : int
        Of the starts. HDBSCAN and Ward draw nothing.
    min_cluster_size, epsilon
        Of HDBSCAN (see :class:`PatternSettings`).

    Returns
    -------
    array of int, shape (n,)
        0, 1, ..., the largest cluster first; -1 for noise. There may be fewer than k. Points that are all
        alike are one cluster.

    Raises
    ------
    DataError
        If the points are not a finite table.
    ConfigError
        If the method is unknown, or k below 1.

    Examples
    --------
    >>> cluster([[0.0], [0.1], [0.2], [5.0], [5.1]], "ward").tolist()
    [0, 0, 0, 1, 1]
    """
    check_option("clusterer", method, (*_METHODS, "hdbscan"))
    if k < 1:
        raise ConfigError("there must be a cluster", where="patterns.k", expected="k >= 1", got=k)
    table = as_table(points, "points")
    if len(table) < 2 or not np.ptp(table, axis=0).any():
        return np.zeros(len(table), np.int64)
    if method == "hdbscan":
        return _named(_hdbscan(table, min_cluster_size, epsilon))
    return _named(_quietly(_METHODS[method], table, min(k, len(table)), derive(seed, "cluster", k) % 2**32))


def count(labels: Ints) -> int:
    """Return the number of clusters, noise left out."""
    return len(np.unique(labels[labels >= 0]))


def _named(labels: NDArray[Any]) -> Ints:
    """Name clusters by size, the largest 0; of two of one size the one that comes first."""
    found, first, sizes = np.unique(labels[labels >= 0], return_index=True, return_counts=True)
    names = np.full(labels.max(initial=0) + 2, -1, np.int64)  # the last entry is that of noise
    names[found[np.lexsort((first, -sizes))]] = range(len(found))
    return np.asarray(names[np.maximum(labels, -1)])


def _quietly(method: Callable[[Floats, int, int], Ints], table: Floats, k: int, state: int) -> Ints:
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the labels are judged, not the fit
        return method(table, k, state)


def _gmm(table: Floats, k: int, state: int) -> Ints:
    from sklearn.mixture import GaussianMixture

    scaled = table / np.sqrt(table.var(axis=0).max())
    start = _kmeans(scaled, k, state)
    parts = [scaled[start == c] for c in np.unique(start)]
    floor = _FLOOR * np.eye(table.shape[1])
    model = GaussianMixture(
        len(parts),
        tol=_TOLERANCE,
        reg_covar=_FLOOR,
        weights_init=[len(part) / len(table) for part in parts],
        means_init=[part.mean(axis=0) for part in parts],
        precisions_init=[np.linalg.inv(np.cov(part.T, bias=True) + floor) for part in parts],
        random_state=state,
    )
    return np.asarray(model.fit_predict(scaled))


def _kmeans(table: Floats, k: int, state: int) -> Ints:
    from sklearn.cluster import KMeans

    return np.asarray(KMeans(k, n_init=4, random_state=state).fit_predict(table))


def _ward(table: Floats, k: int, _: int) -> Ints:
    from sklearn.cluster import AgglomerativeClustering

    return np.asarray(AgglomerativeClustering(k).fit_predict(table))


def _hdbscan(table: Floats, min_cluster_size: int, epsilon: float) -> Ints:
    from sklearn.cluster import HDBSCAN

    if len(table) < max(min_cluster_size, 3):
        return np.full(len(table), -1, np.int64)
    model = HDBSCAN(min_cluster_size, 3, cluster_selection_method="leaf", copy=True)
    labels = np.asarray(model.fit_predict(table))
    # Its own epsilon fails with NumPy 2.4; clusters that are one at that distance are merged here instead.
    merged = model.dbscan_clustering(epsilon, min_cluster_size) if epsilon else labels
    for one in np.unique(merged[merged >= 0]):
        leaves = np.unique(labels[(merged == one) & (labels >= 0)])
        if len(leaves) > 1:
            labels[np.isin(labels, leaves) | (merged == one)] = leaves[0]
    return labels


_METHODS: dict[str, Callable[[Floats, int, int], Ints]] = {"gmm": _gmm, "kmeans": _kmeans, "ward": _ward}
