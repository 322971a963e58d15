"""Whether the k features of a class say k different things, or one thing k times.

All measures look at a class's own block on that class's own examples. Blocks are contiguous and equal:
block c is columns c*k .. (c+1)*k - 1.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

from lightwell.core.errors import ConfigError, DataError
from lightwell.core.seeds import generator

Floats = NDArray[np.float64]
_FEWEST = 3


def activation_correlation(codes: ArrayLike, labels: ArrayLike, n_features: int) -> float:
    """Mean absolute correlation between the features of a class, over its examples.

    Parameters
    ----------
    codes : array, shape (n, K * k)
        Representation of known examples, finite.
    labels : array of int, shape (n,)
        Their classes, 0 .. K-1. Classes with fewer than 3 examples are passed over.
    n_features : int
        Features of a class, k >= 2.

    Returns
    -------
    float
        In [0, 1]: 1 where the features are copies of each other. A constant feature counts as
        correlation 0. NaN where no class has enough examples.

    Examples
    --------
    >>> codes = [[1, 2, 0, 0], [2, 4, 0, 0], [4, 8, 0, 0]]
    >>> round(activation_correlation(codes, [0, 0, 0], 2), 6)
    1.0
    """
    found = [_mean_correlation(own) for own in _own_blocks(codes, labels, n_features)]
    return float(np.mean(found)) if found else float("nan")


def shuffled(codes: ArrayLike, labels: ArrayLike, n_features: int, seed: int = 0) -> Floats:
    """Return codes in which each feature of a class is shuffled by itself over its examples: the null of all.

    Each feature keeps its values in its class; that they come together is lost.

    Examples
    --------
    >>> codes = np.repeat(np.arange(200.0)[:, None], 2, axis=1)
    >>> activation_correlation(shuffled(codes, np.zeros(200, int), 2), np.zeros(200, int), 2) < 0.3
    True
    """
    z, classes, k = _checked(codes, labels, n_features)
    draw, found = generator(seed, "shuffled correlation"), z.copy()
    for c in range(z.shape[1] // k):
        own, block = classes == c, slice(c * k, (c + 1) * k)
        found[own, block] = draw.permuted(z[own, block], axis=0)
    return found


def effective_rank(codes: ArrayLike, labels: ArrayLike, n_features: int) -> float:
    """Mean effective rank of a class's block on its own examples (Roy and Vetterli, EUSIPCO 2007).

    The exponential of the entropy of the covariance's eigenvalues, as shares: between 1 (one direction holds
    all variation) and k (all directions hold the same).

    Parameters
    ----------
    codes, labels, n_features
        As in :func:`activation_correlation`.

    Returns
    -------
    float
        In [1, k]; a block that does not vary counts as 1. NaN where no class has enough examples.

    Examples
    --------
    >>> draw = np.random.default_rng(0)
    >>> round(effective_rank(draw.normal(size=(5000, 3)), np.zeros(5000, int), 3), 2)
    3.0
    """
    found = []
    for own in _own_blocks(codes, labels, n_features):
        values = np.clip(np.linalg.eigvalsh(np.cov(own.T)), 0, None)
        shares = values[values > 0] / values.sum() if values.sum() > 0 else np.ones(1)
        found.append(np.exp(-(shares * np.log(shares)).sum()))
    return float(np.mean(found)) if found else float("nan")


def partly_on(codes: ArrayLike, labels: ArrayLike, n_features: int, threshold: float) -> NDArray[np.bool_]:
    """Return which examples have some of their own class's features on, but not all, shape (n,).

    Parameters
    ----------
    codes, labels, n_features
        As in :func:`activation_correlation`.
    threshold : float
        A feature is on above it; half the anchor value as a rule.

    Examples
    --------
    >>> partly_on([[9, 1, 0, 0], [9, 9, 0, 0], [0, 0, 1, 1]], [0, 0, 1], 2, 5.0).tolist()
    [True, False, False]
    """
    z, classes, k = _checked(codes, labels, n_features)
    blocks = z.reshape(len(z), -1, k)[np.arange(len(z)), classes]
    count = (blocks > threshold).sum(axis=1)
    return np.asarray((count > 0) & (count < k))


def seed_agreement(
    first: ArrayLike, second: ArrayLike, labels: ArrayLike, n_features: int
) -> tuple[float, float]:
    """Say how well the features of two trainings match, and how well shuffled examples would.

    Within each class the features of the two are paired one to one so that their absolute correlations over
    the same examples are largest (Hungarian algorithm). Wrong to read alone: features that are copies of each
    other agree with anything that copies them too.

    Parameters
    ----------
    first, second : array, shape (n, K * k)
        Codes of the same examples by two trainings.
    labels : array of int, shape (n,)
        Their classes.
    n_features : int
        k.

    Returns
    -------
    agreement : float
        Mean absolute correlation of the pairs, in [0, 1].
    null : float
        The same with the examples of one training shuffled within each class.

    Examples
    --------
    >>> draw = np.random.default_rng(0)
    >>> z = draw.normal(size=(300, 2))
    >>> agreement, null = seed_agreement(z, z[:, ::-1], np.zeros(300, int), 2)
    >>> round(agreement, 6), null < 0.3
    (1.0, True)
    """
    draw = generator(0, "seed agreement")
    real, chance = [], []
    pairs = zip(_own_blocks(first, labels, n_features), _own_blocks(second, labels, n_features), strict=True)
    for a, b in pairs:
        real.append(_matched(a, b))
        chance.append(_matched(a, b[draw.permutation(len(b))]))
    if not real:
        return float("nan"), float("nan")
    return float(np.mean(real)), float(np.mean(chance))


def _own_blocks(codes: ArrayLike, labels: ArrayLike, n_features: int) -> Iterator[Floats]:
    """Yield the block of each class on its own examples, where there are enough of them."""
    z, classes, k = _checked(codes, labels, n_features)
    for c in range(z.shape[1] // k):
        own = z[classes == c, c * k : (c + 1) * k]
        if len(own) >= _FEWEST:
            yield own


def _checked(codes: ArrayLike, labels: ArrayLike, n_features: int) -> tuple[Floats, NDArray[np.intp], int]:
    if n_features < 2:
        raise ConfigError(
            "one feature a class cannot differ from itself",
            where="n_features",
            expected=">= 2",
            got=n_features,
        )
    z, classes = np.asarray(codes, np.float64), np.asarray(labels, np.intp)
    if z.ndim != 2 or z.shape[1] == 0 or z.shape[1] % n_features or classes.shape != (len(z),):
        raise DataError(
            "codes and labels do not fit",
            expected=f"(n, a multiple of {n_features}) and (n,)",
            got=f"{z.shape} and {classes.shape}",
        )
    if not np.isfinite(z).all():
        raise DataError("a code is not a finite number", where="codes")
    if len(classes) and not 0 <= classes.min() <= classes.max() < z.shape[1] // n_features:
        raise DataError(
            "a label names no block",
            where="labels",
            expected=f"0 .. {z.shape[1] // n_features - 1}",
            got=f"{classes.min()} .. {classes.max()}",
            fix="Pass known examples only.",
        )
    return z, classes, n_features


def _unit(block: Floats) -> Floats:
    residual = block - block.mean(axis=0)
    return np.asarray(residual / np.maximum(np.sqrt(np.square(residual).sum(axis=0)), 1e-12))


def _mean_correlation(block: Floats) -> float:
    unit = _unit(block)
    pairs = np.triu_indices(block.shape[1], k=1)
    return float(np.abs(unit.T @ unit)[pairs].mean())


def _matched(a: Floats, b: Floats) -> float:
    strength = np.abs(_unit(a).T @ _unit(b))
    rows, columns = linear_sum_assignment(-strength)
    return float(strength[rows, columns].mean())
