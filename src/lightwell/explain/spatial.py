"""Where in the image the evidence of each class lies: the maps before pooling, class by class."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from lightwell.core.errors import DataError
from lightwell.explain.evidence import Floats, as_floats, count_classes


def spatial_maps(feature_maps: ArrayLike, n_features: int) -> Floats:
    """Show where in the image the evidence of each class lies.

    Exact for a representation that is the plain mean of these maps over the pixels: the mean of a class's
    map is its block sum. Wrong to read as the exact place in the input: a pixel of the map sees a whole
    neighbourhood (its receptive field). The squared distance itself has no such map, since it is not linear.

    Parameters
    ----------
    feature_maps : array, shape (n, K * k, h, w)
        Maps before pooling, after the activation.
    n_features : int
        Columns of a class, k >= 1.

    Returns
    -------
    array, shape (n, K, h, w)
        Sum over the maps of each class.

    Raises
    ------
    DataError
        If the shape does not fit or a value is not finite.
    ConfigError
        If k is below 1.

    Examples
    --------
    >>> maps = np.arange(8.0).reshape(1, 2, 2, 2)
    >>> spatial_maps(maps, n_features=2).tolist()
    [[[[4.0, 6.0], [8.0, 10.0]]]]
    """
    maps = as_floats(feature_maps, "feature_maps", ndim=4)
    n, columns, height, width = maps.shape
    n_classes = count_classes(columns, n_features, "feature_maps")
    return np.asarray(maps.reshape(n, n_classes, n_features, height, width).sum(axis=2))


def check_spatial(maps: Floats, codes: ArrayLike, n_features: int, tolerance: float = 1e-4) -> None:
    """Refuse maps whose means are not the block sums they claim to explain.

    Parameters
    ----------
    maps : array, shape (n, K, h, w)
        From :func:`spatial_maps`.
    codes : array, shape (n, K * k)
        The representation of the same examples.
    n_features : int
        Columns of a class.
    tolerance : float
        Largest difference allowed, as part of the largest block sum; the default leaves room for a
        float32 mean.

    Raises
    ------
    DataError
        If the shapes do not fit or a difference is larger.

    Examples
    --------
    >>> check_spatial(spatial_maps(np.ones((1, 2, 3, 3)), 2), [[1.0, 1.0]], n_features=2)
    """
    z = as_floats(codes, "codes", ndim=2)
    sums = z.reshape(len(z), count_classes(z.shape[1], n_features, "codes"), n_features).sum(axis=2)
    if maps.shape[:2] != sums.shape:
        raise DataError("maps and codes differ in shape", expected=sums.shape, got=maps.shape[:2])
    gap = np.abs(maps.mean(axis=(2, 3)) - sums).max(initial=0.0)
    allowed = tolerance * np.abs(sums).max(initial=1e-12)
    if gap > allowed:
        raise DataError(
            "the maps do not add up to the codes",
            expected=f"means within {allowed:.3g} of the block sums",
            got=f"a difference of {gap:.3g}",
            fix="Take the maps after the activation, right before a plain mean over the pixels.",
        )
