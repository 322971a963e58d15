"""How undecided a classifier is, from its probability p of the positive class.

Cunha et al., "GASTeN: generative adversarial stress test networks", 2023. None of these tells ambiguous
images from adversarial speckle: read them beside a measure of realism.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from lightwell.core.errors import ConfigError, DataError
from lightwell.metrics.checks import Floats, Mask, as_floats

_EDGE = 1e-7  # single precision's 0.6 lies above 0.6


def confusion_distance(p: ArrayLike) -> Floats:
    """Return |p - 0.5| of each example, in [0, 0.5]: 0 is undecided.

    Parameters
    ----------
    p : array, shape (n,)
        Probability of the positive class, in [0, 1], at least one.

    Raises
    ------
    DataError
        If these are not probabilities.

    Examples
    --------
    >>> confusion_distance([0.5, 0.25, 1.0]).tolist()
    [0.0, 0.25, 0.5]
    """
    return np.abs(_probabilities(p) - 0.5)


def acd(p: ArrayLike) -> float:
    """Return the average confusion distance: the mean of the distances, so that sides do not cancel.

    Takes and raises what :func:`confusion_distance` does.

    Examples
    --------
    >>> acd([0.1, 0.9])
    0.4
    """
    return float(confusion_distance(p).mean())


def in_band(p: ArrayLike, width: float = 0.1) -> Mask:
    """Return which examples the classifier is undecided on: |p - 0.5| <= width.

    Parameters
    ----------
    p : array, shape (n,)
        As in :func:`confusion_distance`.
    width : float
        In [0, 0.5]; the ends belong to the band.

    Raises
    ------
    DataError, ConfigError
        If these are not probabilities, or the width is out of range.

    Examples
    --------
    >>> in_band([0.39, 0.4, 0.6, 0.61]).tolist()
    [False, True, True, False]
    """
    if not 0 <= width <= 0.5:
        raise ConfigError("a band is out of range", where="width", expected="0 .. 0.5", got=width)
    return confusion_distance(p) <= width + _EDGE


def band_share(p: ArrayLike, width: float = 0.1) -> float:
    """Return the share of examples in the band (see :func:`in_band`).

    Examples
    --------
    >>> band_share([0.5, 0.9])
    0.5
    """
    return float(in_band(p, width).mean())


def hubris(p: ArrayLike) -> float:
    """Return 1 - exp(-K / K₀): 0 where p is 0.5 throughout, at most 0.972.

    K is the mean divergence of (p, 1 - p) from (½, ½), and K₀ = ln 2 - ½ that of p spread evenly over [0, 1],
    which gets 0.632 (GASTeNv2, 2024). Takes and raises what :func:`confusion_distance` does.

    Examples
    --------
    >>> hubris([0.5]), round(hubris([0.0, 1.0]), 3)
    (0.0, 0.972)
    """
    from scipy.special import entr

    values = _probabilities(p)
    gap = math.log(2) - float((entr(values) + entr(1 - values)).mean())
    return max(-math.expm1(-gap / (math.log(2) - 0.5)), 0.0)


def _probabilities(p: ArrayLike) -> Floats:
    values = as_floats(p, "p")
    if values.min() < 0 or values.max() > 1:
        raise DataError(
            "these are not probabilities",
            expected="numbers in 0 .. 1",
            got=f"{values.min():.3g} .. {values.max():.3g}",
            fix="Pass the sigmoid or softmax, not the logits.",
        )
    return values
