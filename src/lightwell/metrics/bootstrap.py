"""Intervals: how far a number would move on another sample of the same size.

They speak of the test examples only: they know nothing of other training seeds or other choices of unknown
classes, which usually move a number more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lightwell.core.errors import ConfigError, DataError
from lightwell.core.findings import Estimate, Null
from lightwell.core.seeds import generator
from lightwell.metrics.checks import Floats, as_mask, same_length

LEVEL = 0.95
MIN_RESAMPLES = 40  # below it, 2.5 % is not even one replicate


def estimate(
    name: str,
    statistic: Callable[..., float],
    arrays: Sequence[NDArray[Any]],
    *,
    strata: ArrayLike | None = None,
    null: Null | None = None,
    higher_is_better: bool | None = True,
    n_resamples: int = 1000,
    seed: int = 0,
) -> Estimate:
    """Measure any statistic of rows, with a percentile bootstrap interval.

    Rows are put in the order of their values first, so that the order they came in cannot change the
    interval. Slow for statistics that sort: those of one unknown score have :func:`open_set_estimates`.
    Wrong to use for a largest or smallest value, whose bootstrap is not consistent.

    Parameters
    ----------
    name : str
        Name of the finding.
    statistic : callable
        Takes the arrays, in their order, and returns a number.
    arrays : sequence of array, each of shape (n,)
        What is resampled, rows together; at least one.
    strata : array, shape (n,), optional
        Groups whose sizes stay as they are, such as known and unknown.
    null : Null, optional
        Chance level or baseline.
    higher_is_better : bool or None
        Direction.
    n_resamples : int
        Bootstrap replicates, at least 40.
    seed : int
        Seed of the resampling.

    Returns
    -------
    Estimate
        With its 95 % interval and n rows.

    Raises
    ------
    DataError
        If the arrays are empty or differ in length; whatever the statistic raises passes through.
    ConfigError
        If there are too few resamples.

    Examples
    --------
    >>> found = estimate("mean", np.mean, [np.array([1.0, 2.0, 3.0])], n_resamples=40)
    >>> found.value, found.low < 2 < found.high
    (2.0, True)
    """
    check_resamples(n_resamples)
    groups = np.zeros(len(arrays[0]) if arrays else 0, np.intp) if strata is None else np.asarray(strata)
    same_length(strata=groups, **{f"arrays[{i}]": array for i, array in enumerate(arrays)})
    if len(groups) == 0:
        raise DataError("nothing to measure", where=name, expected="at least one row", got=0)
    order = np.lexsort((*arrays, groups))
    columns = [np.asarray(array)[order] for array in arrays]
    _, starts, sizes = np.unique(groups[order], return_index=True, return_counts=True)
    draw = generator(seed, "bootstrap", name)
    values = np.empty(n_resamples)
    for i in range(n_resamples):
        rows = np.concatenate(
            [a + draw.integers(0, n, n) for a, n in zip(starts.tolist(), sizes.tolist(), strict=True)]
        )
        values[i] = statistic(*(column[rows] for column in columns))
    value = float(statistic(*columns))
    low, high = interval(values, value)
    return Estimate(name, value, low, high, len(groups), higher_is_better, null)


def share_estimate(
    name: str,
    successes: ArrayLike,
    *,
    null: Null | None = None,
    higher_is_better: bool | None = True,
) -> Estimate:
    """Measure a share (an accuracy, a refusal rate) with the Wilson score interval.

    A closed formula (Wilson 1927), good down to a few examples and at shares of 0 and 1, where a
    bootstrap has no width. Wrong to use where the examples are not independent, such as several crops of
    one image.

    Parameters
    ----------
    name, null, higher_is_better
        As in :func:`estimate`.
    successes : array of bool, shape (n,)
        Which examples count.

    Returns
    -------
    Estimate
        With its 95 % interval and n examples.

    Raises
    ------
    DataError
        If there is no example, or the mask is not boolean.

    Examples
    --------
    >>> found = share_estimate("accuracy", [True, True, True, False])
    >>> found.value, round(found.low, 3), round(found.high, 3)
    (0.75, 0.301, 0.954)
    """
    mask = as_mask(successes, name)
    n, share, z = len(mask), float(mask.mean()), 1.959963984540054  # 97.5 % point of the normal
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low, high = min(max(centre - half, 0.0), share), max(min(centre + half, 1.0), share)
    return Estimate(name, share, low, high, n, higher_is_better, null)


def interval(replicates: Floats, value: float) -> tuple[float, float]:
    """Return the ends of the 95 % percentile interval (Efron 1979).

    Parameters
    ----------
    replicates : array, shape (r,)
        The statistic on each resample.
    value : float
        The statistic on the sample.

    Returns
    -------
    tuple of float
        Low and high end.

    Examples
    --------
    >>> interval(np.full(40, 0.5), value=0.5)
    (0.5, 0.5)
    """
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(replicates, [tail, 1 - tail])
    # A best-of-all measure on few examples can leave its own interval; error bars must hold the value.
    return min(float(low), value), max(float(high), value)


def check_resamples(n_resamples: int) -> None:
    """Refuse a number of resamples that cannot make an interval.

    Raises
    ------
    ConfigError
        If there are fewer than 40.

    Examples
    --------
    >>> check_resamples(1000)
    """
    if n_resamples < MIN_RESAMPLES:
        raise ConfigError(
            "too few resamples for a 95 % interval",
            where="n_resamples",
            expected=f"at least {MIN_RESAMPLES}",
            got=n_resamples,
        )
