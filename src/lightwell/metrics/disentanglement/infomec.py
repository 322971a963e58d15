"""InfoMEC: modularity, compactness and explicitness from normalised information.

Hsu et al., "Disentanglement via Latent Quantization", 2023.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import digamma

from lightwell.core.seeds import generator
from lightwell.metrics.checks import Floats, Ints
from lightwell.metrics.disentanglement.arrays import Score, checked, scattered, score, varying
from lightwell.metrics.disentanglement.information import entropies, mutual_information

_NEIGHBOURS = 10
_ACTIVE = 1 / 20  # of the widest code's range; what moves less is taken for switched off


@dataclass(frozen=True)
class InfoMec:
    """Three answers, each at most 1.

    Attributes
    ----------
    modularity : Score
        InfoM, by code: its largest share in one factor; NaN for an inactive code. 0 is chance.
    compactness : Score
        InfoC, by factor: its largest share in one active code.
    explicitness : Score
        InfoE, by factor: share of its log-loss that a linear rule on all codes takes away.
    information : array, shape (d, f)
        Mutual information of code and factor over the factor's entropy; NaN for a constant factor.
    """

    modularity: Score
    compactness: Score
    explicitness: Score
    information: Floats


def infomec(codes: ArrayLike, factors: ArrayLike, discrete: bool = False, seed: int = 0) -> InfoMec:
    """Measure modularity, compactness and explicitness by information.

    Parameters
    ----------
    codes, factors : array, shapes (n, d) and (n, f)
        See :func:`lightwell.metrics.disentanglement.arrays.checked`.
    discrete : bool
        Codes take few values and are counted as they are; else their information is estimated from the
        distance to the tenth neighbour.
    seed : int
        Of the specks of noise that part equal codes.

    Returns
    -------
    InfoMec
        Where one factor varies modularity is NaN, where one code is active compactness is; a code (or
        factor) that shares no information scores 0. No active code at all: NaN, 0 and 0.

    Raises
    ------
    DataError
        As ``checked``.

    Examples
    --------
    >>> factors = np.tile(np.indices((4, 5)).reshape(2, -1).T, (20, 1))
    >>> found = infomec(factors / 5, factors, discrete=True)
    >>> round(found.modularity.value, 3), round(found.compactness.value, 3)
    (1.0, 1.0)
    """
    points = checked(codes, factors)
    alive = varying(points.factors)
    spans = np.ptp(points.codes, axis=0)
    active = spans > (0 if discrete else spans.max() * _ACTIVE)
    table, answers = points.codes[:, active], points.factors[:, alive]
    shares = _information(table, answers, discrete, seed) / entropies(answers)
    explicit = [_explained(_features(table, discrete), column) for column in answers.T]
    whole = np.full((len(active), len(alive)), np.nan)
    whole[:, alive] = 0.0
    whole[np.ix_(active, alive)] = shares
    return InfoMec(
        score(scattered(_dominance(shares), active)),
        score(scattered(_dominance(shares.T), alive)),
        score(scattered(np.array(explicit), alive)),
        whole,
    )


def neighbour_information(code: Floats, classes: Ints, neighbours: int = _NEIGHBOURS) -> float:
    """Estimate the mutual information of a continuous code and classes from neighbour distances, in nats.

    Ross, "Mutual Information between Discrete and Continuous Data Sets", 2014. What
    ``sklearn.feature_selection.mutual_info_classif`` estimates, by sorting, and so many times faster.

    Parameters
    ----------
    code : array, shape (n,)
        Values without ties: of equal values the distance says nothing.
    classes : array of int, shape (n,)
        Class numbers; a class of one is left out.
    neighbours : int
        Which neighbour's distance.

    Returns
    -------
    float
        The estimate, >= 0.

    Examples
    --------
    >>> code = np.log(np.arange(1, 401))
    >>> round(neighbour_information(code, (code > 5.3).astype(int)), 1)
    0.7
    """
    _, kind, count = np.unique(classes, return_inverse=True, return_counts=True)
    code, kind = code[count[kind] > 1], kind[count[kind] > 1]
    if not code.size:
        return 0.0
    radius, near = np.empty_like(code), np.minimum(neighbours, count[kind] - 1)
    for members in (np.flatnonzero(kind == k) for k in np.unique(kind)):
        order = members[np.argsort(code[members], kind="stable")]
        radius[order] = _distance(code[order], int(near[order[0]]))
    # Sums are rounded and may reach the neighbour itself; differences of near numbers are exact.
    ranked = np.sort(code)
    low, high = np.searchsorted(ranked, code - radius), np.searchsorted(ranked, code + radius, "right")
    inside = high - (ranked[high - 1] - code >= radius) - low - (code - ranked[low] >= radius)
    found = digamma(len(code)) + np.mean(digamma(near) - digamma(count[kind]) - digamma(inside))
    return max(0.0, float(found))


def _distance(ranked: Floats, k: int) -> Floats:
    """Return the distance to the k-th neighbour: the narrowest window of k + 1 that holds the value."""
    n = len(ranked)
    padded = np.concatenate([np.full(k, -np.inf), ranked, np.full(k, np.inf)])
    windows = [
        np.maximum(ranked - padded[i : i + n], padded[i + k : i + k + n] - ranked) for i in range(k + 1)
    ]
    nearest: Floats = np.min(windows, axis=0)
    return nearest


def _information(codes: Floats, factors: Ints, discrete: bool, seed: int) -> Floats:
    if discrete or not codes.shape[1]:
        kinds = [np.unique(z, return_inverse=True)[1] for z in codes.T]
        return (
            mutual_information(np.stack(kinds, axis=1), factors) if kinds else np.zeros((0, factors.shape[1]))
        )
    noise = generator(seed, "infomec").normal(scale=1e-10, size=codes.shape)
    columns = (_features(codes, discrete=False) + noise).T
    return np.array([[neighbour_information(z, y) for y in factors.T] for z in columns])


def _dominance(shares: Floats) -> Floats:
    """Return each row's largest share of its sum, 0 where it is like the others', 1 where it is all."""
    width = shares.shape[1]
    if width == 1:
        return np.full(len(shares), np.nan)
    sums = shares.sum(axis=1)
    most = np.divide(shares.max(axis=1, initial=0.0), sums, out=np.zeros(len(shares)), where=sums > 0)
    return np.where(sums > 0, (most * width - 1) / max(width - 1, 1), 0.0)


def _features(codes: Floats, discrete: bool) -> Floats:
    if discrete:
        return np.concatenate(
            [(z[:, None] == np.unique(z)).astype(float) for z in codes.T] or [codes], axis=1
        )
    return np.asarray((codes - codes.mean(axis=0)) / codes.std(axis=0))


def _explained(features: Floats, classes: Ints) -> float:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss

    if not features.shape[1]:
        return 0.0
    with warnings.catch_warnings():
        # A hundred steps are part of the definition: separable classes never converge without penalty.
        warnings.simplefilter("ignore", ConvergenceWarning)
        rule = LogisticRegression(C=np.inf, class_weight="balanced").fit(features, classes)
    # The best balanced rule that sees no code calls all classes equally likely.
    return 1 - float(log_loss(classes, rule.predict_proba(features))) / float(np.log(len(rule.classes_)))
