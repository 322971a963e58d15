"""Whether clusters come back: with other seeds, and on other examples.

Noise (-1) counts as a cluster of its own. Clusterings that all have one cluster agree fully: count the
clusters too. Read beside the same on :func:`matched_gaussian` points.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from lightwell.core.errors import ConfigError, DataError
from lightwell.core.seeds import derive, generator
from lightwell.metrics.checks import Floats, Ints, as_labels
from lightwell.metrics.clustering.restarts import agreement, restart_agreement
from lightwell.metrics.distances import as_rows

Fit = Callable[[Floats, int], ArrayLike]


def seed_stability(points: ArrayLike, fit: Fit, seeds: int = 5, seed: int = 0) -> float:
    """Return the mean adjusted Rand index of all pairs of clusterings of the same points.

    Parameters
    ----------
    points : array, shape (n, d)
        Finite, at least one row.
    fit : callable
        Takes points and a seed in [0, 2**32), returns a cluster >= -1 of each.
    seeds : int
        Clusterings, at least two.
    seed : int
        All other seeds follow from it.

    Returns
    -------
    float
        1 where all agree, about 0 where they do by chance only.

    Raises
    ------
    DataError
        If the points are no such table, or what ``fit`` returns is no clustering of them.
    ConfigError
        If there are too few clusterings.

    Examples
    --------
    >>> seed_stability([[0.0], [1.0], [9.0]], lambda points, seed: points[:, 0] > 5)
    1.0
    """
    _at_least("seeds", seeds, 2)
    table = as_rows(points, "points")
    runs = [_fitted(fit, table, derive(seed, "seed stability", i) % 2**32) for i in range(seeds)]
    return float(restart_agreement(runs).mean_ari.mean())


def bootstrap_stability(points: ArrayLike, fit: Fit, bootstraps: int = 10, seed: int = 0) -> float:
    """Return the mean adjusted Rand index of clusterings of resamples with that of all points.

    Hennig, "Cluster-wise assessment of cluster stability", 2007. A resample holds each drawn row once, about
    63 % of all, since doubled points would be clusters by themselves; they are compared on those rows. All
    fits have one seed, so that what differs is the sample.

    Parameters
    ----------
    points, fit, seed
        As in :func:`seed_stability`, also for what is returned and raised.
    bootstraps : int
        Resamples, at least one.

    Examples
    --------
    >>> bootstrap_stability([[0.0], [1.0], [9.0]], lambda points, seed: points[:, 0] > 5)
    1.0
    """
    _at_least("bootstraps", bootstraps, 1)
    table = as_rows(points, "points")
    one, draw = derive(seed, "bootstrap stability") % 2**32, generator(seed, "bootstrap rows")
    whole = _fitted(fit, table, one)
    found = []
    for _ in range(bootstraps):
        rows = np.unique(draw.integers(0, len(table), len(table)))
        found.append(agreement(whole[rows], _fitted(fit, table[rows], one))[0])
    return float(np.mean(found))


def _fitted(fit: Fit, points: Floats, seed: int) -> Ints:
    """Return clusters from 0 on, noise being the first."""
    labels = as_labels(np.asarray(fit(points, seed)).astype(np.int64), "fit")
    if len(labels) != len(points):
        raise DataError("not one cluster a point", where="fit", expected=len(points), got=len(labels))
    return labels + 1


def _at_least(name: str, count: int, least: int) -> None:
    if count < least:
        raise ConfigError("a number is out of range", where=name, expected=f"{least} or more", got=count)
