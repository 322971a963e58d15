"""Metrics of open-set recognition: how well an unknown score tells unknown from known.

Everywhere a larger score is more unknown, a threshold accepts the scores at or below it, and equal scores
are never torn apart: a tie counts half in areas and stands or falls as one at a threshold. Only the order of
the scores matters, not their scale.

All metrics take the arrays of :func:`auroc` and raise as it does; ``correct`` is described at :func:`oscr`.
"""

from __future__ import annotations

from numpy.typing import ArrayLike

from lightwell.core.errors import ConfigError
from lightwell.metrics.ladder import sort_scores


def auroc(scores: ArrayLike, unknown: ArrayLike) -> float:
    """Probability that a random unknown scores higher than a random known; a tie counts half.

    In [0, 1], higher is better; 0.5 is chance. Does not depend on the ratio of known to unknown. Wrong to use
    as the value of a rejection rule: it averages over thresholds nobody would choose, and it does not see
    whether the known examples are classified right (:func:`oscr` does).

    Parameters
    ----------
    scores : array, shape (n,)
        Unknown scores, finite; larger is more unknown.
    unknown : array of bool, shape (n,)
        Which examples are of an unknown class.

    Raises
    ------
    DataError
        Where an array is empty, not of its kind or of another length, where a score is not finite, and where
        there is no known or no unknown example.

    Examples
    --------
    >>> auroc([0.1, 0.5, 0.5, 0.9], [False, False, True, True])
    0.875
    """
    return float(sort_scores(scores, unknown).ladder().auroc())


def aupr_in(scores: ArrayLike, unknown: ArrayLike) -> float:
    """Average precision with the *known* examples as positives, lowest scores first.

    A sum of steps without interpolation; tied scores enter together. Wrong to use across test sets with
    different shares of unknowns: the share of known examples is its chance level. In (0, 1], higher is
    better.

    Examples
    --------
    >>> aupr_in([0.1, 0.3, 0.2], [False, False, True])
    0.8333333333333333
    """
    return float(sort_scores(scores, unknown).ladder().aupr_in())


def aupr_out(scores: ArrayLike, unknown: ArrayLike) -> float:
    """Average precision with the *unknown* examples as positives, highest scores first.

    A sum of steps without interpolation; tied scores enter together. Wrong to use across test sets with
    different shares of unknowns: that share is its chance level. In (0, 1], higher is better.

    Examples
    --------
    >>> aupr_out([0.1, 0.3, 0.2], [False, False, True])
    0.5
    """
    return float(sort_scores(scores, unknown).ladder().aupr_out())


def fpr95_unknown_positive(scores: ArrayLike, unknown: ArrayLike) -> float:
    """Share of *known* examples refused by the threshold that catches 95 % of the unknown.

    Of all such thresholds the most lenient is taken. Wrong to compare with tables whose positives are the
    known examples (:func:`fpr95_known_positive`), and wrong as a promise: the threshold has seen
    unknowns. In [0, 1], lower is better; a random score gives about 0.95.

    Examples
    --------
    >>> fpr95_unknown_positive([0.1, 0.2, 0.6, 0.9, 0.5], [False, False, False, True, True])
    0.3333333333333333
    """
    return float(sort_scores(scores, unknown).ladder().fpr_unknown_positive(0.95))


def fpr95_known_positive(scores: ArrayLike, unknown: ArrayLike) -> float:
    """Share of *unknown* examples accepted by the threshold that accepts 95 % of the known.

    Of all such thresholds the strictest is taken. Wrong to compare with tables whose positives are the
    unknown examples (:func:`fpr95_unknown_positive`). In [0, 1], lower is better; a random score gives
    about 0.95.

    Examples
    --------
    >>> fpr95_known_positive([0.1, 0.2, 0.6, 0.9, 0.5], [False, False, False, True, True])
    0.5
    """
    return float(sort_scores(scores, unknown).ladder().fpr_known_positive(0.95))


def oscr(scores: ArrayLike, unknown: ArrayLike, correct: ArrayLike) -> float:
    """Probability that a random known is classified right *and* scores below a random unknown.

    The area under :func:`lightwell.metrics.oscr_curve`, also known as OpenAUC; a tie counts half. Common code
    gets it wrong in three ways: it lets the curve end at (1, 1), although accepting all leaves a correct
    share equal to the accuracy; it counts an example for one axis a step earlier than for the other; and
    it walks through equal scores one at a time, in whatever order sorting left them. The inventor of the
    curve objects further that an area supposes a point where nothing unknown is accepted. Here that point
    is "refuse all"; where unknowns tie with the lowest scores nothing lies between it and the tie, and
    counting half says so.

    Wrong to use for comparing scores of models of different accuracy without that accuracy beside it: it
    can never exceed the accuracy. In [0, accuracy], higher is better; a perfect score gives the accuracy,
    a random one half of it.

    Parameters
    ----------
    scores, unknown : array, shape (n,)
        As in :func:`auroc`.
    correct : array of bool, shape (n,)
        Which examples are classified right; ignored where unknown.

    References
    ----------
    Dhamija et al., Reducing Network Agnostophobia, NeurIPS 2018 (the curve); Wang et al., OpenAUC,
    NeurIPS 2022 (the area as a probability).

    Examples
    --------
    >>> oscr([0.1, 0.2, 0.5, 0.9], [False, False, True, True], [True, False, False, False])
    0.5
    """
    return float(sort_scores(scores, unknown, correct).ladder().oscr())


def ccr_at_fpr(scores: ArrayLike, unknown: ArrayLike, correct: ArrayLike, fpr: float) -> float:
    """Share of known examples accepted and right while at most a share ``fpr`` of the unknown passes.

    A point the score can really reach, not an interpolation. Wrong to use where fewer than about 10 / fpr
    unknowns exist: it then hangs on a handful of them. In [0, accuracy], higher is better; a random score
    gives about accuracy times ``fpr``, which is itself in [0, 1] (else ``ConfigError``).

    Examples
    --------
    >>> ccr_at_fpr([0.1, 0.2, 0.5, 0.9], [False, True, False, True], [True, False, True, False], 0.5)
    1.0
    """
    if not 0 <= fpr <= 1:
        raise ConfigError("this is no share", where="fpr", expected="a number in [0, 1]", got=fpr)
    return float(sort_scores(scores, unknown, correct).ladder().ccr_at_fpr(fpr))


def detection_accuracy(scores: ArrayLike, unknown: ArrayLike) -> float:
    """Best mean, over thresholds, of the share of known accepted and the share of unknown refused.

    In [0.5, 1], higher is better; 0.5 is chance, a little more on few examples. Wrong to use as what a user
    will get: the threshold is the best one on the test set itself.

    Examples
    --------
    >>> detection_accuracy([0.1, 0.6, 0.5, 0.9], [False, False, True, True])
    0.75
    """
    return float(sort_scores(scores, unknown).ladder().detection_accuracy())


def inverted(auroc_value: float, high: float | None = None) -> str | None:
    """Say what to suspect where an AUROC is below chance.

    Parameters
    ----------
    auroc_value : float
        An AUROC.
    high : float, optional
        Upper end of its interval: where that is not below chance, the value may be mere noise.

    Returns
    -------
    str or None
        One sentence for a reader, ``None`` at 0.5 and above.

    Examples
    --------
    >>> inverted(0.1)[:22], inverted(0.4, high=0.6) is None
    ('AUROC 0.100 lies below', True)
    """
    if (auroc_value if high is None else high) >= 0.5:
        return None
    return (
        f"AUROC {auroc_value:.3f} lies below chance: either the sign of the score is turned (larger must mean"
        f" more unknown; turned round it would be {1 - auroc_value:.3f}), or the model finds these unknowns"
        " more familiar than what it knows."
    )
