"""From which known classes examples borrow their evidence, and whether they fall into groups by it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lightwell.core.errors import DataError
from lightwell.core.seeds import derive, generator
from lightwell.metrics.checks import as_table

Floats = NDArray[np.float64]
_COUNTS = range(2, 9)  # numbers of clusters that are tried
_SHUFFLES = 5
_MOST = 2_000  # examples clusters and silhouettes are made from; the others join the nearest cluster
_NOTHING = 1e-9


@dataclass(frozen=True)
class Borrowing:
    """Groups of examples by the classes their evidence comes from.

    Attributes
    ----------
    clusters : array of int, shape (n,)
        Cluster of each example, the largest first; -1 where there is no evidence at all. All 0 where no
        structure was found.
    patterns : array, shape (n, K)
        Share of an example's evidence that lies in each class's block; a row sums to 1, or to 0 where
        there is none.
    silhouette : float
        Mean silhouette of the best number of clusters, in [-1, 1]; NaN with too few examples.
    null : float
        The largest one that five data sets without structure reach in the same way: each class's shares
        shuffled over the examples, rows scaled back to 1.
    """

    clusters: NDArray[np.int64]
    patterns: Floats
    silhouette: float
    null: float

    @property
    def structured(self) -> bool:
        """Whether the examples group more than shuffled ones do."""
        return self.silhouette > self.null


def borrowing(block_sums: ArrayLike, seed: int = 0) -> Borrowing:
    """Cluster examples by the shares of their evidence (k-means; k of 2 .. 8 by silhouette, Rousseeuw 1987).

    A group says that these examples look alike *to this model*. Wrong to read as a class of its own: where
    evidence goes to one class an example, groups repeat the predicted classes.

    Parameters
    ----------
    block_sums : array, shape (n, K)
        Evidence for each of K >= 2 known classes. What is below 0 counts as none.
    seed : int
        Of the clustering and the null.

    Returns
    -------
    Borrowing
        Fewer than 20 examples with evidence are never clustered.

    Raises
    ------
    DataError
        If there are fewer than two classes, or a sum is not finite.

    Examples
    --------
    >>> sums = np.repeat([[9.0, 9.0, 0.0], [0.0, 3.0, 9.0]], 20, axis=0)
    >>> found = borrowing(sums + np.random.default_rng(0).random(sums.shape))
    >>> found.structured, np.bincount(found.clusters).tolist()
    (True, [20, 20])
    """
    sums = np.clip(as_table(block_sums, "block_sums"), 0, None)
    if sums.shape[1] < 2:
        raise DataError("one class lends all there is", where="block_sums", expected="K >= 2", got=1)
    patterns = _scaled(sums)
    rows = np.flatnonzero(patterns.any(axis=1))
    clusters = np.where(patterns.any(axis=1), 0, -1).astype(np.int64)
    if len(rows) < 20:
        return Borrowing(clusters, patterns, float("nan"), float("nan"))
    draw = generator(seed, "borrowing")
    some = np.sort(draw.choice(rows, min(len(rows), _MOST), replace=False))
    best, centres = _best(patterns[some], seed)
    shuffled = [_best(_scaled(draw.permuted(patterns[some], axis=0)), seed)[0] for _ in range(_SHUFFLES)]
    found = Borrowing(clusters, patterns, best, max(shuffled))
    if found.structured:
        gaps = np.square(patterns[rows, None, :] - centres).sum(axis=2)
        nearest = gaps.argmin(axis=1)
        order = np.argsort(-np.bincount(nearest, minlength=len(centres)), kind="stable")
        clusters[rows] = np.argsort(order)[nearest]
    return found


def _scaled(sums: Floats) -> Floats:
    totals = sums.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(sums, totals, out=np.zeros_like(sums), where=totals > _NOTHING))


def _best(patterns: Floats, seed: int) -> tuple[float, Floats]:
    """Return the best mean silhouette over the numbers of clusters, and the centres that reach it."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import pairwise_distances, silhouette_score
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    distinct = len(np.unique(patterns, axis=0))
    distances = pairwise_distances(patterns)
    best, centres = -1.0, patterns[:1]
    with threadpool_limits(1):  # so that sums come out the same whatever the machine
        for count in _COUNTS:
            if count >= distinct:
                break
            model = KMeans(count, n_init=4, random_state=derive(seed, "borrowing", str(count)) % 2**32)
            labels = model.fit_predict(patterns)
            value = float(silhouette_score(distances, labels, metric="precomputed"))
            if value > best:
                best, centres = value, model.cluster_centers_
    return best, np.asarray(centres)
