"""Threshold sweeps to draw: points that can really be reached, none invented.

Arrays and errors are those of :func:`lightwell.metrics.auroc` and :func:`lightwell.metrics.oscr`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from lightwell.metrics.checks import Floats
from lightwell.metrics.ladder import Rungs, sort_scores


class Curve(NamedTuple):
    """Points of a threshold sweep, x rising from 0 to 1; ``thresholds`` accept the scores at or below."""

    x: Floats
    y: Floats
    thresholds: Floats


def roc_curve(scores: ArrayLike, unknown: ArrayLike) -> Curve:
    """Sweep the threshold: share of known refused (x) and of unknown refused (y).

    There are m + 1 points for m distinct scores, from refusing none to refusing all (threshold -inf). Joined
    by straight lines, the area below is :func:`lightwell.metrics.auroc`.

    Examples
    --------
    >>> roc_curve([0.1, 0.9], [False, True]).y.tolist()
    [0.0, 1.0, 1.0]
    """
    rungs = sort_scores(scores, unknown)
    known, stray = rungs.known_ends / rungs.n_known, rungs.unknown_ends / rungs.n_unknown
    return Curve(1 - known[::-1], 1 - stray[::-1], _thresholds(rungs)[::-1])


def oscr_curve(scores: ArrayLike, unknown: ArrayLike, correct: ArrayLike) -> Curve:
    """Sweep the threshold: share of unknown accepted (x), share of known accepted and right (y).

    There are m + 1 points for m distinct scores, from refusing all (threshold -inf) to accepting all, where y
    is the accuracy. Joined by straight lines, the area below is :func:`lightwell.metrics.oscr`.

    Examples
    --------
    >>> oscr_curve([0.1, 0.2, 0.9], [False, False, True], [True, False, False]).y.tolist()
    [0.0, 0.5, 0.5, 0.5]
    """
    rungs = sort_scores(scores, unknown, correct)
    right = rungs.ladder().correct / rungs.n_known
    return Curve(rungs.unknown_ends / rungs.n_unknown, right, _thresholds(rungs))


def _thresholds(rungs: Rungs) -> Floats:
    return np.concatenate([[-np.inf], rungs.thresholds])
