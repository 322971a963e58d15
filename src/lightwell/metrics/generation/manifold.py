"""How realistic and how varied generated examples are, by balls around neighbours in a feature space."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from lightwell.core.errors import ConfigError
from lightwell.metrics.checks import Floats
from lightwell.metrics.distances import as_rows, distance_blocks, same_width


class PrecisionRecall(NamedTuple):
    """Share of fake examples among the real ones, and of real among the fake, each in [0, 1]."""

    precision: float
    recall: float


class DensityCoverage(NamedTuple):
    """Mean number of real balls a fake example lies in, over k; share of real balls that hold a fake one."""

    density: float
    coverage: float


def precision_recall(real: ArrayLike, fake: ArrayLike, k: int = 3) -> PrecisionRecall:
    """Return improved precision and recall (Kynkäänniemi et al. 2019).

    A set is the union of the balls around its rows that reach to the k-th nearest other row, surface
    included. One outlier's ball can hold much; :func:`density_coverage` is steadier. Neither need notice
    speckle: read them beside :func:`isolated_pixels`.

    Parameters
    ----------
    real, fake : array, shapes (n, d) and (m, d)
        Features, finite, more than k rows each. Time grows with the squared number of rows.
    k : int
        Neighbours, at least 1.

    Raises
    ------
    DataError
        If a set is no such table or too small, or widths differ.
    ConfigError
        If k is below 1.

    Examples
    --------
    >>> precision_recall([[0.0], [1.0], [2.0]], [[1.5], [1.6], [9.0]], k=1)
    PrecisionRecall(precision=0.6666666666666666, recall=0.3333333333333333)
    """
    x, y = _sets(real, fake, k, k + 1)
    return PrecisionRecall(_inside(y, x, _radii(x, k)), _inside(x, y, _radii(y, k)))


def density_coverage(real: ArrayLike, fake: ArrayLike, k: int = 5) -> DensityCoverage:
    """Return density (may exceed 1; about 1 for a perfect generator) and coverage in [0, 1].

    Naeem et al., "Reliable fidelity and diversity metrics for generative models", 2020; balls lie around real
    rows only.

    Parameters
    ----------
    real, fake, k
        As in :func:`precision_recall`, also for what is raised; one fake row is enough.

    Examples
    --------
    >>> density_coverage([[0.0], [1.0], [2.0]], [[0.5]], k=1)
    DensityCoverage(density=2.0, coverage=0.6666666666666666)
    """
    x, y = _sets(real, fake, k, 1)
    radii = _radii(x, k)
    hits, held = 0, np.zeros(len(x), np.bool_)
    for _, far in distance_blocks(y, x):
        inside = far <= radii
        hits += int(inside.sum())
        held |= inside.any(axis=0)
    return DensityCoverage(hits / (k * len(y)), float(held.mean()))


def _sets(real: ArrayLike, fake: ArrayLike, k: int, least_fake: int) -> tuple[Floats, Floats]:
    if k < 1:
        raise ConfigError("a ball needs a neighbour", where="k", expected=">= 1", got=k)
    x, y = as_rows(real, "real", least=k + 1), as_rows(fake, "fake", least=least_fake)
    same_width(real=x, fake=y)
    return x, y


def _radii(points: Floats, k: int) -> Floats:
    """Distance of each row to its k-th nearest other row; the row itself is the nearest of all."""
    blocks = [np.partition(far, k, axis=1)[:, k] for _, far in distance_blocks(points, points)]
    return np.concatenate(blocks)


def _inside(points: Floats, centres: Floats, radii: Floats) -> float:
    """Share of points that lie in any ball."""
    hits = [(far <= radii).any(axis=1) for _, far in distance_blocks(points, centres)]
    return float(np.concatenate(hits).mean())
