"""Which examples stand for a set, what they do not show, and how much of it they cover."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from lightwell.core.errors import ConfigError, DataError
from lightwell.metrics.checks import Floats, Ints, as_labels, same_length
from lightwell.metrics.distances import as_rows, distance_blocks, same_width


class Diversity(NamedTuple):
    """Mean distance of all pairs, Euclidean (0 or more) and cosine (0 .. 2); larger is more diverse."""

    euclidean: float
    cosine: float


class Neighbours(NamedTuple):
    """Rows of the nearest ones, nearest first, and their Euclidean distances, both of shape (n, k)."""

    rows: Ints
    distances: Floats


def medoids(points: ArrayLike, labels: ArrayLike) -> Ints:
    """Return the row of each cluster's medoid: the smallest summed Euclidean distance to its members.

    Parameters
    ----------
    points : array, shape (n, d)
        Finite.
    labels : array of int, shape (n,)
        Cluster of each point; -1 is noise and skipped.

    Returns
    -------
    array of int, shape (k,)
        By rising label, the first row where several are as near; empty if all is noise.

    Raises
    ------
    DataError
        If the points are no such table, a label is below -1, or lengths differ.

    Examples
    --------
    >>> medoids([[0.0], [1.0], [5.0], [9.0], [7.0]], [0, 0, 0, -1, 3]).tolist()
    [1, 4]
    """
    table, clusters = as_rows(points, "points"), as_labels(labels, "labels")
    same_length(points=table, labels=clusters)
    found = []
    for label in np.unique(clusters[clusters >= 0]):
        rows = np.flatnonzero(clusters == label)
        sums = [far.sum(axis=1) for _, far in distance_blocks(table[rows], table[rows])]
        found.append(rows[np.concatenate(sums).argmin()])
    return np.array(found, np.int64)


def criticisms(points: ArrayLike, chosen: ArrayLike, n: int) -> Ints:
    """Return rows that the chosen prototypes represent worst, the worst first.

    Where the witness of the maximum mean discrepancy, mean k(x, points) - mean k(x, chosen), is largest, a
    log-determinant keeping several apart (Kim et al., "Examples are not enough, learn to criticize!", 2016).
    They take its size on either side; with few prototypes the points beside each would win by that.
    The kernel is Gaussian, its width the mean squared distance of two points.

    Parameters
    ----------
    points, chosen : array, shapes (m, d) and (c, d)
        All points, and the prototypes as points. A row that equals a prototype is never returned.
    n : int
        Criticisms, 0 or more.

    Returns
    -------
    array of int, shape (at most n,)
        Fewer where there are not as many distinct points.

    Raises
    ------
    DataError
        If a table is not such, or widths differ.
    ConfigError
        If n is below 0.

    Examples
    --------
    >>> criticisms([[0.0], [0.1], [0.2], [5.0], [5.1]], chosen=[[0.1]], n=1).tolist()
    [4]
    """
    table, shown = _pair(points, chosen, "chosen")
    if n < 0:
        raise ConfigError("a number is out of range", where="n", expected="0 or more", got=n)
    width = 2 * float(table.var(axis=0).sum()) or 1.0
    near = np.concatenate([far.min(axis=1) for _, far in distance_blocks(table, shown)])
    gap = _mean_kernel(table, table, width) - _mean_kernel(table, shown, width)
    left = np.where(near > 0, 1.0, 0.0)  # variance of a row that those found so far do not explain
    parts: list[Floats] = []
    found: list[int] = []
    while len(found) < n and left.max() > 1e-9:
        with np.errstate(divide="ignore"):
            best = int((gap + np.log(left)).argmax())
        similar = _kernel(next(distance_blocks(table[best : best + 1], table))[1][0], width)
        part = (similar - sum(p * p[best] for p in parts)) / np.sqrt(left[best])
        left = np.where(near > 0, np.maximum(left - part**2, 0), 0)
        left[best] = 0
        parts.append(np.asarray(part))
        found.append(best)
    return np.array(found, np.int64)


def coverage(points: ArrayLike, chosen: ArrayLike, radius: float) -> float:
    """Return the share of points within a Euclidean radius of a chosen one, surface included.

    Parameters
    ----------
    points, chosen : array, shapes (m, d) and (c, d)
        As in :func:`criticisms`.
    radius : float
        0 or more.

    Raises
    ------
    DataError, ConfigError
        If a table is not such, widths differ, or the radius is no such number.

    Examples
    --------
    >>> coverage([[0.0], [1.0], [5.0]], chosen=[[0.0]], radius=1.0)
    0.6666666666666666
    """
    table, shown = _pair(points, chosen, "chosen")
    if not radius >= 0:
        raise ConfigError("a radius is out of range", where="radius", expected="0 or more", got=radius)
    hits = [(far <= radius).any(axis=1) for _, far in distance_blocks(table, shown)]
    return float(np.concatenate(hits).mean())


def diversity(points: ArrayLike) -> Diversity:
    """Return the mean *distance* of pairs; NaN for one point.

    Parameters
    ----------
    points : array, shape (n, d)
        Finite, at least one row. A row of zeros has no direction: its cosine distance is 1 to any other.

    Raises
    ------
    DataError
        If the points are no such table.

    Examples
    --------
    >>> diversity([[3.0, 0.0], [0.0, 4.0]])
    Diversity(euclidean=5.0, cosine=1.0)
    """
    table = as_rows(points, "points")
    pairs = len(table) * (len(table) - 1)
    if not pairs:
        return Diversity(float("nan"), float("nan"))
    far = sum(float(block.sum()) for _, block in distance_blocks(table, table))
    lengths = np.linalg.norm(table, axis=1, keepdims=True)
    units = np.divide(table, lengths, out=np.zeros_like(table), where=lengths > 0)
    alike = np.square(units.sum(axis=0)).sum() - np.square(units).sum()
    return Diversity(far / pairs, float(1 - alike / pairs))


def nearest(points: ArrayLike, real: ArrayLike, k: int = 1) -> Neighbours:
    """Find the k nearest real rows of each point.

    Parameters
    ----------
    points, real : array, shapes (n, d) and (m, d)
        Finite, at least one row each. Of rows equally far the first is taken.
    k : int
        In 1 .. m.

    Raises
    ------
    DataError
        If a table is not such, widths differ, or there are fewer real rows than k.
    ConfigError
        If k is below 1.

    Examples
    --------
    >>> nearest([[0.0]], real=[[2.0], [9.0], [-1.0]], k=2).rows.tolist()
    [[2, 0]]
    """
    table, known = _pair(points, real, "real")
    if k < 1:
        raise ConfigError("a number is out of range", where="k", expected="1 or more", got=k)
    if len(known) < k:
        raise DataError("too few rows", where="real", expected=f"at least {k}", got=len(known))
    rows, lengths = [], []
    for _, far in distance_blocks(table, known):
        rows.append(np.argsort(far, axis=1, kind="stable")[:, :k])
        lengths.append(np.take_along_axis(far, rows[-1], axis=1))
    return Neighbours(np.concatenate(rows).astype(np.int64), np.concatenate(lengths))


def _pair(points: ArrayLike, others: ArrayLike, name: str) -> tuple[Floats, Floats]:
    table, second = as_rows(points, "points"), as_rows(others, name)
    same_width(**{"points": table, name: second})
    return table, second


def _kernel(distances: Floats, width: float) -> Floats:
    return np.asarray(np.exp(-np.square(distances) / width))


def _mean_kernel(points: Floats, others: Floats, width: float) -> Floats:
    means = [_kernel(far, width).mean(axis=1) for _, far in distance_blocks(points, others)]
    return np.concatenate(means)
