"""The kernel distance of two sets of features (KID)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from lightwell.core.errors import ConfigError
from lightwell.core.seeds import generator
from lightwell.metrics.checks import Floats
from lightwell.metrics.distances import as_rows, same_width


class KernelDistance(NamedTuple):
    """Mean and standard deviation over the subsets, and the size of a subset."""

    mean: float
    std: float
    size: int


def kernel_distance(
    real: ArrayLike, fake: ArrayLike, *, subsets: int = 50, size: int = 500, seed: int = 0
) -> KernelDistance:
    """Return the squared maximum mean discrepancy of two sets, kernel (x·y / d + 1)³, without bias.

    Bińkowski et al., "Demystifying MMD GANs", 2018. Unlike the Fréchet distance it does not fall with more
    examples; it is about 0, and below it as often as above, where both sets come from one distribution.

    Parameters
    ----------
    real, fake : array, shapes (n, d) and (m, d)
        Features, finite, at least two rows each. Their order changes nothing.
    subsets, size : int
        Random subsets of each, and rows in one: at most as many as the smaller set has, and the standard
        deviation says little once a subset holds most of a set.
    seed : int
        Of the subsets.

    Raises
    ------
    DataError
        If a set is no such table, or widths differ.
    ConfigError
        If there is no subset, or one has fewer than two rows.

    Examples
    --------
    >>> kernel_distance([[0.0], [0.0]], [[1.0], [1.0]], subsets=1)
    KernelDistance(mean=7.0, std=0.0, size=2)
    """
    sets = as_rows(real, "real", least=2), as_rows(fake, "fake", least=2)
    same_width(real=sets[0], fake=sets[1])
    if subsets < 1 or size < 2:
        raise ConfigError(
            "too few subsets or rows",
            where="subsets, size",
            expected="subsets >= 1, size >= 2",
            got=(subsets, size),
        )
    x, y = (table[np.lexsort(table.T)] for table in sets)  # the draw must not depend on the order of rows
    size = min(size, len(x), len(y))
    draw = generator(seed, "kernel distance")
    found = [_mmd(*(t[draw.choice(len(t), size, replace=False)] for t in (x, y))) for _ in range(subsets)]
    return KernelDistance(float(np.mean(found)), float(np.std(found)), size)


def _mmd(x: Floats, y: Floats) -> float:
    n, width = x.shape
    within = sum((k := (t @ t.T / width + 1) ** 3).sum() - np.trace(k) for t in (x, y)) / (n * (n - 1))
    return float(within - 2 * ((x @ y.T / width + 1) ** 3).mean())
