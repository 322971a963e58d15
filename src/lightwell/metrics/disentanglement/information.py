"""How much a code tells about a factor, in nats, and the scores made of it.

Codes are cut into 20 equal-width bins and counted (the plug-in estimate, biased upwards for few rows: compare
only scores of equally many rows). A dead code tells nothing; a constant factor scores NaN and no mean counts
it. Arguments and errors of every function are those of
:func:`lightwell.metrics.disentanglement.arrays.checked`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lightwell.core.errors import ConfigError
from lightwell.metrics.checks import Floats, Ints
from lightwell.metrics.disentanglement.arrays import Score, checked, scattered, score, varying
from lightwell.metrics.disentanglement.importance import completeness, disentanglement

BINS = 20


@dataclass(frozen=True)
class Mig:
    """The mutual information gap with what it could have been.

    Attributes
    ----------
    value, each : float, array of shape (f,)
        The gap, mean and by factor.
    ceiling : Score
        What codes equal to the factors would get: below 1 for a factor of more than 20 values.
    """

    value: float
    each: Floats
    ceiling: Score


@dataclass(frozen=True)
class Med:
    """Disentanglement and completeness from mutual information.

    Attributes
    ----------
    disentanglement : Score
        In [0, 1]; by code, of the codes that were used; the value weighs each by its importance.
    completeness : Score
        In [0, 1]; by factor, weighed likewise (all alike, by construction).
    """

    disentanglement: Score
    completeness: Score


def bin_codes(codes: Floats, bins: int = BINS) -> Ints:
    """Cut each column into equal-width bins between its least and greatest value.

    Parameters
    ----------
    codes : array, shape (n, d)
        Finite numbers.
    bins : int
        How many.

    Returns
    -------
    array of int, shape (n, d)
        From 1; the maximum falls into the last bin, as in disentanglement_lib.

    Examples
    --------
    >>> bin_codes(np.array([[0.0], [0.2], [1.0]]), 5).ravel().tolist()
    [1, 2, 5]
    """
    return np.stack([np.digitize(z, np.histogram(z, bins)[1][:-1]) for z in codes.T], axis=1)


def mutual_information(one: Ints, other: Ints) -> Floats:
    """Return the mutual information of every column of one table with every column of another, in nats.

    Parameters
    ----------
    one, other : array of int, shapes (n, a) and (n, b)
        Class numbers.

    Returns
    -------
    array, shape (a, b)
        Plug-in estimates, >= 0.

    Examples
    --------
    >>> mutual_information(np.array([[0], [1]]), np.array([[5, 0], [7, 0]])).round(3).tolist()
    [[0.693, 0.0]]
    """
    left, right = _compact(one), _compact(other)
    h_left, h_right = ([_entropy(column) for column in side] for side in (left, right))
    joint = [[_entropy(a * (b.max() + 1) + b) for b in right] for a in left]
    shared: Floats = np.maximum(np.add.outer(h_left, h_right) - np.array(joint), 0.0)
    return shared


def entropies(table: Ints) -> Floats:
    """Return the plug-in entropy of each column, in nats.

    Examples
    --------
    >>> entropies(np.array([[0, 1], [1, 1]])).round(3).tolist()
    [0.693, 0.0]
    """
    return np.array([_entropy(column) for column in _compact(table)])


def mig(codes: ArrayLike, factors: ArrayLike) -> Mig:
    """Mutual information gap: how far the best code of a factor is ahead of the second, over its entropy.

    A single code is ahead of nothing: its gap is its own share. Chen et al., "Isolating Sources of
    Disentanglement in Variational Autoencoders", 2018.

    Returns
    -------
    Mig
        In [0, 1]. The best there is to hope for is ``ceiling.value``, not 1.

    Examples
    --------
    >>> factors = np.indices((2, 40)).reshape(2, -1).T
    >>> gap = mig(factors / 40, factors)
    >>> gap.each.round(3).tolist(), gap.ceiling.each.round(3).tolist()
    ([1.0, 0.812], [1.0, 0.812])
    """
    points = checked(codes, factors)
    entropy = entropies(points.factors)
    entropy[entropy == 0] = np.nan
    gaps = score(gap(mutual_information(bin_codes(points.codes), points.factors)) / entropy)
    kept = entropies(bin_codes(points.factors.astype(np.float64)))
    return Mig(gaps.value, gaps.each, score(kept / entropy))


def gap(matrix: Floats) -> Floats:
    """Return the largest less the second largest of each column; of a single row, the row.

    Examples
    --------
    >>> gap(np.array([[3.0, 1.0], [1.0, 2.0]])).tolist()
    [2.0, 1.0]
    """
    second = np.zeros((1, matrix.shape[1])) if len(matrix) == 1 else matrix[:0]
    ranked: Floats = np.sort(np.concatenate([second, matrix]), axis=0)
    return np.asarray(ranked[-1] - ranked[-2])


def modularity(codes: ArrayLike, factors: ArrayLike) -> Score:
    """How nearly each code tells about one factor only; a dead code scores 0, and the mean counts it.

    Ridgeway and Mozer, "Learning Deep Disentangled Embeddings with the F-Statistic Loss", 2018, section 3.

    Returns
    -------
    Score
        By code, in [0, 1]; NaN where a single factor varies, for then there is nothing to mix.

    Examples
    --------
    >>> factors = np.indices((4, 5)).reshape(2, -1).T
    >>> modularity(factors / 5, factors).value
    1.0
    """
    points = checked(codes, factors)
    alive = points.factors[:, varying(points.factors)]
    squares = mutual_information(bin_codes(points.codes), alive) ** 2
    most = squares.max(axis=1)
    if alive.shape[1] == 1:
        return score(np.full(len(most), np.nan))
    rest = (squares.sum(axis=1) - most) / (np.where(most > 0, most, 1.0) * (alive.shape[1] - 1))
    return score(np.where(most > 0, 1 - rest, 0.0))


def med(codes: ArrayLike, factors: ArrayLike, top: int | None = None) -> Med:
    """Disentanglement and completeness with mutual information as importance: no trees, no seed.

    Cao et al., "An Empirical Study on Disentanglement of Negative-free Contrastive Learning", 2022.

    Parameters
    ----------
    codes, factors : array, shapes (n, d) and (n, f)
        See the module.
    top : int, optional
        Keep for each factor only the ``top`` most disentangled of the codes that tell most about it.

    Returns
    -------
    Med
        1 is best. Where a single factor varies (or a single code is left) the entropy has no base: NaN.

    Examples
    --------
    >>> factors = np.indices((4, 5)).reshape(2, -1).T
    >>> round(med(factors / 5, factors).completeness.value, 6)
    1.0
    """
    points = checked(codes, factors)
    if top is not None and top < 1:
        raise ConfigError("no codes would be left", where="top", expected="an integer >= 1", got=top)
    alive = varying(points.factors)
    told = mutual_information(bin_codes(points.codes), points.factors[:, alive])
    importance = told / np.where(told.sum(axis=0) > 0, told.sum(axis=0), 1.0)
    if top is not None:
        by_code = disentanglement(importance).each
        kind, order = importance.argmax(axis=1), np.argsort(-by_code, kind="stable")
        kept = np.concatenate([order[kind[order] == f][:top] for f in range(importance.shape[1])])
        importance = importance[np.sort(kept)]
    by_factor = completeness(importance)
    return Med(disentanglement(importance), Score(by_factor.value, scattered(by_factor.each, alive)))


def _compact(table: Ints) -> list[Ints]:
    return [np.unique(column, return_inverse=True)[1] for column in table.T]


def _entropy(numbers: Ints) -> float:
    counts = np.bincount(numbers)
    shares = counts[counts > 0] / len(numbers)
    return float((shares * np.log(1 / shares)).sum())
