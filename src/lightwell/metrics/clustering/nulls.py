"""Points without structure that have all the spread of given ones: what clusters are read against."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from lightwell.core.errors import ConfigError
from lightwell.metrics.checks import Floats
from lightwell.metrics.distances import as_rows


def matched_gaussian(points: ArrayLike, n: int, rng: np.random.Generator) -> Floats:
    """Draw rows of a Gaussian given that their mean and covariance are those of the points.

    A plain draw from the fitted Gaussian would spread its covariance a second time, so that wide tables keep
    fewer principal components than the points do. Here each draw has the moments themselves: the left
    singular vectors are replaced by random ones (rotation test; Langsrud 2005). What the points have beyond
    a Gaussian, clusters among it, is gone.

    Parameters
    ----------
    points : array, shape (m, d)
        Finite, at least one row; d may exceed m.
    n : int
        Rows to draw. The moments are exact for n >= m; fewer rows are a part of m drawn ones.
    rng : numpy.random.Generator
        Of the draw.

    Returns
    -------
    array, shape (n, d)

    Raises
    ------
    DataError
        If the points are no such table.
    ConfigError
        If no row is asked for.

    Examples
    --------
    >>> points = np.array([[0.0, 1.0], [2.0, 5.0], [4.0, 0.0]])
    >>> null = matched_gaussian(points, 3, np.random.default_rng(0))
    >>> np.allclose(null.mean(axis=0), points.mean(axis=0)), np.allclose(np.cov(null.T), np.cov(points.T))
    (True, True)
    """
    table = as_rows(points, "points")
    if n < 1:
        raise ConfigError("a number is out of range", where="n", expected="1 or more", got=n)
    mean, m = table.mean(axis=0), len(table)
    # The triangle first: it has the singular values of the table and is no larger than d × d.
    _, spread, axes = np.linalg.svd(np.linalg.qr(table - mean, mode="r"), full_matrices=False)
    rank, rows = min(m - 1, table.shape[1]), max(n, m)
    draw = rng.standard_normal((rows, rank))
    vectors, triangle = np.linalg.qr(draw - draw.mean(axis=0))
    vectors *= np.where(np.diagonal(triangle) < 0, -1, 1)  # the sign LAPACK chose is not random
    scale = np.sqrt((rows - 1) / max(m - 1, 1))
    return np.asarray(mean + (vectors * spread[:rank] * scale) @ axes[:rank])[:n]
