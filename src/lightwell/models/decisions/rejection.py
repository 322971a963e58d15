"""When to refuse: a threshold that keeps a promise, made from known examples only."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lightwell.core.errors import ConfigError, DataError, NotFittedError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class ConformalRule:
    """Refuse an example whose score would be rare among known examples of the class it is taken for.

    A p-value says which share of known examples looks at least as strange. It comes from held-out known
    examples (never used in training), so that refusing where p <= rate refuses about that share of
    future known examples, whatever the score and whatever its distribution. No unknown example is ever
    looked at: how many unknowns are caught is not promised.

    The classical p-value ``(1 + #{calibration >= s}) / (n + 1)`` jumps in steps of 1 / (n + 1), and a rate
    between two steps is rounded down: with 70 to 90 examples a class, 5 % becomes 4.3 % on average.
    Here p falls in a straight line from one calibration score to the next, so it is at most the classical
    one and at most one step below it (untied scores), and the mean false refusal keeps to the rate.

    Wrong to use where known examples to come differ from the calibration examples (another camera,
    another year): the promise is about examples of the same source. On few examples one rule can miss
    the rate by chance: by about sqrt(rate / n) either way.

    Parameters
    ----------
    rate : float
        Promised share of known examples refused, in (0, 1).
    per_class : bool
        Judge by the examples predicted as the same class. A class with fewer than
        ``ceil(1 / rate) - 1`` of them (19 at 5 %) could refuse nothing, and takes all examples instead.

    Attributes
    ----------
    thresholds : array, shape (n_classes,)
        Smallest refused score, by predicted class.
    fallback : tuple of int
        Classes that are judged by all examples for want of their own.

    Raises
    ------
    ConfigError
        If the rate is not in (0, 1).

    References
    ----------
    Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005 (p-values, by category). The
    line between two scores is the quantile definition of Weibull (Hyndman and Fan 1996, type 6).

    Examples
    --------
    >>> rule = ConformalRule(rate=0.1).fit(np.arange(20.0), np.repeat([0, 1], 10), n_classes=2)
    >>> rule.refuse([9.5, 9.5], [0, 1]).tolist()
    [True, False]
    >>> rule.thresholds.tolist()
    [8.9, 18.9]
    """

    def __init__(self, rate: float = 0.05, per_class: bool = True) -> None:
        if not 0 < rate < 1:
            raise ConfigError("this is no rate", where="rate", expected="a number in (0, 1)", got=rate)
        self.rate = float(rate)
        self.per_class = bool(per_class)
        self._pool: Floats | None = None
        self._classes: Ints = np.empty(0, np.int64)
        self._n_classes = 0

    @property
    def needed(self) -> int:
        """Fewest calibration examples with which anything can be refused at this rate."""
        return max(1, math.ceil(1 / self.rate - 1e-9) - 1)

    def fit(self, scores: ArrayLike, predictions: ArrayLike, n_classes: int) -> ConformalRule:
        """Keep the scores of held-out known examples.

        Parameters
        ----------
        scores : array, shape (n,)
            Their unknown scores, finite; larger is more unknown.
        predictions : array of int, shape (n,)
            Classes the model took them for, in 0 .. n_classes - 1.
        n_classes : int
            Number of known classes.

        Returns
        -------
        ConformalRule
            Itself.

        Raises
        ------
        DataError
            If there are fewer than :attr:`needed` examples, a score is not finite, a class is out of range,
            or the lengths differ.
        """
        values, classes = _checked(scores, predictions, n_classes)
        if len(values) < self.needed:
            raise DataError(
                "too few held-out known examples: the rule could never refuse anything",
                where="ConformalRule.fit",
                expected=f"at least {self.needed} for a rate of {self.rate}",
                got=len(values),
                fix="Hold out more of the known training examples, or allow a larger rate.",
            )
        order = np.lexsort((classes, values))
        self._pool, self._classes, self._n_classes = values[order], classes[order], int(n_classes)
        return self

    @property
    def fallback(self) -> tuple[int, ...]:
        """Classes judged by all calibration examples because they have too few of their own."""
        self._fitted()
        if not self.per_class:
            return ()
        counts = np.bincount(self._classes, minlength=self._n_classes)
        return tuple(int(c) for c in np.flatnonzero(counts < self.needed))

    @property
    def thresholds(self) -> Floats:
        """Smallest refused score by predicted class, shape (n_classes,)."""
        short = self.fallback
        return np.array([_threshold(self._sample(c, short), self.rate) for c in range(self._n_classes)])

    def p_values(self, scores: ArrayLike, predictions: ArrayLike) -> Floats:
        """Share of known examples that would score at least as high.

        Parameters
        ----------
        scores : array, shape (n,)
            Unknown scores, finite; n may be 0.
        predictions : array of int, shape (n,)
            Predicted classes.

        Returns
        -------
        array, shape (n,)
            In (0, 1]; small is strange. Never rises with the score.

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.
        DataError
            If a score is not finite, a class is out of range, or the lengths differ.
        """
        self._fitted()
        values, classes = _checked(scores, predictions, self._n_classes)
        short, found = self.fallback, np.empty(len(values))
        for c in np.unique(classes):
            rows = classes == c
            found[rows] = _p_values(self._sample(int(c), short), values[rows])
        return found

    def refuse(self, scores: ArrayLike, predictions: ArrayLike) -> NDArray[np.bool_]:
        """Say which examples to refuse: those with p <= rate (arguments as in :meth:`p_values`)."""
        return np.asarray(self.p_values(scores, predictions) <= self.rate)

    def to_dict(self) -> dict[str, Any]:
        """Return the rule as a JSON object.

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.
        """
        return {
            "rate": self.rate,
            "per_class": self.per_class,
            "n_classes": self._n_classes,
            "scores": self._fitted().tolist(),
            "predictions": self._classes.tolist(),
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> ConformalRule:
        """Read the object written by :meth:`to_dict`.

        Raises
        ------
        DataError
            If an entry is missing or not usable.
        """
        try:
            rule = cls(record["rate"], record["per_class"])
            return rule.fit(record["scores"], record["predictions"], record["n_classes"])
        except (KeyError, TypeError, ValueError, ConfigError) as error:
            raise DataError("not a stored rejection rule", got=f"{type(error).__name__}: {error}") from error

    def _fitted(self) -> Floats:
        if self._pool is None:
            raise NotFittedError(
                "this rule has no calibration examples yet", where="ConformalRule", fix="Call fit() first."
            )
        return self._pool

    def _sample(self, c: int, fallback: tuple[int, ...]) -> Floats:
        pool = self._fitted()
        return pool[self._classes == c] if self.per_class and c not in fallback else pool


def _knots(sample: Floats) -> tuple[Floats, Floats]:
    """Distinct calibration scores, rising, and the share that scores at least as high."""
    values, counts = np.unique(sample, return_counts=True)
    return values, np.cumsum(counts[::-1])[::-1] / (len(sample) + 1)


def _p_values(sample: Floats, scores: Floats) -> Floats:
    values, shares = _knots(sample)
    steps = np.concatenate([[1.0], shares, [1 / (len(sample) + 1)]])
    passed = np.searchsorted(values, scores, side="right")
    line = np.interp(scores, values, shares, left=steps[0], right=steps[-1])
    # Between two scores closer than 1e-308 the slope overflows; p still lies between its neighbours.
    return np.asarray(np.clip(line, steps[passed + 1], steps[passed]))


def _threshold(sample: Floats, rate: float) -> float:
    """Where the falling line of p-values meets the rate."""
    values, shares = _knots(sample)
    if shares[-1] > rate:  # ties at the top: only what lies beyond them is rare enough
        return float(np.nextafter(values[-1], np.inf))
    return float(np.interp(-rate, -shares, values))


def _checked(scores: ArrayLike, predictions: ArrayLike, n_classes: int) -> tuple[Floats, Ints]:
    values, classes = np.asarray(scores, np.float64), np.asarray(predictions)
    if values.ndim != 1 or values.shape != classes.shape:
        raise DataError(
            "scores and predictions do not belong together",
            expected="two arrays of shape (n,)",
            got=(values.shape, classes.shape),
        )
    if not np.isfinite(values).all():
        raise DataError(
            "a score is not a finite number",
            where=f"scores[{np.flatnonzero(~np.isfinite(values))[0]}]",
            fix="Find out which input made the model answer NaN or infinity.",
        )
    fits = classes.size == 0 or classes.dtype.kind in "iu"
    if fits and classes.size:
        fits = bool(classes.min() >= 0 and classes.max() < n_classes)
    if not fits:
        raise DataError(
            "a prediction is no known class",
            where="predictions",
            expected=f"integers in 0 .. {n_classes - 1}",
            got=f"{np.unique(classes)[[0, -1]].tolist()} ({classes.dtype})",
        )
    return values, classes.astype(np.int64)
