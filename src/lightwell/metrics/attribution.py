"""What attributions are worth: what is removed when they are followed, and whom they call akin.

Scores are put in order as whole numbers of 32 bits, and equal ones by their position, so that no answer
depends on the machine.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lightwell.core.errors import ConfigError, DataError
from lightwell.core.findings import Estimate, Null
from lightwell.core.seeds import keyed_words
from lightwell.metrics.bootstrap import estimate
from lightwell.metrics.checks import Floats, as_labels, as_table, same_length

Order = Literal["most", "least", "random"]
Shift = Literal["squared", "norm", "cosine"]
Keys = NDArray[np.uint32]
Masks = NDArray[np.bool_]

SHARES = (0.0, 0.05, 0.1, 0.2, 0.5, 0.8, 1.0)
TOPS = (0.05, 0.1, 0.2, 0.5, 0.7, 1.0)


def removal_masks(
    scores: ArrayLike,
    shares: ArrayLike = SHARES,
    order: Order = "most",
    *,
    ids: ArrayLike | None = None,
    seed: int = 0,
) -> Masks:
    """Return which pixels are gone at each share; one sort serves all shares.

    A pixel counts for the sum over channels of its absolute scores (Crabbé and van der Schaar, ICML 2022),
    and a share for :func:`removed_counts`.

    Parameters
    ----------
    scores : array, shape (n, C, H, W)
        Attributions; series are (n, C, T, 1).
    shares : array, shape (s,)
        Rising, in [0, 1].
    order : {"most", "least", "random"}
        Which pixels go first; random ones depend on seed and id alone.
    ids : array of int, shape (n,), optional
        Of the examples; their positions by default.
    seed : int
        Of the random order.

    Returns
    -------
    array of bool, shape (s, n, H, W)

    Raises
    ------
    DataError
        If the scores are of another form or hold NaN, or there is not one id an example.
    ConfigError
        If there is no such order.

    Examples
    --------
    >>> removal_masks([[[[0.1, -3.0], [0.0, 2.0]]]], [0.5]).tolist()
    [[[[False, True], [False, True]]]]
    """
    given = np.asarray(scores)
    if given.ndim != 4 or not given.size or given.dtype.kind not in "iuf":
        raise DataError("no attributions", where="scores", expected="numbers (n, C, H, W)", got=given.shape)
    if order not in ("most", "least", "random"):
        raise ConfigError("no such order", where="order", expected="most, least or random", got=repr(order))
    ids = np.arange(len(given)) if ids is None else np.asarray(ids, dtype=np.int64)
    same_length(scores=given, ids=ids)
    pixels = given.shape[2] * given.shape[3]
    if order == "random":
        keys = (keyed_words(ids, pixels, seed, "removal") >> np.uint64(32)).astype(np.uint32)
    else:
        sizes = np.abs(given.astype(np.float32, copy=False)).sum(axis=1).reshape(len(given), pixels)
        _refuse_nan(sizes)
        bits = sizes.view(np.uint32)  # they rise with what is not negative
        keys = ~bits if order == "most" else bits
    ordered = np.sort(keys, axis=1)
    masks = [_first(keys, ordered, count) for count in removed_counts(shares, pixels).tolist()]
    return np.stack(masks).reshape(-1, len(given), *given.shape[2:])


def _first(keys: Keys, ordered: Keys, count: int) -> Masks:
    """Return which keys are among the first so many of their row; of equal ones, those in front."""
    if count == 0:
        return np.zeros(keys.shape, bool)
    last = ordered[:, count - 1 : count]
    inside = keys <= last
    tied = np.flatnonzero(inside.sum(axis=1) > count)
    if tied.size:
        equal = keys[tied] == last[tied]
        room = count - (keys[tied] < last[tied]).sum(axis=1, keepdims=True)
        inside[tied] &= ~equal | (equal.cumsum(axis=1) <= room)
    return inside


def removed_counts(shares: ArrayLike, pixels: int) -> NDArray[np.int64]:
    """Return how many of so many pixels each share is, rounded down.

    Raises
    ------
    DataError
        If the shares do not rise within [0, 1].

    Examples
    --------
    >>> removed_counts([0.0, 0.29, 1.0], 100).tolist()
    [0, 29, 100]
    """
    # 0.29 * 100 is a little less than 29 in floats.
    return np.floor(_as_shares(shares) * pixels + 1e-9).astype(np.int64)


def representation_shift(codes: ArrayLike, shifted: ArrayLike, kind: Shift = "squared") -> Floats:
    """Return how far each code moved, shape (n,).

    Parameters
    ----------
    codes, shifted : array, shape (n, d)
        Codes before and after.
    kind : {"squared", "norm", "cosine"}
        Squared Euclidean distance (of the published code), the distance, or 1 - cosine, for which a code of 0
        has a cosine of 0 with all but itself.

    Raises
    ------
    DataError
        If the codes are no tables of one shape.
    ConfigError
        If there is no such kind.

    Examples
    --------
    >>> [representation_shift([[3, 4]], [[0, 0]], kind).item() for kind in ("squared", "norm", "cosine")]
    [25.0, 5.0, 1.0]
    """
    before, after = as_table(codes, "codes"), as_table(shifted, "shifted")
    if before.shape != after.shape:
        raise DataError("codes differ in shape", expected=before.shape, got=after.shape)
    if kind not in ("squared", "norm", "cosine"):
        raise ConfigError("no such shift", where="kind", expected="squared, norm or cosine", got=repr(kind))
    if kind == "cosine":
        lengths = np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1)
        products = (before * after).sum(axis=1)
        cosine = np.divide(products, lengths, out=np.zeros(len(before)), where=lengths > 0)
        cosine[(before == after).all(axis=1)] = 1
        return np.asarray(1 - cosine)
    squares = np.square(before - after).sum(axis=1)
    return np.asarray(squares if kind == "squared" else np.sqrt(squares))


def shift_auc(shares: ArrayLike, shifts: ArrayLike) -> Floats:
    """Return the mean height of each removal curve, shape (n,): its area over the width of the shares.

    Parameters
    ----------
    shares : array, shape (s,)
        Rising, in [0, 1], at least two.
    shifts : array, shape (n, s)
        A curve an example.

    Raises
    ------
    DataError
        If there are fewer than two shares, or curves do not fit them.

    Examples
    --------
    >>> shift_auc([0.0, 0.5, 1.0], [[0.0, 4.0, 4.0]]).tolist()
    [3.0]
    """
    at, heights = _as_shares(shares), as_table(shifts, "shifts")
    if len(at) < 2 or heights.shape[1] != len(at):
        raise DataError(
            "no curve", where="shifts", expected=f"two or more points, here {len(at)}", got=heights.shape
        )
    return np.asarray(np.trapezoid(heights, at, axis=1) / (at[-1] - at[0]))


class SimilarityRates(NamedTuple):
    """How often the training examples called important have the class of the explained one.

    ``top`` and ``bottom`` (shares, n) are of the most and least important share; ``base`` (n,) is of all.
    """

    shares: Floats
    top: Floats
    bottom: Floats
    base: Floats


def similarity_rates(
    scores: ArrayLike, labels: ArrayLike, train_labels: ArrayLike, shares: ArrayLike = TOPS
) -> SimilarityRates:
    """Return the similarity rates of the most and least important training examples.

    One sort a row serves all shares, from both ends. A share is at least one training example. Equal scores
    rank by position, so a method of few distinct scores is judged on the order of the training set.

    Parameters
    ----------
    scores : array, shape (n, m)
        Importance of each training example (column) for each explained one; infinite is allowed.
    labels, train_labels : array of int, shapes (n,) and (m,)
        Their classes.
    shares : array, shape (s,)
        Rising, in [0, 1].

    Raises
    ------
    DataError
        If labels do not fit the scores, or a score is NaN.

    Examples
    --------
    >>> rates = similarity_rates([[0.9, 0.5, 0.1, 0.0]], [1], [1, 1, 0, 0], [0.25, 0.75])
    >>> rates.top.ravel().round(2).tolist(), rates.bottom.ravel().round(2).tolist(), rates.base.tolist()
    ([1.0, 0.67], [0.0, 0.33], [0.5])
    """
    table, asked, known = (
        np.asarray(scores),
        as_labels(labels, "labels"),
        as_labels(train_labels, "train_labels"),
    )
    if table.shape != (len(asked), len(known)):
        raise DataError(
            "scores do not fit the labels", where="scores", expected=(len(asked), len(known)), got=table.shape
        )
    counts = np.maximum(removed_counts(shares, len(known)), 1)
    ordered = _ranked(table.astype(np.float32, copy=False))
    same = known[ordered] == asked[:, np.newaxis]
    hits = np.zeros((len(asked), len(known) + 1), np.int32)
    np.cumsum(same, axis=1, out=hits[:, 1:])
    all_hits = hits[:, -1:]
    top, bottom = hits[:, counts] / counts, (all_hits - hits[:, len(known) - counts]) / counts
    return SimilarityRates(_as_shares(shares), top.T, bottom.T, all_hits[:, 0] / len(known))


def similarity_estimates(rates: SimilarityRates, method: str, *, seed: int = 0) -> list[Estimate]:
    """Return the findings ``similarity_rate.top5.<method>`` and so on, with intervals over examples.

    Examples
    --------
    >>> rates = similarity_rates([[0.9, 0.1]], [1], [1, 0], [0.5])
    >>> [(found.name, found.value, found.null.value) for found in similarity_estimates(rates, "deep_knn")]
    [('similarity_rate.top50.deep_knn', 1.0, 0.5), ('similarity_rate.bottom50.deep_knn', 0.0, 0.5)]
    """
    null = Null("all training examples", float(rates.base.mean()))
    return [
        estimate(
            "similarity_rate." + f"{end}{100 * share:g}".replace(".", "_") + f".{method}",
            np.mean,
            [values],
            null=null,
            higher_is_better=end == "top",
            seed=seed,
        )
        for end, table in (("top", rates.top), ("bottom", rates.bottom))
        for share, values in zip(rates.shares.tolist(), table, strict=True)
    ]


def _as_shares(shares: ArrayLike) -> Floats:
    found = np.asarray(shares, dtype=np.float64)
    inside = found.ndim == 1 and found.size and found[0] >= 0 and found[-1] <= 1
    if not inside or not (np.diff(found) > 0).all():
        raise DataError("shares rise within [0, 1]", where="shares", got=np.array2string(found, threshold=8))
    return found


def _refuse_nan(values: NDArray[np.float32]) -> None:
    if np.isnan(values).any():
        raise DataError(
            "a score is NaN", where="scores", got=f"{int(np.isnan(values).sum())} of {values.size}"
        )


def _ranked(values: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the positions of each row's values, the largest first, equal ones by position."""
    _refuse_nan(values)
    bits = (values + np.float32(0)).view(np.uint32)  # -0 becomes 0
    # Bits fall as negative values rise, and rise with all others, whose first bit is 0.
    falling = np.where(bits >> np.uint32(31), bits, ~bits & np.uint32(0x7FFFFFFF))
    packed = falling.astype(np.uint64) << np.uint64(32)
    packed |= np.arange(values.shape[1], dtype=np.uint64)
    packed.sort(axis=1)  # several times as fast as argsort
    return (packed & np.uint64(0xFFFFFFFF)).view(np.int64)
