"""The ladder of thresholds: every rank metric of open-set recognition from three rows of counts.

A threshold accepts the examples whose unknown score is at or below it, and refuses those above. Climbing
from "refuse all" through every distinct score to "accept all", three counts are kept: accepted known
examples, those of them that are also classified right, and accepted unknown examples. All metrics here
are read off these counts, and a bootstrap replicate is nothing but other counts on the same rungs:
sorting happens once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lightwell.metrics.checks import Floats, Ints, Mask, as_floats, as_mask, both_groups, same_length


@dataclass(frozen=True)
class Ladder:
    """Accepted counts at each rung, from "refuse all" (first) to "accept all" (last).

    Leading dimensions, where there are any, are bootstrap replicates; every metric returns one number
    for each of them.

    Attributes
    ----------
    known, correct, unknown : array, shape (..., m + 1)
        Accepted known, accepted and rightly classified known, accepted unknown examples. The first
        column is 0, none ever falls, the last columns of ``known`` and ``unknown`` are >= 1. Whole numbers
        held as floats, which keeps the sums exact and lets them run without temporary arrays.

    Examples
    --------
    >>> ladder = Ladder(np.array([0.0, 1, 2, 2]), np.array([0.0, 1, 1, 1]), np.array([0.0, 0, 1, 2]))
    >>> float(ladder.auroc()), float(ladder.oscr())
    (0.875, 0.5)
    """

    known: Floats
    correct: Floats
    unknown: Floats

    def auroc(self) -> Floats:
        """Share of (known, unknown) pairs in which the unknown scores higher; ties count half."""
        return self._pairs_won(self.known)

    def oscr(self) -> Floats:
        """Share of such pairs in which the known example is also classified right."""
        return self._pairs_won(self.correct)

    def aupr_in(self) -> Floats:
        """Average precision with the known examples as positives."""
        accepted = self._accepted[..., 1:]
        # A resample may leave the lowest rungs empty; they gain nothing, so any divisor does.
        precision = np.maximum(accepted, 1)
        np.divide(self.known[..., 1:], precision, out=precision)
        return _dot(precision, np.diff(self.known)) / self._n_known

    def aupr_out(self) -> Floats:
        """Average precision with the unknown examples as positives."""
        precision = self._accepted[..., -1:] - self._accepted[..., :-1]
        np.maximum(precision, 1, out=precision)
        np.divide(self.unknown[..., -1:] - self.unknown[..., :-1], precision, out=precision)
        return _dot(precision, self._met) / self._n_unknown

    def fpr_unknown_positive(self, caught: float) -> Floats:
        """Share of known examples refused where at least ``caught`` of the unknown are refused."""
        may_pass = self._n_unknown - _at_least(caught, self._n_unknown)
        accepted = _pick(self.known, _last_within(self.unknown, may_pass))
        return (self._n_known - accepted) / self._n_known

    def fpr_known_positive(self, accepted: float) -> Floats:
        """Share of unknown examples accepted where at least ``accepted`` of the known are accepted."""
        first = (self.known < _at_least(accepted, self._n_known)[..., None]).sum(axis=-1)
        return _pick(self.unknown, first) / self._n_unknown

    def ccr_at_fpr(self, fpr: float) -> Floats:
        """Share of known examples accepted and right where at most ``fpr`` of the unknown pass."""
        may_pass = np.floor(fpr * self._n_unknown + 1e-9)  # 0.29 * 100 is 28.999999999999996
        return _pick(self.correct, _last_within(self.unknown, may_pass)) / self._n_known

    def detection_accuracy(self) -> Floats:
        """Best mean of the share of known accepted and the share of unknown refused."""
        gap = self.known / self._n_known[..., None]
        gap -= self.unknown / self._n_unknown[..., None]
        best: Floats = 0.5 + 0.5 * gap.max(axis=-1)
        return best

    @property
    def _n_known(self) -> Floats:
        return self.known[..., -1]

    @property
    def _n_unknown(self) -> Floats:
        return self.unknown[..., -1]

    @cached_property
    def _accepted(self) -> Floats:
        return self.known + self.unknown

    @cached_property
    def _met(self) -> Floats:
        """How many unknowns lie on each rung."""
        return np.diff(self.unknown)

    def _pairs_won(self, winners: Floats) -> Floats:
        # Winners below an unknown count twice, winners level with it once.
        twice = _dot(self._met, winners[..., 1:]) + _dot(self._met, winners[..., :-1])
        return np.asarray(twice / (2 * self._n_known * self._n_unknown))


@dataclass(frozen=True)
class Rungs:
    """Examples in the order of their scores, ready to be counted with any weights.

    Attributes
    ----------
    thresholds : array, shape (m,)
        Distinct scores, rising.
    correct : array of bool, shape (n_known,)
        Which known examples are classified right, in the order of their scores.
    known_ends, unknown_ends : array of int, shape (m + 1,)
        How many known and unknown examples lie at or below each rung; the first rung is below all.

    Examples
    --------
    >>> rungs = sort_scores([0.1, 0.4, 0.4], [False, False, True])
    >>> rungs.thresholds.tolist(), rungs.known_ends.tolist(), rungs.unknown_ends.tolist()
    ([0.1, 0.4], [0, 1, 2], [0, 0, 1])
    """

    thresholds: Floats
    correct: Mask
    known_ends: NDArray[np.intp]
    unknown_ends: NDArray[np.intp]

    @property
    def n_known(self) -> int:
        """Number of known examples."""
        return len(self.correct)

    @property
    def n_unknown(self) -> int:
        """Number of unknown examples."""
        return int(self.unknown_ends[-1])

    def ladder(self, known_times: Ints | None = None, unknown_times: Ints | None = None) -> Ladder:
        """Count the rungs, each example once or as often as it is told.

        Parameters
        ----------
        known_times : array of int, shape (..., n_known), optional
            How often each known example counts, in the order of their scores.
        unknown_times : array of int, shape (..., n_unknown), optional
            The same for the unknown examples.

        Returns
        -------
        Ladder
            With the leading dimensions of the weights.
        """
        known = np.ones(self.n_known, np.int64) if known_times is None else known_times
        unknown = np.ones(self.n_unknown, np.int64) if unknown_times is None else unknown_times
        return Ladder(
            known=_totals(known, self.known_ends),
            correct=_totals(known * self.correct, self.known_ends),
            unknown=_totals(unknown, self.unknown_ends),
        )


def sort_scores(scores: ArrayLike, unknown: ArrayLike, correct: ArrayLike | None = None) -> Rungs:
    """Check the arrays of an open-set metric and sort them into rungs; equal scores share one.

    Arrays and errors are those of :func:`lightwell.metrics.oscr`; without ``correct`` all are right. The
    rungs are the same for any order of the rows.

    Examples
    --------
    >>> sort_scores([0.1, 0.9], [False, True]).n_unknown
    1
    """
    numbers, mask = as_floats(scores, "scores"), as_mask(unknown, "unknown")
    right = ~mask if correct is None else as_mask(correct, "correct")
    same_length(scores=numbers, unknown=mask, correct=right)
    both_groups(mask)
    thresholds = np.unique(numbers)
    known, stray = numbers[~mask], numbers[mask]
    order = np.lexsort((right[~mask], known))
    ends = [
        np.concatenate([[0], np.searchsorted(group, thresholds, side="right")])
        for group in (known[order], np.sort(stray))
    ]
    return Rungs(thresholds, right[~mask][order], *ends)


def _totals(times: Ints, ends: NDArray[np.intp]) -> Floats:
    running = np.zeros((*times.shape[:-1], times.shape[-1] + 1), np.int64)
    np.cumsum(times, axis=-1, out=running[..., 1:])
    return running.take(ends, axis=-1).astype(np.float64)


def _dot(a: Floats, b: Floats) -> Floats:
    # einsum, since BLAS would wake all threads for a sum of this length and cost twice the CPU time.
    return np.asarray(np.einsum("...m,...m->...", a, b))


def _at_least(share: float, n: Floats) -> Floats:
    """Smallest count that makes up a share; 0.95 of 20 is 19, not 20 by a rounding error."""
    return np.asarray(np.ceil(share * n - 1e-9))


def _last_within(counts: Floats, most: Floats) -> NDArray[np.intp]:
    """Index of the last rung at which a rising count is at most ``most``; the first rung counts 0."""
    return np.asarray((counts <= np.asarray(most)[..., None]).sum(axis=-1) - 1)


def _pick(counts: Floats, rung: NDArray[np.intp]) -> Floats:
    return np.take_along_axis(counts, np.asarray(rung)[..., None], axis=-1)[..., 0]
