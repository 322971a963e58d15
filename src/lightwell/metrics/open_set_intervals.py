"""The numbers of one unknown score, or of two side by side, each with its interval and its null.

Percentile bootstrap (Efron 1979): known and unknown examples are resampled apart, so that their ratio stays
as it is. Scores are sorted once; a replicate is another count on the same rungs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lightwell.core.findings import Estimate, Null
from lightwell.core.seeds import generator
from lightwell.metrics.bootstrap import check_resamples, interval
from lightwell.metrics.checks import Floats, Ints, as_floats, as_mask, both_groups, same_length
from lightwell.metrics.labels import one_to_one
from lightwell.metrics.ladder import Ladder, Rungs, sort_scores

_BLOCK = 100_000  # counts handled at once: some megabytes, which stay in the processor's cache


@dataclass(frozen=True)
class _Measure:
    name: str
    read: Callable[[Ladder], Floats]
    higher_is_better: bool
    null: Callable[[float, float], Null]  # from accuracy and share of unknowns


_MEASURES = (
    _Measure("auroc", Ladder.auroc, True, lambda _, __: Null("chance", 0.5)),
    _Measure("oscr", Ladder.oscr, True, lambda right, _: Null("random scorer", right / 2)),
    _Measure("aupr_in", Ladder.aupr_in, True, lambda _, share: Null("share of known", 1 - share)),
    _Measure("aupr_out", Ladder.aupr_out, True, lambda _, share: Null("share of unknown", share)),
    _Measure(
        "fpr95.unknown_positive",
        lambda ladder: ladder.fpr_unknown_positive(0.95),
        False,
        lambda _, __: Null("random scorer", 0.95),
    ),
    _Measure(
        "fpr95.known_positive",
        lambda ladder: ladder.fpr_known_positive(0.95),
        False,
        lambda _, __: Null("random scorer", 0.95),
    ),
    _Measure(
        "ccr_at_fpr10",
        lambda ladder: ladder.ccr_at_fpr(0.1),
        True,
        lambda right, _: Null("random scorer", right * 0.1),
    ),
    _Measure("detection_accuracy", Ladder.detection_accuracy, True, lambda _, __: Null("chance", 0.5)),
)
_ONE_TO_ONE = ("auroc", "aupr_in", "aupr_out")


def open_set_estimates(
    scores: ArrayLike,
    unknown: ArrayLike,
    correct: ArrayLike,
    *,
    score_name: str,
    n_resamples: int = 1000,
    seed: int = 0,
) -> list[Estimate]:
    """Measure one unknown score at the natural ratio of known to unknown, with intervals and nulls.

    Parameters
    ----------
    scores, unknown, correct : array, shape (n,)
        As in :mod:`lightwell.metrics.open_set`. The order of the rows changes nothing.
    score_name : str
        What the score is called; the last part of each finding's name.
    n_resamples : int
        Bootstrap replicates, at least 40.
    seed : int
        Seed of the resampling.

    Returns
    -------
    list of Estimate
        ``auroc.<score>``, ``oscr.<score>``, ``aupr_in.<score>``, ``aupr_out.<score>``,
        ``fpr95.unknown_positive.<score>``, ``fpr95.known_positive.<score>``, ``ccr_at_fpr10.<score>``,
        ``detection_accuracy.<score>``.

    Raises
    ------
    DataError
        As in :mod:`lightwell.metrics.open_set`.
    ConfigError
        If there are too few resamples.

    Examples
    --------
    >>> found = open_set_estimates([0.1, 0.2, 0.9], [False, False, True], [True, True, False],
    ...                            score_name="distance", n_resamples=40)
    >>> found[0].name, found[0].value, found[1].null.name
    ('auroc.distance', 1.0, 'random scorer')
    """
    rungs = sort_scores(scores, unknown, correct)
    return _measure(rungs, _MEASURES, score_name, n_resamples, seed)


def one_to_one_estimates(
    scores: ArrayLike,
    unknown: ArrayLike,
    *,
    score_name: str,
    n_resamples: int = 1000,
    seed: int = 0,
) -> list[Estimate]:
    """Measure one unknown score on equally many known and unknown examples.

    One subsample without replacement is drawn and then treated as the sample. For comparing with tables
    made at that ratio; wrong to use for what will be met in practice.

    Parameters
    ----------
    scores, unknown : array, shape (n,)
        As in :mod:`lightwell.metrics.open_set`. The order of the rows changes nothing.
    score_name : str
        What the score is called; the last part of each finding's name.
    n_resamples : int
        Bootstrap replicates, at least 40.
    seed : int
        Seed of the subsample and of the resampling.

    Returns
    -------
    list of Estimate
        ``auroc.one_to_one.<score>``, ``aupr_in.one_to_one.<score>``, ``aupr_out.one_to_one.<score>``.

    Raises
    ------
    DataError
        As in :mod:`lightwell.metrics.open_set`.
    ConfigError
        If there are too few resamples.

    Examples
    --------
    >>> found = one_to_one_estimates([0.1, 0.2, 0.9], [False, False, True],
    ...                              score_name="distance", n_resamples=40)
    >>> found[1].name, found[1].n, found[1].null.value
    ('aupr_in.one_to_one.distance', 2, 0.5)
    """
    numbers, mask = as_floats(scores, "scores"), as_mask(unknown, "unknown")
    same_length(scores=numbers, unknown=mask)
    both_groups(mask)
    order = np.lexsort((mask, numbers))  # the draw must not depend on the order of the rows
    numbers, mask = numbers[order], mask[order]
    rows = one_to_one(mask, seed)
    chosen = [measure for measure in _MEASURES if measure.name in _ONE_TO_ONE]
    rungs = sort_scores(numbers[rows], mask[rows])
    return _measure(rungs, chosen, f"one_to_one.{score_name}", n_resamples, seed)


def auroc_difference(
    first: ArrayLike,
    second: ArrayLike,
    unknown: ArrayLike,
    *,
    variant: str,
    n_resamples: int = 1000,
    seed: int = 0,
) -> Estimate:
    """Measure by how much the AUROC of one score lies above that of another on the same examples.

    A paired bootstrap: each replicate draws examples, and both scores are read on those. What makes an
    example hard for both cancels, so the interval is narrower than two separate ones suggest; that those
    overlap says little.

    Parameters
    ----------
    first, second : array, shape (n,)
        Two unknown scores of each example, finite; their scales need not agree.
    unknown : array of bool, shape (n,)
        Which examples are of an unknown class. The order of the rows changes nothing.
    variant : str
        What is compared; the last part of the finding's name.
    n_resamples, seed
        As in :func:`open_set_estimates`.

    Returns
    -------
    Estimate
        ``auroc_difference.<variant>`` in [-1, 1], above 0 where ``first`` is better; its null is 0.

    Raises
    ------
    DataError, ConfigError
        As in :func:`open_set_estimates`.

    Examples
    --------
    >>> found = auroc_difference([0.1, 0.2, 0.9], [0.1, 0.9, 0.2], [False, False, True], variant="a.b")
    >>> found.name, found.value, found.null.value
    ('auroc_difference.a.b', 0.5, 0.0)
    """
    check_resamples(n_resamples)
    pair = as_floats(first, "first"), as_floats(second, "second")
    mask = as_mask(unknown, "unknown")
    same_length(first=pair[0], second=pair[1], unknown=mask)
    both_groups(mask)
    order = np.lexsort((*pair, mask))  # the draw must not depend on the order of the rows
    values, mask = [scores[order] for scores in pair], mask[order]
    both = [sort_scores(scores, mask) for scores in values]
    known_rank, stray_rank = (
        [np.argsort(scores[group], kind="stable") for scores in values] for group in (~mask, mask)
    )

    def gap(known: Ints, stray: Ints) -> Floats:
        a, b = (
            rungs.ladder(known[..., k], stray[..., u]).auroc()
            for rungs, k, u in zip(both, known_rank, stray_rank, strict=True)
        )
        return a - b

    once = (np.ones(size, np.int64) for size in (both[0].n_known, both[0].n_unknown))
    value = float(gap(*once))
    replicates = [gap(*times) for times in _resamples(both[0], n_resamples, seed)]
    low, high = interval(np.concatenate(replicates), value)
    null = Null("no difference", 0.0)
    return Estimate(
        f"auroc_difference.{variant}", value, low, high, len(mask), higher_is_better=True, null=null
    )


def _measure(
    rungs: Rungs, measures: Sequence[_Measure], variant: str, n_resamples: int, seed: int
) -> list[Estimate]:
    check_resamples(n_resamples)
    point = rungs.ladder()
    blocks = [
        [measure.read(ladder) for measure in measures]
        for ladder in (rungs.ladder(*times) for times in _resamples(rungs, n_resamples, seed))
    ]
    n = rungs.n_known + rungs.n_unknown
    accuracy, share = float(rungs.correct.mean()), rungs.n_unknown / n
    found = []
    for i, measure in enumerate(measures):
        value = float(measure.read(point))
        low, high = interval(np.concatenate([block[i] for block in blocks]), value)
        null = measure.null(accuracy, share)
        name = f"{measure.name}.{variant}"
        found.append(Estimate(name, value, low, high, n, measure.higher_is_better, null))
    return found


def _resamples(rungs: Rungs, n_resamples: int, seed: int) -> Iterator[tuple[Ints, Ints]]:
    """Yield how often each known and unknown example is drawn, in several resamples at a time.

    How many at a time changes nothing, since each group has its stream.
    """
    streams = generator(seed, "bootstrap", "known"), generator(seed, "bootstrap", "unknown")
    sizes = rungs.n_known, rungs.n_unknown
    step = max(1, _BLOCK // sum(sizes))
    np.empty(24 << 20, np.uint8)  # freed at once: glibc then keeps blocks up to this size for reuse
    for start in range(0, n_resamples, step):
        block = min(step, n_resamples - start)
        known, unknown = (_times(s, block, n) for s, n in zip(streams, sizes, strict=True))
        yield known, unknown


def _times(draw: np.random.Generator, block: int, n: int) -> Ints:
    """How often each of n examples is drawn in n draws with replacement, shape (block, n)."""
    drawn = draw.integers(0, n, (block, n))
    drawn += n * np.arange(block)[:, None]
    return np.bincount(drawn.ravel(), minlength=block * n).reshape(block, n)
